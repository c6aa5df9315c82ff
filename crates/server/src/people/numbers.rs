//! `POST /v1/me/phone`: somebody who is signed in proves their phone number.
//!
//! The rule on numbers that others have is the store's: they move to whoever proved them last, by a proof that was made now
//! and for this person (decision 004).

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use menjin_platform::{Error, Payload, PhoneCode, PhoneNumber};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::me::Me;
use super::open_data::{Brought, open_kept};
use super::phone::{proved, signed};
use super::reauth::{Fresh, FreshInput, is_fresh};
use super::subject::Subject;
use crate::apps::{self, Unfetched};
use crate::entropy::sha256;
use crate::extract::{Client, Json, object_or_null};
use crate::problem::{Fault, PlatformSaid, Problem};
use crate::state::Menjin;
use crate::store::{Claiming, CodeClaim, CodeDigest, PhoneBound};

/// Nothing longer is a phone number.
pub(crate) const SIGNED_PHONE: usize = 8192;
const WAYS: [&str; 3] = ["phone_code", "encrypted_data", "signed_phone"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(bind))
}

/// The platform's proof; exactly one of the three kinds.
#[derive(Deserialize, utoipa::ToSchema)]
struct PhoneRequest {
    /// From a `getPhoneNumber` button: one use.
    #[serde(alias = "code")]
    #[schema(value_type = Option<String>, max_length = 128, pattern = "^[!-~]+$")]
    phone_code: Option<SecretString>,
    /// From an old `getPhoneNumber`, with `iv`; call `wx.login` and sign in before the button is tapped.
    #[schema(value_type = Option<String>)]
    encrypted_data: Option<SecretString>,
    /// Belongs to `encrypted_data`.
    iv: Option<String>,
    /// From Alipay's `my.getPhoneNumber`: its `response`, exactly as it came.
    #[schema(value_type = Option<String>, max_length = 8192)]
    signed_phone: Option<SecretString>,
    /// Who has a number already and signed in more than five minutes ago proves once more that they are themselves.
    #[serde(default, deserialize_with = "object_or_null")]
    fresh: Option<FreshInput>,
}

