//! Two scripts in a server's folder, `kill` and `start`, for somebody who tries from a terminal what becomes of the others.
//!
//! Not here: what tests do to a server (`instance`).

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// The processes that work in the folder, whoever started them, but for the shells that ask.
const ALIVE: &str = r#"alive() {
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    case $(readlink "$process/cwd" 2>/dev/null) in
      "$folder"|"$folder"/*) [ "$pid" = $$ ] || [ "$pid" = $PPID ] || echo "$pid" ;;
    esac
  done
}
"#;
const KILL: &str = r#"[ -n "$(alive)" ] || { echo "nothing runs in $folder"; exit 1; }
tries=0
while pids=$(alive) && [ -n "$pids" ] && [ $tries -lt 50 ]; do
  kill -9 $pids 2>/dev/null
  tries=$((tries + 1)); sleep 0.1
done
"#;

/// Writes both. `remains`: files in the folder by which a server takes a killed one for alive, of whose end its parent may
/// never have taken note.
pub(crate) fn write(folder: &Path, start: &Command, remains: &[String]) -> anyhow::Result<()> {
    let head = format!("folder={}\n{ALIVE}", quoted(&folder.to_string_lossy()));
    let remains = remains.iter().map(|file| format!("rm -f {}\n", quoted(file))).collect::<Vec<_>>().concat();
    let start = format!(
        "[ -z \"$(alive)\" ] || {{ echo \"it runs in $folder\"; exit 1; }}\ncd \"$folder\" || exit 1\n{remains}nohup {} \
         </dev/null >>log 2>&1 &\n",
        line(start)
    );
    for (name, script) in [("kill", KILL), ("start", &start)] {
        fs::write(folder.join(name), format!("{head}{script}")).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// The command as a line of a shell, with its own environment and the way to programs.
fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let variables = variables.map(|(name, value)| format!("{}={}", name.display(), quoted(&value.to_string_lossy())));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    let all: Vec<String> = variables.chain(words).collect();
    format!("env -i PATH=\"$PATH\" {}", all.join(" "))
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_that_a_shell_takes_apart_as_it_was() {
        let mut command = Command::new("/bin/a server");
        command.arg("--name=it's").arg("$HOME").env("TZ", "UTC");
        assert_eq!(line(&command), r#"env -i PATH="$PATH" TZ='UTC' '/bin/a server' '--name=it'\''s' '$HOME'"#);
    }
}
