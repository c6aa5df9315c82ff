//! `GET|POST|DELETE /v1/me/identities[/{id}]`: the ways in which the caller signs in by platforms (design §4.6).
//!
//! Does not: two accounts of one person (`merging`), passwords (`password`).

mod operated;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use menjin_platform::Redirected;
use menjin_token::{Id, IdentityId, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use operated::OperatedIdentity;

use super::Person;
use super::reauth::{FreshInput, is_fresh, met, proved};
use crate::apps::App;
use crate::extract::{Client, Json, OptionalJson, object_or_null};
use crate::problem::{PeopleFault, Problem};
use crate::session::{carried_through, ended};
use crate::state::Menjin;
use crate::store::{Actor, EndReason, IdentityRow, Linked, Linking, Unlinked, Unlinking};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list, link)).routes(routes!(unlink))
}

/// A way in which the caller signs in; what the platform calls them is told to nobody.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Identity)]
struct OwnIdentity {
    /// Its id.
    #[schema(value_type = String, example = "idn_01jd3v0000zzzzzzzzzzzzzzzz")]
    id: IdentityId,
    /// The platform.
    #[schema(example = "wechat")]
    platform: String,
    /// The app that people sign in from with it; none if it is no longer here.
    #[schema(example = "shop")]
    app: Option<String>,
    /// Since when it is theirs.
    #[schema(value_type = String, format = DateTime)]
    linked_at: Timestamp,
}

impl OwnIdentity {
    fn of(menjin: &Menjin, row: IdentityRow) -> Self {
        let app = menjin
            .apps
            .all()
            .into_iter()
            .find(|app| app.platform().is_some() && app.platform_name() == row.platform && app.appid == row.appid);
        Self { id: row.id, platform: row.platform, app: app.map(|app| app.id.clone()), linked_at: row.created_at }
    }
}

/// The caller's identities.
#[derive(Serialize, utoipa::ToSchema)]
struct Identities {
    /// The oldest first.
    identities: Vec<OwnIdentity>,
}

/// Lists how the caller signs in by platforms.
#[utoipa::path(get, path = "/v1/me/identities", operation_id = "list_identities", tag = "me", security(("bearer" = [])), responses((status = 200, description = "All of them", body = Identities)))]
async fn list(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<axum::Json<Identities>, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    let rows = menjin.store.identities_of(person.user.id).await?;
    let identities = rows.into_iter().map(|row| OwnIdentity::of(&menjin, row)).collect();
    Ok(axum::Json(Identities { identities }))
}

/// What proves that the caller is somebody on another platform, or in another app.
#[derive(Deserialize, utoipa::ToSchema)]
struct LinkRequest {
    /// The app in which the platform gave the code: one for the same audience as the session's, or of the same open-platform
    /// account.
    #[schema(example = "site")]
    app: String,
    /// The code, as `POST /v1/login/{app}` takes it: one use.
    #[schema(value_type = String, max_length = 128, pattern = "^[!-~]+$")]
    code: SecretString,
    /// Belongs to a code of a page that began with `start`.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 128, pattern = "^[A-Za-z0-9._~-]+$")]
    code_verifier: Option<SecretString>,
    /// Where the session is older than five minutes: what proves that the caller is the caller.
    #[serde(default, deserialize_with = "object_or_null")]
    fresh: Option<FreshInput>,
}

