//! `/v1/push/{app}`: what an app's platform tells by itself (design §4.7): that somebody withdrew their data, or closed their
//! account.
//!
//! Lives here: who is believed, and that it is queued before it is answered. `queue` keeps it, `work` carries it out. Does not:
//! signatures and forms (`menjin-platform`), what is done to people (`store`).

mod queue;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, RawQuery, Request, State};
use menjin_platform::{NotTaken, Push};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use work::{drain, follow};

use crate::apps::App;
use crate::extract::body;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::Queued;

/// `WeChat` hangs up after five seconds, and tries again.
const PATIENCE: Duration = Duration::from_millis(4500);
/// What the platform takes for a receipt.
const RECEIPT: &str = "success";

/// No limits: who pushes proves it by a signature that costs less to check than a limit, and a platform that were limited
/// would give up, with people's data kept for ever.
pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(prove, hear))
}

/// Proves to the platform's console that this address is the app's.
///
/// The console asks when 消息推送 (message push) is set up, and wants its `echostr` back.
#[utoipa::path(get, path = "/v1/push/{app}", operation_id = "prove_push", tag = "platform",
    params(
        ("app" = String, Path, description = "The app's id, with `push_token` and `push_aes_key`", example = "shop"),
        ("signature" = String, Query, description = "SHA-1 of the sorted token, timestamp and nonce"),
        ("timestamp" = String, Query, description = "Seconds since 1970; five minutes from now at most"),
        ("nonce" = String, Query, description = "Random"),
        ("echostr" = String, Query, description = "Comes back as it is"),
    ),
    responses(
        (status = 200, description = "`echostr`", body = String, content_type = "text/plain"),
        (status = 403, description = "`push_refused`"),
        (status = 404, description = "`app_unknown`: no such app, or it takes no pushes"),
    ))]
async fn prove(
    State(menjin): State<Menjin>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<String, Problem> {
    let app = app(&menjin, &id)?;
    let proved = push(&menjin, &app)?.prove(&query.unwrap_or_default(), menjin.clock.now().secs());
    proved.map_err(|why| refused(&menjin, &app, why))
}

/// Takes what the platform tells.
///
/// JSON or XML, encrypted (安全模式). That somebody withdrew data or closed their account is queued before the answer, and carried
/// out at once; anything else is acknowledged and dropped. The same push again is acknowledged, and done once.
#[utoipa::path(post, path = "/v1/push/{app}", operation_id = "push", tag = "platform",
    params(
        ("app" = String, Path, description = "The app's id, with `push_token` and `push_aes_key`", example = "shop"),
        ("timestamp" = String, Query, description = "Seconds since 1970; five minutes from now at most"),
        ("nonce" = String, Query, description = "Random"),
        ("msg_signature" = String, Query, description = "SHA-1 of the sorted token, timestamp, nonce and `Encrypt`"),
    ),
    request_body(description = "`{ToUserName, Encrypt}`, or the same as XML", content(("application/json"), ("text/xml"))),
    responses(
        (status = 200, description = "`success`", body = String, content_type = "text/plain"),
        (status = 403, description = "`push_refused`"),
        (status = 404, description = "`app_unknown`: no such app, or it takes no pushes"),
    ))]
async fn hear(
    State(menjin): State<Menjin>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<&'static str, Problem> {
    let query = query.unwrap_or_default();
    let taken = take(&menjin, &id, &query, request);
    tokio::time::timeout(PATIENCE, taken).await.unwrap_or(Err(Problem::TimedOut))?;
    Ok(RECEIPT)
}

async fn take(menjin: &Menjin, id: &str, query: &str, request: Request) -> Result<(), Problem> {
    let app = app(menjin, id)?;
    let push = push(menjin, &app)?;
    let body = body(request, menjin).await?;
    let now = menjin.clock.now();
    let pushed = push.take(query, &body, now.secs()).map_err(|why| refused(menjin, &app, why))?;
    let outcome = match queue::queue(menjin, &app, &pushed, now).await? {
        None => "ignored",
        Some(Queued::Waiting) => "queued",
        Some(Queued::Repeated) => "repeated",
        Some(Queued::NonceSeen) => return Err(refused(menjin, &app, NotTaken::Replayed)),
    };
    // Looked for after a repetition too: what came first may still wait, as MariaDB shows nobody a row whose repetition it
    // is just refusing.
    if outcome != "ignored" {
        menjin.push_waits.notify_one();
    }
    count(&app.id, outcome);
    // Whatever else the app hears of passes by here as well; what a person withdrew is worth a line.
    if pushed.detail.is_empty() {
        tracing::debug!(push.event = pushed.event, push.outcome = outcome, "a push came");
    } else {
        tracing::info!(push.event = pushed.event, push.items = pushed.detail, push.outcome = outcome, "a push came");
    }
    Ok(())
}

fn app(menjin: &Menjin, id: &str) -> Result<Arc<App>, Problem> {
    let app = menjin.apps.by_id(id).ok_or(Problem::AppUnknown)?;
    tracing::Span::current().record("app.id", &app.id);
    Ok(app)
}

fn push<'a>(menjin: &Menjin, app: &'a App) -> Result<&'a dyn Push, Problem> {
    app.push().ok_or_else(|| {
        app.complain_of_push(&format_args!("`app.{}.push_token` is missing", app.id), menjin.clock.now());
        Problem::AppUnknown
    })
}

fn refused(menjin: &Menjin, app: &App, why: NotTaken) -> Problem {
    count(&app.id, "refused");
    app.complain_of_push(&why, menjin.clock.now());
    Problem::PushRefused(why)
}

/// What became of pushes, by app: `queued`, `repeated`, `ignored`, `refused`; and later `done`, `failed`, `given_up`.
fn count(app: &str, outcome: &'static str) {
    metrics::counter!("menjin_pushes_total", "app" => app.to_owned(), "outcome" => outcome).increment(1);
}
