//! A new password by a one-use code that an operator hands out: `menjin user reset-password`, `POST /v1/password/reset`.
//!
//! Whoever hands it out sees the code once, and never a password.

use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Timestamp, UserId};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::change::set;
use super::{NOBODYS, Name, Typed, made, sealed};
use crate::entropy::sha256;
use crate::extract::{Client, Json};
use crate::limits::Allowed;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{Actor, PasswordReset, ResetAllowed, SettingPassword};

/// Codes begin with it, so that a scanner knows one that leaked.
const PREFIX: &str = "mjp_";
/// What wrong codes of an address are counted at, beside apps.
const COUNTED_AT: &str = "password-reset";

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(redeem))
}

/// A one-use code.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NewResetCode {
    /// Whose.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub user: UserId,
    /// The code, which nobody can read again.
    #[schema(example = "mjp_…")]
    pub code: String,
    /// It is good until then.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewResetCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewResetCode").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why there is no one-use code.
#[derive(Debug, thiserror::Error)]
pub enum NoReset {
    /// No such user.
    #[error("no such user")]
    UserUnknown,
    /// They have no name to sign in by.
    #[error("this user has no name to sign in by: give one (`--give-name`)")]
    NoName,
    /// They have a name, and keep it.
    #[error("this user has a name to sign in by, and keeps it: leave `--give-name` out")]
    HasName,
    /// Somebody else has the name.
    #[error("somebody else has this name: choose another one")]
    NameTaken,
    /// It is no name.
    #[error("a name has 1 to 64 letters, digits and . _ - @ + without spaces")]
    OddName,
    /// The store can't be written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl Menjin {
    /// Makes a one-use code by which somebody chooses a new password; a former one is void. Who has no name yet gets `username`.
    pub async fn reset_password(
        &self,
        by: &Actor,
        user: UserId,
        username: Option<&str>,
    ) -> Result<NewResetCode, NoReset> {
        let name = username.map(Name::parse).transpose().map_err(|_| NoReset::OddName)?;
        let code = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.entropy.bytes::<32>()));
        let now = self.clock.now();
        let reset = PasswordReset {
            digest: sha256(code.as_bytes()),
            user,
            name: name.map(|name| sealed(self, &name, &NOBODYS, None)),
            until: now.plus(self.config.passwords.reset_code),
            by: by.clone(),
            now,
        };
        let expires_at = reset.until;
        match self.store.allow_reset(reset).await? {
            ResetAllowed::Allowed => Ok(NewResetCode { user, code, expires_at }),
            ResetAllowed::Unknown => Err(NoReset::UserUnknown),
            ResetAllowed::NoName => Err(NoReset::NoName),
            ResetAllowed::HasName => Err(NoReset::HasName),
            ResetAllowed::NameTaken => Err(NoReset::NameTaken),
        }
    }
}

/// A one-use code, and what the password is from now on.
#[derive(Deserialize, utoipa::ToSchema)]
struct ResetInput {
    /// As the operator handed it out.
    #[schema(value_type = String, max_length = 128, example = "mjp_…")]
    code: SecretString,
    /// From now on.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: SecretString,
}

/// Sets a new password by a one-use code from an operator, and ends all of the person's sessions.
#[utoipa::path(post, path = "/v1/password/reset", operation_id = "reset_password", tag = "sign-in", request_body = ResetInput, responses(
    (status = 204, description = "Set; sign in with it"),
    (status = 403, description = "`reset_code_invalid`"),
    (status = 409, description = "`password_overtaken`"),
    (status = 503, description = "`passwords_busy`"),
))]
async fn redeem(
    State(menjin): State<Menjin>,
    allowed: Allowed,
    client: Client,
    Json(input): Json<ResetInput>,
) -> Result<StatusCode, Problem> {
    let failures = allowed.before_sign_in(COUNTED_AT)?;
    let done = redeemed(&menjin, &input, &client).await;
    if let Err(problem) = &done {
        failures.count(problem).await;
    }
    done.map(|()| StatusCode::NO_CONTENT)
}

async fn redeemed(menjin: &Menjin, input: &ResetInput, client: &Client) -> Result<(), Problem> {
    let code = input.code.expose_secret().trim();
    if code.len() > 128 {
        return Err(Problem::field("code", Fault::TooLong(128)));
    }
    let (digest, now) = (sha256(code.as_bytes()), menjin.clock.now());
    let user = menjin.store.reset_of(digest, now).await?.ok_or(Problem::ResetCodeInvalid)?;
    let row = menjin.store.password_of(user).await?.ok_or(Problem::ResetCodeInvalid)?;
    let name = Name::kept(&row.username);
    let typed = Typed::chosen(&input.new_password, &name, menjin.config.passwords.shortest);
    let typed = typed.map_err(|fault| Problem::field("new_password", fault))?;
    let password = made(menjin, &name, &typed, Some(row.row)).await?;
    let setting = SettingPassword {
        user,
        password,
        before: Some(row.changed_at),
        keep: None,
        reset: Some(digest),
        by: Actor::user(client.ip_text()),
        now,
        tokens_until: menjin.tokens_until(now),
    };
    set(menjin, setting).await
}
