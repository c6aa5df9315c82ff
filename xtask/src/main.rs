//! `cargo xtask …`: the repo's own chores. What CI runs, anybody can run.
//!
//! Lives here: the command line. Each chore has its file.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod check;
mod generated;
mod needs;
mod process;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
The repo's own chores.

Usage: cargo xtask <chore> [arguments]

  check             format, clippy, tidy, generated files, documentation; stops at the first that fails
  test [arguments]  gets what the tests need, then cargo test --workspace --all-features [arguments]
                    --without python, --without chromium   leaves out the tests that need it
  tidy              the rules that no other tool knows: headers, sizes, names, imports, arrows, links
  gen [--check]     writes the generated files; with --check fails when one is stale
  bench [arguments] gets wrk, then cargo run --release -p menjin-bench -- [arguments]

Exit codes: 0 fine, 1 something failed, 2 wrong arguments; test and bench pass on cargo's.
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
        ("help" | "-h" | "--help", _) | ("check" | "tidy" | "gen" | "test", ["-h" | "--help"]) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        ("check", []) => check::run(),
        ("tidy", []) => tidy::run(),
        ("gen", []) => generated::write(),
        ("gen", ["--check"]) => generated::check(),
        ("test", arguments) => test::run(arguments),
        ("bench", arguments) => bench(arguments),
        _ => {
            eprint!("{HELP}");
            Ok(ExitCode::from(2))
        }
    }
}

fn bench(arguments: &[&str]) -> Outcome {
    needs::wrk::get()?;
    let fixed = ["run", "--release", "-p", "menjin-bench", "--"];
    process::pass_on(process::cargo().args(fixed).args(arguments))
}
