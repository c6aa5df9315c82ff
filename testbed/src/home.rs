//! A temporary folder and all the processes that work in it. Its keeper, a shell, ends both when its owner is gone.
//!
//! A process belongs to the folder when its working directory is inside. That holds for children and orphans of a server
//! alike, whatever process groups and users they move to.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};

/// Arguments: the folder, and the signal that asks its processes to end. Its input ends when the owner drops the home or
/// dies; nobody else holds the other end.
const KEEPER: &str = r#"
folder=$1 polite=$2
signal() {
  pids=$(ls -ld /proc/[0-9]*/cwd 2>/dev/null | while read -r link; do
    case "$link" in
      *" -> $folder"|*" -> $folder/"*) pid=${link#* /proc/}; echo "${pid%%/*}" ;;
    esac
  done)
  [ -n "$pids" ] || return 1
  kill -s "$1" $pids 2>/dev/null
  return 0
}
tries() { attempt=0; while "$@" && [ $attempt -lt 50 ]; do attempt=$((attempt + 1)); sleep 0.1; done; }
trap '' HUP INT TERM
cat >/dev/null
signal "$polite" && signal CONT
[ "$polite" = KILL ] || tries signal 0
tries signal KILL
rm -rf -- "$folder"
"#;

#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    keeper: Child,
    /// Whom the processes run as, where we are root and the server refuses to be: user and group, by number.
    user: Option<(String, String)>,
}

impl Home {
    /// `polite` is the signal on which the server ends at once and leaves nothing behind outside of the folder.
    pub(crate) fn make(name: &str, polite: &str) -> anyhow::Result<Self> {
        let prefix = format!("menjin-{name}-");
        let folder = tempfile::Builder::new().prefix(&prefix).rand_bytes(12).tempdir()?.keep().canonicalize()?;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&folder).arg(polite);
        keeper.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // What ends our process group, such as Ctrl-C or a runner's time limit, shall not end the keeper.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
        let keeper = keeper.spawn().context("starting sh")?;
        Ok(Self { folder, keeper, user: None })
    }

    /// Hands the folder to a user, and lets commands run as them. Without being root there is nothing to do.
    pub(crate) fn give_to(&mut self, users: &[&str]) -> anyhow::Result<()> {
        if output(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(());
        }
        let numbers = users.iter().find_map(|user| {
            let number = |what: &str| Some(output(Command::new("id").args([what, user])).ok()?.trim().to_owned());
            Some((number("-u")?, number("-g")?))
        });
        self.user = Some(numbers.with_context(|| format!("none of the users {} exists", users.join(", ")))?);
        self.own()
    }

    /// Makes everything in the folder the user's.
    pub(crate) fn own(&self) -> anyhow::Result<()> {
        if let Some((user, group)) = &self.user {
            output(Command::new("chown").args(["-R", &format!("{user}:{group}")]).arg(&self.folder))?;
        }
        Ok(())
    }

    /// The part of the folder's name that is nobody else's.
    pub(crate) fn unique(&self) -> String {
        let path = self.folder.to_string_lossy();
        path.rsplit('-').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command in the folder, as the folder's user.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match &self.user {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", group, "--clear-groups", "--"]).arg(program);
                command
            }
        };
        command.current_dir(&self.folder).stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    pub(crate) fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let listed = fs::read_dir("/proc").context("the throwaway servers need Linux, as they look at /proc")?;
        let entries = listed.filter_map(Result::ok);
        // A process that ends meanwhile has no working directory, nor does a zombie.
        let here = |path: PathBuf| fs::read_link(path).is_ok_and(|cwd| cwd.starts_with(&self.folder));
        let pids = entries.filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            here(entry.path().join("cwd")).then_some(pid)
        });
        Ok(pids.collect())
    }

    /// Sends a signal to all processes in the folder, also to those that are born meanwhile; false when there are none.
    pub(crate) fn signal(&self, signal: &str) -> anyhow::Result<bool> {
        let mut known = Vec::new();
        loop {
            let new: Vec<u32> = self.processes()?.into_iter().filter(|pid| !known.contains(pid)).collect();
            if new.is_empty() {
                return Ok(!known.is_empty());
            }
            send(signal, &new)?;
            known.extend(new);
        }
    }

    /// Lets the keeper end all processes and remove the folder. Its work is bounded, and whether it went well can be told
    /// nobody.
    pub(crate) fn end(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process that is gone already is no failure.
pub(crate) fn send(signal: &str, pids: &[u32]) -> anyhow::Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$0\" \"$@\" 2>/dev/null; true", signal]).args(pids.iter().map(u32::to_string));
    output(&mut kill).map(drop)
}

/// What a command prints; when it fails, an error with its complaint.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().display().to_string();
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("running {program}"))?;
    let complaint = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{program}: {}: {}", done.status, complaint.trim());
    String::from_utf8(done.stdout).with_context(|| format!("{program} printed no UTF-8"))
}

/// The end of a file, from a place on: what an error quotes of a log.
pub(crate) fn tail(path: &Path, from: u64) -> String {
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|mut file| {
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from))?;
        file.read_to_end(&mut text)
    });
    let text = match read {
        Ok(_) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => format!("(no log: {error})"),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
