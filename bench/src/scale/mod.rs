//! `--scale`: what a store costs when it grows. Each size is compared in turns with the smallest one, A B A B, on a store of
//! its own that nobody has used before: sign-ins of the bench grow the smallest one quickly.
//!
//! Lives here: the run and its table. The people are `crowd`, the stores `place` and the loaders, what is driven `stand`.

mod crowd;
mod due;
mod filled;
mod mariadb;
mod place;
mod postgres;
mod rows;
mod sqlite;
mod stand;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::database::{Database, Kind, Room};
use crate::load::{CONNECTIONS, Wrk};
use crate::machine::Cores;
use crate::process::Server;
use crate::run::{self, Plan};
use crate::table::{self, Figure, Promise, median};
use filled::Filled;
use stand::{Ground, Load, Stand, Turn};

/// Rows that one sweep has to do with.
const DUE: u64 = 50_000;
/// Below that there are too few people for all connections and turns.
const SMALLEST: u64 = 4000;
/// Login and refresh, by time and by CPU time.
const PROMISED_RATIO: f64 = 1.3;
const START_SECONDS: f64 = 5.0;

const ROWS: [(&str, Load, bool); 5] = [
    ("login", Load::Login, true),
    ("login-known", Load::LoginKnown, true),
    ("refresh", Load::Refresh, true),
    ("refresh-many", Load::RefreshMany, true),
    ("me", Load::Me, false),
];

/// Measures and prints.
pub(crate) fn run(kind: Kind, sizes: &[u64], plan: &Plan, folder: Option<&Path>) -> anyhow::Result<()> {
    let smallest = sizes.iter().copied().min().unwrap_or_default();
    ensure!(smallest >= SMALLEST, "`--sizes`: {SMALLEST} people at least");
    let folder = run::folder_for(folder)?;
    let database = Database::start(kind, Room::Large)?;
    let cores = if database.is_some() { Cores::SHARED } else { Cores::of_this_machine() };
    let ground = Ground {
        wrk: Wrk::new(cores.drivers, folder.path())?,
        core: cores.servers,
        folder: folder.path(),
        database: database.as_ref().and_then(Database::process),
        turns: plan.turns,
        smallest,
    };
    let site = Site { platform: run::platform(cores.drivers, folder.path())?, database, ground };
    let place = if site.database.is_some() { "everything on the same cores".to_owned() } else { cores.said() };
    println!("{kind:?}; {place}; {} turns of {} s, {CONNECTIONS} connections", plan.turns, plan.seconds);
    println!("stores in {} until the end", folder.path().display());
    for size in sizes {
        site.measure(*size, plan)?;
    }
    Ok(())
}

struct Site<'g> {
    platform: Server,
    database: Option<Database>,
    ground: Ground<'g>,
}