/// Binds the caller's phone number, which the platform proves.
///
/// A number that another person has moves here, but not by `signed_phone`, which tells neither when it was made nor for whom.
/// Whoever has one already changes it only after a sign-in of the last minutes, or
/// with `fresh`.
#[utoipa::path(post, path = "/v1/me/phone", operation_id = "bind_phone", tag = "profile", request_body = PhoneRequest, security(("bearer" = [])), responses(
    (status = 200, description = "The caller, with the number masked", body = Me),
    (status = 401, description = "`code_used`, `code_invalid`, about `fresh`"),
    (status = 403, description = "`reauth_required`: the caller has a number already; sign in with a fresh code, then repeat, or send `fresh`; `old_password_wrong`: that of `fresh`; `platform_blocked`"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`session_key_stale`: call `wx.login` and sign in first, then let the person tap again; `phone_taken`: another account has the number, and `signed_phone` does not move it"),
    (status = 422, description = "`phone_code_invalid`: let the person tap again; `unsupported_by_platform`: the platform has no such thing, or does not know the caller"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`: with `relogin` the code may be spent; let the person tap again"),
))]
async fn bind(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Json(request): Json<PhoneRequest>,
) -> Result<axum::Json<Me>, Problem> {
    let (fresh, proof) = Proof::checked(request)?;
    let subject = Subject::of(&menjin, &headers).await?;
    let fresh = Fresh::from(fresh.as_ref());
    if subject.person.user.phone_masked.is_some() || fresh.is_proof() {
        is_fresh(&menjin, &subject.person, &client, fresh).await?;
    }
    // Carried through when the connection breaks meanwhile: the code is spent by then.
    let whole = async move { bound(&menjin, subject, proof).await }.in_current_span();
    tokio::spawn(whole).await.unwrap_or_else(|error| Err(Problem::Internal(error.into()))).map(axum::Json)
}

async fn bound(menjin: &Menjin, subject: Subject, proof: Proof) -> Result<Me, Problem> {
    let change = match proof {
        Proof::Code(code) => proved(menjin, &by_code(menjin, &subject, &code).await?),
        Proof::Encrypted(data, iv) => proved(menjin, &by_data(menjin, &subject, (&data, &iv)).await?),
        Proof::Signed(text) => {
            let reader = subject.app.platform().and_then(|it| it.signed_phone());
            let opened = reader.ok_or(Problem::UnsupportedByPlatform)?.open(text.expose_secret());
            signed(menjin, &opened.map_err(|_| Problem::field("signed_phone", Fault::HoldsNoPhoneNumber))?)
        }
    };
    match menjin.store.bind_phone(subject.person.user.id, change, menjin.clock.now()).await? {
        PhoneBound::Bound(user) => Ok(Me::of(*user, subject.person.session)),
        PhoneBound::Taken => Err(Problem::PhoneTaken),
        PhoneBound::Nobody => Err(Problem::TokenInvalid),
    }
}

/// The code goes to the platform once, on whatever node: what the platform did not take may come again.
async fn by_code(menjin: &Menjin, subject: &Subject, code: &PhoneCode) -> Result<PhoneNumber, Problem> {
    let Subject { app, openid, .. } = subject;
    app.platform().and_then(|it| it.phone()).ok_or(Problem::UnsupportedByPlatform)?;
    let digest = CodeDigest(sha256(&[b"phone", &[0][..], app.id.as_bytes(), &[0], code.expose().as_bytes()].concat()));
    let now = menjin.clock.now();
    let until = now.plus(menjin.config.lifetimes.used_code);
    let claiming = Claiming { code: digest, idempotency: None, now, until, repeatable_since: now };
    if menjin.store.claim_code(claiming).await? != CodeClaim::Claimed {
        return Err(Problem::PhoneCodeInvalid(None));
    }
    let asked = apps::phone(menjin, &Arc::clone(app), code, openid).await;
    let unfetched = match asked {
        Ok(number) => return Ok(number),
        Err(unfetched) => unfetched,
    };
    // Without a token nothing was sent.
    let is_unspent = unfetched.platform_error().is_none_or(Error::code_unspent);
    if is_unspent {
        menjin.store.release_code(digest).await?;
    }
    Err(refused(unfetched))
}

fn refused(unfetched: Unfetched) -> Problem {
    let said = match unfetched.platform_error() {
        Some(error @ (Error::BadCode { .. } | Error::CodeUsed { .. })) => error
            .errcode()
            .zip(error.errmsg())
            .map(|(errcode, errmsg)| PlatformSaid { errcode, errmsg: errmsg.to_owned() }),
        _ => return unfetched.into(),
    };
    Problem::PhoneCodeInvalid(said)
}

/// Only the newest key proves whose number it is.
async fn by_data(
    menjin: &Menjin,
    subject: &Subject,
    (data, iv): (&SecretString, &str),
) -> Result<PhoneNumber, Problem> {
    let brought = Brought::checked(data.expose_secret(), iv)?;
    match open_kept(menjin, subject, brought).await? {
        (Payload::Phone(number), true) => Ok(number),
        (Payload::Phone(_), false) => Err(Problem::SessionKeyStale),
        (Payload::Profile(_) | Payload::Other(_), _) => {
            Err(Problem::field("encrypted_data", Fault::HoldsNoPhoneNumber))
        }
    }
}

/// What a request brought, parsed.
enum Proof {
    Code(PhoneCode),
    Encrypted(SecretString, String),
    Signed(SecretString),
}

impl Proof {
    fn checked(request: PhoneRequest) -> Result<(Option<FreshInput>, Self), Problem> {
        let PhoneRequest { phone_code, encrypted_data, iv, signed_phone, fresh } = request;
        Self::one_of((phone_code, signed_phone), (encrypted_data, iv)).map(|proof| (fresh, proof))
    }

    fn one_of(
        (phone_code, signed_phone): (Option<SecretString>, Option<SecretString>),
        (encrypted_data, iv): (Option<SecretString>, Option<String>),
    ) -> Result<Self, Problem> {
        let beside = |one: &str, other: &'static str| Err(Problem::field(one, Fault::NotBeside(other)));
        match (phone_code, encrypted_data, signed_phone) {
            (Some(_), Some(_), _) => beside("phone_code", "encrypted_data"),
            (Some(_), None, Some(_)) => beside("phone_code", "signed_phone"),
            (None, Some(_), Some(_)) => beside("encrypted_data", "signed_phone"),
            (Some(code), None, None) => {
                let code = PhoneCode::parse(code.expose_secret());
                code.map(Self::Code).map_err(|_| Problem::field("phone_code", Fault::NotACode))
            }
            (None, Some(data), None) => {
                let iv = iv.ok_or_else(|| Problem::field("iv", Fault::Missing))?;
                Ok(Self::Encrypted(data, iv))
            }
            (None, None, Some(text)) if text.expose_secret().len() > SIGNED_PHONE => {
                Err(Problem::field("signed_phone", Fault::TooLong(SIGNED_PHONE)))
            }
            (None, None, Some(text)) => Ok(Self::Signed(text)),
            (None, None, None) => Err(Problem::field("phone_code", Fault::MissingOneOf(&WAYS))),
        }
    }
}
