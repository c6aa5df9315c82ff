//! `--peers`: menjin beside three systems that do the same, in one run: the Django and the hapi system that it replaces, and
//! better-auth. All have the same core, load, connections and stand-in for the platform.
//!
//! Here: what is asked of whom, in turns, and the table. Not here: the programs (`bench/peers`), starting them (`system`).

mod profile;
mod system;

use std::fmt::Write as _;

use crate::load::{CONNECTIONS, Drive, Wrk};
use crate::machine::Cores;
use crate::run::{self, Plan, next};
use crate::table::{Measured, Promise, Turn, median, or_dash, verdict};
use system::{Name, Systems};

/// Seconds.
const WARM_UP: u32 = 6;

/// What an answered login of the peers means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Writes {
    /// It is on the disk, as menjin's is.
    Durable,
    /// It may be gone when the power fails, as many programs are set up.
    Unsynced,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    /// A code, by somebody new each time.
    Login,
    /// The same with a profile that the platform encrypted.
    LoginWithProfile,
    /// One GET by signed-in people.
    SignedIn,
}

/// Rows that are driven in turns; the first is what the others are compared with.
struct Group {
    title: &'static str,
    load: Load,
    rows: &'static [Row],
}

#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    of: Name,
    path: &'static str,
    /// How many times as many requests menjin promises.
    promise: Option<f64>,
}

const fn row(name: &'static str, of: Name, path: &'static str) -> Row {
    Row { name, of, path, promise: None }
}

const GROUPS: [Group; 3] = [
    Group {
        title: "login: a code becomes a user and a token; somebody new each time",
        load: Load::Login,
        rows: &[
            row("menjin", Name::Menjin, "/v1/login/shop"),
            Row { promise: Some(20.0), ..row("Django", Name::Django, "/login") },
            Row { promise: Some(12.0), ..row("hapi", Name::Hapi, "/users/wxLogin") },
            row("hapi, lean", Name::HapiLean, "/users/wxLogin"),
            Row { promise: Some(25.0), ..row("better-auth", Name::BetterAuth, "/auth/sign-in/wechat") },
        ],
    },
    Group {
        title: "login with an encrypted profile, in the hapi system's words: POST /users/wxLogin {code, encryptedData, iv}",
        load: Load::LoginWithProfile,
        rows: &[
            row("menjin", Name::Menjin, "/users/wxLogin"),
            Row { promise: Some(12.0), ..row("hapi", Name::Hapi, "/users/wxLogin") },
            row("hapi, lean", Name::HapiLean, "/users/wxLogin"),
        ],
    },
    Group {
        title: "protected: a route for who is signed in",
        load: Load::SignedIn,
        rows: &[
            row("menjin's guard", Name::Guard, "/guarded"),
            row("menjin, GET /v1/me", Name::Menjin, "/v1/me"),
            row("Django", Name::Django, "/orders"),
            row("hapi", Name::Hapi, "/orders"),
            row("better-auth", Name::BetterAuth, "/orders"),
            row("better-auth, cached", Name::CookieCache, "/cached/orders"),
        ],
    },
];

/// Measures and prints.
pub(crate) fn run(plan: &Plan, writes: Writes, python: &std::path::Path) -> anyhow::Result<()> {
    let cores = Cores::of_this_machine();
    println!("{}; {} turns of {} s, {CONNECTIONS} connections", cores.said(), plan.turns, plan.seconds);
    println!("peers' writes: {writes:?}");
    let folder = run::folder_on_disk()?;
    let systems = Systems::up(cores, folder.path(), (writes, python))?;
    let site = Site { systems, wrk: Wrk::new(cores.drivers, folder.path())?, folder: folder.path() };
    for group in &GROUPS {
        print!("\n{}", table(group, &site.in_turns(group, plan)?));
    }
    Ok(())
}

struct Site<'s> {
    systems: Systems,
    wrk: Wrk,
    folder: &'s std::path::Path,
}

