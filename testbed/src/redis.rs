//! Redis or Valkey, 6 or newer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::by_hand;
use crate::home::{Home, output};
use crate::instance::{Instance, on_a_free_port};
use crate::programs::Programs;

const PROGRAMS: Programs =
    Programs { variable: "MENJIN_TEST_REDIS", hidden: Vec::new, packages: "redis-server", need: "redis" };
const ALWAYS: [&str; 6] = ["--bind", "127.0.0.1", "--save", "", "--unixsocketperm", "700"];
const KEEPS: [&str; 2] = ["--appendonly", "yes"];

/// A Redis server of our own.
#[derive(Debug)]
pub struct Redis {
    instance: Instance,
    server: PathBuf,
    client: PathBuf,
    settings: Vec<String>,
    port: u16,
    password: Option<String>,
}

impl Redis {
    /// Starts one that keeps what it holds when it ends, and asks for no password.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As `start`, with more arguments of `redis-server`, such as `--maxclients`, `10`.
    pub fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
        Self::new([&KEEPS[..], settings].concat().as_slice(), false)
    }

    /// As `start`, with a password, which is in the URL.
    pub fn start_with_password() -> anyhow::Result<Self> {
        Self::new(&KEEPS, true)
    }

    /// The one of this process for all tests that neither stop nor flush it.
    ///
    /// # Panics
    /// When it can't be started; each time with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Redis, String>> = OnceLock::new();
        let started = SHARED.get_or_init(|| Self::new(&[], false).map_err(|error| format!("{error:#}")));
        started.as_ref().unwrap_or_else(|error| panic!("Redis: {error}"))
    }

    fn new(settings: &[&str], has_password: bool) -> anyhow::Result<Self> {
        let (server, client) = (server()?, client()?);
        let home = Home::make("redis", "KILL")?;
        let password = has_password.then(|| home.unique());
        let mut settings: Vec<String> = ALWAYS.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
        settings.extend(password.iter().flat_map(|password| ["--requirepass".to_owned(), password.clone()]));
        let instance = Instance::new("Redis", home);
        let mut redis = Self { instance, server, client, settings, port: 0, password };
        redis.port = on_a_free_port(|port| redis.instance.start(redis.command(port), || redis.answers()))?;
        Ok(redis)
    }

    fn command(&self, port: u16) -> Command {
        let mut command = self.instance.home.command(&self.server);
        command.arg("--dir").arg(self.folder()).arg("--unixsocket").arg(self.folder().join("socket"));
        command.args(["--port", &port.to_string()]).args(&self.settings);
        command
    }

    fn answers(&self) -> bool {
        self.command_line(&["PING"]).is_ok_and(|answer| answer == "PONG")
    }

    /// Runs one command, such as `["GET", "key"]`, and gives what `redis-cli` prints. A refusal is an error.
    pub fn command_line(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut client = Command::new(&self.client);
        client.current_dir("/").arg("-s").arg(self.folder().join("socket")).arg("-e");
        if let Some(password) = &self.password {
            client.env("REDISCLI_AUTH", password);
        }
        Ok(output(client.args(words))?.trim_end_matches('\n').to_owned())
    }

    /// `redis://…`, database 0.
    pub fn url(&self) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{}/0", self.port)
    }

    /// Forgets all keys, as when it was restarted without a disk.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.command_line(&["FLUSHALL"]).map(drop)
    }

    /// Its process; `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything of the server's: socket, data, `log`.
    pub fn folder(&self) -> &Path {
        self.instance.home.folder()
    }

    /// Puts scripts `kill` and `start` into the folder, for somebody at a terminal.
    pub fn write_scripts(&self) -> anyhow::Result<()> {
        by_hand::write(self.folder(), &self.command(self.port), &[])
    }

    /// Stops it as an operator does. Nothing happens if it is down.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.instance.stop("TERM")
    }

    /// As if the machine had died.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.instance.kill()
    }

    /// Starts it on the same port, with what it had; a shared one is empty.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.instance.start_again(|| self.command(self.port), || self.answers())
    }

    /// `stop` and `start_again`.
    pub fn restart(&self) -> anyhow::Result<()> {
        self.stop()?;
        self.start_again()
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

pub(crate) fn server() -> anyhow::Result<PathBuf> {
    PROGRAMS.find(&["redis-server", "valkey-server"])
}

pub(crate) fn client() -> anyhow::Result<PathBuf> {
    PROGRAMS.find(&["redis-cli", "valkey-cli"])
}
