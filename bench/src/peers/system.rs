//! The systems as they run: started on the servers' core, found by name, signed in to in the words of each.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use menjin_testbed::Redis;

use super::Writes;
use crate::ask::{Answer, Ask};
use crate::machine::{Core, Cores, cpu_of_family};
use crate::menjin::{self, APPID, SECRET};
use crate::process::{Server, Start, free_address};
use crate::run;

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
/// Modules of the Django system that are elsewhere: the package that it uses, which no registry has, and the two functions
/// that a program gives it.
const MODULES: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/python/tests/stand_ins/installed"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/django"),
];

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Menjin,
    /// A program with menjin's guard.
    Guard,
    Django,
    Hapi,
    /// The same with the leanest way to keep users that Node has.
    HapiLean,
    BetterAuth,
    /// better-auth that remembers sessions in cookies: the same process.
    CookieCache,
}

impl Name {
    /// Not one of ours.
    pub(super) fn is_peer(self) -> bool {
        !matches!(self, Self::Menjin | Self::Guard)
    }
}

/// All of them, and the platform's stand-in.
pub(super) struct Systems {
    menjin: Server,
    guard: Server,
    django: Server,
    /// Holds the Django system's sessions.
    redis: Redis,
    hapi: Server,
    hapi_lean: Server,
    better_auth: Server,
    /// Held for its drop, which stops it.
    _platform: Server,
}

impl Systems {
    pub(super) fn up(cores: Cores, folder: &Path, (writes, python): (Writes, &Path)) -> anyhow::Result<Self> {
        let platform = run::platform(cores.drivers, folder)?;
        let menjin = menjin_on(cores.servers, folder, platform.address)?;
        let guard = run::bare_beside(cores, folder, (&menjin, &platform)).context("the program with a guard")?;
        let redis = Redis::start_with(&["--appendonly", "no"])?;
        cores.servers.take(redis.pid().context("Redis has ended")?)?;
        let peer = Peer { core: cores.servers, folder, platform: platform.address, writes };
        Ok(Self {
            django: peer.django(python, &redis.url()).context("the Django system")?,
            hapi: peer.node("hapi", "sequelize").context("the hapi system")?,
            hapi_lean: peer.node("hapi", "knex").context("the lean hapi system")?,
            better_auth: peer.node("better-auth", "better-sqlite3").context("better-auth")?,
            menjin,
            guard,
            redis,
            _platform: platform,
        })
    }

    pub(super) fn address(&self, of: Name) -> SocketAddr {
        self.server(of).address
    }

    /// CPU time of all processes that it consists of.
    pub(super) fn cpu(&self, of: Name) -> Option<Duration> {
        let own = self.server(of).cpu_of_family()?;
        let redis = if of == Name::Django { self.redis.pid().and_then(cpu_of_family)? } else { Duration::ZERO };
        Some(own + redis)
    }

    fn server(&self, of: Name) -> &Server {
        match of {
            Name::Menjin => &self.menjin,
            Name::Guard => &self.guard,
            Name::Django => &self.django,
            Name::Hapi => &self.hapi,
            Name::HapiLean => &self.hapi_lean,
            Name::BetterAuth | Name::CookieCache => &self.better_auth,
        }
    }

    /// The header that shows from now on who is signed in.
    pub(super) fn sign_in(&self, of: Name, code: &str) -> anyhow::Result<String> {
        let (at, path) = match of {
            Name::Menjin | Name::Guard => (Name::Menjin, "/v1/login/shop"),
            Name::Django => (of, "/login"),
            Name::Hapi | Name::HapiLean => (of, menjin::OLD_LOGIN),
            Name::BetterAuth => (of, "/auth/sign-in/wechat"),
            Name::CookieCache => (of, "/cached/auth/sign-in/wechat"),
        };
        let json = serde_json::json!({ "code": code }).to_string();
        shown(of, &Ask { path, json: Some(&json), ..Ask::default() }.ok(self.address(at))?)
    }
}

