//! How long the files are, and how much of all is tests. Tests do not count towards a file's length.

use std::fmt;

use super::Finding;
use super::source::Source;

const CAP: usize = 500;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let lines = source.other_line_count();
    if lines <= CAP {
        return Vec::new();
    }
    vec![source.finding(1, format!("{lines} lines beside tests, and {CAP} are the most; split it by concern"))]
}

/// The figures of the whole repo.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    files: usize,
    median: usize,
    p90: usize,
    longest: (usize, String),
    tests_percent: usize,
}

impl Sizes {
    pub(super) fn of(sources: &[Source]) -> Self {
        let with_code = sources.iter().filter(|source| source.other_line_count() > 0);
        let mut lengths: Vec<(usize, &str)> =
            with_code.map(|source| (source.other_line_count(), source.path.as_str())).collect();
        lengths.sort_unstable();
        let at =
            |percent: usize| lengths.get(lengths.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default();
        let tests: usize = sources.iter().map(Source::test_line_count).sum();
        let all: usize = tests + lengths.iter().map(|(length, _)| length).sum::<usize>();
        let (longest, path) = at(100);
        Self {
            files: lengths.len(),
            median: at(50).0,
            p90: at(90).0,
            longest: (longest, path.to_owned()),
            tests_percent: tests * 100 / all.max(1),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (longest, path) = &self.longest;
        write!(f, "tidy: {} Rust files; lines beside tests: ", self.files)?;
        write!(f, "median {}, p90 {}, longest {longest} ({path}); ", self.median, self.p90)?;
        write!(f, "tests are {} % of all lines", self.tests_percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, lines: usize) -> Source {
        Source::new(path, &"x\n".repeat(lines))
    }

    #[test]
    fn a_file_is_too_long_beyond_five_hundred_lines_beside_tests() {
        assert!(check(&source("a.rs", 500)).is_empty());
        assert_eq!(check(&source("a.rs", 501)).len(), 1);
        assert!(check(&source("tests/a.rs", 5000)).is_empty());
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(400), "x\n".repeat(400));
        assert!(check(&Source::new("a.rs", &tested)).is_empty());
    }

    #[test]
    fn the_figures_leave_out_files_of_tests() {
        let mut sources: Vec<Source> = (1..=10).map(|length| source("a.rs", length * 10)).collect();
        sources.push(source("tests/a.rs", 450));
        let figures = Sizes::of(&sources);
        assert_eq!((figures.files, figures.median, figures.p90), (10, 50, 90));
        assert_eq!((figures.longest.0, figures.tests_percent), (100, 45));
    }

    #[test]
    fn nothing_has_figures_too() {
        assert_eq!(Sizes::of(&[]).files, 0);
    }
}
