//! `GET /v1/revocations[/stream]`: what has ended, for guards in other programs (design §4.5).
//!
//! Does not: keep the lines (`told`).

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::told::{Line, Page};
use crate::apps::CallingApp;
use crate::connection::Lasting;
use crate::extract::read_feed_now;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::EventKind;

const SCOPE: &str = "revocations:read";
/// A stream without news says so this often: that proves that it is fresh, and that somebody is there.
const BEAT: Duration = Duration::from_secs(3);
/// What a guard begins with is no older: else its patience would be added to this node's own.
const RECENT: Duration = Duration::from_secs(5);
/// Whoever takes longer to read a line is let go.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A proxy that gathers answers would hold lines back.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(stream))
}

/// What has ended since some place.
#[derive(Serialize, utoipa::ToSchema)]
struct Revocations {
    /// In the order in which this node learned of them, 1000 at most. The same one may come again.
    events: Vec<Revocation>,
    /// What to ask `since` next.
    #[schema(example = "5f0c2a9be4d1738855aa01c3d2e4f607-42")]
    next: String,
    /// Whether there are more at once.
    more: bool,
    /// Whether this is everything that may still matter: at first, and when `since` is of another node or run.
    from_start: bool,
    /// With these events, up to the last page, everything is known that had ended by then.
    #[schema(format = DateTime)]
    read_at: String,
    /// A guard that has known nothing newer for so many seconds lets nobody in (`lifetimes.revocation_max_lag`).
    #[schema(example = 30)]
    max_lag: u64,
}

/// Something that ended before its tokens have. Kinds that you do not know are nothing to you.
#[derive(Serialize, utoipa::ToSchema)]
struct Revocation {
    /// `session_ended`: all tokens with this `sid`. `user_not_before`, `app_not_before`: tokens with this `sub` or
    /// `client_id` issued by `at`, but for sessions that were opened later. `key_revoked`: all that this key signed.
    /// `keys_changed`: fetch the JWKS. `roles_of_user`, `role_changed`: tokens with this `sub`, or with this name in `roles`,
    /// whose `rv` is lower than `version` or missing: 401 `token_expired`, and a refresh gives a token with the roles of now.
    #[schema(pattern = "^[a-z_]+$", example = "session_ended")]
    kind: &'static str,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    session: Option<SessionId>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    user: Option<UserId>,
    /// The app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    app: Option<String>,
    /// The signing key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    kid: Option<String>,
    /// The role's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "clerk")]
    name: Option<String>,
    /// Tokens whose `rv` is lower, or that have none, are outdated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_795_000_000_000_i64)]
    version: Option<i64>,
    /// The code of the 401 that its tokens get.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "session_kicked")]
    reason: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    at: String,
    /// No token that it affects lives longer.
    #[schema(format = DateTime)]
    until: String,
}

impl Revocation {
    fn of(line: Line) -> Self {
        let word = line.kind.word();
        let reason = (!line.reason.is_empty()).then(|| line.reason.into_owned());
        let (at, until) = (exact(line.at), exact(line.until));
        let none = Self {
            kind: word,
            session: None,
            user: None,
            app: None,
            kid: None,
            name: None,
            version: None,
            reason: None,
            at,
            until,
        };
        match line.kind {
            EventKind::SessionEnded(session) => Self { session: Some(session), reason, ..none },
            EventKind::UserNotBefore(user) => Self { user: Some(user), reason, ..none },
            EventKind::AppNotBefore(app) => Self { app: Some(app), reason, ..none },
            EventKind::RolesOfUser(user, version) => Self { user: Some(user), version: Some(version), reason, ..none },
            EventKind::RoleChanged(name, version) => Self { name: Some(name), version: Some(version), reason, ..none },
            EventKind::KeyRevoked(kid) => Self { kid: Some(kid), ..none },
            EventKind::KeysChanged | EventKind::AppsChanged | EventKind::Unknown => none,
        }
    }
}

/// With its milliseconds: a sign-in in the second of an end is told apart from those before.
fn exact(at: Timestamp) -> String {
    format!("{}.{:03}Z", at.to_string().trim_end_matches('Z'), at.millis().rem_euclid(1000))
}

fn revocations(menjin: &Menjin, page: Page) -> Revocations {
    Revocations {
        next: menjin.told.cursor(page.next),
        events: page.lines.into_iter().map(Revocation::of).collect(),
        more: page.more,
        from_start: page.from_start,
        read_at: exact(page.read_at),
        max_lag: menjin.config.lifetimes.revocation_max_lag.as_secs(),
    }
}

