//! What is around each page: who looks at it, in which language, what they may, and how anybody's text is shown.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use menjin_token::Timestamp;
use unicode_normalization::char::is_combining_mark;

use super::notices;
use crate::admin::pages::{At, Next};
use crate::admin::{Operator, Right};
use crate::edge::inside;
use crate::problem::Problem;
use crate::state::Menjin;

/// Letters of a text that are shown.
const SHOWN: usize = 80;
/// Marks that may stand on one letter; no writing needs more.
const MARKS: usize = 4;

/// What every template has as `f`.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    at: At,
    operator: Operator,
    section: String,
    done: Option<String>,
    /// The page that led here, else the console.
    pub(super) back: String,
    /// Whether it is `menjin dev`.
    pub(super) is_dev: bool,
}

impl FromRequestParts<Menjin> for Frame {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, menjin: &Menjin) -> Result<Self, Problem> {
        let mut at = At::from_request_parts(parts, menjin).await?;
        let back = way_back(&parts.headers, menjin);
        if parts.method != Method::GET {
            // What answers a form can't be opened again, in no language.
            at.here.clone_from(&back);
        }
        let operator = <Operator as FromRequestParts<Menjin>>::from_request_parts(parts, menjin).await?;
        let path = inside(menjin.config.server.path(), parts.uri.path());
        let section = path.split('/').nth(2).unwrap_or_default();
        let section = if section == "operator-tokens" { "operators" } else { section }.to_owned();
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let done = query.into_iter().find(|(name, _)| name == "done").map(|(_, word)| word.into_owned());
        Ok(Self { at, operator, section, done, back, is_dev: menjin.dev.is_some() })
    }
}

impl Frame {
    pub(super) fn at(&self) -> At {
        self.at.clone()
    }

    pub(super) fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Words in the language of the page.
    pub(super) fn say<'w>(&self, chinese: &'w str, english: &'w str) -> &'w str {
        self.at.say(chinese, english)
    }

    /// What each form carries.
    pub(super) fn token(&self) -> &str {
        self.operator.form_token()
    }

    /// Whether they may help people.
    pub(super) fn helps(&self) -> bool {
        self.operator.has(Right::Support)
    }

    /// Whether they may change what all depend on.
    pub(super) fn manages(&self) -> bool {
        self.operator.has(Right::Admin)
    }

    /// Whether a key or a secret asks them for a proof first.
    pub(super) fn is_stale(&self) -> bool {
        !self.operator.is_fresh
    }

    /// For the link of a part of the console, if this page is in it.
    pub(super) fn is_in(&self, section: &str) -> bool {
        self.section == section
    }

    /// What was just done.
    pub(super) fn notice(&self) -> Option<&'static str> {
        notices::words(self.done.as_deref()?, self.at.language())
    }
}

#[expect(clippy::unused_self, reason = "templates call what they hold")]
#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "templates hand on references to their fields"
)]
impl Frame {
    /// Anybody's text, harmless to its surroundings: short, with few marks on a letter, and what nobody sees written out.
    pub(super) fn plain(&self, text: &str) -> String {
        plain(text)
    }

    /// The same of what may be missing.
    pub(super) fn maybe(&self, text: &Option<String>) -> String {
        text.as_deref().filter(|text| !text.is_empty()).map_or_else(|| "—".to_owned(), plain)
    }

    /// Whether there is anything to show of it.
    pub(super) fn is_said(&self, text: &Option<String>) -> bool {
        text.as_deref().is_some_and(|text| !text.is_empty())
    }

    /// A moment, until a script says it in the reader's zone.
    pub(super) fn clock(&self, at: &Timestamp) -> String {
        at.to_string().replace('T', " ").trim_end_matches('Z').to_owned()
    }
}

/// The page that the request came from, without what was done before it.
fn way_back(headers: &HeaderMap, menjin: &Menjin) -> String {
    let referer = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let referer = referer.and_then(|referer| referer.parse::<url::Url>().ok());
    let path = referer.map(|url| match url.query() {
        Some(query) if !query.starts_with("done=") => format!("{}?{query}", url.path()),
        _ => url.path().to_owned(),
    });
    let path = path.unwrap_or_default();
    Next::to(inside(menjin.config.server.path(), &path)).path().to_owned()
}

pub(super) fn plain(text: &str) -> String {
    let (mut shown, mut letters, mut marks) = (String::new(), 0, 0);
    for character in text.chars() {
        if letters == SHOWN {
            shown.push('…');
            break;
        }
        marks = if is_combining_mark(character) { marks + 1 } else { 0 };
        if marks > MARKS {
            continue;
        }
        letters += usize::from(marks == 0);
        if is_unseen(character) {
            shown.extend(['\\', 'u'].into_iter().chain(format!("{:04x}", u32::from(character)).chars()));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// What changes how its neighbours are read, or hides: controls, directions, joiners of nothing.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_to_its_place() {
        assert_eq!(plain("小明 🌸"), "小明 🌸");
        assert_eq!(plain("👩\u{200d}🔬"), "👩\u{200d}🔬", "emoji are joined");
        assert_eq!(plain("a\u{202e}gpj"), "a\\u202egpj");
        assert_eq!(plain("a\nb\0"), "a\\u000ab\\u0000");
        let zalgo = format!("Z{}y", "\u{300}".repeat(10_000));
        assert_eq!(plain(&zalgo), format!("Z{}y", "\u{300}".repeat(MARKS)));
        assert_eq!(plain(&"\u{300}".repeat(10_000)).chars().count(), MARKS);
        assert_eq!(plain(&"长".repeat(1000)), format!("{}…", "长".repeat(SHOWN)));
    }
}
