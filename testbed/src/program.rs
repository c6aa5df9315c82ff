//! Any other program, such as menjin itself, in a temporary folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::by_hand;
use crate::home::Home;
use crate::instance::Instance;

/// A running program.
#[derive(Debug)]
pub struct Program {
    instance: Instance,
    path: PathBuf,
    arguments: Vec<String>,
    ready: String,
}

impl Program {
    /// Starts a program in a folder with these files (name and content), and waits until it prints a line with the words
    /// `ready`. Of the environment it sees none, but for a language and a time zone.
    pub fn start(path: &Path, arguments: &[&str], files: &[(&str, &str)], ready: &str) -> anyhow::Result<Self> {
        let home = Home::make("program", "TERM")?;
        for (name, content) in files {
            fs::write(home.folder().join(name), content).with_context(|| format!("writing {name}"))?;
        }
        let program = Self {
            instance: Instance::new("the program", home),
            path: path.to_owned(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            ready: ready.to_owned(),
        };
        program.start_again()?;
        Ok(program)
    }

    /// Starts it as before, in the same folder, when it is down.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let before = self.log().len();
        self.instance.start_again(|| self.command(), || self.log()[before..].contains(&self.ready))
    }

    fn command(&self) -> Command {
        let mut command = self.instance.home.command(&self.path);
        command.env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC").args(&self.arguments);
        command
    }

    /// What it has printed since it was first started.
    pub fn log(&self) -> String {
        fs::read(self.instance.log()).map_or_else(|_| String::new(), |log| String::from_utf8_lossy(&log).into_owned())
    }

    /// Its folder, which has the files and `log`.
    pub fn folder(&self) -> &Path {
        self.instance.home.folder()
    }

    /// The id of its process; nothing while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// Puts scripts `kill` and `start` into the folder, for somebody at a terminal.
    pub fn write_scripts(&self) -> anyhow::Result<()> {
        by_hand::write(self.folder(), &self.command(), &[])
    }

    /// Asks it to end (SIGTERM) and waits until it has. Nothing happens if it is down.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.instance.stop("TERM")
    }

    /// As if the machine had died.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.instance.kill()
    }

    /// Makes it hang: connections stay and are taken, nothing is answered.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.instance.pause()
    }

    /// Lets it go on after `pause`.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.instance.resume()
    }
}
