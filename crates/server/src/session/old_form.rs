//! Tokens in the form that old clients hold (`[[compat]]`, design §4.11): HS256, `typ: JWT`, `userId` or `user_id`, one secret
//! an entry.
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
    /// How long after the sign-in a token may be refreshed.
    refresh: Option<std::time::Duration>,
    expired_status: StatusCode,
}

/// An old token that we made: whom and which session it says.
pub(crate) struct OldToken {
    /// `user.number`.
    pub(crate) user: i64,
    /// The session that it was issued in.
    pub(crate) session: SessionId,
}

/// What a token of djangorestframework-jwt says.
pub(crate) struct DjangoToken {
    /// Whose it is, and in which session.
    pub(crate) named: OldToken,
    /// Their name.
    pub(crate) username: String,
    /// When they signed in, in seconds; absent where tokens are not refreshed.
    pub(crate) orig_iat: Option<i64>,
}

/// Why a token of djangorestframework-jwt is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDjango {
    /// Its time is over.
    Expired,
    /// It is not signed by this entry, or says nothing that can be believed.
    Undecodable,
    /// It is signed, and names nobody.
    Nobody,
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
            CompatKind::DrfJwt => false,
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

    /// A token of entry `index` as Django's clients know it, refreshed or fresh.
    pub(crate) fn mint_django(&self, index: usize, token: &DjangoToken, now: Timestamp) -> Result<String, Problem> {
        let entry = &self.entries[index];
        let mut until = now.plus(entry.lifetime);
        if let (Some(orig_iat), Some(refresh)) = (token.orig_iat, entry.refresh) {
            // A chain of refreshes ends with its last token, not a lifetime after.
            until = until.min(Timestamp::from_secs(orig_iat).plus(refresh.max(entry.lifetime)));
        }
        let mut claims = Claims { sid: Some(token.named.session.to_string()), ..Claims::expiring(until) };
        let mut say = |name: &str, value: Value| claims.extra.insert(name.to_owned(), value);
        say("user_id", token.named.user.into());
        say("username", token.username.as_str().into());
        say("email", "".into());
        if let Some(orig_iat) = token.orig_iat {
            say("orig_iat", orig_iat.into());
        }
        menjin_token::sign(&entry.key, "JWT", &claims).context("signing a compat token").map_err(Problem::Internal)
    }

    /// What a token says that entry `index` made.
    pub(crate) fn read_django(&self, index: usize, token: &str, now: Timestamp) -> Result<DjangoToken, NotDjango> {
        let entry = &self.entries[index];
        let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: std::time::Duration::ZERO };
        let verified =
            menjin_token::verify_with_kid(token, &self.keys, &expect, now).map_err(|invalid| match invalid {
                Invalid::Expired => NotDjango::Expired,
                Invalid::TooLarge
                | Invalid::Malformed
                | Invalid::UnknownKey
                | Invalid::Algorithm
                | Invalid::Signature
                | Invalid::Typ
                | Invalid::Issuer
                | Invalid::Audience
                | Invalid::NotYet
                | Invalid::Claim(_)
                | Invalid::Critical => NotDjango::Undecodable,
            })?;
        if verified.kid != entry.kid {
            return Err(NotDjango::Undecodable);
        }
        let named = named(&verified.claims, entry.kind).ok_or(NotDjango::Nobody)?;
        let username = verified.claims.extra.get("username").and_then(Value::as_str).ok_or(NotDjango::Nobody)?;
        let orig_iat = verified.claims.extra.get("orig_iat").and_then(Value::as_i64);
        Ok(DjangoToken { named, username: username.to_owned(), orig_iat })
    }

    /// Whom an old token names; `None` when it is none of ours.
    pub(crate) fn believe(&self, token: &str, now: Timestamp) -> Option<Result<(OldToken, &str), Problem>> {
        if self.entries.is_empty() {
            return None;
        }
        let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: std::time::Duration::ZERO };
        match menjin_token::verify_with_kid(token, &self.keys, &expect, now) {
            Ok(verified) => {
                let entry = self.entries.iter().find(|entry| entry.kid == verified.kid);
                let named = entry.and_then(|entry| Some((named(&verified.claims, entry.kind)?, entry.app.as_str())));
                Some(named.ok_or(Problem::TokenInvalid))
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
            lifetime: compat.lifetime(),
            refresh: Some(compat.refresh_lifetime).filter(|lifetime| !lifetime.is_zero()),
            expired_status: StatusCode::from_u16(compat.expired_status)?,
        })
    }
}

fn named(claims: &Claims, kind: CompatKind) -> Option<OldToken> {
    let member = match kind {
        CompatKind::Hapi => "userId",
        CompatKind::DrfJwt => "user_id",
    };
    let session = claims.sid.as_ref()?.parse().ok()?;
    let user = claims.extra.get(member)?.as_i64()?;
    Some(OldToken { user, session })
}
