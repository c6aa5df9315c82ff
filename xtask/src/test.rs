//! `test`: gets what the tests need beside cargo, then runs them all.
//!
//! Not here: how a need is met (`needs`).

use std::process::{Command, ExitCode};

use crate::Outcome;
use crate::needs::{NEEDS, Need};
use crate::process::{cargo, pass_on};

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let Some((without, passed_on)) = split(arguments) else {
        eprintln!("xtask test: --without wants one of: {}", NEEDS.map(|need| need.name).join(", "));
        return Ok(ExitCode::from(2));
    };
    let (left_out, needed): (Vec<Need>, Vec<Need>) = NEEDS.into_iter().partition(|need| without.contains(&need.name));
    let mut command = cargo();
    command.args(cargo_arguments(&passed_on, &left_out));
    for need in &left_out {
        println!(
            "test: without {}: the tests in {} are filtered out",
            need.name,
            need.tests.join(" and ").replace("::", "")
        );
        command.env_remove(need.variable);
    }
    for need in &needed {
        provide(need, &mut command)?;
    }
    pass_on(&mut command)
}

fn provide(need: &Need, command: &mut Command) -> anyhow::Result<()> {
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

/// `--workspace` unless packages are named: cargo would ignore them beside it. What is left out is skipped by the test
/// programs themselves, which say how many they filtered out.
fn cargo_arguments<'a>(passed_on: &[&'a str], left_out: &[Need]) -> Vec<&'a str> {
    let middle = passed_on.iter().position(|argument| *argument == "--").unwrap_or(passed_on.len());
    let (of_cargo, of_tests) = passed_on.split_at(middle);
    let names_packages =
        of_cargo.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    let scope: &[&str] = if names_packages { &[] } else { &["--workspace"] };
    let mut arguments = [&["test"], scope, &["--all-features"], of_cargo].concat();
    if !of_tests.is_empty() || !left_out.is_empty() {
        arguments.push("--");
        arguments.extend(of_tests.iter().skip(1));
        arguments.extend(left_out.iter().flat_map(|need| need.tests).flat_map(|module| ["--skip", module]));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_passed_on_and_without_is_taken_out() {
        assert_eq!(split(&["-p", "x", "--", "--nocapture"]), Some((vec![], vec!["-p", "x", "--", "--nocapture"])));
        assert_eq!(split(&["--without", "python", "name"]), Some((vec!["python"], vec!["name"])));
        assert_eq!(
            split(&["--without", "python", "--without", "chromium"]),
            Some((vec!["python", "chromium"], vec![]))
        );
        assert_eq!(split(&["--", "--without", "rust"]), Some((vec![], vec!["--", "--without", "rust"])));
    }

    #[test]
    fn without_wants_something_that_is_known() {
        assert_eq!(split(&["--without"]), None);
        assert_eq!(split(&["--without", "rust"]), None);
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert_eq!(cargo_arguments(&["name"], &[]), ["test", "--workspace", "--all-features", "name"]);
        assert_eq!(cargo_arguments(&["-p", "x"], &[]), ["test", "--all-features", "-p", "x"]);
        assert_eq!(cargo_arguments(&["--", "-p"], &[]), ["test", "--workspace", "--all-features", "--", "-p"]);
    }

    #[test]
    fn tests_of_what_is_left_out_are_skipped_and_no_others() {
        let [python, chromium] = NEEDS;
        let skipped = cargo_arguments(&["-p", "x", "--", "--nocapture"], &[chromium]);
        assert_eq!(skipped, ["test", "--all-features", "-p", "x", "--", "--nocapture", "--skip", "in_browser::"]);
        let skipped = cargo_arguments(&[], &[python]);
        let both = ["--skip", "wechatpy::", "--skip", "spec_validator::"];
        assert_eq!(skipped, [&["test", "--workspace", "--all-features", "--"], &both[..]].concat());
    }
}
