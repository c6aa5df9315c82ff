//! `GET /v1/login/{app}/start` and `/callback`: a browser goes to the platform, and comes back with a code of ours for the
//! app's page to exchange (design §4.7; RFC 6749 and RFC 7636 on both sides, RFC 9700).
//!
//! Nothing is kept of a sign-in that has begun but the browser's own cookie. Until that cookie has proved that this browser
//! began it, failures are pages here; from then on they go to the app's page. No token is ever in an address.

mod arrival;
mod asked;
mod cookie;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use menjin_platform::{Redirect, RedirectCode};
use tracing::Instrument as _;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use asked::{Asked, Begin, is_state};
use cookie::{Jar, Start};

use crate::apps::App;
use crate::config::Profile;
use crate::limits::{Allowed, Failures};
use crate::problem::{self, Problem};
use crate::seal::hex;
use crate::state::Menjin;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback))
}

/// Sends a browser to the platform.
///
/// A page, not an API: link or redirect to it. What can't stand is said on a page, and never redirected.
#[utoipa::path(get, path = "/v1/login/{app}/start", operation_id = "start_login", tag = "pages",
    params(
        ("app" = String, Path, description = "The app's id: of kind `web`, with a platform", example = "site"),
        ("redirect_uri" = String, Query, description = "The page to come back to, spelt as in the app's `redirect_uris`"),
        ("state" = String, Query, min_length = 1, max_length = 512, description = "Random, and kept by the page: it comes back unchanged, and tells the page that it was the one to begin"),
        ("code_challenge" = String, Query, min_length = 43, max_length = 43, pattern = "^[A-Za-z0-9_-]{43}$", description = "base64url of SHA-256 of the `code_verifier` (RFC 7636)"),
        ("code_challenge_method" = String, Query, pattern = "^S256$", description = "`S256`, the only one"),
        ("silent" = Option<bool>, Query, description = "Ask the person nothing, where the platform can do without: no nickname and picture then, and at `WeChat` no unionid"),
    ),
    responses(
        (status = 302, description = "To the platform, with a cookie for ten minutes"),
        (status = 400, description = "A page: what is wrong with the address"),
        (status = 404, description = "A page: `app_unknown`"),
    ))]
async fn start(
    State(menjin): State<Menjin>,
    Path(id): Path<String>,
    _allowed: Allowed,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let app = app(&menjin, &id)?;
    let redirect = redirect(&app)?;
    let asked = Asked::parse(query.as_deref());
    let begin = Begin::read(&app, &asked)?;
    let silent = begin.silent || app.profile == Profile::None;
    let state = state(&menjin);
    let mut jar = Jar::of(&menjin, &headers);
    jar.put(&state, &begin.into_start(&app, menjin.clock.now()));
    let to = redirect.authorize_url(&app.callback_url(&menjin.issuer).map_err(Problem::Internal)?, &state, silent);
    Ok((jar.changes(), seen_other(StatusCode::FOUND, &to)?).into_response())
}

/// Takes a browser back from the platform, and on to the app's page.
///
/// For the platform to redirect to. The page finds `code` (one use, 60 seconds) and `state` in its address, or `error`,
/// `error_description` (a problem's code) and `state`.
#[utoipa::path(get, path = "/v1/login/{app}/callback", operation_id = "complete_login", tag = "pages",
    params(
        ("app" = String, Path, description = "The app's id", example = "site"),
        ("state" = Option<String>, Query, description = "As `start` gave it to the platform"),
        ("code" = Option<String>, Query, description = "The platform's code; at Alipay `auth_code`; none when the person declined"),
    ),
    responses(
        (status = 303, description = "To the app's page, with a code or an error"),
        (status = 400, description = "A page: `sign_in_not_under_way`: this browser has begun no such sign-in"),
        (status = 404, description = "A page: `app_unknown`"),
    ))]
