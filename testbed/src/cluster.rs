//! Two nodes of menjin on one database, with Redis, an nginx that balances them and the simulated WeChat: a small model of
//! what operators run. Not here: printing what is where (`bin/cluster.rs`).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use crate::{MariaDb, Nginx, Postgres, Program, Redis, free_port};

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Until the nodes are there, whose configuration needs the address.
const NOBODY_YET: &str = "server { listen LISTEN; return 503; }";
/// How often a node is started when somebody else took its port.
const STARTS: usize = 5;

/// Which database the nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedStore {
    /// PostgreSQL.
    Postgres,
    /// MariaDB.
    MariaDb,
}

/// The database of a cluster.
#[derive(Debug)]
pub enum Database {
    /// PostgreSQL.
    Postgres(Postgres),
    /// MariaDB.
    MariaDb(MariaDb),
}

impl Database {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::MariaDb(_) => "MariaDB",
        }
    }

    /// Everything of the server's.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Postgres(server) => server.folder(),
            Self::MariaDb(server) => server.folder(),
        }
    }
}

/// All of it; gone when dropped, and when its process is.
#[derive(Debug)]
pub struct Cluster {
    /// The two nodes of `menjin serve`.
    pub nodes: [Node; 2],
    /// What clients talk to.
    pub balancer: Nginx,
    /// `menjin sim`.
    pub simulator: Program,
    /// Help between the nodes.
    pub redis: Redis,
    /// Where the truth is.
    pub database: Database,
    /// The address of the nodes' database, with its password.
    pub store_url: String,
    /// The simulator's address, without a slash at the end.
    pub simulator_url: String,
}

/// One `menjin serve`.
#[derive(Debug)]
pub struct Node {
    /// Its process, with `menjin.toml` and `log` in the folder.
    pub program: Program,
    /// The public side, without a slash at the end.
    pub url: String,
    /// The operator's side, without a slash at the end.
    pub operator_url: String,
}

impl Cluster {
    /// The `[[app]]` that people sign in to.
    pub const APP: &str = "shop";

    /// Starts all with this executable of menjin.
    pub fn start(menjin: &Path, store: SharedStore) -> anyhow::Result<Self> {
        let (database, store_url) = match store {
            SharedStore::Postgres => {
                let database = Postgres::start()?;
                let url = database.database();
                (Database::Postgres(database), url)
            }
            SharedStore::MariaDb => {
                let database = MariaDb::start()?;
                let url = database.database();
                (Database::MariaDb(database), url)
            }
        };
        let redis = Redis::start_with_password()?;
        let app = format!("{APPID}:{SECRET}");
        let simulator = Program::start(menjin, &["sim", "--port", "0", "--app", &app], &[], "/_sim/")?;
        let simulator_url = first_url(&simulator.log()).context("the simulator told no address")?;
        let balancer = Nginx::start(NOBODY_YET)?;
        let shared = Shared {
            master_key: random_key()?,
            public_url: balancer.url(),
            store_url: &store_url,
            redis_url: redis.url(),
            simulator_url: &simulator_url,
        };
        let nodes = [shared.start_node(menjin)?, shared.start_node(menjin)?];
        balancer.reload(&balanced(&nodes))?;
        let cluster = Self { nodes, balancer, simulator, redis, database, store_url, simulator_url };
        match &cluster.database {
            Database::Postgres(server) => server.write_scripts()?,
            Database::MariaDb(server) => server.write_scripts()?,
        }
        cluster.redis.write_scripts()?;
        cluster.nodes.iter().try_for_each(|node| node.program.write_scripts())?;
        Ok(cluster)
    }

    /// What may be killed, each with its folder, in which scripts `kill` and `start` are.
    pub fn mortals(&self) -> [(&'static str, &Path); 4] {
        let [a, b] = &self.nodes;
        [
            ("node A", a.program.folder()),
            ("node B", b.program.folder()),
            (self.database.name(), self.database.folder()),
            ("Redis", self.redis.folder()),
        ]
    }
}

/// What both nodes are told.
struct Shared<'a> {
    master_key: String,
    public_url: String,
    store_url: &'a str,
    redis_url: String,
    simulator_url: &'a str,
}

impl Shared<'_> {
    /// The ports are chosen before it starts, so that it comes back to them when it was killed.
    fn start_node(&self, menjin: &Path) -> anyhow::Result<Node> {
        let mut attempt = 1;
        loop {
            let (public, operator) = (free_port()?, free_port()?);
            let files = [("menjin.toml", self.configuration(public, operator))];
            let files = files.each_ref().map(|(name, content)| (*name, content.as_str()));
            match Program::start(menjin, &["serve", "--insecure-for-trying"], &files, "menjin serves") {
                Err(error) if attempt < STARTS && format!("{error:#}").contains("is in use") => attempt += 1,
                started => {
                    let url = |port: u16| format!("http://127.0.0.1:{port}");
                    return Ok(Node { program: started?, url: url(public), operator_url: url(operator) });
                }
            }
        }
    }

    fn configuration(&self, public: u16, operator: u16) -> String {
        let Self { master_key, public_url, store_url, redis_url, simulator_url } = self;
        let app = Cluster::APP;
        format!(
            r#"secret_key = "{master_key}"

[server]
listen = "127.0.0.1:{public}"
public_url = "{public_url}"
trusted_proxies = ["127.0.0.1"]

[admin]
listen = "127.0.0.1:{operator}"

[store]
url = "{store_url}"
migrate = "auto"

[redis]
url = "{redis_url}"

[wechat]
base_url = "{simulator_url}"

[[app]]
id = "{app}"
kind = "mini_program"
platform = "wechat"
appid = "{APPID}"
secret = "{SECRET}"
"#
        )
    }
}

/// A node that can't be reached is asked again at the next request: it may be back, and with two nodes of which each was
/// down a moment ago nginx would otherwise ask none for a while.
fn balanced(nodes: &[Node; 2]) -> String {
    let servers =
        nodes.each_ref().map(|node| format!("  server {} max_fails=0;\n", node.url.trim_start_matches("http://")));
    format!(
        "upstream menjin {{\n{}  keepalive 32;\n}}\n\
         server {{\n  listen LISTEN;\n  location / {{\n    proxy_pass http://menjin;\n    proxy_http_version 1.1;\n    \
         proxy_set_header Connection \"\";\n    proxy_set_header Host $http_host;\n    \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    proxy_connect_timeout 1s;\n  }}\n}}\n",
        servers.concat()
    )
}

fn first_url(text: &str) -> Option<String> {
    let (_, after) = text.split_once("http://127.0.0.1:")?;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("http://127.0.0.1:{port}"))
}

fn random_key() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).context("reading /dev/urandom")?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}
