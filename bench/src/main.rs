//! `cargo xtask bench`: how fast menjin is, as ratios to bare programs that do the same, beside what it promises.
//!
//! Lives here: the command line. It starts the servers as processes of its own (this program again, with a hidden
//! subcommand), drives them with wrk, and prints one table. Never asserts: a missed figure is printed, not a failure.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod ask;
mod bare;
mod database;
mod load;
mod machine;
mod menjin;
mod micro;
mod peers;
mod process;
mod run;
mod scale;
mod scenarios;
// Lines are written as the program writes them.
#[path = "../../crates/cli/src/span_fields.rs"]
mod span_fields;
mod stores;
mod stub;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use database::Kind;
use peers::Writes;

/// How fast menjin is: ratios to bare programs with the same headers, bodies, platform call, rows and signature.
///
/// Needs wrk (Debian: `apt-get install wrk`). Servers run on the first allowed core, wrk and the platform's stand-in on
/// the last. Rows of one table are driven in turns, A B A B, and each figure is the median of all turns.
#[derive(Parser)]
#[command(name = "cargo xtask bench", version)]
struct Arguments {
    /// Three turns of a second instead of five of three seconds: rough figures, soon.
    #[arg(long)]
    quick: bool,
    /// Only these rows (and those that they are compared with): start, healthz, protected, me, session-data, forward-auth, login, login-known, refresh, micro.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Seconds of a turn.
    #[arg(long)]
    seconds: Option<u32>,
    /// How many turns.
    #[arg(long)]
    turns: Option<u32>,
    /// On which store; on a database server with one node and with two, without baselines.
    #[arg(long, value_name = "STORE", default_value = "sqlite")]
    store: Kind,
    /// What more people cost: fills a store of each size, and compares it with the smallest. Takes up to 25 GB of disk and half an hour.
    #[arg(long)]
    scale: bool,
    /// How many people for `--scale`.
    #[arg(long, value_name = "PEOPLE", value_delimiter = ',', default_values_t = [10_000, 1_000_000, 10_000_000])]
    sizes: Vec<u64>,
    /// Where the stores of `--scale` are, instead of beside the program; a database server's, instead of TMPDIR.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Beside other systems that sign mini programs in, each of which writes to the disk as menjin does, or leaves that to
    /// the system.
    #[arg(long, value_name = "WRITES", num_args = 0..=1, require_equals = true, default_missing_value = "durable")]
    peers: Option<Writes>,
    /// The Python that has what the Django system needs.
    #[arg(long, hide = true, requires = "peers")]
    python: Option<PathBuf>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is when it has started itself.
#[derive(Subcommand)]
enum Role {
    /// The platform's stand-in.
    #[command(hide = true)]
    Stub { listen: SocketAddr },
    /// The bare baselines.
    #[command(hide = true)]
    Bare { listen: SocketAddr, plan: PathBuf },
    /// A menjin as `menjin serve` runs it.
    #[command(hide = true)]
    Menjin { config: PathBuf, chores: Option<SocketAddr> },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.role {
        Some(Role::Stub { listen }) => stub::serve(*listen),
        Some(Role::Bare { listen, plan }) => bare::serve(*listen, plan),
        Some(Role::Menjin { config, chores }) => menjin::serve(config, *chores),
        None => measure(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = run::Plan::of(arguments);
    let kind = arguments.store;
    if let Some(writes) = arguments.peers {
        let python = arguments.python.as_deref();
        return peers::run(&plan, writes, python.context("`cargo xtask bench --peers` says where its Python is")?);
    }
    if arguments.scale {
        return scale::run(kind, &arguments.sizes, &plan, arguments.folder.as_deref());
    }
    if kind == Kind::Sqlite { run::run(&plan) } else { stores::run(kind, &plan) }
}
