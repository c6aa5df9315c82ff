//! What failed, told once more when all has run: thousands of lines of what is fine come after it, and whoever reads the end
//! of CI's output sees no more than that.
//!
//! Not here: running the tests (`test`).

/// Of one test's output, from its panic on.
const LINES: usize = 12;
/// Of one such line, in characters.
const WIDTH: usize = 400;

/// What libtest told of failures, test by test.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    told: Vec<Failure>,
    /// Between a program's `failures:` and its `test result:`.
    is_telling: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Failure {
    head: String,
    output: Vec<String>,
    has_panicked: bool,
}

impl Failures {
    /// One line of a test program's output, and where that program runs.
    pub(crate) fn hear(&mut self, line: &str, on: Option<&str>) {
        let head = line.strip_prefix("---- ").and_then(|it| it.strip_suffix(" stdout ----"));
        match (self.is_telling, head) {
            (false, _) => self.is_telling = line == "failures:",
            (true, Some(head)) => {
                let head = on.map_or_else(|| head.to_owned(), |on| format!("{head}, on {on}"));
                self.told.push(Failure { head, output: Vec::new(), has_panicked: false });
            }
            (true, None) if line.starts_with("test result: ") => self.is_telling = false,
            // The names of all that failed follow what each told.
            (true, None) if line == "failures:" => {}
            (true, None) => {
                if let Some(last) = self.told.last_mut() {
                    last.hear(line);
                }
            }
        }
    }

    /// Nothing, where no test failed.
    pub(crate) fn text(&self) -> String {
        let each = self.told.iter().map(|it| format!("\n---- {} ----\n{}\n", it.head, it.output.join("\n")));
        each.collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.told.len()
    }
}

impl Failure {
    fn hear(&mut self, line: &str) {
        if !self.has_panicked && line.contains(" panicked at ") {
            self.has_panicked = true;
            self.output.clear();
        }
        if self.output.len() < LINES {
            self.output.push(line.chars().take(WIDTH).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(output: &str, on: Option<&str>) -> Failures {
        let mut failures = Failures::default();
        output.lines().for_each(|line| failures.hear(line, on));
        failures
    }

    #[test]
    fn each_failure_is_told_from_its_panic_on_and_says_where_it_was() {
        let output = "\
running 3 tests
test one ... ok
test two ... FAILED
test three ... FAILED

failures:

---- two stdout ----
a line of a server

thread 'two' (7) panicked at crates/x.rs:1:2:
assertion failed: no
---- three stdout ----
Error: \"a test that gives back an error\"

failures:
    two
    three

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";
        let failures = heard(output, Some("mariadb"));
        assert_eq!(failures.count(), 2);
        let text = failures.text();
        assert!(text.contains(
            "---- two, on mariadb ----\nthread 'two' (7) panicked at crates/x.rs:1:2:\nassertion failed: no\n"
        ));
        assert!(text.contains("---- three, on mariadb ----\nError: \"a test that gives back an error\"\n"));
        assert!(!text.contains("a line of a server") && !text.contains("test result"));
    }

    #[test]
    fn what_a_test_that_passes_prints_is_no_failure() {
        let output = "test one ... ok\n---- one stdout ----\nsaid\ntest result: ok. 1 passed; 0 failed\n";
        let failures = heard(output, None);
        assert_eq!((failures.count(), failures.text().as_str()), (0, ""));
    }

    #[test]
    fn a_long_output_is_cut() {
        let long =
            format!("failures:\n---- one stdout ----\n{}", format!("{}\n", "字".repeat(WIDTH + 1)).repeat(LINES + 1));
        let text = heard(&long, None).text();
        assert_eq!(text.chars().filter(|it| *it == '字').count(), LINES * WIDTH);
    }
}
