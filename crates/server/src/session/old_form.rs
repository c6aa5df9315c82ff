//! Tokens in the form that old clients hold (`[[compat]]`, design §4.11): HS256, `typ: JWT`, `userId`, one secret an entry.
//!
//! Lives here: minting and believing them. Does not: the old routes (`compat`). They are good for `/v1/me` alone, which
//! always checks the session row.

use anyhow::Context as _;
use axum::http::StatusCode;
use menjin_token::{Algorithm, Claims, Expect, Invalid, KeySet, SessionId, SigningKey, Timestamp, Typ};
use serde_json::Value;

use crate::config::{Compat, CompatKind};
use crate::problem::Problem;

/// All entries' keys.
pub(crate) struct OldForms {
    entries: Vec<Entry>,
    keys: KeySet,
}

struct Entry {
    kid: String,
    app: String,
    key: SigningKey,
    kind: CompatKind,
    lifetime: std::time::Duration,
    expired_status: StatusCode,
}

/// An old token that we made: whom and which session it says.
pub(crate) struct OldToken {
    /// `user.number`.
    pub(crate) user: i64,
    /// The session that it was issued in.
    pub(crate) session: SessionId,
}

impl OldForms {
    pub(crate) fn new(compats: &[Compat]) -> anyhow::Result<Self> {
        let entries = compats.iter().map(Entry::new).collect::<anyhow::Result<Vec<_>>>()?;
        let keys = KeySet::new(entries.iter().map(|entry| entry.key.verifying()).collect());
        Ok(Self { entries, keys })
    }

    /// Whether a bare token in `Authorization` may be one of ours.
    pub(crate) fn take_bare(&self) -> bool {
        self.entries.iter().any(|entry| match entry.kind {
            CompatKind::Hapi => true,
        })
    }

    /// A token of entry `index` for a session that was just opened.
    pub(crate) fn mint(&self, index: usize, standing: &OldToken, now: Timestamp) -> Result<String, Problem> {
        let entry = &self.entries[index];
        let mut claims = Claims {
            iat: Some(now),
            sid: Some(standing.session.to_string()),
            ..Claims::expiring(now.plus(entry.lifetime))
        };
        claims.extra.insert("userId".to_owned(), Value::from(standing.user));
        menjin_token::sign(&entry.key, "JWT", &claims).context("signing a compat token").map_err(Problem::Internal)
    }

    /// Whom an old token names; `None` when it is none of ours.
    pub(crate) fn believe(&self, token: &str, now: Timestamp) -> Option<Result<(OldToken, &str), Problem>> {
        if self.entries.is_empty() {
            return None;
        }
        let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: std::time::Duration::ZERO };
        match menjin_token::verify_with_kid(token, &self.keys, &expect, now) {
            Ok(verified) => {
                let app = self.entries.iter().find(|entry| entry.kid == verified.kid).map(|entry| entry.app.as_str());
                Some(named(&verified.claims).zip(app).ok_or(Problem::TokenInvalid))
            }
            Err(Invalid::Expired) => Some(Err(Problem::TokenExpired { status: self.expired_status(token) })),
            Err(_) => None,
        }
    }

    fn expired_status(&self, token: &str) -> StatusCode {
        let kid = menjin_token::dangerous::decode_unverified(token)
            .ok()
            .and_then(|(header, _)| Some(header.get("kid")?.as_str()?.to_owned()));
        self.entries
            .iter()
            .find(|entry| Some(&entry.kid) == kid.as_ref())
            .map_or(StatusCode::UNAUTHORIZED, |entry| entry.expired_status)
    }
}

impl Entry {
    fn new(compat: &Compat) -> anyhow::Result<Self> {
        let kid = format!("compat-{}{}", compat.app, compat.paths.first().map_or("", String::as_str));
        let secret = compat.secret.expose().context("a compat entry without a secret")?;
        Ok(Self {
            key: SigningKey::from_private(Algorithm::Hs256, kid.clone(), secret.as_bytes())?,
            kid,
            app: compat.app.clone(),
            kind: compat.kind,
            lifetime: compat.lifetime,
            expired_status: StatusCode::from_u16(compat.expired_status)?,
        })
    }
}

fn named(claims: &Claims) -> Option<OldToken> {
    let session = claims.sid.as_ref()?.parse().ok()?;
    let user = claims.extra.get("userId")?.as_i64()?;
    Some(OldToken { user, session })
}
