//! `test`: gets what the tests need beside cargo, runs them all, then the server's HTTP tests again on each other store.
//! What fails stops nothing: one run tells of all that is wrong, and tells it once more at its end.
//!
//! Not here: how a need is met (`needs`).

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::Outcome;
use crate::failures::Failures;
use crate::needs::{self, NEEDS, Need};
use crate::process::{cargo, pass_on_heard};
use crate::temporary;

/// The server's tests over HTTP, as its Cargo.toml names them.
const HTTP_TESTS: &str = "http";
/// The stores that the HTTP tests run on again, by the need that brings them.
const STORES: [&str; 2] = ["postgres", "mariadb"];
/// Tells those tests which one.
const STORE: &str = "MENJIN_TEST_STORE";
/// Not for another store: tests of SQLite's files, those that bring a store of their own, and pages, which know no store.
const NOT_AGAIN: [&str; 5] = ["sqlite_only::", "on_postgres::", "on_mariadb::", "dev_page::", "in_browser::"];

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let Some(asked) = split(arguments) else {
        let names = NEEDS.map(|need| need.name).join(", ");
        eprintln!("xtask test: --without wants one of: {names}");
        return Ok(ExitCode::from(2));
    };
    let (left_out, needed): (Vec<Need>, Vec<Need>) =
        NEEDS.into_iter().partition(|need| asked.without.contains(&need.name));
    for need in &left_out {
        let modules = need.tests.join(" and ").replace("::", "");
        println!("test: without {}: the tests in {modules} are filtered out", need.name);
    }
    let surroundings = Surroundings::provide(&needed, &left_out)?;
    let mut failures = Failures::default();
    let mut ended = surroundings.run(&cargo_arguments(&asked.passed_on, &left_out), None, &mut failures)?;
    for store in asked.stores() {
        println!("test: the server's HTTP tests again, on {store}");
        let again = surroundings.run(&again(&asked.passed_on, &left_out), Some(store), &mut failures)?;
        if ended == ExitCode::SUCCESS {
            ended = again;
        }
    }
    if ended != ExitCode::SUCCESS {
        println!("test: {} failed{}", failures.count(), failures.text());
    }
    Ok(ended)
}

/// The tests' environment.
struct Surroundings {
    variables: Vec<(&'static str, OsString)>,
    absent: Vec<&'static str>,
}

impl Surroundings {
    fn provide(needed: &[Need], left_out: &[Need]) -> anyhow::Result<Self> {
        let mut variables: Vec<_> = temporary::variable().into_iter().chain(threads()).collect();
        for need in needed {
            variables.extend(need.provide()?);
        }
        Ok(Self { variables, absent: left_out.iter().map(|need| need.variable).collect() })
    }

    fn run(&self, arguments: &[&str], store: Option<&str>, failures: &mut Failures) -> Outcome {
        let mut command: Command = cargo();
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        for variable in &self.absent {
            command.env_remove(variable);
        }
        // Without one: SQLite, or what somebody chose.
        if let Some(store) = store {
            command.env(STORE, store);
        }
        pass_on_heard(&mut command, |line| failures.hear(line, store))
    }
}

/// One test more at a time than there are cores, unless somebody chose: many wait for a server most of their time.
#[expect(clippy::disallowed_methods, reason = "somebody who runs the tests may have chosen")]
fn threads() -> Option<(&'static str, OsString)> {
    const THREADS: &str = "RUST_TEST_THREADS";
    let cores = std::thread::available_parallelism().ok()?.get();
    std::env::var_os(THREADS).is_none().then(|| (THREADS, (cores + 1).to_string().into()))
}

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'a> {
    without: Vec<&'a str>,
    /// `--stores`: the other stores too, although arguments choose among the tests.
    stores_too: bool,
    passed_on: Vec<&'a str>,
}

