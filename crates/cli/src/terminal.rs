//! What people read in a terminal: their language, colours that vanish where nobody sees them, columns that line up.

use std::fmt::Display;
use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};

/// What stands out.
pub(crate) const STRONG: Style = Style::new().bold();
/// What steps back.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Addresses and commands.
pub(crate) const LINK: Style = AnsiColor::Cyan.on_default();
/// What went as it should.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What did not.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Which language comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

impl Language {
    /// The one that this machine is set to.
    pub(crate) fn of_this_machine() -> Self {
        let locale = sys_locale::get_locale().unwrap_or_default();
        if locale.to_ascii_lowercase().starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// One of the two.
    pub(crate) fn pick<'t>(self, chinese: &'t str, english: &'t str) -> &'t str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// Both, this language first.
    pub(crate) fn both(self, chinese: &str, english: &str) -> String {
        match self {
            Self::Chinese => format!("{chinese} {english}"),
            Self::English => format!("{english} {chinese}"),
        }
    }

    /// Both, this language first, where each is several lines.
    pub(crate) fn order(self, chinese: String, english: String) -> (String, String) {
        match self {
            Self::Chinese => (chinese, english),
            Self::English => (english, chinese),
        }
    }

    /// For `Accept-Language`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }
}

/// Prints text; colours go where a terminal takes them.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// `text` in a style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// `text` and spaces up to `width` columns.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let spaces = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(spaces))
}

/// A size as people say it.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Columns that the text takes: Chinese characters take two.
fn columns(text: &str) -> usize {
    text.chars().map(|character| if character >= '\u{2e80}' { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_both_languages() {
        assert_eq!(pad("登录", 6), "登录  ");
        assert_eq!(pad("login", 6), "login ");
        assert_eq!(pad("longer than that", 6), "longer than that");
    }
}
