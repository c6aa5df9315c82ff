//! A run of the bench: servers up, rows in turns, tables out.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::Arguments;
use crate::ask::Ask;
use crate::bare::{self, Copied};
use crate::load::{CONNECTIONS, Drive, Wrk};
use crate::machine::{Core, Cores};
use crate::menjin;
use crate::micro::{self, Pace};
use crate::process::{Server, Start, free_address};
use crate::scenarios::{self, Load, MICRO, Row, START, Who};
use crate::table::{self, Figure, Measured, Promise, Turn, median};

const IDLE_MIB: f64 = 20.0;
const LOADED_MIB: f64 = 60.0;
const START_MS: f64 = 50.0;

/// What is to be measured, and for how long.
pub(crate) struct Plan {
    only: Vec<String>,
    pub(crate) seconds: u32,
    pub(crate) turns: u32,
    pace: Pace,
}

impl Plan {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let (seconds, turns, batch) = if arguments.quick { (1, 3, 20) } else { (3, 5, 80) };
        let turns = arguments.turns.unwrap_or(turns).max(1);
        Self {
            only: arguments.only.clone(),
            seconds: arguments.seconds.unwrap_or(seconds).max(1),
            turns,
            pace: Pace { batch: Duration::from_millis(batch), batches: turns * 2 + 1 },
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| it == name)
    }
}

/// Measures and prints.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let rows = scenarios::chosen(&plan.only)?;
    let cores = Cores::of_this_machine();
    println!("{}; {} turns of {} s, {CONNECTIONS} connections", cores.said(), plan.turns, plan.seconds);
    let mut figures = Vec::new();
    if !rows.is_empty() || plan.wants(START) {
        let site = Site::up(cores, plan, &mut figures)?;
        let measured = site.drive(&rows, plan).inspect_err(|_| site.show_log())?;
        figures.extend(promised_p99(&measured));
        figures.extend(site.menjin.memory().map(|(_, most)| mib("menjin: most memory so far", most, LOADED_MIB)));
        println!("\n{}", table::rows(&measured));
    }
    if plan.wants(MICRO) {
        figures.extend(micro::figures(plan.pace)?);
    }
    println!("{}", table::figures(&figures));
    Ok(())
}

fn mib(name: &str, kib: u64, promise: f64) -> Figure {
    #[expect(clippy::cast_precision_loss, reason = "far less than 2^52 KiB")]
    let value = kib as f64 / 1024.0;
    Figure { name: name.to_owned(), value, unit: "MiB", promise: Some(Promise::Below(promise)) }
}

fn promised_p99(measured: &[Measured]) -> Vec<Figure> {
    let promised = measured.iter().filter_map(|it| Some((it, it.row.p99?)));
    promised
        .map(|(it, most)| Figure {
            name: format!("{}: p99", it.row.name),
            value: it.p99(),
            unit: "ms",
            promise: Some(Promise::Below(most)),
        })
        .collect()
}

/// The servers and their folder.
struct Site {
    menjin: Server,
    bare: Server,
    /// Held for its drop, which stops it.
    _platform: Server,
    wrk: Wrk,
    folder: TempDir,
}

impl Site {
    /// Starts everything; tells how long menjin took and what it holds before any load.
    fn up(cores: Cores, plan: &Plan, figures: &mut Vec<Figure>) -> anyhow::Result<Self> {
        let folder = folder_on_disk()?;
        let path = folder.path();
        let platform = platform(cores.drivers, path)?;
        let menjin = started(cores, plan, (path, &platform), figures)?;
        let bare = bare_beside(cores, path, (&menjin, &platform)).context("the baselines")?;
        let wrk = Wrk::new(cores.drivers, path)?;
        Ok(Self { menjin, bare, _platform: platform, wrk, folder })
    }