impl Asked<'_> {
    /// The other stores to run on: all that are not left out, unless arguments choose among the tests.
    fn stores(&self) -> impl Iterator<Item = &'static str> {
        let wanted = self.stores_too || self.passed_on.is_empty();
        STORES.into_iter().filter(move |store| wanted && !self.without.contains(store))
    }
}

/// Takes `--without NAME` and `--stores` out of the arguments before `--`; `None` when a name is unknown or missing.
fn split<'a>(arguments: &[&'a str]) -> Option<Asked<'a>> {
    let mut asked = Asked { without: Vec::new(), stores_too: false, passed_on: Vec::new() };
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        match argument {
            "--without" => asked.without.push(rest.next().filter(|name| needs::named(name).is_some())?),
            "--stores" => asked.stores_too = true,
            "--" => {
                asked.passed_on.push(argument);
                asked.passed_on.extend(rest.by_ref());
            }
            _ => asked.passed_on.push(argument),
        }
    }
    Some(asked)
}

/// `--workspace` unless packages are named: cargo would ignore them beside it. What is left out is skipped by the test
/// programs themselves, which say how many they filtered out.
fn cargo_arguments<'a>(passed_on: &[&'a str], left_out: &[Need]) -> Vec<&'a str> {
    let (of_cargo, of_tests) = halves(passed_on);
    let scope: &[&str] = if names_packages(of_cargo) { &[] } else { &["--workspace"] };
    let mut arguments = [&["test", "--no-fail-fast"], scope, &["--all-features"], of_cargo].concat();
    let skipped = skips(left_out.iter().flat_map(|need| need.tests.iter().copied()));
    if !of_tests.is_empty() || !skipped.is_empty() {
        arguments.push("--");
        arguments.extend([of_tests, &skipped].concat());
    }
    arguments
}

/// The server's HTTP tests alone, with the same choice among them; programs that were named are ours to name. Built as in the
/// first run, of the whole workspace or not, as nothing is then built again.
fn again<'a>(passed_on: &[&'a str], left_out: &[Need]) -> Vec<&'a str> {
    let (of_cargo, of_tests) = halves(passed_on);
    let mut choice = Vec::new();
    let mut rest = of_cargo.iter().copied();
    while let Some(argument) = rest.next() {
        match argument {
            "-p" | "--package" | "--test" => drop(rest.next()),
            _ if names_packages(&[argument]) || argument.starts_with("--test=") => {}
            _ => choice.push(argument),
        }
    }
    let skipped = left_out.iter().flat_map(|need| need.tests.iter().copied()).filter(|test| !NOT_AGAIN.contains(test));
    let skipped = skips(NOT_AGAIN.into_iter().chain(skipped));
    let scope: &[&str] = if names_packages(of_cargo) { &["-p", "menjin-server"] } else { &["--workspace"] };
    [
        &["test", "--no-fail-fast"],
        scope,
        &["--all-features", "--test", HTTP_TESTS],
        &choice,
        &["--"],
        of_tests,
        &skipped,
    ]
    .concat()
}

/// Cargo's arguments, and those after `--`.
fn halves<'a, 'b>(passed_on: &'b [&'a str]) -> (&'b [&'a str], &'b [&'a str]) {
    let middle = passed_on.iter().position(|argument| *argument == "--");
    middle.map_or((passed_on, &[]), |middle| (&passed_on[..middle], &passed_on[middle + 1..]))
}

fn names_packages(of_cargo: &[&str]) -> bool {
    of_cargo.iter().any(|argument| argument.starts_with("-p") || argument.starts_with("--package"))
}

