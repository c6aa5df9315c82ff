//! One server in its folder: started and waited for, stopped, killed, paused. What all kinds of servers share.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::home::{Home, send, tail};

/// Long, as a slow machine may start several servers at once; who waits in vain is told why.
const DEADLINE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);
/// How often another free port is tried when somebody else was faster.
const PORTS: u32 = 20;

/// A port of the loopback that nobody has just now. Somebody may take it before it is used: be ready to ask again.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}

/// Tries free ports until `start` does not fail because somebody else took it.
pub(crate) fn on_a_free_port(mut start: impl FnMut(u16) -> anyhow::Result<()>) -> anyhow::Result<u16> {
    for _ in 1..PORTS {
        let port = free_port()?;
        match start(port) {
            Ok(()) => return Ok(port),
            Err(error) if is_port_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let port = free_port()?;
    start(port).map(|()| port)
}

/// All four servers put the system's own words into their log.
fn is_port_taken(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("ddress already in use")
}

/// Waits for a condition; false when it did not come true in time.
#[expect(clippy::disallowed_methods, reason = "a server of somebody else's program is waited for, which tells nobody")]
pub(crate) fn wait_until(mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > DEADLINE {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
    Ok(true)
}

#[derive(Debug)]
pub(crate) struct Instance {
    name: &'static str,
    running: Mutex<Option<Child>>,
    pub(crate) home: Home,
}

impl Instance {
    pub(crate) fn new(name: &'static str, home: Home) -> Self {
        Self { name, running: Mutex::new(None), home }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.home.folder().join("log")
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn start(&self, mut command: Command, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let mut running = self.running();
        ensure!(running.is_none(), "{} runs already", self.name);
        let log = File::options().create(true).append(true).open(self.log())?;
        let from = log.metadata()?.len();
        command.stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting {}", self.name))?;
        let mut ended = None;
        let is_decided = wait_until(|| {
            ended = child.try_wait()?;
            Ok(ended.is_some() || is_ready())
        })?;
        if let Some(status) = ended {
            bail!("{} ended at its start, {status}; its log:\n{}", self.name, tail(&self.log(), from));
        }
        *running = Some(child);
        ensure!(is_decided, "{} does not answer; its log:\n{}", self.name, tail(&self.log(), from));
        Ok(())
    }

    /// As `start`, but for a port that was ours before: waits until whoever borrowed it meanwhile lets go.
    pub(crate) fn start_again(&self, command: impl Fn() -> Command, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        let is_decided = wait_until(|| {
            outcome = self.start(command(), &is_ready);
            Ok(!outcome.as_ref().is_err_and(is_port_taken))
        })?;
        outcome.with_context(|| if is_decided { "starting again" } else { "starting again on the same port" })
    }

    /// Asks the server's first process to end, and waits until all are gone. Nothing happens if it is down.
    pub(crate) fn stop(&self, signal: &str) -> anyhow::Result<()> {
        let mut running = self.running();
        let Some(child) = running.as_mut() else {
            return Ok(());
        };
        send(signal, &[child.id()])?;
        send("CONT", &self.home.processes()?)?;
        let is_gone = wait_until(|| Ok(child.try_wait()?.is_some() && self.home.processes()?.is_empty()))?;
        ensure!(is_gone, "{} does not stop; its log:\n{}", self.name, tail(&self.log(), 0));
        *running = None;
        Ok(())
    }

    /// As if the machine had died: none of its processes gets to do anything more.
    pub(crate) fn kill(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        let Some(child) = running.as_mut() else {
            return Ok(());
        };
        let is_gone = wait_until(|| {
            let some_left = self.home.signal("KILL")?;
            Ok(child.try_wait()?.is_some() && !some_left)
        })?;
        ensure!(is_gone, "{} can't be killed", self.name);
        *running = None;
        Ok(())
    }

    /// Stops all its processes where they are: connections stay, nothing is answered.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        ensure!(self.home.signal("STOP")?, "{} is down, and can't be paused", self.name);
        Ok(())
    }

    pub(crate) fn resume(&self) -> anyhow::Result<()> {
        ensure!(self.home.signal("CONT")?, "{} is down, and can't be resumed", self.name);
        Ok(())
    }

    /// The id of the server's first process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.running().as_ref().map(Child::id)
    }

    /// Copies a file into the folder, for the server's user alone.
    pub(crate) fn adopt(&self, file: &std::path::Path, name: &str) -> anyhow::Result<PathBuf> {
        let copy = self.home.folder().join(name);
        fs::copy(file, &copy).with_context(|| format!("copying {}", file.display()))?;
        crate::home::output(Command::new("chmod").arg("600").arg(&copy))?;
        self.home.own()?;
        Ok(copy)
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Instance {
    /// The home's keeper ends the server; who started it must still take note, or it stays a zombie.
    fn drop(&mut self) {
        self.home.end();
        if let Some(mut child) = self.running().take() {
            child.wait().ok();
        }
    }
}
