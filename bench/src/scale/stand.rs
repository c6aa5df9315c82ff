//! A menjin on a filled store: driven in turns, told to sweep, killed. Not here: what is compared with what (`mod.rs`).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::crowd::Crowd;
use super::filled::Filled;
use crate::ask::Ask;
use crate::load::{CONNECTIONS, Drive, Driven, Wrk};
use crate::machine::{Core, cpu_of_family};
use crate::menjin::APP;
use crate::process::{Server, Start, free_address};
use crate::run::next;
use crate::stub::scrambled;

/// People of each kind at most: so many that not all of their rows stay in a cache.
const KNOWN: u64 = 50_000;
const READERS: u64 = 4000;
const REFRESH: &str = "/v1/token/refresh";

/// What is driven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Somebody new each time.
    Login,
    /// Loaded people on their one device, who so end their session before.
    LoginKnown,
    /// Loaded people's refreshes, first and next ones; of each turn others. As many people on each store: what more rows
    /// cost.
    Refresh,
    /// The same by many more people on a large store, most of whom nobody has asked for lately: what more activity costs.
    RefreshMany,
    /// `/v1/me` of loaded people.
    Me,
}

/// One turn.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) driven: Driven,
    /// Microseconds a request, of menjin and of the database.
    pub(crate) cpu: f64,
}

/// What all stands share.
pub(crate) struct Ground<'g> {
    pub(crate) wrk: Wrk,
    pub(crate) core: Core,
    pub(crate) folder: &'g Path,
    /// The database's process.
    pub(crate) database: Option<u32>,
    pub(crate) turns: u32,
    /// The size that all are compared with.
    pub(crate) smallest: u64,
}

pub(crate) struct Stand<'s, 'd> {
    ground: &'s Ground<'s>,
    filled: &'s Filled<'d>,
    menjin: Server,
    chores: SocketAddr,
    known: PathBuf,
    readers: PathBuf,
    few: Vec<PathBuf>,
    many: Vec<PathBuf>,
}

impl<'s, 'd> Stand<'s, 'd> {
    /// Starts menjin, and lets some people refresh, so that they have access tokens.
    pub(crate) fn up(ground: &'s Ground<'s>, filled: &'s Filled<'d>) -> anyhow::Result<Self> {
        let crowd = &filled.crowd;
        let many = ground.refresh_tokens(crowd, &sample(crowd.size, 1, KNOWN))?;
        let few = ground.refresh_tokens(crowd, &sample(crowd.size, 3, ground.smallest / 4))?;
        let known = ground.file(sample(crowd.size, 0, KNOWN).into_iter().map(Crowd::name))?;
        let (menjin, chores) = start(ground, filled)?;
        let readers = access_tokens(menjin.address, crowd, &sample(crowd.size, 2, READERS))?;
        let readers = ground.file(readers.into_iter())?;
        Ok(Self { ground, filled, menjin, chores, known, readers, few, many })
    }

    /// Drives once; turn 0 is to warm up.
    pub(crate) fn turn(&self, load: Load, turn: u32, seconds: u32) -> anyhow::Result<Turn> {
        let run = format!("{:08x}", next());
        let said = |path: &Path| path.display().to_string();
        let login = format!("/v1/login/{APP}");
        let (script, path, arguments) = match load {
            Load::Login => ("login.lua", login.as_str(), vec![run, "0".to_owned()]),
            Load::LoginKnown => ("login.lua", login.as_str(), vec![run, said(&self.known)]),
            Load::Refresh => ("refresh.lua", REFRESH, vec![said(&self.few[turn as usize])]),
            Load::RefreshMany => ("refresh.lua", REFRESH, vec![said(&self.many[turn as usize])]),
            Load::Me => ("get.lua", "/v1/me", vec![said(&self.readers)]),
        };
        let server = self.menjin.address;
        let before = self.cpu();
        let drive = Drive { server, path, script, arguments: &arguments, seconds, connections: CONNECTIONS };
        let driven = self.ground.wrk.drive(&drive)?;
        let used = self.cpu().saturating_sub(before);
        Ok(Turn { driven, cpu: driven.each(used) })
    }

