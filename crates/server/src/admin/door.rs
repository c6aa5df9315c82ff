//! The door before `/admin/v1` and `/console`: an operator's cookie or a program's token, and no other site's page.
//!
//! A user's token opens nothing here. Does not: what a role may do with a route (its handler says so).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::Timestamp;
use subtle::ConstantTimeEq as _;

use super::held::{TOKEN_PREFIX, cookie_name, cookie_of, digest};
use super::operator::Operator;
use super::pages;
use crate::edge::inside;
use crate::extract::{Client, authorization, body};
use crate::origin::{host, is_operator_on_https, is_own};
use crate::pages::Shown;
use crate::problem::Problem;
use crate::refusals;
use crate::state::Menjin;
use crate::store::{AuditLine, HeldDigest, OperatorSessionRow, TOKEN_ACTOR};

/// Below it are calls of programs; all else are pages.
const API: &str = "/admin/v1/";
/// What the console's own calls carry: no form of another site can (AD-03).
const CONSOLE: &str = "x-menjin-console";
/// A sign-in is noted as used so often, in seconds.
const NOTED: i64 = 60;

/// Lets operators in, and sends who opens a page without being one to sign in.
pub(crate) async fn around(State(menjin): State<Menjin>, request: Request, next: Next) -> Result<Response, Problem> {
    let path = inside(menjin.config.server.path(), request.uri().path());
    let is_call = path.starts_with(API);
    let to_sign_in = (!is_call && is_safe(request.method())).then(|| to_sign_in(&menjin, &request));
    let let_in = if is_call { called(&menjin, request).await } else { opened(&menjin, request).await };
    match (let_in, to_sign_in) {
        (Ok(request), _) => {
            let attempt = Attempt::of(&menjin, &request);
            let response = next.run(request).await;
            attempt.tell_if_denied(&menjin, &response);
            Ok(response)
        }
        (Err(Problem::OperatorRequired), Some(answer)) => Ok(answer),
        (Err(problem), _) => Err(problem),
    }
}

/// Who tries what.
struct Attempt {
    operator: Option<Operator>,
    what: String,
}

impl Attempt {
    fn of(menjin: &Menjin, request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let what = format!("{} {}", request.method(), inside(menjin.config.server.path(), route));
        Self { operator: request.extensions().get().cloned(), what }
    }