async fn callback(
    State(menjin): State<Menjin>,
    Path(id): Path<String>,
    allowed: Allowed,
    (method, headers): (Method, HeaderMap),
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    // What only looks must not spend a code.
    if method != Method::GET {
        return Err(Problem::MethodUnknown);
    }
    let app = app(&menjin, &id)?;
    let asked = Asked::parse(query.as_deref());
    let failures = allowed.before_sign_in(&app.id)?;
    let mut jar = Jar::of(&menjin, &headers);
    let state = asked.once("state").ok().flatten().filter(|state| is_state(state)).ok_or(Problem::SignInNotUnderWay)?;
    let start = jar.find(state, menjin.clock.now()).filter(|start| start.app == app.id);
    let start = start.ok_or(Problem::SignInNotUnderWay)?;
    let back = app.redirect_uris.iter().find(|uri| start.leads_to(uri)).ok_or(Problem::SignInNotUnderWay)?;
    let mut back = Url::parse(back).map_err(|error| Problem::Internal(error.into()))?;
    let came = came(&menjin, &app, (&asked, state), (&start, failures)).await;
    let told = match came {
        Ok(code) => vec![("code", code)],
        // The state has served for another code: whoever brings this one did not begin here.
        Err(Problem::IdempotencyMismatch) => return Err(Problem::SignInNotUnderWay),
        Err(problem) => {
            jar.remove(state);
            note(&problem);
            let (error, code) = (oauth_error(&problem), problem.spec().code);
            vec![("error", error.to_owned()), ("error_description", code.to_owned())]
        }
    };
    back.query_pairs_mut().extend_pairs(told).append_pair("state", &start.state);
    // After a success the cookie stays: browsers inside apps load this address again, and shall be led the same way.
    Ok((jar.changes(), seen_other(StatusCode::SEE_OTHER, &back)?).into_response())
}

/// The code for the app's page. It is carried through when the browser hangs up meanwhile: the platform's code is spent by
/// then, and the repeated request shall find what came of it.
async fn came(
    menjin: &Menjin,
    app: &Arc<App>,
    (asked, state): (&Asked<'_>, &str),
    (start, failures): (&Start, Failures),
) -> Result<String, Problem> {
    let parameter = redirect(app)?.code_parameter();
    let code = asked.once(parameter)?.ok_or(Problem::SignInDenied)?;
    let code = RedirectCode::parse(code).map_err(|_| Problem::CodeInvalid(None))?;
    let admin = &menjin.config.admin;
    let arriving = arrival::Arriving {
        app: Arc::clone(app),
        for_operators: admin.is_scanned_in(&app.id) && start.leads_to(&admin.scan_page()),
        to: app.callback_url(&menjin.issuer).map_err(Problem::Internal)?,
        state: state.to_owned(),
        challenge: start.challenge.clone(),
        code,
    };
    let menjin = menjin.clone();
    let whole = async move {
        let came = arrival::arrive(&menjin, arriving).await;
        if let Err(problem) = &came {
            failures.count(problem).await;
        }
        came
    };
    tokio::spawn(whole.in_current_span()).await.unwrap_or_else(|error| Err(Problem::Internal(error.into())))
}

fn app(menjin: &Menjin, id: &str) -> Result<Arc<App>, Problem> {
    let app = menjin.apps.by_id(id).filter(|app| app.redirect().is_some()).ok_or(Problem::AppUnknown)?;
    tracing::Span::current().record("app.id", &app.id);
    Ok(app)
}

fn redirect(app: &App) -> Result<&dyn Redirect, Problem> {
    app.redirect().ok_or(Problem::AppUnknown)
}

fn state(menjin: &Menjin) -> String {
    menjin.entropy.bytes::<16>().chunks_exact(4).map(|four| hex([four[0], four[1], four[2], four[3]])).collect()
}

fn seen_other(status: StatusCode, to: &Url) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(to.as_str()).map_err(|error| Problem::Internal(error.into()))?;
    Ok((status, [(header::LOCATION, location)]).into_response())
}

/// RFC 6749 §4.1.2.1.
fn oauth_error(problem: &Problem) -> &'static str {
    match problem.spec().status {
        StatusCode::FORBIDDEN => "access_denied",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "temporarily_unavailable",
        StatusCode::INTERNAL_SERVER_ERROR => "server_error",
        _ => "invalid_request",
    }
}

/// A failure that is told to the app's page is counted and logged as any other.
fn note(problem: &Problem) {
    metrics::counter!("menjin_problems_total", "code" => problem.spec().code).increment(1);
    problem::tell(problem);
}