/// Tells what has ended, for a guard that asks again and again.
///
/// Let nobody in before the first answer whose `more` is false; then ask with `next`, once a second or more often.
#[utoipa::path(get, path = "/v1/revocations", operation_id = "list_revocations", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(("since" = Option<String>, Query, description = "`next` of the last answer; everything when left out")),
    responses(
        (status = 200, description = "What has ended", body = Revocations),
        (status = 401, description = "`client_invalid`"),
        (status = 403, description = "`insufficient_scope`: the caller lacks `revocations:read`"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
        (status = 503, description = "`revocations_stale`: this node itself does not know well enough"),
    ))]
async fn list(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Problem> {
    caller.require(SCOPE)?;
    fresh(&menjin).await?;
    let page = menjin.told.page(since(&menjin, query.as_deref()));
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(revocations(&menjin, page))))
}

/// Streams what has ended: as `GET /v1/revocations`, and each end within a second.
///
/// `event: revocations` with the same object as `data`, and its `next` as `id`; one without events at least each 5 seconds.
/// When the stream ends, come again with the last `id`.
#[utoipa::path(get, path = "/v1/revocations/stream", operation_id = "stream_revocations", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("since" = Option<String>, Query, description = "`next` of the last answer; everything when left out"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as `EventSource` sends it; counts more"),
    ),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
        (status = 401, description = "`client_invalid`"),
        (status = 403, description = "`insufficient_scope`: the caller lacks `revocations:read`"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
        (status = 503, description = "`revocations_stale`; `streams_full`: ask another node, or without a stream"),
    ))]
async fn stream(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    caller.require(SCOPE)?;
    fresh(&menjin).await?;
    let seat = menjin.told.seat().ok_or(Problem::StreamsFull)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let place = last.map_or_else(|| since(&menjin, query.as_deref()), |id| menjin.told.place(id));
    let (lines, taken) = mpsc::channel::<Bytes>(1);
    let lasting = Lasting::default();
    let stream = Stream { app: caller.id().to_owned(), lines, _seat: seat, _lasting: lasting.clone() };
    tokio::spawn(async move { stream.run(&menjin, place).await }.in_current_span());
    let body = futures_util::stream::unfold(taken, async |mut taken| {
        let line = taken.recv().await?;
        Some((Ok::<_, Infallible>(line), taken))
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")), UNBUFFERED];
    Ok((headers, axum::Extension(lasting), Body::from_stream(body)))
}

/// A node that does not know what has ended tells nobody that nothing has.
async fn fresh(menjin: &Menjin) -> Result<(), Problem> {
    if menjin.told.was_read_within(RECENT, menjin.clock.now()) { Ok(()) } else { read_feed_now(menjin).await }
}

/// The place to go on from; one that is not ours is the beginning.
fn since(menjin: &Menjin, query: Option<&str>) -> Option<u64> {
    let (_, cursor) = form_urlencoded::parse(query?.as_bytes()).find(|(name, _)| name == "since")?;
    menjin.told.place(&cursor)
}

/// A guard that listens, with its seat, until it goes or this node does.
struct Stream {
    app: String,
    lines: mpsc::Sender<Bytes>,
    _seat: OwnedSemaphorePermit,
    _lasting: Lasting,
}

impl Stream {
    async fn run(self, menjin: &Menjin, mut place: Option<u64>) {
        let mut news = menjin.told.news();
        loop {
            let closing = news.borrow_and_update().closing;
            // Silence would look like freshness.
            if closing || menjin.ended.is_stale(menjin.clock.now()) {
                return;
            }
            let page = menjin.told.page(place);
            let (next, more, cut) = (page.next, page.more, self.is_cut_by(&page));
            let Some(line) = sent(&revocations(menjin, page)) else { return };
            if !matches!(timeout(PATIENCE, self.lines.send(line)).await, Ok(Ok(()))) || cut {
                return;
            }
            place = Some(next);
            if more {
                continue;
            }
            let beat = Instant::now() + BEAT;
            tokio::select! {
                changed = news.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(beat) => {}
                () = self.lines.closed() => return,
            }
        }
    }

    /// Whether the app itself was cut off: what it goes on with has to be proved anew.
    fn is_cut_by(&self, page: &Page) -> bool {
        let is_own = |line: &Line| matches!(&line.kind, EventKind::AppNotBefore(app) if *app == self.app);
        !page.from_start && page.lines.iter().any(is_own)
    }
}

/// One server-sent event; JSON has no line breaks in it.
fn sent(revocations: &Revocations) -> Option<Bytes> {
    let data = serde_json::to_string(revocations).ok()?;
    Some(Bytes::from(format!("event: revocations\nid: {}\ndata: {data}\n\n", revocations.next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_millisecond() {
        assert_eq!(exact(Timestamp::from_millis(1_800_000_000_007)), "2027-01-15T08:00:00.007Z");
        assert_eq!(exact(Timestamp::from_secs(0)), "1970-01-01T00:00:00.000Z");
    }
}
