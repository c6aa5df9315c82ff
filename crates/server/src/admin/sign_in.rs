//! `/admin/sign-in`: name, password and second factor in one form; what is wrong of them is not said.
//!
//! Does not: setting them (`welcome`), asking for them again (`account`).

use askama::Template;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::door::is_own_form;
use super::held::{cookie, digest, secret};
use super::operator::Operator;
use super::pages::{At, Fields, Next, page, see_other};
use super::scan::Scanned;
use super::tries::{self, Who};
use super::{password, scan};
use crate::extract::Client;
use crate::problem::{Language, Problem};
use crate::state::Menjin;
use crate::store::{Actor, AuditLine, NewOperatorSession, OperatorRole, OperatorShown, StoreError};

/// Who is signed in by the button of `menjin dev`.
const DEV: &str = "dev";

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show, sign_in))
}

/// Of `menjin dev` alone.
pub(super) fn dev_routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(sign_in_as_dev))
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct Page {
    at: At,
    next: String,
    name: String,
    refused: Option<String>,
    is_dev: bool,
    by_scan: bool,
}

impl Page {
    fn new(menjin: &Menjin, at: At, next: &Next) -> Self {
        let (next, by_scan) = (next.path().to_owned(), scan::is_offered(menjin, &at));
        Self { at, next, name: String::new(), refused: None, is_dev: menjin.dev.is_some(), by_scan }
    }
}

/// Where operators sign in.
///
/// Who is signed in already is led on.
#[utoipa::path(get, path = "/admin/sign-in", tag = "pages", params(("next" = Option<String>, Query, description = "Where to go afterwards: a path below `/console` or `/admin`"), ("scan" = Option<String>, Query, description = "What became of a scan: `refused`")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 303, description = "Signed in already")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Option<Operator>,
    at: At,
    Query(next): Query<Next>,
    Query(scanned): Query<Scanned>,
) -> Result<Response, Problem> {
    if operator.is_some() {
        return Ok(see_other(next.path()));
    }
    let refused = scanned.refused(&at);
    page(&Page { refused, ..Page::new(&menjin, at, &next) })
}

/// Signs an operator in.
#[utoipa::path(post, path = "/admin/sign-in", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`name`, `password`, `code`, `next`"), responses((status = 303, description = "Signed in; the cookie is set"), (status = 422, description = "Name, password or code is wrong: the page again", body = str, content_type = "text/html"), (status = 429, description = "Too many tries: the page again, with `Retry-After`", body = str, content_type = "text/html"), (status = 403, description = "`origin_refused`: a form of another site")))]
async fn sign_in(
    State(menjin): State<Menjin>,
    parts: Parts,
    client: Client,
    at: At,
    fields: Fields,
) -> Result<Response, Problem> {
    if !is_own_form(&menjin, &parts) {
        return Err(Problem::FormRefused);
    }
    let (name, code) = (called(fields.text("name")?), fields.text("code")?);
    let (password, next, ip) = (fields.secret("password")?, fields.next(), client.ip_text());
    let again = Page { name: name.clone(), ..Page::new(&menjin, at, &next) };
    let Some(password) = password::typed(&password) else { return refused(again) };
    let proof = menjin.store.operator_proof(&name).await?;
    let who = Who { name: &name, is_operator: proof.is_some(), ip: ip.as_deref() };
    let tried = match tries::to_sign_in(&menjin, who).await {
        Ok(tried) => tried,
        Err(Problem::TooManyRequests { retry_after }) => return barred(again, retry_after),
        Err(problem) => return Err(problem),
    };
    let proved = async {
        let shown = password::shown(&menjin, (&name, proof.as_ref()), (&password, code), menjin.clock.now()).await?;
        let Some(shown) = shown.map(OperatorShown::Step) else { return Ok::<_, Problem>(None) };
        open(&menjin, (&name, shown), client, &next).await
    };
    match proved.await {
        Ok(Some(signed_in)) => {
            tried.succeeded().await;
            Ok(signed_in)
        }
        Ok(None) => {
            tell(&menjin, Some(who), ip.clone());
            refused(again)
        }
        // What was not compared is no guess: a full line bars nobody.
        Err(problem) => {
            tried.was_no_guess().await;
            Err(problem)
        }
    }
}