impl Site<'_> {
    /// A B C A B C, after a longer turn of each to warm up: what runs on Node is compiled while it runs.
    fn in_turns(&self, group: &Group, plan: &Plan) -> anyhow::Result<Vec<Measured<Row>>> {
        let mut all: Vec<_> = group.rows.iter().map(|row| Measured { row: *row, turns: Vec::new() }).collect();
        for turn in 0..=plan.turns {
            for measured in &mut all {
                eprint!("\r{:<22} turn {turn} of {} ", measured.row.name, plan.turns);
                let driven = self.turn(group.load, measured.row, if turn == 0 { WARM_UP } else { plan.seconds })?;
                if turn > 0 {
                    measured.turns.push(driven);
                }
            }
        }
        eprint!("\r{:40}\r", "");
        Ok(all)
    }

    fn turn(&self, load: Load, row: Row, seconds: u32) -> anyhow::Result<Turn> {
        let arguments = match load {
            Load::Login => vec![format!("{:08x}", next()), "0".to_owned()],
            Load::LoginWithProfile => vec![format!("{:08x}", next()), "0".to_owned(), profile::members()?],
            Load::SignedIn => vec![self.signed_in(row.of)?],
        };
        let script = if load == Load::SignedIn { "get.lua" } else { "login.lua" };
        let server = self.systems.address(row.of);
        let drive = Drive { server, path: row.path, script, arguments: &arguments, seconds, connections: CONNECTIONS };
        let before = self.systems.cpu(row.of);
        let driven = self.wrk.drive(&drive)?;
        let used = self.systems.cpu(row.of).zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Turn { driven, cpu: used.map(|used| driven.each(used)) })
    }

    /// A file with what shows who is signed in, for each thread another person.
    fn signed_in(&self, of: Name) -> anyhow::Result<String> {
        let headers = (0..CONNECTIONS).map(|_| self.systems.sign_in(of, &format!("{:016x}-peers", next())));
        let headers = headers.collect::<anyhow::Result<Vec<_>>>()?;
        let file = self.folder.join(format!("signed-in-{}", next()));
        std::fs::write(&file, headers.join("\n"))?;
        Ok(file.display().to_string())
    }
}

fn table(group: &Group, all: &[Measured<Row>]) -> String {
    let mut text = format!("{}\n", group.title);
    let titles = ["requests/s", "p50 ms", "p99 ms", "CPU us", "busy %", "menjin is", "by CPU"];
    line(&mut text, "", &titles.map(str::to_owned), "promise");
    for measured in all {
        let base = all.first().filter(|_| measured.row.of.is_peer());
        let ratio = base.map(|base| base.ratio_to(measured));
        let times = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.1} x"));
        let promise = measured.row.promise.map(Promise::AtLeast);
        let cells = [
            format!("{:.0}", median(measured.turns.iter().map(|turn| turn.driven.per_second()))),
            format!("{:.2}", median(measured.turns.iter().map(|turn| turn.driven.p50_ms))),
            format!("{:.2}", measured.p99()),
            or_dash(measured.median_cpu(), 1),
            or_dash(measured.busy(), 0),
            times(ratio),
            times(base.and_then(|base| base.cpu_ratio_to(measured))),
        ];
        let said = promise
            .map_or_else(String::new, |promise| format!("{:<9} {}", promise.said(), verdict(Some(promise), ratio)));
        line(&mut text, measured.row.name, &cells, &said);
    }
    text
}

fn line(text: &mut String, name: &str, cells: &[String; 7], promise: &str) {
    let mut line = format!("{name:<21}");
    for (cell, width) in cells.iter().zip([11, 9, 9, 9, 8, 11, 9]) {
        _ = write!(line, "{cell:>width$}");
    }
    text.push_str(format!("{line}   {promise}").trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Driven;

    fn measured(row: Row, requests: u64, cpu: f64) -> Measured<Row> {
        let driven = Driven { requests, seconds: 1.0, p50_ms: 1.0, p99_ms: 2.0, longest_ms: 3.0 };
        Measured { row, turns: vec![Turn { driven, cpu: Some(cpu) }] }
    }

    #[test]
    fn a_peer_is_said_by_how_many_times_as_fast_menjin_is() {
        let [menjin, django, hapi, ..] = *GROUPS[0].rows else { panic!("the rows of a login") };
        let all = [measured(menjin, 4000, 200.0), measured(django, 200, 3000.0), measured(hapi, 400, 2000.0)];
        let table = table(&GROUPS[0], &all);
        let words = |row: usize| table.lines().nth(row).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(2), ["menjin", "4000", "1.00", "2.00", "200.0", "80"]);
        assert_eq!(words(3)[6..], ["20.0", "x", "15.0", "x", ">=", "20.00", "ok"]);
        assert_eq!(words(4)[6..], ["10.0", "x", "10.0", "x", ">=", "12.00", "missed"]);
    }
}