    /// Sweeps now; seconds.
    pub(crate) fn sweep(&self) -> anyhow::Result<f64> {
        let answer = Ask { path: "/sweep", ..Ask::default() }.ok(self.chores)?;
        Ok(answer.body.parse()?)
    }

    /// `kill -9` while people sign in. How long it then takes to start again.
    pub(crate) fn killed(self) -> anyhow::Result<Duration> {
        let Self { ground, filled, menjin, .. } = self;
        let (path, arguments) = (format!("/v1/login/{APP}"), [format!("{:08x}", next()), "0".to_owned()]);
        let (server, connections) = (menjin.address, CONNECTIONS);
        let drive = Drive { server, path: &path, script: "login.lua", arguments: &arguments, seconds: 2, connections };
        std::thread::scope(|scope| {
            let driving = scope.spawn(|| ground.wrk.drive(&drive));
            std::thread::park_timeout(Duration::from_secs(1));
            let killed = menjin.kill();
            ensure!(driving.join().is_ok_and(|driven| driven.is_err()), "it was killed, and nobody noticed");
            killed
        })?;
        Ok(start(ground, filled)?.0.started_in)
    }

    fn cpu(&self) -> Duration {
        let database = self.ground.database.and_then(cpu_of_family);
        self.menjin.cpu().unwrap_or_default() + database.unwrap_or_default()
    }
}

impl Ground<'_> {
    /// A file of refresh tokens for each turn, as each is good once.
    fn refresh_tokens(&self, crowd: &Crowd, people: &[u64]) -> anyhow::Result<Vec<PathBuf>> {
        let turns = self.turns as usize + 1;
        let each = people.len() / turns;
        ensure!(each >= CONNECTIONS, "too few people for {} turns", self.turns);
        let files = people.chunks_exact(each).take(turns);
        files.map(|people| self.file(people.iter().map(|nth| crowd.refresh_token(*nth)))).collect()
    }

    /// A file of lines for wrk.
    fn file(&self, lines: impl Iterator<Item = String>) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(format!("people-{}", next()));
        std::fs::write(&path, lines.map(|line| line + "\n").collect::<String>())?;
        Ok(path)
    }
}

fn start(ground: &Ground<'_>, filled: &Filled<'_>) -> anyhow::Result<(Server, SocketAddr)> {
    let chores = free_address()?;
    let start = Start {
        arguments: vec!["menjin".to_owned(), filled.config.display().to_string(), chores.to_string()],
        address: filled.address,
        core: ground.core,
        ready: Some("/healthz"),
        log: &ground.folder.join("menjin.log"),
    };
    Ok((start.server().context("menjin")?, chores))
}

/// People of one of four kinds, evenly from the whole store, in no order; each kind has others.
fn sample(size: u64, kind: u64, most: u64) -> Vec<u64> {
    let of_kind = size / 4;
    let count = of_kind.min(most);
    let mut people: Vec<u64> = (0..count).map(|nth| nth * of_kind / count * 4 + kind).collect();
    people.sort_unstable_by_key(|nth| scrambled(*nth));
    people
}

/// What these people's first refresh gives them.
fn access_tokens(menjin: SocketAddr, crowd: &Crowd, people: &[u64]) -> anyhow::Result<Vec<String>> {
    let token = |nth: &u64| {
        let json = serde_json::json!({ "refresh_token": crowd.refresh_token(*nth) }).to_string();
        let answer = Ask { path: REFRESH, token: None, json: Some(&json), ..Ask::default() }.ok(menjin)?;
        let answer: serde_json::Value = serde_json::from_str(&answer.body)?;
        anyhow::Ok(answer["access_token"].as_str().context("a refresh without a token")?.to_owned())
    };
    std::thread::scope(|scope| {
        let parts = people.chunks(people.len().div_ceil(16));
        let asking: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(token).collect::<anyhow::Result<Vec<_>>>())).collect();
        let mut tokens = Vec::with_capacity(people.len());
        for thread in asking {
            tokens.extend(thread.join().expect("asking does not panic")?);
        }
        Ok(tokens)
    })
}
