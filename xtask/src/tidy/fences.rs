//! Crates and functions that only certain places may use: SQL, HTTP, the clock, the environment.

use super::Finding;
use super::blank::is_word;
use super::source::Source;

struct Fence {
    /// A crate's name, or a path with `::`.
    words: &'static [&'static str],
    /// Folders, with a slash at the end, and files.
    allowed: &'static [&'static str],
    tests_may: bool,
    place: &'static str,
}

const FENCES: [Fence; 5] = [
    Fence {
        words: &["sqlx", "rusqlite"],
        allowed: &["crates/server/src/store/", "bench/"],
        tests_may: true,
        place: "the server's store, bench and tests",
    },
    Fence {
        words: &["axum"],
        allowed: &["crates/guard/", "crates/server/", "crates/sim/", "bench/", "examples/"],
        tests_may: true,
        place: "guard, server, sim, bench, examples and tests",
    },
    Fence {
        words: &["reqwest"],
        allowed: &[
            "crates/platform/src/http.rs",
            "crates/guard/",
            "crates/server/src/outbound.rs",
            "crates/sim/src/delivery.rs",
            "crates/cli/",
            "bench/",
        ],
        tests_may: true,
        place: "platform's http.rs, guard, the server's outbound.rs, the simulator's delivery.rs, cli, bench and tests",
    },
    Fence {
        words: &["SystemTime::now"],
        allowed: &["crates/guard/src/clock.rs", "crates/sim/src/clock.rs"],
        tests_may: false,
        place: "guard's and sim's clock.rs",
    },
    Fence {
        words: &["env::var", "env::var_os", "env::vars", "env::vars_os"],
        allowed: &["crates/server/src/config/", "crates/cli/", "xtask/", "examples/", "testbed/src/programs.rs"],
        tests_may: true,
        place: "config, cli, xtask, examples, the testbed's programs.rs and tests",
    },
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let fences = FENCES.iter().filter(|fence| !fence.allowed.iter().any(|place| source.path.starts_with(place)));
    fences.flat_map(|fence| beyond(fence, source)).collect()
}

fn beyond(fence: &Fence, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for line in source.lines().filter(|line| !(fence.tests_may && line.is_test)) {
        for word in fence.words.iter().filter(|word| uses(line.code, word)) {
            findings.push(source.finding(line.number, format!("`{word}` belongs to {} only", fence.place)));
        }
    }
    findings
}

/// Whether the line uses the crate, by path or by `use`, or the function.
fn uses(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        if before.ends_with(is_word) || after.starts_with(is_word) {
            return false;
        }
        let is_function = word.contains("::");
        let is_root = !before.ends_with("::") && !before.ends_with('.');
        let imports = ["use", "extern crate"].iter().any(|keyword| before.trim_end().ends_with(keyword));
        is_function || (is_root && (imports || after.starts_with("::")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn sql_stays_in_the_store() {
        assert_eq!(
            found("crates/server/src/login/mod.rs", "use sqlx::Row;\nlet x = rusqlite::Connection::open(p);\n"),
            2
        );
        assert_eq!(found("crates/server/tests/it/a.rs", "use rusqlite;\n"), 0);
        assert_eq!(found("crates/server/src/store/sqlite/mod.rs", "use rusqlite::Connection;\n"), 0);
    }

    #[test]
    fn axum_stays_with_those_who_serve() {
        assert_eq!(found("crates/cli/src/serve.rs", "use axum::Router;\n"), 1);
        assert_eq!(found("crates/token/src/lib.rs", "fn f(r: axum::Router) {}\n"), 1);
        for path in ["crates/guard/src/layer.rs", "bench/src/main.rs", "crates/platform/tests/it/stub.rs"] {
            assert_eq!(found(path, "use axum::Router;\n"), 0, "{path}");
        }
    }

    #[test]
    fn http_clients_stay_in_their_places() {
        assert_eq!(found("crates/platform/src/wechat/login.rs", "use reqwest::Client;\n"), 1);
        assert_eq!(found("crates/sim/src/lib.rs", "use reqwest::Client;\n"), 1);
        assert_eq!(found("crates/sim/src/lib.rs", "#[cfg(test)]\nmod tests {\n    use reqwest::Client;\n}\n"), 0);
        assert_eq!(found("crates/platform/src/http.rs", "use reqwest::Client;\n"), 0);
    }

    #[test]
    fn only_two_files_read_the_clock() {
        assert_eq!(found("crates/server/tests/it/a.rs", "let now = std::time::SystemTime::now();\n"), 1);
        assert_eq!(found("crates/guard/src/clock.rs", "SystemTime::now()\n"), 0);
    }

    #[test]
    fn only_configuration_reads_the_environment() {
        assert_eq!(
            found("crates/server/src/lib.rs", "std::env::var(x);\nenv::var_os(y);\nenv!(z);\nenv::args();\n"),
            2
        );
        assert_eq!(found("crates/server/src/config/mod.rs", "env::var(x)\n"), 0);
        assert_eq!(found("crates/server/tests/it/main.rs", "env::var(x)\n"), 0);
    }

    #[test]
    fn longer_names_comments_and_strings_are_something_else() {
        let text = "use axum_server::Handle;\nlet x = \"axum::Router\"; // axum::Router\nself.axum::<X>();\ncrate::axum::y();\n";
        assert_eq!(found("crates/token/src/lib.rs", text), 0);
    }
}