/// Links an identity to the caller, who signs in by it from then on, too.
///
/// It needs a sign-in of the last minutes, or `fresh`. Nothing of a profile is taken over. An identity that is another account's
/// stays there.
#[utoipa::path(post, path = "/v1/me/identities", operation_id = "link_identity", tag = "profile", request_body = LinkRequest, security(("bearer" = [])), responses(
    (status = 200, description = "It was the caller's before", body = OwnIdentity),
    (status = 201, description = "It is the caller's", body = OwnIdentity),
    (status = 401, description = "`code_used`, `code_invalid`: call `wx.login` again"),
    (status = 403, description = "`reauth_required`: sign in freshly, or send `fresh`; `old_password_wrong`: that of `fresh`; `forbidden`: the app is for another back end; `platform_blocked`"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`identity_taken`: it is another account's; if both are the caller's, `POST /v1/me/merge`"),
    (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`"),
))]
async fn link(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Json(request): Json<LinkRequest>,
) -> Result<(StatusCode, axum::Json<OwnIdentity>), Problem> {
    let person = Person::of(&menjin, &headers).await?;
    let app = menjin.apps.by_id(&request.app).filter(|app| app.platform().is_some()).ok_or(Problem::AppUnknown)?;
    let own = menjin.apps.by_id(&person.session.app).ok_or(Problem::AppUnknown)?;
    if !share_people(&own, &app) {
        return Err(Problem::OtherAudience);
    }
    menjin.limits.person_asks(person.user.id).await?;
    is_fresh(&menjin, &person, &client, request.fresh.as_ref().into()).await?;
    // Carried through when the connection breaks meanwhile: the code is spent by then.
    carried_through(async move {
        let code = (&request.code, request.code_verifier.as_ref());
        let Redirected { identity, .. } = met(&menjin, &app, code).await?;
        let proved = proved(&menjin, &app, &identity);
        let linking = Linking {
            user: person.user.id,
            new_identity: Id::new(proved.now, menjin.entropy.bytes()),
            proved,
            app: app.id.clone(),
            by: Actor::user(client.ip_text()),
        };
        let (status, row) = match menjin.store.link_identity(linking).await? {
            Linked::Linked(row) => (StatusCode::CREATED, row),
            Linked::Already(row) => (StatusCode::OK, row),
            Linked::Taken => return Err(Problem::People(PeopleFault::IdentityTaken)),
            Linked::Gone => return Err(Problem::Ended(EndReason::UserDisabled)),
        };
        Ok((status, axum::Json(OwnIdentity::of(&menjin, row))))
    })
    .await
}

/// Whether people of one app may be told to be people of the other: nothing of one audience opens another.
pub(super) fn share_people(one: &App, other: &App) -> bool {
    let same_account = one.open_account.is_some()
        && one.open_account == other.open_account
        && one.platform_name() == other.platform_name();
    one.audience == other.audience || same_account
}

/// Unlinks an identity: its sessions end, and nobody signs in to this account by it.
///
/// It needs a sign-in of the last minutes, or a body with a fresh proof. An identity that shares a unionid with another one of
/// the caller's comes back when somebody signs in by it.
#[utoipa::path(delete, path = "/v1/me/identities/{id}", operation_id = "unlink_identity", tag = "profile", security(("bearer" = [])),
    params(("id" = String, Path, description = "An identity's id", example = "idn_01jd3v0000zzzzzzzzzzzzzzzz")),
    request_body(content = Option<FreshInput>),
    responses(
        (status = 204, description = "It is gone; the sessions that it opened have ended, this one too if it was one of them"),
        (status = 401, description = "`code_used`, `code_invalid`"),
        (status = 403, description = "`reauth_required`: sign in freshly, or prove it in the body; `old_password_wrong`"),
        (status = 404, description = "`identity_unknown`: the caller has no such identity"),
        (status = 409, description = "`last_identity`: the caller could sign in no more"),
    ))]
async fn unlink(
    State(menjin): State<Menjin>,
    Path(id): Path<String>,
    headers: HeaderMap,
    client: Client,
    OptionalJson(fresh): OptionalJson<FreshInput>,
) -> Result<StatusCode, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    let identity = id.parse().map_err(|_| Problem::People(PeopleFault::IdentityUnknown))?;
    menjin.limits.person_asks(person.user.id).await?;
    is_fresh(&menjin, &person, &client, fresh.as_ref().into()).await?;
    let by = Actor::user(client.ip_text());
    carried_through(async move { take_away(&menjin, (by, false), person.user.id, identity).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an identity away; how many sessions ended.
async fn take_away(
    menjin: &Menjin,
    (by, even_last): (Actor, bool),
    user: menjin_token::UserId,
    identity: IdentityId,
) -> Result<usize, Problem> {
    let apps = menjin.apps.all();
    let ways = apps.iter().filter(|app| app.platform().is_some());
    let ways = ways.map(|app| (app.platform_name().to_owned(), app.appid.clone())).collect();
    let by_password = apps.iter().any(|app| app.takes_passwords());
    let now = menjin.clock.now();
    let tokens_until = menjin.tokens_until(now);
    let unlinking = Unlinking { user, identity, ways, by_password, even_last, by, now, tokens_until };
    match menjin.store.unlink_identity(unlinking).await? {
        Unlinked::Unlinked(sessions) => {
            ended(menjin, &sessions, EndReason::Kicked, now);
            Ok(sessions.len())
        }
        Unlinked::Unknown => Err(Problem::People(PeopleFault::IdentityUnknown)),
        Unlinked::Last => Err(Problem::People(PeopleFault::LastIdentity)),
    }
}
