//! `PUT /v1/me/password`: a first password with a name, or another one; whoever else was signed in is out.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use menjin_token::SessionId;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Name, Typed, made, prove_again};
use crate::extract::{Client, Json};
use crate::people::Person;
use crate::people::reauth::{Fresh, is_fresh};
use crate::problem::{Fault, Problem};
use crate::session::{carried_through, ended};
use crate::state::Menjin;
use crate::store::{Actor, EndReason, PasswordSet, SettingPassword};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(change))
}

/// The new password, and what proves that the caller may set it.
#[derive(Deserialize, utoipa::ToSchema)]
struct PasswordInput {
    /// The name to sign in by: for a first password alone, and for good.
    #[schema(min_length = 1, max_length = 64, example = "alice")]
    username: Option<String>,
    /// The present one; not needed within `lifetimes.fresh_sign_in` of the sign-in.
    #[schema(value_type = Option<String>, format = Password)]
    old_password: Option<SecretString>,
    /// From now on.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: SecretString,
    /// A fresh code of the session's app, instead of `old_password`.
    #[schema(value_type = Option<String>, max_length = 128)]
    code: Option<SecretString>,
    /// Belongs to a code of a page.
    #[schema(value_type = Option<String>)]
    code_verifier: Option<SecretString>,
}

/// Sets or changes the caller's password, and ends all their other sessions.
///
/// It needs the present password, a sign-in of the last minutes, or a fresh code in the same request. A first password brings the
/// name that the caller will sign in by.
#[utoipa::path(put, path = "/v1/me/password", operation_id = "change_password", tag = "profile", request_body = PasswordInput, security(("bearer" = [])), responses(
    (status = 204, description = "Set; the caller's other sessions have ended"),
    (status = 401, description = "`code_used`, `code_invalid`"),
    (status = 403, description = "`old_password_wrong`; `reauth_required`: sign in freshly, or send `old_password` or `code`"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`username_taken`; `password_overtaken`"),
    (status = 429, description = "`too_many_requests`: too many wrong passwords"),
    (status = 503, description = "`passwords_busy`; `platform_unavailable`"),
))]
async fn change(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Json(input): Json<PasswordInput>,
) -> Result<StatusCode, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    let row = menjin.store.password_of(person.user.id).await?;
    let name = match (&row, &input.username) {
        (Some(row), None) => Name::kept(&row.username),
        (Some(_), Some(_)) => return Err(Problem::field("username", Fault::Settled)),
        (None, Some(username)) => Name::parse(username).map_err(|fault| Problem::field("username", fault))?,
        (None, None) => return Err(Problem::field("username", Fault::Missing)),
    };
    let shortest = menjin.config.passwords.shortest;
    let typed = Typed::chosen(&input.new_password, &name, shortest);
    let typed = typed.map_err(|fault| Problem::field("new_password", fault))?;
    menjin.limits.person_asks(person.user.id).await?;
    let before = row.as_ref().map(|row| row.changed_at);
    may_set(&menjin, &person, &input, &client).await?;
    let password = made(&menjin, &name, &typed, row.map(|row| row.row)).await?;
    let now = menjin.clock.now();
    let setting = SettingPassword {
        user: person.user.id,
        password,
        before,
        keep: Some(person.session.id),
        reset: None,
        by: Actor::user(client.ip_text()),
        now,
        tokens_until: menjin.tokens_until(now),
    };
    set(&menjin, setting).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn may_set(menjin: &Menjin, person: &Person, input: &PasswordInput, client: &Client) -> Result<(), Problem> {
    let (code, code_verifier) = (input.code.as_ref(), input.code_verifier.as_ref());
    let other = Fresh { code, code_verifier, password: None };
    if let Some(old) = &input.old_password {
        match prove_again(menjin, person, old, client).await {
            Ok(_) if !other.is_proof() => return Ok(()),
            Ok(_) => {}
            Err(Problem::PasswordWrong) => return Err(Problem::OldPasswordWrong),
            Err(Problem::BadField { fault, .. }) => return Err(Problem::field("old_password", fault)),
            Err(problem) => return Err(problem),
        }
    }
    is_fresh(menjin, person, client, other).await
}

/// Why the session in which a password was to be set is over: it lived when the request came.
async fn why_over(menjin: &Menjin, session: Option<SessionId>) -> Problem {
    let Some(session) = session else { return Problem::UserUnknown };
    Person::in_session(menjin, session).await.err().unwrap_or(Problem::TokenInvalid)
}

/// Sets it, to the end whatever becomes of the request: the sessions that end with it are told of.
pub(super) async fn set(menjin: &Menjin, setting: SettingPassword) -> Result<(), Problem> {
    let (menjin, now, session) = (menjin.clone(), setting.now, setting.keep);
    carried_through(async move {
        match menjin.store.set_password(setting).await? {
            PasswordSet::Set(sessions) => {
                ended(&menjin, &sessions, EndReason::PasswordChanged, now);
                Ok(())
            }
            PasswordSet::NameTaken => Err(Problem::UsernameTaken),
            PasswordSet::Overtaken => Err(Problem::PasswordOvertaken),
            PasswordSet::CodeUnknown => Err(Problem::ResetCodeInvalid),
            PasswordSet::SessionOver => Err(why_over(&menjin, session).await),
            PasswordSet::Unknown => Err(Problem::UserUnknown),
        }
    })
    .await
}
