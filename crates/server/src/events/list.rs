//! `GET /v1/events`: a back end reads what happened to people of its apps, in order, as far back as the audit goes.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use tokio::time::Instant;
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::horizon::settled;
use super::page::{Page, page};
use super::told::Event;
use crate::apps::CallingApp;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

const SCOPE: &str = "events:read";
/// Events that are given at once, and lines that are looked at for them.
const MOST: u32 = 500;
const USUAL: u32 = 100;
/// Whoever waits is answered before their request's time is up, and looks again this often.
const LONGEST_WAIT: u32 = 60;
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list))
}

/// What happened, the oldest first.
#[derive(Serialize, utoipa::ToSchema)]
struct Events {
    /// In the order in which it happened.
    items: Vec<Event>,
    /// What to ask `after` next.
    #[schema(example = "1042")]
    next: String,
    /// Whether there is more at once.
    more: bool,
}

/// What is asked for.
struct Asked {
    after: After,
    limit: u32,
    wait: Duration,
}

enum After {
    Place(i64),
    Latest,
}

/// Tells what happened to people of the caller's apps.
///
/// Ask again with `next`; keep it together with what you did with the events. With `wait` an answer without events comes only
/// after so many seconds. The same events are sent by [webhooks](https://www.standardwebhooks.com).
#[utoipa::path(get, path = "/v1/events", operation_id = "list_events", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("after" = Option<String>, Query, description = "`next` of the last answer; `latest` to begin now; everything that is kept when left out"),
        ("limit" = Option<u32>, Query, description = "Lines of the audit that are looked at, 1 to 500; an answer has as many events or fewer"),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for something to happen, 60 at most and less than `server.request_timeout`"),
    ),
    responses(
        (status = 200, description = "What happened", body = Events),
        (status = 400, description = "`field_invalid`"),
        (status = 401, description = "`client_invalid`"),
        (status = 403, description = "`insufficient_scope`: the caller lacks `events:read`"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn list(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Problem> {
    caller.require(SCOPE)?;
    let Asked { after, limit, wait } = asked(query.as_deref().unwrap_or_default())?;
    let after = match after {
        After::Place(place) => place,
        After::Latest => settled(&menjin).await?,
    };
    let until = Instant::now() + wait.min(menjin.config.server.request_timeout * 4 / 5);
    let mut found = page(&menjin, caller.audience(), after, limit).await?;
    while found.events.is_empty() && !menjin.stopping() {
        let now = Instant::now();
        // Also while there is more: behind any number of lines that are others', whoever asks gets on from `next`.
        if now >= until {
            break;
        }
        if !found.more {
            tokio::time::sleep_until(until.min(now + LOOK)).await;
        }
        found = page(&menjin, caller.audience(), found.next, limit).await?;
    }
    let Page { events, next, more } = found;
    let items = events.into_iter().map(|(_, event)| event).collect();
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(Events { items, next: next.to_string(), more })))
}

fn asked(query: &str) -> Result<Asked, Problem> {
    let mut asked = Asked { after: After::Place(0), limit: USUAL, wait: Duration::ZERO };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "after" if value == "latest" => asked.after = After::Latest,
            "after" => {
                let place = value.parse().ok().filter(|place| *place >= 0);
                asked.after = After::Place(place.ok_or_else(|| Problem::field("after", Fault::NotACursor))?);
            }
            "limit" => asked.limit = number("limit", &value, (1, MOST))?,
            "wait" => asked.wait = Duration::from_secs(number("wait", &value, (0, LONGEST_WAIT))?.into()),
            _ => {}
        }
    }
    Ok(asked)
}

fn number(field: &'static str, value: &str, (least, most): (u32, u32)) -> Result<u32, Problem> {
    let number = value.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| Problem::field(field, Fault::NotBetween(least, most)))
}
