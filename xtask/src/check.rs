//! `check`: everything that a change must pass before its tests are run.

use std::process::ExitCode;

use crate::process::{cargo, succeeds};
use crate::{Outcome, generated, tidy};

/// Whether it passed; an error when it could not be run.
type Step = fn() -> anyhow::Result<bool>;

pub(crate) fn run() -> Outcome {
    let steps: [(&str, Step); 6] = [
        ("cargo fmt --check", || succeeds(cargo().args(["fmt", "--all", "--check"]))),
        ("cargo clippy --workspace --all-targets -- -D warnings", || {
            succeeds(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }),
        // All else is as in the step before: only what has features is looked at anew.
        ("the same without the features", || {
            let without = ["--all-targets", "--no-default-features"];
            succeeds(cargo().args(["clippy", "--workspace"]).args(without).args(["--", "-D", "warnings"]))
        }),
        ("cargo xtask tidy", || Ok(tidy::run()? == ExitCode::SUCCESS)),
        ("cargo xtask gen --check", || Ok(generated::check()? == ExitCode::SUCCESS)),
        ("cargo doc --workspace --no-deps, warnings denied", || {
            succeeds(cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
        }),
    ];
    let all = steps.len();
    for (at, (name, step)) in steps.into_iter().enumerate() {
        println!("[{}/{all}] {name}", at + 1);
        if !step()? {
            eprintln!("xtask check: failed at step {} of {all}: {name}", at + 1);
            return Ok(ExitCode::FAILURE);
        }
    }
    println!("xtask check: all {all} steps passed");
    Ok(ExitCode::SUCCESS)
}
