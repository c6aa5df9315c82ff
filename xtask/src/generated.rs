//! `gen`: files that menjin writes about itself, committed so that they can be read without building it.
//!
//! Not here: their content, which is the hidden subcommands' of the command line; the built SDK (`mini_program`).

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context as _;

use crate::Outcome;
use crate::mini_program;
use crate::process::{cargo, root};

/// A generated file, and the arguments with which menjin prints it.
struct Generated {
    path: &'static str,
    arguments: &'static [&'static str],
}

const GENERATED: [Generated; 3] = [
    Generated { path: "docs/openapi.json", arguments: &["openapi"] },
    Generated { path: "docs/admin-openapi.json", arguments: &["openapi", "--admin"] },
    Generated { path: "docs/errors.md", arguments: &["errors"] },
];

pub(crate) fn write() -> Outcome {
    // menjin itself is built with it.
    mini_program::write()?;
    println!("gen: {} is fresh", mini_program::BUILT);
    for file in &GENERATED {
        let Some(content) = content(file)? else {
            println!("gen: {} left alone, `menjin {}` does not exist yet", file.path, file.arguments.join(" "));
            continue;
        };
        fs::write(root().join(file.path), content).with_context(|| format!("writing {}", file.path))?;
        println!("gen: {} written", file.path);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn check() -> Outcome {
    let built = if mini_program::is_fresh()? { Verdict::Fresh } else { Verdict::Stale };
    println!("gen: {} {}", mini_program::BUILT, built.words());
    let mut fresh = built.passes();
    for file in &GENERATED {
        let committed = fs::read_to_string(root().join(file.path)).ok();
        let verdict = verdict(committed.as_deref(), content(file)?.as_deref());
        println!("gen: {} {}", file.path, verdict.words());
        fresh &= verdict.passes();
    }
    if !fresh {
        eprintln!("gen: run `cargo xtask gen` and commit the result");
    }
    Ok(if fresh { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fresh,
    Stale,
    NotYet,
    Orphaned,
}

impl Verdict {
    fn passes(&self) -> bool {
        match self {
            Self::Fresh | Self::NotYet => true,
            Self::Stale | Self::Orphaned => false,
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Fresh => "is fresh",
            Self::Stale => "is stale",
            Self::NotYet => "is not generated yet: its subcommand does not exist",
            Self::Orphaned => "is committed, but the subcommand that prints it does not exist",
        }
    }
}

fn verdict(committed: Option<&str>, printed: Option<&str>) -> Verdict {
    match (committed, printed) {
        (None, None) => Verdict::NotYet,
        (Some(_), None) => Verdict::Orphaned,
        (Some(committed), Some(printed)) if committed.replace("\r\n", "\n") == printed => Verdict::Fresh,
        (_, Some(_)) => Verdict::Stale,
    }
}

/// What menjin prints; `None` while it has no such subcommand.
fn content(file: &Generated) -> anyhow::Result<Option<String>> {
    let output = menjin(file.arguments).stderr(Stdio::piped()).output().context("running menjin")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("unrecognized subcommand") || (output.status.success() && output.stdout.is_empty()) {
        return Ok(None);
    }
    anyhow::ensure!(output.status.success(), "menjin {} failed:\n{complaint}", file.arguments.join(" "));
    let text = String::from_utf8(output.stdout).with_context(|| format!("{} is not UTF-8", file.path))?;
    Ok(Some(text.replace("\r\n", "\n")))
}

fn menjin(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "menjin", "--"]).args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fresh_when_it_equals_what_is_printed_but_for_line_ends() {
        assert_eq!(verdict(Some("a\r\nb\r\n"), Some("a\nb\n")), Verdict::Fresh);
        assert_eq!(verdict(Some("a\n"), Some("b\n")), Verdict::Stale);
        assert_eq!(verdict(None, Some("b\n")), Verdict::Stale);
    }

    #[test]
    fn a_subcommand_may_be_missing_only_as_long_as_its_file_is() {
        assert_eq!(verdict(None, None), Verdict::NotYet);
        assert_eq!(verdict(Some("a\n"), None), Verdict::Orphaned);
        assert!(Verdict::NotYet.passes() && !Verdict::Orphaned.passes());
    }
}
