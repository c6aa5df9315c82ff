//! `POST /v1/me/check-session`, `POST /v1/me/reset-session-key`, `GET /v1/me/encrypt-key`: the keys that the platform shares
//! with us for one person (design §4.7).
//!
//! A `session_key` itself never leaves the server.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use futures_util::FutureExt as _;
use menjin_platform::{EncryptKey, Error, SessionKey};
use serde::Serialize;
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::asking::ask_again;
use super::subject::Subject;
use crate::apps::{Unfetched, with_token};
use crate::problem::Problem;
use crate::session::{sealed_session_key, session_key_digest};
use crate::state::Menjin;
use crate::store::KeyReset;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(check)).routes(routes!(reset)).routes(routes!(encrypt_key))
}

/// Whether the key lives.
#[derive(Serialize, utoipa::ToSchema)]
struct Checked {
    /// Whether the newest `session_key` that menjin holds of the caller is still the platform's. If not, sign in with a fresh
    /// code before anything is decrypted.
    valid: bool,
}

/// Asks the platform whether the caller's `session_key` still lives.
///
/// It says nothing of the session here, which lives by its own rules.
#[utoipa::path(post, path = "/v1/me/check-session", operation_id = "check_session", tag = "profile", security(("bearer" = [])), responses(
    (status = 200, description = "Whether it lives", body = Checked),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 422, description = "`unsupported_by_platform`: the platform has no such thing, or does not know the caller"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`"),
))]
async fn check(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<axum::Json<Checked>, Problem> {
    let subject = Subject::of(&menjin, &headers).await?;
    let platform = subject.app.platform().and_then(|it| it.session_key()).ok_or(Problem::UnsupportedByPlatform)?;
    let Some(key) = subject.session_key(&menjin).await? else { return Ok(axum::Json(Checked { valid: false })) };
    let (openid, key) = (&subject.openid, &key);
    let asked =
        with_token(&menjin, &subject.app, |token| async move { platform.check(&token, openid, key).await }.boxed());
    let valid = asked.await.map_err(ask_again)?;
    Ok(axum::Json(Checked { valid }))
}

/// Has the platform replace the caller's `session_key`; all former ones are forgotten.
///
/// For a key that somebody else may have. The new one ends when the old one would have.
#[utoipa::path(post, path = "/v1/me/reset-session-key", operation_id = "reset_session_key", tag = "profile", security(("bearer" = [])), responses(
    (status = 204, description = "There is another key now"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`session_key_stale`: the key that menjin holds is dead already; call `wx.login` and sign in"),
    (status = 422, description = "`unsupported_by_platform`: the platform has no such thing, or does not know the caller"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`: with `relogin` the key may be dead and is forgotten"),
))]
async fn reset(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let subject = Subject::of(&menjin, &headers).await?;
    subject.app.platform().and_then(|it| it.session_key()).ok_or(Problem::UnsupportedByPlatform)?;
    let key = subject.session_key(&menjin).await?.ok_or(Problem::SessionKeyStale)?;
    // Carried through when the connection breaks meanwhile: the former key is dead by then.
    let whole = async move { replaced(&menjin, &subject, key).await }.in_current_span();
    tokio::spawn(whole).await.unwrap_or_else(|error| Err(Problem::Internal(error.into())))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn replaced(menjin: &Menjin, subject: &Subject, key: SessionKey) -> Result<(), Problem> {
    let platform = subject.app.platform().and_then(|it| it.session_key()).ok_or(Problem::UnsupportedByPlatform)?;
    let (openid, former) = (&subject.openid, &key);
    let asked =
        with_token(menjin, &subject.app, |token| async move { platform.reset(&token, openid, former).await }.boxed());
    let asked = asked.await;
    let is_lost = matches!(
        &asked,
        Err(Unfetched::Platform(Error::NoAnswer { .. } | Error::Malformed { .. } | Error::Unexpected { .. }))
    );
    if asked.is_ok() || is_lost {
        let fresh = asked.as_ref().ok().map(|fresh| sealed_session_key(menjin, fresh));
        let former = session_key_digest(menjin, &key);
        menjin.store.reset_session_keys(KeyReset { identity: subject.identity.clone(), former, fresh }).await?;
    }
    asked.map(drop).map_err(Problem::from)
}

/// The keys that the caller's client encrypts with.
#[derive(Serialize, utoipa::ToSchema)]
struct Keys {
    /// The last few, the newest first.
    keys: Vec<KeyView>,
}

/// A key between the caller's client and the app's servers.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = EncryptKey)]
struct KeyView {
    /// Base64 of 16 bytes, for AES-128-CBC.
    #[schema(example = "VI6BpyrK9XH4i4AIGe86tg==")]
    encrypt_key: String,
    /// Sixteen ASCII characters that are the sixteen bytes, not hexadecimal ones.
    #[schema(min_length = 16, max_length = 16, example = "6003f73ec441c386")]
    iv: String,
    /// What the client names beside what it encrypted.
    version: i64,
    /// Seconds that it lives; 0 for one that only opens what came late.
    expires_in: u64,
}

impl From<EncryptKey> for KeyView {
    fn from(key: EncryptKey) -> Self {
        Self {
            encrypt_key: key.expose_key().to_owned(),
            iv: key.expose_iv().to_owned(),
            version: key.version,
            expires_in: key.expires_in.as_secs(),
        }
    }
}

/// Gives the keys that `wx.getUserCryptoManager().getLatestUserKey` gives the caller's client.
#[utoipa::path(get, path = "/v1/me/encrypt-key", operation_id = "get_encrypt_keys", tag = "profile", security(("bearer" = [])), responses(
    (status = 200, description = "The keys; never cached", body = Keys),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`session_key_stale`: call `wx.login` and sign in, then ask again"),
    (status = 422, description = "`unsupported_by_platform`: the platform has no such thing, or does not know the caller"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`"),
))]
async fn encrypt_key(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<impl IntoResponse, Problem> {
    let subject = Subject::of(&menjin, &headers).await?;
    let platform = subject.app.platform().and_then(|it| it.encrypt_keys()).ok_or(Problem::UnsupportedByPlatform)?;
    let key = subject.session_key(&menjin).await?.ok_or(Problem::SessionKeyStale)?;
    let (openid, key) = (&subject.openid, &key);
    let asked = with_token(&menjin, &subject.app, |token| {
        async move { platform.encrypt_keys(&token, openid, key).await }.boxed()
    });
    let keys = asked.await.map_err(ask_again)?.into_iter().map(KeyView::from).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(Keys { keys })))
}
