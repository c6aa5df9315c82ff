//! Who a back end is: its app's id and secret (RFC 6749 §2.3.1) or a token of the app's own, and what it may ask.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{App, app_token};
use crate::extract::{Client, authorization, claims};
use crate::limits::Unproved;
use crate::problem::Problem;
use crate::refusals;
use crate::state::Menjin;
use crate::store::AuditLine;

/// An app that proved itself.
pub(crate) struct CallingApp {
    app: Arc<App>,
    means: Means,
}

/// What it proved itself by.
enum Means {
    /// The client secret with this digest.
    Secret([u8; 32]),
    /// A token with these scopes.
    Token(Vec<String>),
}

impl CallingApp {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.app.id
    }

    /// The back end that it is, or that its people's tokens are for.
    pub(crate) fn audience(&self) -> &str {
        &self.app.audience
    }

    /// The app itself.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Digest of the client secret that it proved itself by; `None` when it came with a token.
    pub(crate) fn secret(&self) -> Option<&[u8; 32]> {
        match &self.means {
            Means::Secret(digest) => Some(digest),
            Means::Token(_) => None,
        }
    }

    /// Refuses unless it was granted `scope`, and its token has it.
    pub(crate) fn require(&self, scope: impl Into<String>) -> Result<(), Problem> {
        let scope = scope.into();
        let is_granted = self.app.scopes.contains(&scope);
        match &self.means {
            Means::Secret(_) if is_granted => Ok(()),
            Means::Secret(_) => Err(Problem::NotGranted(scope)),
            Means::Token(scopes) if is_granted && scopes.contains(&scope) => Ok(()),
            Means::Token(_) => Err(Problem::InsufficientScope(scope)),
        }
    }

    /// The app that a token is its own of; a person's opens nothing that is a back end's.
    pub(crate) async fn by_token(menjin: &Menjin, token: &str) -> Result<Self, Problem> {
        let claims = claims(menjin, token).await?;
        if !app_token::is_an_apps(&claims) {
            return Err(Problem::BackendOnly);
        }
        let app = app_token::app_of(menjin, &claims).ok_or(Problem::TokenInvalid)?;
        let scopes = claims.scope.as_deref().unwrap_or_default();
        let means = Means::Token(scopes.split_ascii_whitespace().map(str::to_owned).collect());
        Ok(Self { app, means })
    }
}

impl FromRequestParts<Menjin> for CallingApp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, menjin: &Menjin) -> Result<Self, Problem> {
        if let Some(token) = authorization(&parts.headers, false) {
            return Self::by_token(menjin, token).await;
        }
        Credentials::basic(&parts.headers).ok_or(Problem::ClientInvalid)?.prove(menjin, parts).await
    }
}

/// An app's id and secret, as somebody presented them.
pub(crate) struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    /// The same without its escapes, where it may have some.
    unescaped: Option<Zeroizing<String>>,
}

impl Credentials {
    /// What stands in `Authorization: Basic`.
    pub(crate) fn basic(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self {
            id: unescaped(id).into_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            unescaped: Some(Zeroizing::new(unescaped(secret).into_owned())),
        })
    }

    /// What stood in a form.
    pub(crate) fn posted(id: &str, secret: &str) -> Self {
        Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()), unescaped: None }
    }

    /// Which app is meant.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The app, if the secret is its own. Failures are counted.
    pub(crate) async fn prove(&self, menjin: &Menjin, parts: &mut Parts) -> Result<CallingApp, Problem> {
        let app = menjin.apps.by_id(&self.id);
        // Counted by the app that was meant; made-up names share one count.
        let counted = app.as_ref().map_or("?", |app| app.id.as_str());
        let failures = Unproved::of(parts, menjin).await?.before_proof(counted).await?;
        if let Some((app, digest)) = app.as_ref().and_then(|app| Some((app, self.digest_of(app)?))) {
            return Ok(CallingApp { app: Arc::clone(app), means: Means::Secret(digest) });
        }
        failures.count(&Problem::ClientInvalid).await;
        if let Some(app) = app {
            let (app, ip) = (Some(app.id.clone()), Client::from_request_parts(parts, menjin).await?.ip_text());
            refusals::tell(menjin, AuditLine { action: "app.refused", actor: "app", app, ip, ..AuditLine::default() });
        }
        Err(Problem::ClientInvalid)
    }

    /// Many clients leave out the escaping that the RFC asks for: the secret counts as it came, too.
    fn digest_of(&self, app: &App) -> Option<[u8; 32]> {
        let unescaped = self.unescaped.as_ref().and_then(|secret| app.digest_of_own(secret));
        app.digest_of_own(&self.secret).or(unescaped)
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
        Credentials::basic(&headers).map(|basic| (basic.id, basic.secret.to_string()))
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
        assert!(Credentials::basic(&twice).is_none());
    }

    #[test]
    fn a_secret_is_unescaped_as_a_form_is() {
        for (escaped, meant) in [("a%2Bb", "a+b"), ("a+b", "a b"), ("a%3D%26b", "a=&b"), ("a=b", "a=b"), ("", "")] {
            assert_eq!(unescaped(escaped), meant);
        }
    }
}
