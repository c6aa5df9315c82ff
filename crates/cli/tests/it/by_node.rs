//! `clients/node`, `clients/miniprogram` and `clients/web`, their pages and examples against this program: the tests that are
//! written in their own language.
//!
//! `cargo xtask test` installs the packages that they run with.

use std::path::{Path, PathBuf};
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
fn node() -> String {
    std::env::var("MENJIN_TEST_NODE")
        .expect("MENJIN_TEST_NODE is unset: run `cargo xtask test`, which installs what the tests need and sets it")
}

fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients").join(package).join("test")
}

/// Runs one file: every test in it, of which there is one at least, passes.
fn passes(package: &str, file: &str) {
    let mut command = Command::new(node());
    command.args(["--test", "--test-reporter=tap", "--test-timeout=120000"]).arg(folder(package).join(file));
    // A test runner that finds itself inside another one changes its ways.
    command.env("MENJIN_TEST_PROGRAM", env!("CARGO_BIN_EXE_menjin")).env_remove("NODE_TEST_CONTEXT");
    let ran = command.output().expect("the program named by MENJIN_TEST_NODE starts");
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let count = |what: &str| {
        let line = said.lines().rev().find_map(|line| line.strip_prefix(&format!("# {what} ")));
        line.and_then(|count| count.parse::<u32>().ok())
    };
    let all = count("tests").filter(|all| *all > 0);
    assert!(ran.status.success() && all.is_some() && count("pass") == all, "{said}");
}

/// A test for each file, and one that no file is left out.
macro_rules! files {
    ($package:literal; $($name:ident: $file:literal,)*) => {
        $(
            #[test]
            fn $name() {
                super::passes($package, $file);
            }
        )*

        #[test]
        fn every_file_is_run() {
            let there = std::fs::read_dir(super::folder($package)).unwrap();
            let there = there.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut there: Vec<_> = there.filter(|name| name.contains(".test.")).collect();
            there.sort();
            assert_eq!(there, [$($file),*]);
        }
    };
}

mod node {
    files! {
        "node";
        it_proves_who_asks_and_tells_refusals_apart: "calls.test.js",
        audiences_typ_and_secrets_are_as_configured: "configured.test.js",
        the_pages_programs_run_as_they_stand: "docs.test.js",
        the_example_serves_old_and_new_clients: "example.test.js",
        express_is_guarded: "express.test.js",
        the_feed_is_read_through_whatever_comes: "feed.test.js",
        hapi_is_guarded: "hapi.test.js",
        koa_is_guarded: "koa.test.js",
        objects_are_passed_on_as_they_are_written: "members.test.js",
        a_real_menjin_is_heeded: "menjin.test.js",
        what_is_needed_of_a_caller_is_asked_of_every_one: "needs.test.js",
        other_peoples_libraries_take_menjins_tokens: "others.test.js",
        permissions_cover_what_they_should: "permits.test.js",
        the_types_are_true: "types.test.js",
        tokens_are_verified: "verify.test.js",
    }
}

mod mini_program {
    files! {
        "miniprogram";
        the_built_file_is_that_of_its_sources: "built.test.mjs",
        the_pages_programs_run_as_they_stand: "docs.test.mjs",
        an_end_is_told_once_and_each_action_is_obeyed: "ends.test.mjs",
        people_bring_their_numbers_and_pictures: "people.test.mjs",
        each_platform_is_spoken_to_in_its_own_way: "platforms.test.mjs",
        requests_refresh_once_whatever_the_network_does: "requests.test.mjs",
        a_sign_in_is_one_session_and_no_code_goes_twice: "sign_in.test.mjs",
        the_types_fit_the_platforms: "types.test.mjs",
    }
}

mod web {
    files! {
        "web";
        the_interceptor_does_what_old_sites_did: "axios.test.js",
        a_redirect_comes_back_once: "redirect.test.js",
        tabs_refresh_once_among_them: "tabs.test.js",
        the_types_are_true: "types.test.js",
    }
}
