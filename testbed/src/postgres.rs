//! PostgreSQL 15 or newer. Databases belong to `menjin`, an ordinary user with a password (SCRAM); the superuser comes by
//! the socket in the folder alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

use crate::by_hand;
use crate::home::{Home, output};
use crate::instance::{Instance, on_a_free_port};
use crate::programs::{Programs, postgres_folders};
use crate::template;

const PROGRAMS: Programs =
    Programs { variable: "MENJIN_TEST_POSTGRES", hidden: postgres_folders, packages: "postgresql", need: "postgres" };
const SUPERUSER: &str = "postgres";
const ALWAYS: [(&str, &str); 4] = [
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "300"),
    // Else a killed server leaves it behind outside of its folder.
    ("dynamic_shared_memory_type", "mmap"),
    ("timezone", "UTC"),
];
const DURABLE: [(&str, &str); 3] = [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")];
const FAST: [(&str, &str); 3] = [("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

/// A PostgreSQL server of our own.
#[derive(Debug)]
pub struct Postgres {
    instance: Instance,
    programs: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
    password: String,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts one that keeps what it has committed.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As `start`, with more settings of `postgresql.conf`; of two with one name the later holds.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::new([&DURABLE[..], settings].concat().as_slice(), None)
    }

    /// As `start`, with a certificate and its key. Connections over TCP without TLS are refused.
    pub fn start_with_tls(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        Self::new(&DURABLE, Some((certificate, key)))
    }

    /// The one of this process for all tests that leave it running. It is fast, and forgets when the machine dies.
    ///
    /// # Panics
    /// When it can't be started; each time with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Result<Postgres, String>> = OnceLock::new();
        let started = SHARED.get_or_init(|| Self::new(&FAST, None).map_err(|error| format!("{error:#}")));
        started.as_ref().unwrap_or_else(|error| panic!("PostgreSQL: {error}"))
    }

    fn new(settings: &[(&str, &str)], tls: Option<(&Path, &Path)>) -> anyhow::Result<Self> {
        let server = PROGRAMS.find(&["postgres"])?.canonicalize()?;
        let programs = server.parent().context("postgres is in no folder")?.to_owned();
        let mut home = Home::make("postgres", "QUIT")?;
        home.give_to(&["postgres", "nobody"])?;
        let all = ALWAYS.iter().chain(settings).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut postgres = Self {
            programs,
            settings: all.collect(),
            port: 0,
            password: home.unique(),
            databases: AtomicU32::new(0),
            instance: Instance::new("PostgreSQL", home),
        };
        postgres.fill()?;
        postgres.allow_entry(tls)?;
        postgres.port =
            on_a_free_port(|port| postgres.instance.start(postgres.command(port), || postgres.answers(port)))?;
        postgres.query("postgres", &format!("CREATE ROLE menjin LOGIN PASSWORD '{}'", postgres.password))?;
        Ok(postgres)
    }

    fn fill(&self) -> anyhow::Result<()> {
        let version = output(Command::new(self.programs.join("postgres")).arg("--version"))?;
        template::fill(&self.data(), &version, || {
            let mut initdb = self.instance.home.command(&self.programs.join("initdb"));
            initdb.arg("--pgdata").arg(self.data()).args(["--username", SUPERUSER, "--auth", "reject"]);
            output(initdb.args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])).map(drop)
        })?;
        self.instance.home.own()
    }

    /// Who may come in from where. The socket is in a folder that others can't enter.
    fn allow_entry(&mut self, tls: Option<(&Path, &Path)>) -> anyhow::Result<()> {
        let kind = if tls.is_some() { "hostssl" } else { "host" };
        let rules = format!("local all {SUPERUSER} trust\n{kind} all menjin 127.0.0.1/32 scram-sha-256\n");
        std::fs::write(self.data().join("pg_hba.conf"), rules)?;
        if let Some((certificate, key)) = tls {
            let certificate = self.instance.adopt(certificate, "certificate.pem")?;
            let key = self.instance.adopt(key, "key.pem")?;
            let path = |path: PathBuf| path.to_string_lossy().into_owned();
            let files = [("ssl", "on".to_owned()), ("ssl_cert_file", path(certificate)), ("ssl_key_file", path(key))];
            self.settings.extend(files.map(|(name, value)| (name.to_owned(), value)));
        }
        Ok(())
    }

    fn command(&self, port: u16) -> Command {
        let mut command = self.instance.home.command(&self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &port.to_string()]).arg("-k").arg(self.folder());
        for (name, value) in &self.settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command
    }

    fn answers(&self, port: u16) -> bool {
        output(self.psql(port, "postgres").args(["-c", "SELECT 1"])).is_ok()
    }

    /// By the socket, so it is surely our server that answers.
    fn psql(&self, port: u16, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.current_dir("/").env("PGOPTIONS", "").env("PGCONNECT_TIMEOUT", "60");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", SUPERUSER, "-d", database]);
        psql.arg("-h").arg(self.folder()).args(["-p", &port.to_string()]);
        psql
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Panics
    /// When the server is down.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.query("postgres", &format!("CREATE DATABASE {name} OWNER menjin"));
        made.unwrap_or_else(|error| panic!("making a database: {error:#}"));
        self.url(&name)
    }

    /// Throws a database away, by its name or URL, also while somebody is connected to it.
    pub fn drop_database(&self, database: &str) -> anyhow::Result<()> {
        self.query("postgres", &format!("DROP DATABASE {} WITH (FORCE)", name_in(database))).map(drop)
    }

    /// The URL of a database, as its owner `menjin`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://menjin:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Runs statements as superuser, in a database by its name or URL. Rows come a line each, columns with `|` between.
    pub fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let printed = output(self.psql(self.port, name_in(database)).args(["-c", sql]))?;
        Ok(printed.trim_end_matches('\n').to_owned())
    }

    /// Its process; `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.instance.pid()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything of the server's: socket, `data`, `log`.
    pub fn folder(&self) -> &Path {
        self.instance.home.folder()
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Puts scripts `kill` and `start` into the folder, for somebody at a terminal.
    pub fn write_scripts(&self) -> anyhow::Result<()> {
        let locks = ["data/postmaster.pid".to_owned(), format!(".s.PGSQL.{}.lock", self.port)];
        by_hand::write(self.folder(), &self.command(self.port), &locks)
    }

    /// Stops it as an operator does ("fast": connections are ended, all is written). Nothing happens if it is down.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.instance.stop("INT")
    }

    /// As if the machine had died. What the operating system has taken is not lost, as it lives on.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.instance.kill()?;
        // Else a new process that happens to have its number would pass for the server.
        std::fs::remove_file(self.data().join("postmaster.pid")).ok();
        Ok(())
    }

    /// Starts it on the same port with the same data.
    pub fn start_again(&self) -> anyhow::Result<()> {
        self.instance.start_again(|| self.command(self.port), || self.answers(self.port))
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

/// The database's name, also out of a URL.
pub(crate) fn name_in(database: &str) -> &str {
    let path = database.rsplit('/').next().unwrap_or_default();
    path.split('?').next().unwrap_or_default()
}
