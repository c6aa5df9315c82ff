//! A Rust file as the rules see it: its text, its code without comments and strings, and which lines are tests.

use super::Finding;
use super::blank::blank;

pub(super) struct Source {
    /// From the repo's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The text without comments, strings and characters.
    pub(super) code: String,
    /// For each line, whether it is a test's.
    is_test: Vec<bool>,
}

pub(super) struct Line<'a> {
    pub(super) number: usize,
    pub(super) code: &'a str,
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let is_test = if is_test_file(path) { vec![true; text.lines().count()] } else { test_lines(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, is_test }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let numbered = self.code.lines().zip(&self.is_test).enumerate();
        numbered.map(|(at, (code, is_test))| Line { number: at + 1, code, is_test: *is_test })
    }

    /// Whether the line, counted from 1, is a test's.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.is_test.get(line - 1).copied().unwrap_or(false)
    }

    pub(super) fn test_line_count(&self) -> usize {
        self.is_test.iter().filter(|is_test| **is_test).count()
    }

    pub(super) fn other_line_count(&self) -> usize {
        self.is_test.len() - self.test_line_count()
    }

    pub(super) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }
}

/// A file that is nothing but tests.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// Marks each item under `#[cfg(test)]`, attribute included.
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = vec![false; code.lines().count()];
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (start, _) in code.match_indices(attribute) {
            let end = start + item_length(&code[start..]);
            let first = line_of(code, start);
            let last = line_of(code, end);
            marks[first..=last].fill(true);
        }
    }
    marks
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count()
}

/// How far the item goes that starts here with its attributes: to its `;` or its closing brace.
fn item_length(code: &str) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces <= 1 => return at,
            '}' => braces -= 1,
            ';' if braces == 0 && brackets == 0 => return at,
            _ => {}
        }
    }
    code.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_numbers(text: &str) -> Vec<usize> {
        Source::new("src/a.rs", text).lines().filter(|line| line.is_test).map(|line| line.number).collect()
    }

    #[test]
    fn inline_test_modules_are_not_counted() {
        let text = "//! A.\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() { let x = \"}\"; }\n}\nfn h() {}\n";
        assert_eq!(test_numbers(text), [4, 5, 6, 7]);
        assert_eq!(Source::new("src/a.rs", text).other_line_count(), 4);
    }

    #[test]
    fn single_items_under_cfg_test_are_tests_too() {
        let text = "#[cfg(test)]\nuse a::{b,\n  c};\n#[cfg(test)]\n#[path = \"x\"]\nmod tests;\nfn f(x: [u8; 4]) {}\n#[cfg(test)]\nfn g(x: [u8; 4]) {\n}\nfn h() {}\n";
        assert_eq!(test_numbers(text), [1, 2, 3, 4, 5, 6, 8, 9, 10]);
    }

    #[test]
    fn what_stands_in_a_comment_or_string_marks_nothing() {
        assert!(test_numbers("// #[cfg(test)]\nfn f() {}\nconst X: &str = \"#[cfg(test)]\";\n").is_empty());
    }

    #[test]
    fn files_of_tests_are_all_tests() {
        for path in ["crates/a/tests/it/main.rs", "crates/a/src/tests.rs"] {
            assert_eq!(Source::new(path, "fn f() {}\nfn g() {}\n").test_line_count(), 2, "{path}");
        }
        assert_eq!(Source::new("xtask/src/test.rs", "fn f() {}\n").test_line_count(), 0);
    }
}
