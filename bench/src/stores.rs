//! `--store`: menjin on a database server, one node and two, with everything on the same cores: requests a second, and
//! CPU time a request of the nodes and of the database.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::database::{Database, Kind, Room};
use crate::load::{CONNECTIONS, Drive, Driven, Wrk};
use crate::machine::{Core, cpu_of_family};
use crate::menjin;
use crate::process::{Server, Start, free_address};
use crate::run::{self, Plan};
use crate::scenarios::Load;
use crate::table::median;

/// What is driven, and what PostgreSQL promises of it: requests a second with one node.
const ROWS: [(&str, &str, Load, Option<f64>); 4] = [
    ("login", "/v1/login/shop", Load::Login(0), Some(1500.0)),
    ("login-known", "/v1/login/shop", Load::Login(1000), None),
    ("refresh", "/v1/token/refresh", Load::Refresh, Some(2500.0)),
    ("me", "/v1/me", Load::GetSignedIn, None),
];
/// What PostgreSQL promises of CPU time a request, with two nodes as a ratio to one.
const TWO_NODES: f64 = 1.1;

/// One turn: requests a second, and microseconds of CPU a request.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    p99_ms: f64,
    nodes: f64,
    database: f64,
}

impl Turn {
    fn cpu(&self) -> f64 {
        self.nodes + self.database
    }
}

/// Measures and prints.
pub(crate) fn run(kind: Kind, plan: &Plan) -> anyhow::Result<()> {
    let folder = run::folder_on_disk()?;
    let platform = run::platform(Core::ANY, folder.path())?;
    let database = Database::start(kind, Room::Default)?.context("SQLite is no server")?;
    let url = database.url();
    let nodes = (0..2).map(|nth| node(folder.path(), nth, &platform, &url)).collect::<anyhow::Result<Vec<_>>>()?;
    let wrk = Wrk::new(Core::ANY, folder.path())?;
    let site = Site { nodes, database, wrk, folder: folder.path() };
    let Plan { turns, seconds, .. } = plan;
    println!("{kind:?}; everything on the same cores; {turns} turns of {seconds} s, {CONNECTIONS} connections");
    println!("row           nodes  requests/s   p99 ms   CPU us: nodes  database  of one node   promise");
    for (name, path, load, least) in ROWS {
        let [one, two] = site.in_turns(path, load, plan)?;
        let ratio = median(one.iter().zip(&two).map(|(one, two)| two.cpu() / one.cpu()));
        let least = least.filter(|_| kind == Kind::Postgres);
        println!(
            "{}",
            line(name, 1, &one, "-", &promised(least, |least| (format!(">= {least}"), rate(&one) >= least)))
        );
        let most = least.map(|_| TWO_NODES);
        let two_kept = promised(most, |most| (format!("<= {most} of one"), ratio <= most));
        println!("{}", line(name, 2, &two, &format!("{ratio:.2}"), &two_kept));
    }
    Ok(())
}

fn promised(figure: Option<f64>, kept: impl FnOnce(f64) -> (String, bool)) -> String {
    let Some((promise, is_kept)) = figure.map(kept) else { return String::new() };
    format!("{promise} {}", if is_kept { "ok" } else { "missed" })
}

fn rate(turns: &[Turn]) -> f64 {
    median(turns.iter().map(|turn| turn.per_second))
}

fn line(name: &str, nodes: usize, turns: &[Turn], ratio: &str, promised: &str) -> String {
    let of = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure));
    let (p99, own, database) = (of(|turn| turn.p99_ms), of(|turn| turn.nodes), of(|turn| turn.database));
    let rate = rate(turns);
    let text = format!("{name:<14}{nodes:>5}{rate:>12.0}{p99:>9.1}{own:>15.0}{database:>10.0}{ratio:>13}   {promised}");
    text.trim_end().to_owned()
}

fn node(folder: &Path, nth: usize, platform: &Server, url: &str) -> anyhow::Result<Server> {
    let address = free_address()?;
    let config = menjin::configure(&folder.join(format!("node-{nth}")), address, platform.address, url)?;
    let start = Start {
        arguments: vec!["menjin".to_owned(), config.display().to_string()],
        address,
        core: Core::ANY,
        ready: Some("/healthz"),
        log: &folder.join(format!("node-{nth}.log")),
    };
    start.server().context("menjin")
}

struct Site<'s> {
    nodes: Vec<Server>,
    database: Database,
    wrk: Wrk,
    folder: &'s Path,
}

impl Site<'_> {
    /// With one node and with two, A B A B, after a turn each to warm up.
    fn in_turns(&self, path: &str, load: Load, plan: &Plan) -> anyhow::Result<[Vec<Turn>; 2]> {
        let mut all = [Vec::new(), Vec::new()];
        for turn in 0..=plan.turns {
            for (nodes, turns) in (1..).zip(&mut all) {
                let seconds = if turn == 0 { 1 } else { plan.seconds };
                let driven = self.turn(nodes, path, load, seconds)?;
                if turn > 0 {
                    turns.push(driven);
                }
            }
        }
        Ok(all)
    }

    /// Drives so many nodes at once, with all connections in all.
    fn turn(&self, count: usize, path: &str, load: Load, seconds: u32) -> anyhow::Result<Turn> {
        let nodes = &self.nodes[..count];
        let arguments = nodes.iter().map(|node| run::arguments(load, node.address, self.folder));
        let arguments = arguments.collect::<anyhow::Result<Vec<_>>>()?;
        let connections = CONNECTIONS / count;
        let before = self.cpu();
        let driven = std::thread::scope(|scope| {
            let drive = |(node, arguments): (&Server, &Vec<String>)| {
                let (server, script) = (node.address, load.script());
                self.wrk.drive(&Drive { server, path, script, arguments, seconds, connections })
            };
            let driving: Vec<_> = nodes.iter().zip(&arguments).map(|it| scope.spawn(move || drive(it))).collect();
            let ended = driving.into_iter().map(|thread| thread.join().expect("driving does not panic"));
            ended.collect::<anyhow::Result<Vec<_>>>()
        })?;
        let after = self.cpu();
        let requests: f64 = driven.iter().map(Driven::count).sum();
        let used = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() * 1e6 / requests;
        Ok(Turn {
            per_second: driven.iter().map(Driven::per_second).sum(),
            p99_ms: driven.iter().map(|it| it.p99_ms).fold(0.0, f64::max),
            nodes: used(before.0, after.0),
            database: used(before.1, after.1),
        })
    }

    /// CPU time of the nodes, and of the database.
    fn cpu(&self) -> (Duration, Duration) {
        let nodes = self.nodes.iter().filter_map(Server::cpu).sum();
        (nodes, self.database.process().and_then(cpu_of_family).unwrap_or_default())
    }
}
