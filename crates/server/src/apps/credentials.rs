//! Who a back end is: its app's id and secret by HTTP Basic (RFC 6749 §2.3.1), and what that app may ask.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::App;
use crate::limits::Unproved;
use crate::problem::Problem;
use crate::state::Menjin;

/// An app that proved itself.
pub(crate) struct CallingApp(Arc<App>);

impl CallingApp {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    /// Refuses unless it was granted `scope`.
    pub(crate) fn require(&self, scope: String) -> Result<(), Problem> {
        if self.0.scopes.contains(&scope) { Ok(()) } else { Err(Problem::InsufficientScope(scope)) }
    }
}

impl FromRequestParts<Menjin> for CallingApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, menjin: &Menjin) -> Result<Self, Problem> {
        let Some(basic) = Basic::of(&parts.headers) else { return Err(Problem::ClientInvalid) };
        let app = menjin.apps.by_id(&basic.id);
        // Counted by the app that was meant; made-up names share one count.
        let counted = app.as_ref().map_or("?", |app| app.id.as_str());
        let failures = Unproved::of(parts, menjin).await?.before_proof(counted).await?;
        if let Some(app) = app.filter(|app| basic.proves(app)) {
            return Ok(Self(app));
        }
        failures.count(&Problem::ClientInvalid).await;
        Err(Problem::ClientInvalid)
    }
}

/// What stands in `Authorization: Basic`.
struct Basic {
    id: String,
    secret: Zeroizing<String>,
}

impl Basic {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self { id: unescaped(id).into_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }

    /// Many clients leave out the escaping that the RFC asks for: the secret counts as it came, too.
    fn proves(&self, app: &App) -> bool {
        let unescaped = Zeroizing::new(unescaped(&self.secret).into_owned());
        app.has_secret(&self.secret) | app.has_secret(&unescaped)
    }
}

/// `application/x-www-form-urlencoded`, one value of it.
fn unescaped(text: &str) -> Cow<'_, str> {
    // A name without `=`; what would end it is escaped where it is meant.
    match form_urlencoded::parse(text.as_bytes()).next() {
        Some((name, value)) if value.is_empty() && !text.contains(['&', '=']) => name,
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(value: &str) -> Option<(String, String)> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        Basic::of(&headers).map(|basic| (basic.id, basic.secret.to_string()))
    }

    #[test]
    fn id_and_secret_stand_around_the_first_colon() {
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(basic(&encoded("office:a:b")), pair("office", "a:b"));
        assert_eq!(basic(&encoded("my%2Dapp:")), pair("my-app", ""));
        assert_eq!(basic(&encoded("office:x").replace("Basic", "bAsIc")), pair("office", "x"));
        for odd in ["Basic", "Basic !", "Bearer b2ZmaWNlOng=", &encoded("office"), "Basic /w=="] {
            assert_eq!(basic(odd), None, "{odd}");
        }
        let mut twice = HeaderMap::new();
        for _ in 0..2 {
            twice.append(header::AUTHORIZATION, encoded("a:b").parse().unwrap());
        }
        assert!(Basic::of(&twice).is_none());
    }

    #[test]
    fn a_secret_is_unescaped_as_a_form_is() {
        for (escaped, meant) in [("a%2Bb", "a+b"), ("a+b", "a b"), ("a%3D%26b", "a=&b"), ("a=b", "a=b"), ("", "")] {
            assert_eq!(unescaped(escaped), meant);
        }
    }
}
