//! MariaDB 10.11 or newer. Databases are used by `menjin`, an ordinary user with a password; root comes by the socket in
//! the folder alone. The character set is utf8mb4 with the server's own collation, which knows no case.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::by_hand;
use crate::home::{Home, output};
use crate::instance::{Instance, on_a_free_port};
use crate::postgres::name_in;
use crate::programs::Programs;
use crate::template;

const PROGRAMS: Programs =
    Programs { variable: "MENJIN_TEST_MARIADB", hidden: Vec::new, packages: "mariadb-server", need: "mariadb" };
const SIZE: &str = "--innodb-log-file-size=16M";
const ALWAYS: [&str; 6] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--max-connections=300",
    "--server-id=1",
    SIZE,
];
const DURABLE: [&str; 3] = ["--innodb-flush-log-at-trx-commit=1", "--log-bin=binlog", "--sync-binlog=1"];
const FAST: [&str; 5] = [
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--sync-frm=OFF",
    "--skip-log-bin",
];

/// A MariaDB server of our own.
#[derive(Debug)]
pub struct MariaDb {
    instance: Instance,
    programs: Found,
    settings: Vec<String>,
    port: u16,
    password: String,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Found {
    server: PathBuf,
    client: PathBuf,
    install: PathBuf,
}

impl MariaDb {
    /// Starts one that keeps what it has committed, with a binary log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// As `start`, with more arguments of `mariadbd`; of two with one name the later holds.
    pub fn start_with(settings: &[&str]) -> anyhow::Result<Self> {
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
        static SHARED: OnceLock<Result<MariaDb, String>> = OnceLock::new();
        let started = SHARED.get_or_init(|| Self::new(&FAST, None).map_err(|error| format!("{error:#}")));
        started.as_ref().unwrap_or_else(|error| panic!("MariaDB: {error}"))
    }

    fn new(settings: &[&str], tls: Option<(&Path, &Path)>) -> anyhow::Result<Self> {
        let programs = Found {
            server: PROGRAMS.find(&["mariadbd"])?,
            client: PROGRAMS.find(&["mariadb"])?,
            install: PROGRAMS.find(&["mariadb-install-db"])?,
        };
        let mut home = Home::make("mariadb", "KILL")?;
        home.give_to(&["mysql", "nobody"])?;
        let mut mariadb = Self {
            programs,
            settings: ALWAYS.iter().chain(settings).map(|setting| (*setting).to_owned()).collect(),
            port: 0,
            password: home.unique(),
            databases: AtomicU32::new(0),
            instance: Instance::new("MariaDB", home),
        };
        mariadb.fill()?;
        mariadb.encrypt(tls)?;
        mariadb.port = on_a_free_port(|port| mariadb.instance.start(mariadb.command(port), || mariadb.answers()))?;
        mariadb.settle_users()?;
        Ok(mariadb)
    }

    fn fill(&self) -> anyhow::Result<()> {
        let version = output(Command::new(&self.programs.server).args(["--no-defaults", "--version"]))?;
        let version = version.split_whitespace().nth(2).unwrap_or_default();
        template::fill(&self.data(), &format!("mariadb-{version}"), || {
            let mut install = self.instance.home.command(&self.programs.install);
            install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", SIZE]);
            let folder = self.folder().display();
            // Several at once would use the same names in the system's folder for temporary files.
            install.arg(format!("--datadir={folder}/data")).arg(format!("--tmpdir={folder}"));
            output(install.arg("--skip-name-resolve")).map(drop)
        })?;
        self.instance.home.own()
    }

    fn encrypt(&mut self, tls: Option<(&Path, &Path)>) -> anyhow::Result<()> {
        if let Some((certificate, key)) = tls {
            let certificate = self.instance.adopt(certificate, "certificate.pem")?;
            let key = self.instance.adopt(key, "key.pem")?;
            self.settings.push(format!("--ssl-cert={}", certificate.display()));
            self.settings.push(format!("--ssl-key={}", key.display()));
            self.settings.push("--require-secure-transport=ON".to_owned());
        }
        Ok(())
    }

    /// Only root by the socket is left of the users that the installation made, and ours comes to them.
    fn settle_users(&self) -> anyhow::Result<()> {
        let ours = format!("CREATE USER menjin@'127.0.0.1' IDENTIFIED BY '{}'", self.password);
        let others = "DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> 'localhost' OR User = ''";
        self.query("mysql", &format!("{others}; FLUSH PRIVILEGES; {ours}")).map(drop)
    }

    fn command(&self, port: u16) -> Command {
        let mut command = self.instance.home.command(&self.programs.server);
        let folder = self.folder().display();
        command.arg("--no-defaults").arg(format!("--datadir={}", self.data().display()));
        command.arg(format!("--socket={folder}/socket")).arg(format!("--pid-file={folder}/pid"));
        command.arg(format!("--tmpdir={folder}")).arg(format!("--port={port}")).args(&self.settings);
        command
    }

    fn answers(&self) -> bool {
        output(self.client("mysql").args(["-e", "SELECT 1"])).is_ok()
    }

    /// By the socket, so it is surely our server that answers.
    fn client(&self, database: &str) -> Command {
        let mut client = Command::new(&self.programs.client);
        client.current_dir("/").args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"]);
        client.arg("--default-character-set=utf8mb4").arg(format!("--socket={}/socket", self.folder().display()));
        client.arg(format!("--database={database}"));
        client
    }

    /// Makes an empty database and gives its URL.
    ///
    /// # Panics
    /// When the server is down.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {name}; GRANT ALL ON {name}.* TO menjin@'127.0.0.1'");
        self.query("mysql", &sql).unwrap_or_else(|error| panic!("making a database: {error:#}"));
        self.url(&name)
    }

    /// Throws a database away, by its name or URL.
    pub fn drop_database(&self, database: &str) -> anyhow::Result<()> {
        self.query("mysql", &format!("DROP DATABASE {}", name_in(database))).map(drop)
    }

    /// The URL of a database, as `menjin`.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://menjin:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Runs statements as root, in a database by its name or URL. Rows come a line each, columns with a tab between.
    pub fn query(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let printed = output(self.client(name_in(database)).args(["-e", sql]))?;
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
        by_hand::write(self.folder(), &self.command(self.port), &[])
    }

    /// Stops it as an operator does: all is written. Nothing happens if it is down.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.instance.stop("TERM")
    }

    /// As if the machine had died. What the operating system has taken is not lost, as it lives on.
    pub fn kill(&self) -> anyhow::Result<()> {
        self.instance.kill()
    }

    /// Starts it on the same port with the same data.
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