/// Signs in whoever sits at the machine that `menjin dev` runs on, as operator `dev`.
#[utoipa::path(post, path = "/admin/sign-in/dev", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`next`"), responses((status = 303, description = "Signed in; the cookie is set"), (status = 403, description = "`origin_refused`")))]
async fn sign_in_as_dev(
    State(menjin): State<Menjin>,
    parts: Parts,
    client: Client,
    fields: Fields,
) -> Result<Response, Problem> {
    if !is_own_form(&menjin, &parts) {
        return Err(Problem::FormRefused);
    }
    let now = menjin.clock.now();
    let by = Actor { ip: client.ip_text(), ..Actor::system() };
    menjin.store.add_operator(super::operated::adding(DEV, OperatorRole::Admin, (None, now), &by)).await?;
    open(&menjin, (DEV, OperatorShown::Nothing), client, &fields.next()).await?.ok_or(Problem::OperatorRequired)
}

/// A name as it is kept, however a phone's keyboard wrote it. What no keyboard writes, and not every store takes, is left out.
fn called(name: &str) -> String {
    name.trim().chars().filter(|letter| !letter.is_control()).take(64).collect::<String>().to_lowercase()
}

/// Opens a sign-in and leads on; none where what was shown proves nothing by now.
pub(super) async fn open(
    menjin: &Menjin,
    (name, shown): (&str, OperatorShown),
    client: Client,
    next: &Next,
) -> Result<Option<Response>, Problem> {
    let held = secret(&*menjin.entropy);
    let session = session(menjin, name, &held, client);
    if !menjin.store.open_operator_session(session, shown).await? {
        return Ok(None);
    }
    count("signed_in");
    signed_in(menjin, &held, next).map(Some)
}

/// A sign-in that begins now.
pub(super) fn session(menjin: &Menjin, name: &str, held: &str, client: Client) -> NewOperatorSession {
    let now = menjin.clock.now();
    NewOperatorSession {
        digest: digest(held),
        operator: name.to_owned(),
        ip: client.ip_text(),
        user_agent: client.user_agent,
        now,
        until: now.plus(menjin.config.admin.session),
    }
}

/// Sets the cookie, and leads on.
pub(super) fn signed_in(menjin: &Menjin, held: &str, next: &Next) -> Result<Response, Problem> {
    let mut response = see_other(next.path());
    let cookie = HeaderValue::try_from(cookie(&menjin.config, Some(held)));
    let cookie = cookie.map_err(|error| Problem::Internal(error.into()))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The page again, for somebody who is not who they say.
fn refused(mut again: Page) -> Result<Response, Problem> {
    count("refused");
    let text = again.at.say(
        "名字、密码或验证码不对，或验证码已用过。",
        "Name, password or code is wrong, or the code was used before.",
    );
    again.refused = Some(text.to_owned());
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response())
}

/// The page again, for somebody who must wait.
fn barred(mut again: Page, wait: std::time::Duration) -> Result<Response, Problem> {
    count("barred");
    let seconds = wait.as_secs().max(1);
    again.refused = Some(match again.at.language() {
        Language::Chinese => format!("尝试次数过多，请 {seconds} 秒后重试。"),
        Language::English => format!("Too many tries: try again in {seconds} s."),
    });
    let headers = [(header::RETRY_AFTER, HeaderValue::from(seconds))];
    Ok((StatusCode::TOO_MANY_REQUESTS, headers, page(&again)?).into_response())
}

/// Writes a refusal down: of an operator's name from one place at most once a minute, and of all other names, and all scans, together
/// as often, so that nobody fills the audit from outside. It is written after the answer, which takes no longer for a name that is
/// somebody's. What is nobody's name is not written: it may be a password in the wrong field.
pub(super) fn tell(menjin: &Menjin, who: Option<Who<'_>>, ip: Option<String>) {
    let (of, place) = match who {
        Some(Who { name, is_operator: true, ip }) => (name, ip),
        // No operator is called like these.
        Some(_) => ("a name that nobody has", None),
        None => ("a scan", None),
    };
    if !tries::is_to_be_told(menjin, of, place) {
        return;
    }
    let (menjin, name) = (menjin.clone(), who.map(|who| who.name.to_owned()));
    tokio::spawn(async move {
        if let Err(error) = written_down(&menjin, name, ip).await {
            tracing::warn!(error = format!("{error:#}"), "a refusal was not written down");
        }
    });
}

async fn written_down(menjin: &Menjin, name: Option<String>, ip: Option<String>) -> Result<(), StoreError> {
    let detail = name.is_none().then(|| "by a scan".to_owned());
    let id = match name {
        // Also of one who has not opened their link yet.
        Some(name) => menjin.store.operators().await?.into_iter().map(|it| it.name).find(|it| *it == name),
        None => None,
    };
    let by = Actor { kind: "operator", id, ip };
    let line = AuditLine { detail, ..by.line("operator.refused") };
    menjin.store.audit(line, menjin.clock.now()).await
}

pub(super) fn count(outcome: &'static str) {
    metrics::counter!("menjin_operator_sign_ins_total", "outcome" => outcome).increment(1);
}
