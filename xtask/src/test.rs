//! `test`: gets what the tests need beside cargo, then runs them all.
//!
//! Not here: how a need is met (`needs`).

use std::process::{Command, ExitCode};

use crate::needs::NEEDS;
use crate::process::{cargo, pass_on};
use crate::{Outcome, needs};

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let Some((without, passed_on)) = split(arguments) else {
        eprintln!("xtask test: --without wants one of: {}", NEEDS.map(|need| need.name).join(", "));
        return Ok(ExitCode::from(2));
    };
    let mut command = cargo();
    command.args(cargo_arguments(&passed_on));
    for need in NEEDS.iter().filter(|need| !without.contains(&need.name)) {
        provide(need, &mut command)?;
    }
    pass_on(&mut command)
}

fn provide(need: &needs::Need, command: &mut Command) -> anyhow::Result<()> {
    let variables = (need.get)().map_err(|error| {
        let hint = format!("`cargo xtask test --without {}` runs the tests that do without", need.name);
        error.context(format!("{} can't be had, and {}. {hint}", need.name, need.used_for))
    })?;
    command.envs(variables);
    Ok(())
}

/// Takes `--without NAME` out of the arguments before `--`; `None` when a name is unknown or missing.
fn split<'a>(arguments: &[&'a str]) -> Option<(Vec<&'a str>, Vec<&'a str>)> {
    let mut without = Vec::new();
    let mut passed_on = Vec::new();
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        match argument {
            "--without" => without.push(rest.next().filter(|name| NEEDS.iter().any(|need| need.name == *name))?),
            "--" => {
                passed_on.push(argument);
                passed_on.extend(rest.by_ref());
            }
            _ => passed_on.push(argument),
        }
    }
    Some((without, passed_on))
}

/// `--workspace` unless packages are named: cargo would ignore them beside it.
fn cargo_arguments<'a>(passed_on: &[&'a str]) -> Vec<&'a str> {
    let of_cargo = passed_on.split(|argument| *argument == "--").next().unwrap_or_default();
    let names_packages =
        of_cargo.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    let scope: &[&str] = if names_packages { &[] } else { &["--workspace"] };
    [&["test"], scope, &["--all-features"], passed_on].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on_and_without_is_taken_out() {
        assert_eq!(split(&["-p", "x", "--", "--nocapture"]), Some((vec![], vec!["-p", "x", "--", "--nocapture"])));
        assert_eq!(split(&["--without", "python", "name"]), Some((vec!["python"], vec!["name"])));
        assert_eq!(split(&["--", "--without", "rust"]), Some((vec![], vec!["--", "--without", "rust"])));
    }

    #[test]
    fn without_wants_something_that_is_known() {
        assert_eq!(split(&["--without"]), None);
        assert_eq!(split(&["--without", "rust"]), None);
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert_eq!(cargo_arguments(&["name"]), ["test", "--workspace", "--all-features", "name"]);
        assert_eq!(cargo_arguments(&["-p", "x"]), ["test", "--all-features", "-p", "x"]);
        assert_eq!(cargo_arguments(&["--", "-p"]), ["test", "--workspace", "--all-features", "--", "-p"]);
    }
}
