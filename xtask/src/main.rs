//! `cargo xtask …`: the repo's own chores. What CI runs, anybody can run.
//!
//! Lives here: the command line. Each chore has its file.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod check;
mod failures;
mod generated;
mod mini_program;
mod needs;
mod process;
mod temporary;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
The repo's own chores.

Usage: cargo xtask <chore> [arguments]

  check             format, clippy, tidy, generated files, documentation; stops at the first that fails
  test [arguments]  gets what the tests need, then cargo test --workspace --all-features [arguments]
                    without arguments, then the server's HTTP tests on PostgreSQL and on MariaDB; --stores: also with arguments
                    --without NAME leaves out what needs it: python, node, sdks, chromium, postgres, mariadb, redis, nginx,
                    proxies, prometheus
  tidy              the rules that no other tool knows: headers, sizes, names, imports, arrows, links
  gen [--check]     writes the generated files; with --check fails when one is stale
  bench [arguments] gets wrk, the store's server and what --peers needs, then cargo run --release -p menjin-bench -- [arguments]
  cluster [--store postgres|mariadb]
                    two menjin on one database, with Redis, nginx and the simulator, for trying it; Ctrl-C ends all

Exit codes: 0 fine, 1 something failed, 2 wrong arguments; test, bench and cluster pass on cargo's.
";

/// How a chore ended.
type Outcome = anyhow::Result<ExitCode>;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let chore = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    match run(&chore, &arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &str, arguments: &[String]) -> Outcome {
    let rest: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (chore, rest.as_slice()) {
        ("help" | "-h" | "--help", _) | ("check" | "tidy" | "gen" | "test" | "cluster", ["-h" | "--help"]) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        ("check", []) => check::run(),
        ("tidy", []) => tidy::run(),
        ("gen", []) => generated::write(),
        ("gen", ["--check"]) => generated::check(),
        ("test", arguments) => test::run(arguments),
        ("bench", arguments) => bench(arguments),
        ("cluster", []) => cluster("postgres"),
        ("cluster", ["--store", store @ ("postgres" | "mariadb")]) => cluster(store),
        _ => {
            eprint!("{HELP}");
            Ok(ExitCode::from(2))
        }
    }
}

fn bench(arguments: &[&str]) -> Outcome {
    needs::wrk::get()?;
    let store = arguments.iter().find_map(|it| needs::named(it.strip_prefix("--store=").unwrap_or(it)));
    let variables = store.map_or(Ok(Vec::new()), needs::Need::get)?;
    let fixed = ["run", "--release", "-p", "menjin-bench", "--"];
    let mut command = process::cargo();
    command.args(fixed).args(arguments).envs(variables);
    if arguments.iter().any(|it| *it == "--peers" || it.starts_with("--peers=")) {
        let (python, variables) = needs::peers::get()?;
        command.arg("--python").arg(python).envs(variables);
    }
    process::pass_on(&mut command)
}

fn cluster(store: &str) -> Outcome {
    let mut variables = Vec::new();
    for name in [store, "redis", "nginx"] {
        variables.extend(needs::named(name).expect("a need of ours").get()?);
    }
    let packages = ["build", "-p", "menjin", "-p", "menjin-testbed"];
    if !process::succeeds(process::cargo().args(packages))? {
        return Ok(ExitCode::FAILURE);
    }
    let run = ["run", "--quiet", "-p", "menjin-testbed", "--bin", "cluster", "--", "--store", store];
    process::pass_on(process::cargo().args(run).envs(variables))
}
