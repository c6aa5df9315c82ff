//! Verifying: the one function that turns a token into claims (RFC 7515 section 5.2, RFC 8725, RFC 9068 section 4).
//!
//! Lives here: what a caller expects, the order of the checks, every reason to refuse.
//! Does not: read a clock, fetch a key, know about ended sessions (`menjin-guard`).

use std::borrow::Cow;
use std::time::Duration;

use crate::base64url;
use crate::claims::{self, Claims, Place};
use crate::header::{Header, USUAL_TYP};
use crate::jwks::KeySet;
use crate::key::VerifyingKey;
use crate::time::Timestamp;

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
/// The most leeway that is granted, whatever the caller asks for.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);
/// The longest signature: RSA with 8192 bits.
const MAX_SIGNATURE: usize = 1024;

/// What the caller takes for a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect<'a> {
    /// Which kind of token.
    pub typ: Typ,
    /// `iss`, compared whole; `None` checks nothing.
    pub issuer: Option<&'a str>,
    /// Must be one of `aud`; `None` checks nothing.
    pub audience: Option<&'a str>,
    /// How far clocks may disagree; at most [`MAX_LEEWAY`] counts.
    pub leeway: Duration,
}

/// The kind of token, so that none passes for another (RFC 8725 section 3.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typ {
    /// `at+jwt` or `application/at+jwt` (RFC 9068 section 2.1).
    AccessToken,
    /// `JWT`, and then `token_use` must be `access`: for back ends that know no other `typ`.
    JwtAccess,
    /// Either of the two: for who takes the tokens of back ends of both kinds.
    AnyAccess,
    /// `JWT` or none: tokens of old systems.
    Jwt,
    /// This one, in upper or lower case.
    Exactly(String),
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Invalid {
    /// Over [`MAX_TOKEN`] bytes.
    #[error("the token is too large")]
    TooLarge,
    /// Not three segments of strict base64url, or not the JSON that belongs in them.
    #[error("the token is malformed")]
    Malformed,
    /// No key of this name, or no name and several keys.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// `none`, an unknown algorithm, or another one than the key's.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// The signature is not the key's over these bytes.
    #[error("the token's signature is wrong")]
    Signature,
    /// Another kind of token.
    #[error("the token is of another kind")]
    Typ,
    /// Somebody else's token.
    #[error("the token has another issuer")]
    Issuer,
    /// A token for somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// This claim is missing, twice there or of the wrong type.
    #[error("the token's claim {0} is missing or malformed")]
    Claim(&'static str),
    /// The header asks for something that must be understood and is not: `crit`, `b64`, `zip`, encryption.
    #[error("the token needs an extension that is not supported")]
    Critical,
}

impl Invalid {
    /// A stable name for logs and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Typ => "typ",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Claim(_) => "claim",
            Self::Critical => "critical",
        }
    }

    /// Whether a fresh token of the same session would do.
    pub const fn is_expired(&self) -> bool {
        matches!(self, Self::Expired)
    }
}

/// A good token's claims and the name of the key that signed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// Who signed.
    pub kid: String,
}

/// Verifies a token: size, form, key, algorithm, signature, and only then what it says.
pub fn verify(token: &str, keys: &KeySet, expect: &Expect<'_>, now: Timestamp) -> Result<Claims, Invalid> {
    verify_signed(token, keys, expect, now).map(|(claims, _)| claims)
}

/// [`verify`], for callers that remember the answer and so must know which key it rests on.
pub fn verify_with_kid(token: &str, keys: &KeySet, expect: &Expect<'_>, now: Timestamp) -> Result<Verified, Invalid> {
    let (claims, key) = verify_signed(token, keys, expect, now)?;
    let kid = key.kid().to_owned();
    Ok(Verified { claims, kid })
}

fn verify_signed<'k>(
    token: &str,
    keys: &'k KeySet,
    expect: &Expect<'_>,
    now: Timestamp,
) -> Result<(Claims, &'k VerifyingKey), Invalid> {
    let parts = Segments::of(token)?;
    let (key, typ) = key_and_typ(&parts, keys)?;
    check_signature(key, &parts)?;
    let payload = base64url::decode(parts.payload).map_err(|_| Invalid::Malformed)?;
    // Checked as a whole, the text need not be checked string by string.
    let payload = std::str::from_utf8(&payload).map_err(|_| Invalid::Malformed)?;
    let place = Place::default();
    let claims = claims::read(payload, &place).map_err(|_| place.claim().map_or(Invalid::Malformed, Invalid::Claim))?;
    expect.check_typ(typ.as_deref(), &claims)?;
    expect.check_claims(&claims)?;
    expect.check_times(&claims, now)?;
    Ok((claims, key))
}

