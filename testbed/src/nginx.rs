//! nginx, as a balancer or proxy before what a test serves.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::home::{Home, output};
use crate::instance::{Instance, on_a_free_port, wait_until};
use crate::programs::Programs;

const PROGRAMS: Programs =
    Programs { variable: "MENJIN_TEST_NGINX", hidden: Vec::new, packages: "nginx", need: "nginx" };
/// Stands for the address in the configuration, as nobody knows it before nginx has started.
const LISTEN: &str = "LISTEN";

/// An nginx of our own.
#[derive(Debug)]
pub struct Nginx {
    instance: Instance,
    program: PathBuf,
    port: u16,
}

impl Nginx {
    /// Starts one with what stands inside `http { … }`: `upstream` and `server` blocks. The word `LISTEN` in it becomes the
    /// address, `127.0.0.1:port`, as in `listen LISTEN ssl;`.
    pub fn start(http: &str) -> anyhow::Result<Self> {
        let program = PROGRAMS.find(&["nginx"])?;
        let instance = Instance::new("nginx", Home::make("nginx", "TERM")?);
        let mut nginx = Self { instance, program, port: 0 };
        nginx.port = on_a_free_port(|port| {
            nginx.write(http, port)?;
            nginx.check()?;
            nginx.instance.start(nginx.command(), || nginx.pid_is_written() && answers(port))
        })?;
        Ok(nginx)
    }

    fn write(&self, http: &str, port: u16) -> anyhow::Result<()> {
        let http = http.replace(LISTEN, &format!("127.0.0.1:{port}"));
        // As root, workers would become a user who may not enter the folder.
        let user = if output(Command::new("id").arg("-u"))?.trim() == "0" { "user root;" } else { "" };
        let folder = self.folder().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
            .concat();
        let all = format!(
            "{user}\ndaemon off;\nworker_processes 2;\npid {folder}/pid;\nerror_log stderr;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n  access_log {folder}/access.log;\n{temporary}{http}\n}}\n"
        );
        fs::write(self.configuration(), all).context("writing nginx.conf")
    }

    /// An own step, as `bind` is not tried in it: what it complains about is the configuration.
    fn check(&self) -> anyhow::Result<()> {
        let mut check = self.command();
        match output(check.arg("-t")) {
            Err(error) if !format!("{error:#}").contains("ddress already in use") => Err(error),
            _ => Ok(()),
        }
    }

    fn command(&self) -> Command {
        let mut command = self.instance.home.command(&self.program);
        command.arg("-p").arg(self.folder()).arg("-e").arg("stderr").arg("-c").arg(self.configuration());
        command
    }

    fn pid_is_written(&self) -> bool {
        let written = fs::read_to_string(self.folder().join("pid")).unwrap_or_default();
        let is_ours = |pid: u32| self.instance.home.processes().is_ok_and(|processes| processes.contains(&pid));
        written.trim().parse().is_ok_and(is_ours)
    }

    /// Takes another configuration as operators do, without losing a connection. A wrong one is refused, and changes nothing.
    pub fn reload(&self, http: &str) -> anyhow::Result<()> {
        let before = fs::read_to_string(self.configuration())?;
        self.write(http, self.port)?;
        if let Err(error) = self.check() {
            fs::write(self.configuration(), before)?;
            return Err(error);
        }
        let master = self.instance.pid().context("nginx is down, and can't be reloaded")?;
        let old = self.instance.home.processes()?;
        crate::home::send("HUP", &[master])?;
        let is_taken = wait_until(|| {
            let now = self.instance.home.processes()?;
            let has_new = now.iter().any(|pid| !old.contains(pid));
            Ok(has_new && now.iter().all(|pid| *pid == master || !old.contains(pid) || is_leaving(*pid)))
        })?;
        ensure!(is_taken, "nginx did not take the new configuration; see {}", self.instance.log().display());
        Ok(())
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything of the server's: `nginx.conf`, `access.log`, `log`.
    pub fn folder(&self) -> &Path {
        self.instance.home.folder()
    }

    fn configuration(&self) -> PathBuf {
        self.folder().join("nginx.conf")
    }

    /// Stops it at once. Nothing happens if it is down.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.instance.stop("TERM")
    }

    /// As if the machine had died.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.instance.kill()
    }

    /// Starts it on the same port with the configuration that it had last.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.instance.start_again(|| self.command(), || self.pid_is_written() && answers(self.port))
    }
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A worker that takes no connections any more says so in its title.
fn is_leaving(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).map_or(true, |title| title.contains("shutting down"))
}
