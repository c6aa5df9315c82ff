//! What the doctor found: kept as findings, told in the reader's language or as JSON.

use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::json;

use crate::terminal::{self, BAD, DIM, GOOD, Language, STRONG, paint};

/// The same in Chinese and English.
pub(super) type Both = (String, String);

/// Two texts with the same values in them; one, where it is the same in both languages.
macro_rules! both {
    ($one:literal) => {
        (format!($one), format!($one))
    };
    ($chinese:literal | $english:literal) => {
        (format!($chinese), format!($english))
    };
}
pub(super) use both;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Failure,
}

#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at; never changes once shipped.
    check: &'static str,
    status: Status,
    /// What was found.
    found: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// All that was found, in order.
pub(super) struct Report {
    language: Language,
    /// Whether what is right for trying is a failure.
    pub(super) goes_live: bool,
    findings: Vec<Finding>,
    by_hand: Vec<String>,
}

impl Report {
    pub(super) fn new(language: Language, goes_live: bool) -> Self {
        Self { language, goes_live, findings: Vec::new(), by_hand: Vec::new() }
    }

    pub(super) fn ok(&mut self, check: &'static str, found: Both) {
        self.add(check, Status::Ok, found, None);
    }

    pub(super) fn warning(&mut self, check: &'static str, found: Both, remedy: Both) {
        self.add(check, Status::Warning, found, Some(remedy));
    }

    pub(super) fn failure(&mut self, check: &'static str, found: Both, remedy: Both) {
        self.add(check, Status::Failure, found, Some(remedy));
    }

    /// A warning while one tries, a failure for real people.
    pub(super) fn failure_when_live(&mut self, check: &'static str, found: Both, remedy: Both) {
        let status = if self.goes_live { Status::Failure } else { Status::Warning };
        self.add(check, status, found, Some(remedy));
    }

    /// What only a person can check.
    pub(super) fn by_hand(&mut self, item: Both) {
        let item = self.pick(item);
        self.by_hand.push(item);
    }

    pub(super) fn has_failure(&self) -> bool {
        self.count(Status::Failure) > 0
    }

    fn add(&mut self, check: &'static str, status: Status, found: Both, remedy: Option<Both>) {
        let finding =
            Finding { check, status, found: self.pick(found), remedy: remedy.map(|remedy| self.pick(remedy)) };
        self.findings.push(finding);
    }

    fn pick(&self, (chinese, english): Both) -> String {
        let picked = match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        };
        // What others said may have lines and control characters of its own.
        picked
            .split(|c: char| c.is_control() || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    pub(super) fn print(&self, as_json: bool) -> io::Result<()> {
        if as_json {
            let all = json!({"ok": !self.has_failure(), "findings": self.findings, "by_hand": self.by_hand});
            return writeln!(io::stdout(), "{all:#}");
        }
        terminal::print(&self.page())
    }

    pub(super) fn page(&self) -> String {
        let mut lines = Vec::new();
        for finding in &self.findings {
            let (style, word) = match finding.status {
                Status::Ok => (GOOD, self.language.pick("正常", "ok")),
                Status::Warning => (STRONG, self.language.pick("注意", "warning")),
                Status::Failure => (BAD, self.language.pick("故障", "failure")),
            };
            let word = paint(style, terminal::pad(word, 8));
            lines.push(format!("{word}{} {}", paint(DIM, terminal::pad(finding.check, 15)), finding.found));
            lines.extend(finding.remedy.iter().map(|remedy| format!("{:24}→ {remedy}", "")));
        }
        let (failures, warnings) = (self.count(Status::Failure), self.count(Status::Warning));
        let sum = match self.language {
            Language::Chinese => format!("故障 {failures} 项，注意 {warnings} 项。"),
            Language::English => format!("{failures} of these are failures, {warnings} are warnings."),
        };
        lines.push(format!("\n{}", paint(STRONG, sum)));
        if !self.by_hand.is_empty() {
            let title = self.language.pick("需要人工确认：", "To be checked by hand:");
            lines.push(format!("\n{}", paint(STRONG, title)));
            lines.extend(self.by_hand.iter().map(|item| format!("  [ ] {item}")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_right_for_trying_fails_only_for_real_people() {
        for goes_live in [false, true] {
            let mut report = Report::new(Language::English, goes_live);
            report.warning("a", both!("x"), both!("y"));
            assert!(!report.has_failure());
            report.failure_when_live("a", both!("x"), both!("y"));
            assert_eq!(report.has_failure(), goes_live);
        }
    }

    #[test]
    fn a_finding_is_told_in_one_language_with_its_remedy_below() {
        let mut report = Report::new(Language::Chinese, false);
        let who = "a\u{1b}[31m\nb";
        report.failure("clock", both!("快了 {who}" | "fast {who}"), both!("校时" | "set it"));
        let page = report.page();
        assert!(page.contains("快了 a [31m b") && page.contains("→ 校时") && !page.contains("fast"), "{page}");
        assert!(page.contains("故障 1 项，注意 0 项。"), "{page}");
    }
}
