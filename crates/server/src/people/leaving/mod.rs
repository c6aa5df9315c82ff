//! `DELETE /v1/me`: whoever wants to leave is signed out at once, and erased after a cooling-off (design §4.6).
//!
//! Lives here: the route, the round that erases. Does not: which rows are somebody's (`store`), operators' commands
//! (`operated`).

mod operated;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use menjin_token::{Timestamp, UserId};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::operated::{Deletion, WhenToDelete};
use super::reauth::FreshInput;
use super::{Person, is_fresh, take_down};
use crate::extract::{Client, OptionalJson};
use crate::problem::Problem;
use crate::session;
use crate::state::Menjin;
use crate::store::{Actor, Departed, Departure, Due, EndReason, Erased, Erasing};

/// So many are erased before the next are asked for.
const AT_ONCE: u32 = 100;

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
async fn announce(
    menjin: &Menjin,
    user: UserId,
    by: Actor,
    app: Option<String>,
) -> Result<Departed, crate::store::StoreError> {
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

/// Erases somebody, with the pictures that they uploaded.
async fn erase(
    menjin: &Menjin,
    user: UserId,
    by: &Actor,
    only_if_due: bool,
) -> Result<Erased, crate::store::StoreError> {
    let now = menjin.clock.now();
    let (line, tokens_until) = (by.line("user.erased"), menjin.tokens_until(now));
    let erased = menjin.store.erase_user(Erasing { user, line, only_if_due, now, tokens_until }).await?;
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

/// Erases everybody whose cooling-off is over. Several nodes may do it at once: each person is erased by one. Whoever can't be
/// erased keeps nobody waiting, and is tried again in the next round.
pub(crate) async fn erase_due(menjin: &Menjin) -> anyhow::Result<()> {
    let (mut after, mut first, mut count) = (None, None, 0_u32);
    loop {
        let due = menjin.store.due_to_leave(menjin.clock.now(), after, AT_ONCE).await?;
        for Due { user, .. } in &due {
            if let Err(error) = erase(menjin, *user, &Actor::system(), true).await {
                let error = anyhow::Error::new(error);
                tracing::error!(error = format!("{error:#}"), user.id = %user, "somebody could not be erased, and is tried again");
                first.get_or_insert(error);
                count += 1;
            }
        }
        after = due.last().copied();
        if due.len() < AT_ONCE as usize {
            break;
        }
    }
    first.map_or(Ok(()), |error| Err(error.context(format!("{count} could not be erased, the first because"))))
}