    /// Drives rows group by group: each once to warm up, then in turns.
    fn drive(&self, rows: &[Row], plan: &Plan) -> anyhow::Result<Vec<Measured>> {
        let mut all: Vec<Measured> = rows.iter().map(|row| Measured { row: *row, turns: Vec::new() }).collect();
        for group in all.chunk_by_mut(|one, other| one.row.group == other.row.group) {
            for measured in &*group {
                self.turn(&measured.row, 1)?;
            }
            for turn in 1..=plan.turns {
                for measured in &mut *group {
                    eprint!("\r{:<22} turn {turn} of {} ", measured.row.name, plan.turns);
                    measured.turns.push(self.turn(&measured.row, plan.seconds)?);
                }
            }
        }
        eprint!("\r{:40}\r", "");
        Ok(all)
    }

    fn turn(&self, row: &Row, seconds: u32) -> anyhow::Result<Turn> {
        let server = match row.who {
            Who::Menjin => &self.menjin,
            Who::Bare => &self.bare,
        };
        let arguments = arguments(row.load, self.menjin.address, self.folder.path())?;
        let script = row.load.script();
        let before = server.cpu();
        let drive = Drive {
            server: server.address,
            path: row.path,
            script,
            arguments: &arguments,
            seconds,
            connections: CONNECTIONS,
        };
        let driven = self.wrk.drive(&drive).context(row.name)?;
        let used = server.cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok(Turn { driven, cpu: used.map(|used| driven.each(used)) })
    }

