//! `DELETE /v1/me`: whoever wants to leave is signed out at once, and erased after a cooling-off (design §4.6).
//!
//! Lives here: the route, what it is to erase somebody. Does not: who is due (`round`), which rows are somebody's (`store`),
//! operators' commands (`operated`).

mod operated;
mod round;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use menjin_token::{Timestamp, UserId};
use serde::Serialize;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::operated::{Deletion, WhenToDelete};
pub(crate) use self::round::{Stopped, erase_due};
use super::reauth::FreshInput;
use super::{Person, is_fresh, take_down};
use crate::extract::{Client, OptionalJson};
use crate::problem::Problem;
use crate::session;
use crate::state::Menjin;
use crate::store::{Actor, Departed, Departure, Emptied, Emptying, EndReason, Erased, Erasing, StoreError};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(leave))
}

/// When somebody will be gone.
#[derive(Serialize, utoipa::ToSchema)]
struct LeaveAnswer {
    /// From then on everything that is kept of them is erased, unless they sign in before.
    #[schema(value_type = String, format = DateTime)]
    deletes_at: Timestamp,
}

/// Deletes the caller's account after a cooling-off.
///
/// All their sessions end at once, and their tokens are refused as `user_deleting`. Signing in before `deletes_at` keeps the
/// account: the login answer then says `deletion_cancelled`. After it everything is erased but id and number, which never come
/// again.
#[utoipa::path(delete, path = "/v1/me", operation_id = "delete_me", tag = "privacy", request_body = Option<FreshInput>, security(("bearer" = [])), responses(
    (status = 202, description = "It has begun; the caller is signed out", body = LeaveAnswer),
    (status = 401, description = "`code_used`, `code_invalid`"),
    (status = 403, description = "`reauth_required`: sign in freshly, or send `code` or `password`; `old_password_wrong`"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 503, description = "`platform_unavailable`"),
))]
async fn leave(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    OptionalJson(fresh): OptionalJson<FreshInput>,
) -> Result<(StatusCode, axum::Json<LeaveAnswer>), Problem> {
    let person = Person::of(&menjin, &headers).await?;
    is_fresh(&menjin, &person, &client, fresh.as_ref().into()).await?;
    let by = Actor::user(client.ip_text());
    match announce(&menjin, person.user.id, by, Some(person.session.app)).await? {
        Departed::Begun { deletes_at, .. } => Ok((StatusCode::ACCEPTED, axum::Json(LeaveAnswer { deletes_at }))),
        Departed::Gone | Departed::Unknown => Err(Problem::Ended(EndReason::AccountClosed)),
    }
}

/// Somebody is to be erased after the cooling-off; from now on they are signed out.
async fn announce(menjin: &Menjin, user: UserId, by: Actor, app: Option<String>) -> Result<Departed, StoreError> {
    let now = menjin.clock.now();
    let deletes_at = now.plus(menjin.config.lifetimes.deletion_cooling_off);
    let departure = Departure { user, by, app, now, deletes_at, tokens_until: menjin.tokens_until(now) };
    let departed = menjin.store.announce_leaving(departure).await?;
    if let Departed::Begun { ended, .. } = &departed {
        session::ended(menjin, ended, EndReason::UserDeleting, now);
        menjin.fast.wake.tell_now().await;
        tracing::info!(user.id = %user, sessions = ended.len(), "somebody is to be deleted");
    }
    Ok(departed)
}

/// Erases somebody, due or not and however much they left behind: as long as it takes.
async fn erase(menjin: &Menjin, user: UserId, by: &Actor) -> Result<Erased, StoreError> {
    let mut emptied = Emptied::default();
    empty(menjin, (user, false), &mut emptied, None).await?;
    erase_emptied(menjin, user, by, (false, emptied)).await
}

/// Empties what may be much of somebody who goes, one part at least; whether there was the time for all of it.
async fn empty(
    menjin: &Menjin,
    (user, only_if_due): (UserId, bool),
    emptied: &mut Emptied,
    until: Option<Instant>,
) -> Result<bool, StoreError> {
    loop {
        let emptying = Emptying { user, only_if_due, emptied: emptied.clone(), now: menjin.clock.now() };
        let Some(further) = menjin.store.empty_user(emptying).await? else { return Ok(true) };
        *emptied = further;
        if until.is_some_and(|until| Instant::now() >= until) {
            return Ok(false);
        }
    }
}

/// Erases what is left of somebody, with the pictures that they uploaded.
async fn erase_emptied(
    menjin: &Menjin,
    user: UserId,
    by: &Actor,
    (only_if_due, emptied): (bool, Emptied),
) -> Result<Erased, StoreError> {
    // Not that of before the emptying, which may have taken long: tokens were refreshed meanwhile.
    let now = menjin.clock.now();
    let (line, tokens_until) = (by.line("user.erased"), menjin.tokens_until(now));
    let erased = menjin.store.erase_user(Erasing { user, line, only_if_due, emptied, now, tokens_until }).await?;
    if let Erased::Erased { ended, former_avatars } = &erased {
        for (user, address) in former_avatars {
            take_down(menjin, *user, address).await;
        }
        session::ended(menjin, ended, EndReason::AccountClosed, now);
        menjin.fast.wake.tell_now().await;
        metrics::counter!("menjin_users_erased_total").increment(1);
        tracing::info!(user.id = %user, "somebody was erased");
    }
    Ok(erased)
}