    /// What the operator's role does not reach stands in the audit.
    fn tell_if_denied(self, menjin: &Menjin, response: &Response) {
        let extensions = response.extensions();
        let of_page = || extensions.get::<Shown>().map(|shown| &shown.0);
        let problem = extensions.get::<Arc<Problem>>().or_else(of_page);
        if let Some(operator) = self.operator
            && problem.is_some_and(|problem| matches!(**problem, Problem::RightMissing))
        {
            let denied = operator.actor().line("operator.denied");
            refusals::tell(menjin, AuditLine { detail: Some(self.what), ..denied });
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A call of a program, or of the console's scripts.
async fn called(menjin: &Menjin, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let has_cookie = cookie_of(&parts.headers, cookie_name(&menjin.config)).is_some();
    let operator = if parts.headers.contains_key(header::AUTHORIZATION) {
        by_token(menjin, &mut parts).await?
    } else if has_cookie {
        let is_own = parts.headers.get(CONSOLE).is_some_and(|value| value == "1");
        if !is_own || is_elsewhere(menjin, &parts) {
            return Err(Problem::FormRefused);
        }
        by_cookie(menjin, &mut parts).await?
    } else {
        None
    };
    parts.extensions.insert(operator.ok_or(Problem::OperatorRequired)?);
    Ok(Request::from_parts(parts, body))
}

/// A page, or a form of one.
async fn opened(menjin: &Menjin, request: Request) -> Result<Request, Problem> {
    let (mut parts, mut content) = request.into_parts();
    let operator = by_cookie(menjin, &mut parts).await?.ok_or(Problem::OperatorRequired)?;
    if !is_safe(&parts.method) {
        if !is_own_form(menjin, &parts) {
            return Err(Problem::FormRefused);
        }
        let bytes = body(Request::from_parts(parts.clone(), content), menjin).await?;
        let mut fields = url::form_urlencoded::parse(&bytes).filter(|(name, _)| name == "form_token");
        let token = fields.next().filter(|_| fields.next().is_none());
        if !token.is_some_and(|(_, token)| token.as_bytes().ct_eq(operator.form_token.as_bytes()).into()) {
            return Err(Problem::FormRefused);
        }
        content = Body::from(bytes);
    }
    parts.extensions.insert(operator);
    Ok(Request::from_parts(parts, content))
}

/// The program whose token this is.
async fn by_token(menjin: &Menjin, parts: &mut Parts) -> Result<Option<Operator>, Problem> {
    let token = authorization(&parts.headers, false).filter(|token| token.starts_with(TOKEN_PREFIX));
    let Some(token) = token.map(digest) else { return Ok(None) };
    let Some(row) = menjin.store.operator_token(token).await? else { return Ok(None) };
    if row.until.is_some_and(|until| until <= menjin.clock.now()) {
        return Ok(None);
    }
    let ip = Client::from_request_parts(parts, menjin).await?.ip_text();
    let name = format!("{TOKEN_ACTOR}{}", row.name);
    Ok(Some(Operator { name, role: row.role, is_fresh: true, ip, session: None, form_token: String::new() }))
}

/// The operator whose cookie this is, while the sign-in lives.
pub(super) async fn by_cookie(menjin: &Menjin, parts: &mut Parts) -> Result<Option<Operator>, Problem> {
    let Some(session) = cookie_of(&parts.headers, cookie_name(&menjin.config)).map(digest) else { return Ok(None) };
    let now = menjin.clock.now();
    let Some(row) = alive(menjin, session, now).await? else { return Ok(None) };
    if now.secs().saturating_sub(row.seen_at.secs()) >= NOTED {
        menjin.store.see_operator_session(session, now).await?;
    }
    let ip = Client::from_request_parts(parts, menjin).await?.ip_text();
    Ok(Some(Operator {
        name: row.operator,
        role: row.role,
        is_fresh: is_fresh(menjin, row.proved_at, now),
        ip,
        session: Some(session),
        form_token: form_token(menjin, session),
    }))
}

/// A sign-in, while it lives.
pub(super) async fn alive(
    menjin: &Menjin,
    session: HeldDigest,
    now: Timestamp,
) -> Result<Option<OperatorSessionRow>, Problem> {
    let found = menjin.store.operator_session(session).await?;
    Ok(found.filter(|row| now < row.until && now < row.seen_at.plus(menjin.config.admin.idle)))
}

fn is_fresh(menjin: &Menjin, proved_at: Timestamp, now: Timestamp) -> bool {
    now < proved_at.plus(menjin.config.lifetimes.fresh_sign_in)
}

/// Of this sign-in alone, and made anew whenever it is needed.
pub(super) fn form_token(menjin: &Menjin, session: HeldDigest) -> String {
    URL_SAFE_NO_PAD.encode(menjin.digester.digest("operator's form", &session))
}

/// Whether a form was sent by a page of this very origin. Browsers say so by one header or the other; whoever says nothing is no
/// browser, and has no form.
pub(super) fn is_own_form(menjin: &Menjin, parts: &Parts) -> bool {
    let says_so = parts.headers.contains_key(header::ORIGIN) || parts.headers.contains_key("sec-fetch-site");
    says_so && !is_elsewhere(menjin, parts)
}

/// Whether a page of another origin asks.
fn is_elsewhere(menjin: &Menjin, parts: &Parts) -> bool {
    let Some(host) = host(parts) else { return true };
    let is_https = is_operator_on_https(&menjin.config, parts, &host);
    !is_own(&parts.headers, (&host, is_https), &["same-origin"])
}

/// Where somebody goes who opened a page without being signed in. A link of another site brings no cookie: the page is asked for
/// once more, by itself.
fn to_sign_in(menjin: &Menjin, request: &Request) -> Response {
    let headers = request.headers();
    let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let here = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let here = inside(menjin.config.server.path(), &here).to_owned();
    if from_elsewhere && cookie_of(headers, cookie_name(&menjin.config)).is_none() {
        return pages::again(headers, here).unwrap_or_else(axum::response::IntoResponse::into_response);
    }
    pages::see_other(&pages::with_next("/admin/sign-in", &here))
}