    /// When something failed: what menjin said last.
    fn show_log(&self) {
        let log = std::fs::read_to_string(self.folder.path().join("menjin.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("menjin's last words:\n{}", lines[lines.len().saturating_sub(5)..].join("\n"));
    }
}

/// What a script is told: fresh tokens of this menjin in a file, or what makes codes unique.
pub(crate) fn arguments(load: Load, menjin: SocketAddr, folder: &Path) -> anyhow::Result<Vec<String>> {
    let file = |member| Ok(vec![tokens(menjin, member, folder)?.display().to_string()]);
    match load {
        Load::Get => Ok(Vec::new()),
        Load::GetSignedIn => file("access_token"),
        Load::GetData => {
            let file = tokens(menjin, "access_token", folder)?;
            for token in std::fs::read_to_string(&file)?.lines() {
                scenarios::keep_data(menjin, token)?;
            }
            Ok(vec![file.display().to_string(), menjin::back_end_proof()])
        }
        Load::Refresh => file("refresh_token"),
        Load::Login(people) => Ok(vec![format!("{:08x}", next()), people.to_string()]),
    }
}

/// A file with a token for each thread, each of another person.
fn tokens(menjin: SocketAddr, member: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let mut lines = String::new();
    for _ in 0..CONNECTIONS {
        let answer = scenarios::log_in(menjin, &format!("{:016x}-tokens", next()))?;
        lines.push_str(answer[member].as_str().context("a login without a token")?);
        lines.push('\n');
    }
    let path = folder.join(format!("tokens-{}", next()));
    std::fs::write(&path, lines)?;
    Ok(path)
}

/// Beside this program: a temporary folder of the system may be memory, where nothing waits for a disk.
pub(crate) fn folder_on_disk() -> anyhow::Result<TempDir> {
    let own = std::env::current_exe()?;
    let beside = own.parent().context("a program in no folder")?;
    TempDir::with_prefix_in("bench-", beside).context("making a folder")
}

/// The same in a folder that was chosen; database servers have theirs there too.
pub(crate) fn folder_for(chosen: Option<&Path>) -> anyhow::Result<TempDir> {
    let Some(chosen) = chosen else { return folder_on_disk() };
    let chosen = chosen.canonicalize().with_context(|| format!("`--folder` {}", chosen.display()))?;
    // It fails only when it was done before.
    drop(tempfile::env::override_temp_dir(&chosen));
    TempDir::with_prefix("bench-").context("making a folder")
}

/// Starts the platform's stand-in.
pub(crate) fn platform(core: Core, folder: &Path) -> anyhow::Result<Server> {
    let address = free_address()?;
    let start = Start {
        arguments: vec!["stub".to_owned(), address.to_string()],
        address,
        core,
        ready: None,
        log: &folder.join("platform.log"),
    };
    start.server().context("the platform's stand-in")
}

/// Starts menjin several times, on a new store and on one that is there; the last one stays.
fn started(
    cores: Cores,
    plan: &Plan,
    (folder, platform): (&Path, &Server),
    figures: &mut Vec<Figure>,
) -> anyhow::Result<Server> {
    let start = |config: &Path, address| {
        Start {
            arguments: vec!["menjin".to_owned(), config.display().to_string()],
            address,
            core: cores.servers,
            ready: Some("/healthz"),
            log: &folder.join("menjin.log"),
        }
        .server()
        .context("menjin")
    };
    let (mut new, mut again, mut last) = (Vec::new(), Vec::new(), None);
    for turn in 0..plan.turns {
        drop(last.take());
        let address = free_address()?;
        let config =
            menjin::configure(&folder.join(format!("menjin-{turn}")), address, platform.address, menjin::SQLITE)?;
        new.push(start(&config, address)?.started_in);
        let server = start(&config, address)?;
        again.push(server.started_in);
        last = Some(server);
    }
    for (name, times) in [("on a new store", new), ("on a store that is there", again)] {
        figures.push(Figure {
            name: format!("menjin: start to first answer {name}"),
            value: median(times.into_iter().map(|time| time.as_secs_f64() * 1e3)),
            unit: "ms",
            promise: Some(Promise::Below(START_MS)),
        });
    }
    let server = last.context("no turn at all")?;
    std::thread::park_timeout(Duration::from_secs(1));
    figures.extend(server.memory().map(|(now, _)| mib("menjin: idle memory", now, IDLE_MIB)));
    Ok(server)
}

/// Starts the baselines, which imitate what this menjin answers.
pub(crate) fn bare_beside(
    cores: Cores,
    folder: &Path,
    (menjin, platform): (&Server, &Server),
) -> anyhow::Result<Server> {
    let login = serde_json::json!({ "code": "somebody-to-imitate-0000-0000-00" }).to_string();
    let path = format!("/v1/login/{}", menjin::APP);
    let login = Copied::of(Ask { path: &path, token: None, json: Some(&login), ..Ask::default() }.ok(menjin.address)?);
    let answer: serde_json::Value = serde_json::from_str(&login.body)?;
    let token = answer["access_token"].as_str();
    let token = token.context("a login without a token")?;
    scenarios::keep_data(menjin.address, token)?;
    let (signed_in, about) = (format!("Authorization: Bearer {token}\r\n"), scenarios::about(token));
    let copied =
        [("/healthz", ""), ("/v1/me", &signed_in), (scenarios::DATA, &about), (scenarios::FORWARD_AUTH, &signed_in)]
            .into_iter()
            .map(|(path, headers)| {
                let answer = Ask { path, headers, ..Ask::default() }.ok(menjin.address)?;
                let route = path.split('?').next().unwrap_or(path);
                Ok((route.to_owned(), Copied::of(answer)))
            })
            .collect::<anyhow::Result<_>>()?;
    let plan = bare::Plan {
        issuer: format!("http://{}", menjin.address),
        audience: menjin::AUDIENCE.to_owned(),
        platform: platform.address,
        database: folder.join("bare.db"),
        login,
        copied,
    };
    let file = folder.join("bare.json");
    std::fs::write(&file, serde_json::to_string(&plan)?)?;
    let address = free_address()?;
    Start {
        arguments: vec!["bare".to_owned(), address.to_string(), file.display().to_string()],
        address,
        core: cores.servers,
        ready: Some("/orders"),
        log: &folder.join("bare.log"),
    }
    .server()
}

/// A number that this run of the bench has not had yet.
pub(crate) fn next() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