impl Site<'_> {
    fn fill(&self, name: &str, size: u64) -> anyhow::Result<Filled<'_>> {
        Filled::new(self.database.as_ref(), &self.ground.folder.join(name), self.platform.address, size)
    }

    fn measure(&self, size: u64, plan: &Plan) -> anyhow::Result<()> {
        let large = self.fill("large", size)?;
        let small = self.fill("small", self.ground.smallest)?;
        let stands = [Stand::up(&self.ground, &small)?, Stand::up(&self.ground, &large)?];
        println!("\n{size} people: {}", said(&large));
        println!("row             requests/s   p99 ms   CPU us   to {}: time   CPU   promise", self.ground.smallest);
        for (name, load, promised) in ROWS {
            let [small, large] = in_turns(
                &stands,
                name,
                |stand, turn| {
                    let seconds = if turn == 0 { 1 } else { plan.seconds };
                    stand.turn(load, turn, seconds)
                },
                plan,
            )?;
            print!("{}", line(name, &small, &large, promised));
        }
        let [_, stand] = stands;
        let mut figures = sweeping(&stand, &large, plan)?;
        figures.push(Figure {
            name: "start after kill -9 under load".to_owned(),
            value: stand.killed()?.as_secs_f64(),
            unit: "s",
            promise: Some(Promise::Below(START_SECONDS)),
        });
        println!("{}", table::figures(&figures).trim_end());
        if let Some(found) = large.place.integrity()? {
            println!("{:<52}{found:>14}", "integrity_check after that");
        }
        small.place.clear()?;
        large.place.clear()
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 people")]
fn said(filled: &Filled<'_>) -> String {
    let seconds = filled.took.as_secs_f64();
    let rate = filled.crowd.size as f64 / seconds;
    format!("{:.0} bytes a person on disk; filled in {seconds:.0} s, {rate:.0} people/s", filled.bytes_a_person)
}

/// Turn 0 is to warm up, and not in what comes back.
fn in_turns<'s, 'd>(
    stands: &[Stand<'s, 'd>; 2],
    name: &str,
    drive: impl Fn(&Stand<'s, 'd>, u32) -> anyhow::Result<Turn>,
    plan: &Plan,
) -> anyhow::Result<[Vec<Turn>; 2]> {
    let mut all = [Vec::new(), Vec::new()];
    for turn in 0..=plan.turns {
        eprint!("\r{name:<22} turn {turn} of {} ", plan.turns);
        for (stand, turns) in stands.iter().zip(&mut all) {
            let driven = drive(stand, turn)?;
            if turn > 0 {
                turns.push(driven);
            }
        }
    }
    eprint!("\r{:40}\r", "");
    Ok(all)
}

fn line(name: &str, small: &[Turn], large: &[Turn], promised: bool) -> String {
    let of = |figure: fn(&Turn) -> f64| median(large.iter().map(figure));
    let ratio =
        |cost: fn(&Turn) -> f64| median(small.iter().zip(large).map(|(small, large)| cost(large) / cost(small)));
    let (time, cpu) = (ratio(|turn| 1.0 / turn.driven.per_second()), ratio(|turn| turn.cpu));
    let kept = if time.max(cpu) <= PROMISED_RATIO { "ok" } else { "missed" };
    let mut text = String::new();
    _ = write!(text, "{name:<14}{:>12.0}{:>9.2}", of(|turn| turn.driven.per_second()), of(|turn| turn.driven.p99_ms));
    _ = write!(text, "{:>9.0}{time:>17.2}{cpu:>6.2}", of(|turn| turn.cpu));
    if promised {
        _ = write!(text, "   <= {PROMISED_RATIO} {kept}");
    }
    text.push('\n');
    text
}

/// A sweep alone, and logins with and without one beside them, in turns.
fn sweeping(stand: &Stand<'_, '_>, filled: &Filled<'_>, plan: &Plan) -> anyhow::Result<Vec<Figure>> {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut quiet, mut swept) = (Vec::new(), Vec::new());
    for turn in 1..=plan.turns {
        eprint!("\r{:<22} turn {turn} of {} ", "sweep", plan.turns);
        filled.make_due(DUE, u64::from(turn) * 2)?;
        alone.push(stand.sweep()?);
        quiet.push(stand.turn(Load::Login, turn, plan.seconds)?);
        filled.make_due(DUE, u64::from(turn) * 2 + 1)?;
        let (driven, took) = std::thread::scope(|scope| {
            let sweeping = scope.spawn(|| {
                // wrk takes a moment to connect.
                std::thread::park_timeout(Duration::from_millis(200));
                stand.sweep()
            });
            (stand.turn(Load::Login, turn, plan.seconds), sweeping.join().expect("sweeping does not panic"))
        });
        swept.push(driven?);
        beside.push(took?);
    }
    eprint!("\r{:40}\r", "");
    let ratio = |of: fn(&Turn) -> f64| median(swept.iter().zip(&quiet).map(|(swept, quiet)| of(swept) / of(quiet)));
    let figure = |name: &str, value, unit| Figure { name: name.to_owned(), value, unit, promise: None };
    #[expect(clippy::cast_precision_loss, reason = "fifty thousand")]
    let rows = DUE as f64;
    Ok(vec![
        figure("sweep of 50000 rows alone, rows a second", rows / median(alone), "/s"),
        figure("the same beside logins", rows / median(beside), "/s"),
        figure("login p99 without a sweep", median(quiet.iter().map(|it| it.driven.p99_ms)), "ms"),
        figure("login p99 with a sweep beside it", median(swept.iter().map(|it| it.driven.p99_ms)), "ms"),
        figure("login p99, with to without", ratio(|turn| turn.driven.p99_ms), "x"),
        figure("longest login without a sweep", most(&quiet), "ms"),
        figure("longest login with a sweep beside it", most(&swept), "ms"),
    ])
}

/// Of all turns: a stop of any length shows.
fn most(turns: &[Turn]) -> f64 {
    turns.iter().map(|turn| turn.driven.longest_ms).fold(0.0, f64::max)
}

/// Both servers' SQL takes bytes so.
fn write_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}