/// Which key the header names, and of what kind it says that the token is.
fn key_and_typ<'k>(
    parts: &Segments<'_>,
    keys: &'k KeySet,
) -> Result<(&'k VerifyingKey, Option<Cow<'static, str>>), Invalid> {
    // Nearly every token bears, byte for byte, the header that its key has always signed; it need not be read.
    if let Some(key) = keys.iter().find(|key| key.usual_header() == parts.header) {
        return Ok((key, Some(Cow::Borrowed(USUAL_TYP))));
    }
    let json = base64url::decode(parts.header).map_err(|_| Invalid::Malformed)?;
    let header = Header::read(&json)?;
    let algorithm = header.algorithm()?;
    let named = match header.kid() {
        Some(kid) => keys.get(kid),
        None => keys.only(),
    };
    let key = named.ok_or(Invalid::UnknownKey)?;
    if key.algorithm() != algorithm {
        return Err(Invalid::Algorithm);
    }
    Ok((key, header.into_typ().map(Cow::Owned)))
}

fn check_signature(key: &VerifyingKey, parts: &Segments<'_>) -> Result<(), Invalid> {
    let mut room = [0; MAX_SIGNATURE];
    let signature = base64url::decode_into(parts.signature, &mut room).map_err(|_| Invalid::Malformed)?;
    if key.accepts(parts.signed.as_bytes(), signature) { Ok(()) } else { Err(Invalid::Signature) }
}

impl Expect<'_> {
    fn check_typ(&self, typ: Option<&str>, claims: &Claims) -> Result<(), Invalid> {
        let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
        let access_token = || is("at+jwt") || is("application/at+jwt");
        let jwt_access = || is("JWT") && claims.token_use.as_deref() == Some("access");
        let good = match &self.typ {
            Typ::AccessToken => access_token(),
            Typ::JwtAccess => jwt_access(),
            Typ::AnyAccess => access_token() || jwt_access(),
            Typ::Jwt => is("JWT") || typ.is_none(),
            Typ::Exactly(name) => is(name),
        };
        if good { Ok(()) } else { Err(Invalid::Typ) }
    }

    fn check_claims(&self, claims: &Claims) -> Result<(), Invalid> {
        if self.issuer.is_some() && claims.iss.as_deref() != self.issuer {
            return Err(Invalid::Issuer);
        }
        self.check_audience(claims)?;
        if claims.sub.as_deref() == Some("") {
            return Err(Invalid::Claim("sub"));
        }
        match self.typ {
            Typ::AccessToken | Typ::JwtAccess | Typ::AnyAccess => {
                claims.sub.as_ref().ok_or(Invalid::Claim("sub"))?;
                claims.iat.ok_or(Invalid::Claim("iat"))?;
            }
            Typ::Jwt | Typ::Exactly(_) => {}
        }
        Ok(())
    }

    /// `aud` (RFC 7519 section 4.1.3), for who remembers a verified token and must ask again.
    pub fn check_audience(&self, claims: &Claims) -> Result<(), Invalid> {
        match self.audience {
            Some(audience) if !claims.aud.iter().any(|one| one == audience) => Err(Invalid::Audience),
            Some(_) | None => Ok(()),
        }
    }

    /// `exp` and `nbf` (RFC 7519 sections 4.1.4 and 4.1.5), for who remembers a verified token and must ask again.
    pub fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Invalid> {
        let leeway = self.leeway.min(MAX_LEEWAY);
        if now >= claims.exp.plus(leeway) {
            return Err(Invalid::Expired);
        }
        if claims.nbf.is_some_and(|nbf| now.plus(leeway) < nbf) {
            return Err(Invalid::NotYet);
        }
        Ok(())
    }
}

/// The three segments of a compact JWS.
pub(crate) struct Segments<'t> {
    pub(crate) header: &'t str,
    pub(crate) payload: &'t str,
    signature: &'t str,
    signed: &'t str,
}

impl<'t> Segments<'t> {
    pub(crate) fn of(token: &'t str) -> Result<Self, Invalid> {
        if token.len() > MAX_TOKEN {
            return Err(Invalid::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Invalid::Malformed)?;
        if payload.contains('.') || header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Invalid::Malformed);
        }
        Ok(Self { header, payload, signature, signed })
    }
}