fn shown(of: Name, answer: &Answer) -> anyhow::Result<String> {
    let member = |name: &str| {
        let body: serde_json::Value = serde_json::from_str(&answer.body)?;
        Ok::<_, anyhow::Error>(body[name].as_str().with_context(|| format!("a login without {name}"))?.to_owned())
    };
    let headers = |name: &'static str| {
        answer.headers.iter().filter(move |(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    Ok(match of {
        Name::Menjin | Name::Guard => format!("Authorization: Bearer {}", member("access_token")?),
        Name::Django => format!("Authorization: JWT {}", member("token")?),
        Name::Hapi | Name::HapiLean => format!("Authorization: {}", answer.body),
        Name::BetterAuth => {
            format!("Authorization: Bearer {}", headers("set-auth-token").next().context("a login without a token")?)
        }
        Name::CookieCache => {
            let cookies: Vec<_> = headers("set-cookie").filter_map(|cookie| cookie.split(';').next()).collect();
            ensure!(cookies.len() == 2, "a login with {} cookies", cookies.len());
            format!("Cookie: {}", cookies.join("; "))
        }
    })
}

fn menjin_on(core: Core, folder: &Path, platform: SocketAddr) -> anyhow::Result<Server> {
    let address = free_address()?;
    let config = menjin::configure(&folder.join("menjin"), address, platform, menjin::SQLITE)?;
    let arguments = vec!["menjin".to_owned(), config.display().to_string()];
    let log = &folder.join("menjin.log");
    Start { arguments, address, core, ready: Some("/healthz"), log }.server().context("menjin")
}

/// What all peers are told.
struct Peer<'p> {
    core: Core,
    folder: &'p Path,
    platform: SocketAddr,
    writes: Writes,
}

impl Peer<'_> {
    /// `users` is what keeps them, where the program has a choice.
    fn node(&self, name: &str, users: &str) -> anyhow::Result<Server> {
        let program = format!("{PEERS}/{name}/server.js");
        self.start(&format!("{name}-{users}"), |core| {
            let mut node = core.command("node");
            node.arg(&program).envs([("NODE_ENV", "production"), ("USERS", users)]);
            node
        })
    }

    fn django(&self, python: &Path, redis: &str) -> anyhow::Result<Server> {
        let folder = format!("{PEERS}/django");
        let path = std::env::join_paths([folder.as_str()].into_iter().chain(MODULES))?;
        let command = |core: Core, arguments: &[&str]| {
            let mut python = core.command(python);
            python.args(["-B", "-m"]).args(arguments).current_dir(&folder);
            python.envs([("DJANGO_SETTINGS_MODULE", "config"), ("REDIS", redis)]).env("PYTHONPATH", &path);
            python
        };
        let mut migrate = command(Core::ANY, &["django", "migrate", "-v", "0"]);
        self.told("django", &mut migrate);
        ensure!(migrate.status().context("running Python")?.success(), "its tables could not be made");
        self.start("django", |core| command(core, &["gunicorn", "django.core.wsgi:get_wsgi_application()"]))
    }

    fn start(&self, name: &str, command: impl FnOnce(Core) -> Command) -> anyhow::Result<Server> {
        let address = free_address()?;
        let mut command = command(self.core);
        self.told(name, &mut command);
        command.env("PORT", address.port().to_string());
        let log = &self.folder.join(format!("{name}.log"));
        Start { arguments: Vec::new(), address, core: self.core, ready: Some("/healthz"), log }.other(command)
    }

    fn told(&self, name: &str, command: &mut Command) {
        let synchronous = match self.writes {
            Writes::Durable => "FULL",
            Writes::Unsynced => "NORMAL",
        };
        command.env("WECHAT", format!("http://{}", self.platform));
        command.env("DATABASE", self.folder.join(format!("{name}.db")));
        command.envs([("APPID", APPID), ("APPSECRET", SECRET), ("SECRET", SECRET), ("SYNCHRONOUS", synchronous)]);
    }
}
