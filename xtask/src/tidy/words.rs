//! Words that must not be left in the code: tests that do not run, code that is not written, waiting by the clock.

use super::Finding;
use super::blank::is_word;
use super::source::{Line, Source};

const NOWHERE: [(&str, &str); 4] = [
    ("#[ignore", "a test runs or goes"),
    ("#[should_panic", "assert the error instead"),
    ("todo!(", "write it, or leave it out"),
    ("unimplemented!(", "write it, or leave it out"),
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    source
        .lines()
        .flat_map(|line| complaints(&line).map(|what| source.finding(line.number, what)).collect::<Vec<_>>())
        .collect()
}

fn complaints(line: &Line<'_>) -> impl Iterator<Item = String> {
    let left = NOWHERE.iter().filter(|(word, _)| calls(line.code, word)).map(|(word, why)| format!("`{word}`: {why}"));
    let sleeps = line.is_test && calls(line.code, "sleep(") && !line.code.contains("fn sleep(");
    left.chain(sleeps.then(|| "`sleep(` in a test: wait for what you wait for".to_owned()))
}

/// Whether the word stands there, not merely as the end of a longer one.
fn calls(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn what_is_not_run_or_not_written_is_found_anywhere() {
        let text = "#[ignore = \"slow\"]\n#[ignore]\ntodo!()\nunimplemented!()\n#[should_panic]\n";
        assert_eq!(lines("src/a.rs", text), [1, 2, 3, 4, 5]);
        assert!(lines("src/a.rs", "// todo!()\nlet x = \"#[ignore]\";\nmytodo!()\n").is_empty());
    }

    #[test]
    fn tests_do_not_sleep_and_programs_may() {
        let text = "tokio::time::sleep(wait).await;\nthread::sleep(wait);\nsleep_until(then);\nfn sleep() {}\n";
        assert_eq!(lines("crates/a/tests/it/a.rs", text), [1, 2]);
        assert!(lines("src/a.rs", text).is_empty());
        assert_eq!(lines("src/a.rs", "#[cfg(test)]\nmod tests {\n    sleep(a);\n}\n"), [3]);
    }
}
