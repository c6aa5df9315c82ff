//! `POST /v1/me/merge`: somebody who has two accounts makes them one (design §4.6).
//!
//! Does not: what goes over (the store, in one transaction), accounts that a unionid proves to be one (a sign-in does that).

mod operated;

use axum::extract::State;
use axum::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use operated::not_done;
pub use operated::{MergeView, MergedView, SideView, UnmergeView};
use operated::{Wanted, merge_now};

use super::Person;
use super::identities::share_people;
use super::reauth::{FreshInput, has_fresh_session, is_fresh};
use super::view::UserView;
use crate::extract::{Client, Json, caller_by, object_or_null};
use crate::problem::{Fault, PeopleFault, Problem};
use crate::session::carried_through;
use crate::state::Menjin;
use crate::store::{Actor, EndReason, MergePlan};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(merge))
}

/// The other account, and whether it shall be done.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct MergeRequest {
    /// An access token of the other account, from a sign-in of the last five minutes.
    #[schema(value_type = String)]
    access_token: SecretString,
    /// Without it nothing is done, and the answer tells what would be.
    #[serde(default)]
    confirm: bool,
    /// Where the caller's own session is older than five minutes: what proves that they are themselves.
    #[serde(default, deserialize_with = "object_or_null")]
    fresh: Option<FreshInput>,
}

/// What goes over to the caller, or has gone.
#[derive(Serialize, utoipa::ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether it goes over")]
struct MergeAnswer {
    /// Whether it is done.
    merged: bool,
    /// The caller, who stays: with what has gone over, once it is done.
    user: UserView,
    /// The other account, as it was: its id leads to the caller from then on.
    other: UserView,
    /// How many identities go over.
    identities: usize,
    /// Whether the other's phone number goes over. If both have one, the caller's stays.
    phone: bool,
    /// Whether the other's nickname or picture goes over.
    profile: bool,
    /// Whether the other's name and password go over. If both have one, the caller's stays.
    password: bool,
    /// Whether what another system calls the other goes over. If both are called something, the caller's stays.
    external_id: bool,
    /// How many roles go over.
    roles: usize,
    /// How many back ends' data about the other goes over: about the caller they keep none.
    data: usize,
    /// How many sessions of the other account end.
    sessions_ended: usize,
}

impl MergeAnswer {
    fn of(plan: MergePlan, merged: bool) -> Self {
        let user = if merged { plan.stayed() } else { plan.into.user.clone() };
        let MergePlan { from, moved, ended, .. } = plan;
        Self {
            merged,
            user: user.into(),
            other: from.user.into(),
            identities: moved.identities.len(),
            phone: moved.phone,
            profile: moved.nickname || moved.avatar,
            password: moved.password,
            external_id: moved.external_id,
            roles: moved.roles.len(),
            data: moved.data.len(),
            sessions_ended: ended.len(),
        }
    }
}

/// Merges another account of the caller's into this one.
///
/// Both must have signed in within the last five minutes. First without `confirm`, to show the person what it will do. Then all
/// of the other's sessions are over, and whoever signs in by what was theirs is the caller. An operator can undo it for 30 days.
#[utoipa::path(post, path = "/v1/me/merge", operation_id = "merge_accounts", tag = "profile", request_body = MergeRequest, security(("bearer" = [])), responses(
    (status = 200, description = "What it would do, or has done", body = MergeAnswer),
    (status = 400, description = "`field_invalid`: `access_token` is none of a session that lives"),
    (status = 401, description = "`code_used`, `code_invalid`, about `fresh`"),
    (status = 403, description = "`old_password_wrong`: that of `fresh`; `reauth_required`: one of the two sign-ins is too old, and `detail` says which; `forbidden`: the other account's session is of an app for another back end"),
    (status = 409, description = "`already_merged`; `merge_refused`: both are the same, or one is disabled or about to be deleted"),
))]
async fn merge(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Json(request): Json<MergeRequest>,
) -> Result<axum::Json<MergeAnswer>, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    menjin.limits.person_asks(person.user.id).await?;
    let other = other_account(&menjin, &person, &request.access_token).await?;
    let apps = (menjin.apps.by_id(&person.session.app), menjin.apps.by_id(&other.session.app));
    let (Some(own), Some(others)) = apps else { return Err(Problem::AppUnknown) };
    if !share_people(&own, &others) {
        return Err(Problem::OtherAudience);
    }
    if !has_fresh_session(&menjin, &other) {
        return Err(Problem::OtherReauthRequired);
    }
    is_fresh(&menjin, &person, &client, request.fresh.as_ref().into()).await?;
    let by = Actor::user(client.ip_text());
    let wanted = Wanted { from: other.user.id, into: person.user.id, by, rehearsal: !request.confirm };
    let confirm = request.confirm;
    let plan = carried_through(async move { merge_now(&menjin, wanted).await }).await?;
    Ok(axum::Json(MergeAnswer::of(plan, confirm)))
}

/// Whose the other token is. What is wrong with it says nothing of the caller's own.
async fn other_account(menjin: &Menjin, person: &Person, token: &SecretString) -> Result<Person, Problem> {
    let wrong = || Problem::field("access_token", Fault::NotALivingToken);
    let of_token = async {
        let caller = caller_by(menjin, token.expose_secret()).await?;
        Person::in_session(menjin, caller.session).await
    };
    match of_token.await {
        Ok(other) => Ok(other),
        Err(Problem::Ended(EndReason::UserMerged)) => {
            Err(merged_before(menjin, person, token).await?.unwrap_or_else(wrong))
        }
        Err(problem) if problem.spec().status == axum::http::StatusCode::UNAUTHORIZED => Err(wrong()),
        Err(problem) => Err(problem),
    }
}

/// Whether the other token's owner is the caller since a merge whose answer may have been lost.
async fn merged_before(menjin: &Menjin, person: &Person, token: &SecretString) -> Result<Option<Problem>, Problem> {
    // The guard has verified it by now, or it would not be known to have ended.
    let decoded = menjin_token::dangerous::decode_unverified(token.expose_secret()).ok();
    let user = decoded.and_then(|(_, claims)| claims.get("sub")?.as_str()?.parse().ok());
    let Some(user) = user else { return Ok(None) };
    let now = menjin.store.user(user).await?;
    Ok(now.filter(|user| user.id == person.user.id).map(|_| Problem::People(PeopleFault::AlreadyMerged)))
}
