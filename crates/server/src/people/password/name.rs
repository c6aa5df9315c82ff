//! The name that somebody signs in by: as they wrote it, and in the form that it is found by.

use unicode_normalization::UnicodeNormalization as _;

use crate::problem::Fault;

/// Of a new name, in characters.
const LONGEST: usize = 64;
/// As long as Django lets one be.
const LONGEST_ELSEWHERE: usize = 150;
/// As every store keeps it.
const MOST_BYTES: usize = 600;

/// A name that somebody has or wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// As people see it.
    pub(crate) shown: String,
    /// As it is found: without case, and without different forms of the same letter.
    pub(crate) lookup: String,
}

impl Name {
    /// A new name.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        Self::within(text, LONGEST)
    }

    /// A name of another system.
    pub(crate) fn of_elsewhere(text: &str) -> Result<Self, Fault> {
        Self::within(text, LONGEST_ELSEWHERE)
    }

    /// What a row holds.
    pub(crate) fn kept(shown: &str) -> Self {
        Self { shown: shown.to_owned(), lookup: Self::lookup(shown) }
    }

    /// What somebody is found by who typed this; nobody has a name that is too long, or with what no store takes as text.
    pub(crate) fn lookup(text: &str) -> String {
        let printed = |letter: char| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
        let bounded: String = text.trim().chars().take(LONGEST_ELSEWHERE).map(printed).collect();
        bounded.nfkc().collect::<String>().to_lowercase().nfkc().collect()
    }

    fn within(text: &str, longest: usize) -> Result<Self, Fault> {
        let shown: String = text.trim().nfkc().collect();
        let lookup = Self::lookup(&shown);
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '@' | '+');
        let length = shown.chars().count();
        if shown.is_empty() {
            return Err(Fault::Empty);
        }
        if length > longest || lookup.len() > MOST_BYTES || !shown.chars().all(fits) {
            return Err(Fault::NotAName);
        }
        Ok(Self { shown, lookup })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_found_however_it_is_written() {
        for written in ["Alice", "alice", "ALICE", " alice ", "ａｌｉｃｅ"] {
            assert_eq!(Name::lookup(written), "alice", "{written}");
            assert_eq!(Name::parse(written).unwrap().lookup, "alice", "{written}");
        }
        assert_eq!(Name::parse("王小明").unwrap().shown, "王小明");
        assert_eq!(Name::lookup("é"), Name::lookup("e\u{301}"));
        assert_ne!(Name::lookup("a\0b"), Name::lookup("ab"));
    }

    #[test]
    fn a_name_has_letters_digits_and_a_few_signs() {
        for good in ["a", "a.b_c-d@e+f", "张三", &"a".repeat(64)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["a b", "a/b", "a\u{200b}b", "a\u{0}", "<a>", &"a".repeat(65), "a\u{202e}b"] {
            assert_eq!(Name::parse(bad), Err(Fault::NotAName), "{bad:?}");
        }
        assert_eq!(Name::parse("  "), Err(Fault::Empty));
        assert!(Name::of_elsewhere(&"a".repeat(150)).is_ok() && Name::of_elsewhere(&"a".repeat(151)).is_err());
    }
}