fn skips<'a>(modules: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    modules.flat_map(|module| ["--skip", module]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plainly<'a>(without: &[&'a str], passed_on: &[&'a str]) -> Asked<'a> {
        Asked { without: without.to_vec(), stores_too: false, passed_on: passed_on.to_vec() }
    }

    fn left_out(name: &str) -> Vec<Need> {
        NEEDS.into_iter().filter(|need| need.name == name).collect()
    }

    #[test]
    fn arguments_are_passed_on_and_without_is_taken_out() {
        let all = ["-p", "x", "--", "--nocapture"];
        assert_eq!(split(&all), Some(plainly(&[], &all)));
        assert_eq!(split(&["--without", "python", "name"]), Some(plainly(&["python"], &["name"])));
        let both = ["--without", "python", "--without", "chromium"];
        assert_eq!(split(&both), Some(plainly(&["python", "chromium"], &[])));
        let theirs = ["--", "--without", "rust", "--stores"];
        assert_eq!(split(&theirs), Some(plainly(&[], &theirs)));
    }

    #[test]
    fn without_wants_something_that_is_known() {
        assert_eq!(split(&["--without"]), None);
        assert_eq!(split(&["--without", "rust"]), None);
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert_eq!(
            cargo_arguments(&["name"], &[]),
            ["test", "--no-fail-fast", "--workspace", "--all-features", "name"]
        );
        assert_eq!(cargo_arguments(&["-p", "x"], &[]), ["test", "--no-fail-fast", "--all-features", "-p", "x"]);
        assert_eq!(
            cargo_arguments(&["--", "-p"], &[]),
            ["test", "--no-fail-fast", "--workspace", "--all-features", "--", "-p"]
        );
    }

    #[test]
    fn tests_of_what_is_left_out_are_skipped_and_no_others() {
        let skipped = cargo_arguments(&["-p", "x", "--", "--nocapture"], &left_out("chromium"));
        assert_eq!(
            skipped,
            ["test", "--no-fail-fast", "--all-features", "-p", "x", "--", "--nocapture", "--skip", "in_browser::"]
        );
        let skipped = cargo_arguments(&[], &left_out("postgres"));
        assert_eq!(
            skipped,
            ["test", "--no-fail-fast", "--workspace", "--all-features", "--", "--skip", "on_postgres::"]
        );
        let skipped = cargo_arguments(&[], &left_out("python"));
        let python =
            ["--skip", "wechatpy::", "--skip", "spec_validator::", "--skip", "by_django::", "--skip", "by_python::"];
        assert!(skipped.ends_with(&python));
    }

    #[test]
    fn each_other_store_has_its_round_unless_tests_are_chosen_or_it_is_left_out() {
        let stores = |arguments: &[&str]| split(arguments).unwrap().stores().collect::<Vec<_>>();
        assert_eq!(stores(&[]), ["postgres", "mariadb"]);
        assert_eq!(stores(&["--without", "python"]), ["postgres", "mariadb"]);
        assert_eq!(stores(&["--without", "postgres"]), ["mariadb"]);
        assert!(stores(&["-p", "menjin-server"]).is_empty() && stores(&["login::"]).is_empty());
        assert_eq!(stores(&["login::", "--stores", "--without", "mariadb"]), ["postgres"]);
    }

    #[test]
    fn a_round_is_the_servers_http_tests_with_the_same_choice() {
        let fixed = |scope: &[&'static str]| {
            [&["test", "--no-fail-fast"], scope, &["--all-features", "--test", "http"]].concat()
        };
        let skipped = NOT_AGAIN.map(|module| ["--skip", module]).concat();
        assert_eq!(again(&[], &[]), [&fixed(&["--workspace"])[..], &["--"], &skipped].concat());
        let chosen = again(&["-p", "x", "--test", "y", "--release", "a::", "--", "--nocapture"], &left_out("nginx"));
        let (fixed, rest) = (fixed(&["-p", "menjin-server"]), ["--release", "a::", "--", "--nocapture"]);
        let too = skips(left_out("nginx").iter().flat_map(|need| need.tests.iter().copied()));
        assert!(!too.is_empty());
        assert_eq!(chosen, [&fixed[..], &rest, &skipped, &too].concat());
        for known in ["postgres", "chromium"] {
            assert_eq!(again(&[], &left_out(known)), again(&[], &[]), "{known}");
        }
    }
}
