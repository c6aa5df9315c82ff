//! Versions as entity tags (RFC 9110 §8.8.3, §13.1): a number in quotes.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{Condition, Present, Versions};

/// Matches no version: they are counted from 0.
const NO_VERSION: i64 = -1;

/// A header that says which version an answer shows.
pub(super) fn tag(version: i64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

/// What a request asks of the version that there is.
#[derive(Debug)]
pub(super) struct Conditional(pub(super) Condition);

impl FromRequestParts<Menjin> for Conditional {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Menjin) -> Result<Self, Problem> {
        Ok(Self(Condition {
            if_match: versions(&parts.headers, &header::IF_MATCH)?,
            if_none_match: versions(&parts.headers, &header::IF_NONE_MATCH)?,
        }))
    }
}

impl Conditional {
    /// For a reading: whether the client has this version already.
    pub(super) fn is_known(&self, present: Present) -> Result<bool, Problem> {
        let if_match = Condition { if_match: self.0.if_match.clone(), if_none_match: None };
        if !if_match.holds(present) {
            return Err(Problem::VersionMismatch { current: present.version });
        }
        Ok(!self.0.holds(present))
    }
}

fn versions(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Versions>, Problem> {
    let odd = || Problem::field(name.as_str(), Fault::NotAVersion);
    let mut listed = Vec::new();
    for value in headers.get_all(name) {
        listed.extend(value.to_str().map_err(|_| odd())?.split(','));
    }
    match listed.as_slice() {
        [] => Ok(None),
        [any] if any.trim() == "*" => Ok(Some(Versions::Any)),
        tags => Ok(Some(Versions::OneOf(tags.iter().map(|tag| version(tag)).collect::<Option<_>>().ok_or_else(odd)?))),
    }
}

/// A proxy that compresses answers makes their tags weak; what they name stays the same version.
fn version(tag: &str) -> Option<i64> {
    let tag = tag.trim();
    let text = tag.strip_prefix("W/").unwrap_or(tag).strip_prefix('"')?.strip_suffix('"')?;
    let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
    // Whatever else stands in a tag is no version of ours, and so matches none.
    (!text.contains('"')).then(|| number.unwrap_or(NO_VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Result<Option<Versions>, Problem> {
        let lines = values.iter().map(|value| (header::IF_MATCH, value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        versions(&headers, &header::IF_MATCH)
    }

    #[test]
    fn versions_are_lists_of_quoted_numbers_or_a_star() {
        let one_of = |versions: &[i64]| Some(Versions::OneOf(versions.to_vec()));
        for (values, expected) in [
            (&[][..], None),
            (&["*"][..], Some(Versions::Any)),
            (&["\"7\""][..], one_of(&[7])),
            (&["W/\"7\""][..], one_of(&[7])),
            (&["\"7\", \"8\"", "\"9\""][..], one_of(&[7, 8, 9])),
            (&["\"abc\""][..], one_of(&[-1])),
            (&["\"99999999999999999999\""][..], one_of(&[-1])),
            (&["\"07\", \"+7\", \"\""][..], one_of(&[-1, -1, -1])),
        ] {
            assert_eq!(parsed(values).unwrap(), expected, "{values:?}");
        }
        for odd in [&["7"][..], &["\"7"][..], &[""][..], &["*, \"7\""][..], &["\"7\" \"8\""][..], &["*", "*"][..]] {
            let problem = parsed(odd).unwrap_err();
            assert!(matches!(&problem, Problem::BadField { field, .. } if field == "if-match"), "{odd:?}: {problem:?}");
        }
    }
}
