//! `GET|PUT /v1/me`: who the caller is, and what they call themselves.
//!
//! Does not: their picture as a file (`avatars`), their phone number (`numbers`).

use axum::extract::State;
use axum::http::HeaderMap;
use menjin_platform::OpenId;
use menjin_token::{SessionId, Timestamp};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Person;
use super::nickname::may_be_called;
use super::profile::{ProfileInput, chosen};
use super::subject::identity_in;
use super::view::UserView;
use crate::config::Profile;
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::{SessionHead, UserRow};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// The caller and the session they call in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    /// Who they are.
    user: UserView,
    /// Where they signed in.
    session: MySession,
}

impl Me {
    pub(super) fn of(user: UserRow, session: SessionHead) -> Self {
        Self { user: user.into(), session: session.into() }
    }
}

/// The caller's session.
#[derive(Serialize, utoipa::ToSchema)]
struct MySession {
    /// Its id.
    #[schema(value_type = String, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    id: SessionId,
    /// The app that it came through.
    app: String,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<SessionHead> for MySession {
    fn from(row: SessionHead) -> Self {
        Self { id: row.id, app: row.app, opened_at: row.opened_at, expires_at: row.expires_at }
    }
}

/// Tells who the caller is.
///
/// The session's row is read each time, so an ended one is refused at once on every node.
#[utoipa::path(get, path = "/v1/me", operation_id = "get_me", tag = "me", security(("bearer" = [])), responses((status = 200, description = "The caller", body = Me)))]
async fn show(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<Json<Me>, Problem> {
    let person = Person::of_any_form(&menjin, &headers).await?;
    Ok(Json(Me::of(person.user, person.session)))
}

/// Changes nickname or avatar; what is left out stays.
///
/// A new nickname is judged by the platform first, where it can (`nickname_check`). A picture that is a file is uploaded at
/// `/v1/me/avatar`.
#[utoipa::path(put, path = "/v1/me", operation_id = "update_me", tag = "profile", request_body = ProfileInput, security(("bearer" = [])), responses(
    (status = 200, description = "The caller, as changed", body = Me),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`nickname_unchecked`: call `wx.login` and sign in, then repeat"),
    (status = 422, description = "`nickname_refused`: the person should choose another one; `profile_not_kept`: the app keeps no profile"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`: the nickname could not be judged, and nothing changed"),
))]
async fn change(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    Json(input): Json<ProfileInput>,
) -> Result<Json<Me>, Problem> {
    let person = Person::of_any_form(&menjin, &headers).await?;
    let app = menjin.apps.by_id(&person.session.app).ok_or(Problem::AppUnknown)?;
    if app.profile == Profile::None && input.is_something() {
        return Err(Problem::ProfileNotKept);
    }
    let change = chosen(&app, input, "")?;
    if let Some(nickname) = &change.nickname
        && change.nickname != person.user.nickname
        && app.moderation().is_some()
    {
        menjin.limits.person_asks(person.user.id).await?;
        let identity = identity_in(&menjin, &app, &person).await?;
        let openid = identity.and_then(|it| OpenId::parse(it.openid).ok());
        may_be_called(&menjin, &app, openid.as_ref(), nickname).await?;
    }
    let user =
        menjin.store.change_profile(person.user.id, change, menjin.clock.now()).await?.ok_or(Problem::TokenInvalid)?;
    Ok(Json(Me::of(user, person.session)))
}
