//! `/admin/account`, `/admin/confirm`, `/admin/sign-out`: an operator's own sign-in, behind the door.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use menjin_token::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::held::cookie;
use super::operator::Operator;
use super::pages::{At, Fields, Next, page, see_other};
use super::scan::Scanned;
use super::tries::{self, Who};
use super::{password, scan, sign_in};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::OperatorShown;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(ask, confirm)).routes(routes!(sign_out))
}

#[derive(Template)]
#[template(path = "pages/account.html")]
struct Account {
    at: At,
    operator: Operator,
    linked_at: Option<Timestamp>,
    by_scan: bool,
    refused: Option<String>,
}

/// Who is signed in, and whether a scan signs them in, too.
#[utoipa::path(get, path = "/admin/account", tag = "pages", params(("scan" = Option<String>, Query, description = "What became of a scan: `taken`, `refused`")), responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    at: At,
    Query(scanned): Query<Scanned>,
) -> Result<Response, Problem> {
    let linked_at = linked_at(&menjin, &operator).await?;
    let (by_scan, refused) = (scan::is_offered(&menjin, &at), scanned.refused(&at));
    page(&Account { at, operator, linked_at, by_scan, refused })
}

async fn linked_at(menjin: &Menjin, operator: &Operator) -> Result<Option<Timestamp>, Problem> {
    let all = menjin.store.operators().await?;
    Ok(all.into_iter().find(|it| it.name == operator.name).and_then(|it| it.linked_at))
}

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct Confirm {
    at: At,
    operator: Operator,
    next: String,
    refused: Option<String>,
    is_dev: bool,
    by_scan: bool,
}

impl Confirm {
    async fn new(menjin: &Menjin, operator: Operator, at: At, next: &Next) -> Result<Self, Problem> {
        let is_dev = has_no_proof(menjin, &operator).await?;
        let by_scan = scan::is_offered(menjin, &at) && linked_at(menjin, &operator).await?.is_some();
        Ok(Self { at, operator, next: next.path().to_owned(), refused: None, is_dev, by_scan })
    }
}

/// Where an operator whose sign-in is too old proves themselves again.
#[utoipa::path(get, path = "/admin/confirm", tag = "pages", params(("next" = Option<String>, Query, description = "Where to go afterwards"), ("scan" = Option<String>, Query, description = "What became of a scan: `refused`")), responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn ask(
    State(menjin): State<Menjin>,
    operator: Operator,
    at: At,
    Query(next): Query<Next>,
    Query(scanned): Query<Scanned>,
) -> Result<Response, Problem> {
    let refused = scanned.refused(&at);
    page(&Confirm { refused, ..Confirm::new(&menjin, operator, at, &next).await? })
}

/// Notes that they did.
#[utoipa::path(post, path = "/admin/confirm", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `password`, `code`, `next`"), responses((status = 303, description = "Confirmed"), (status = 422, description = "Password or code is wrong: the page again", body = str, content_type = "text/html"), (status = 429, description = "`too_many_requests`")))]
async fn confirm(
    State(menjin): State<Menjin>,
    operator: Operator,
    at: At,
    fields: Fields,
) -> Result<Response, Problem> {
    let (next, now) = (fields.next(), menjin.clock.now());
    let session = operator.session.ok_or(Problem::OperatorRequired)?;
    let (name, ip) = (operator.name.clone(), operator.ip.clone());
    if has_no_proof(&menjin, &operator).await? {
        menjin.store.prove_operator_session(session, OperatorShown::Nothing, now).await?;
        return Ok(see_other(next.path()));
    }
    let (password, code) = (fields.secret("password")?, fields.text("code")?);
    if let Some(password) = password::typed(&password) {
        let tried = tries::to_confirm(&menjin, session).await?;
        let proved = async {
            let proof = menjin.store.operator_proof(&name).await?;
            let shown = password::shown(&menjin, (&name, proof.as_ref()), (&password, code), now).await?;
            let Some(shown) = shown.map(OperatorShown::Step) else { return Ok::<_, Problem>(false) };
            Ok(menjin.store.prove_operator_session(session, shown, now).await?)
        };
        match proved.await {
            Ok(true) => {
                tried.succeeded().await;
                return Ok(see_other(next.path()));
            }
            Ok(false) => {
                sign_in::tell(&menjin, Some(Who { name: &name, is_operator: true, ip: ip.as_deref() }), ip.clone());
            }
            Err(problem) => {
                tried.was_no_guess().await;
                return Err(problem);
            }
        }
    }
    let text = at.say("密码或验证码不对，或验证码已用过。", "Password or code is wrong, or the code was used before.");
    let refused = Some(text.to_owned());
    let again = Confirm { refused, ..Confirm::new(&menjin, operator, at, &next).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&again)?).into_response())
}

/// Ends the sign-in.
#[utoipa::path(post, path = "/admin/sign-out", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Signed out; the cookie is gone")))]
async fn sign_out(State(menjin): State<Menjin>, operator: Operator) -> Result<Response, Problem> {
    if let Some(session) = operator.session {
        let line = operator.actor().line("operator.signed_out");
        menjin.store.end_operator_session(session, line, menjin.clock.now()).await?;
    }
    let mut response = see_other("/admin/sign-in");
    let gone = HeaderValue::try_from(cookie(&menjin.config, None));
    response.headers_mut().insert(header::SET_COOKIE, gone.map_err(|error| Problem::Internal(error.into()))?);
    Ok(response)
}

/// Whether it is the operator of `menjin dev`, who has neither password nor second factor.
async fn has_no_proof(menjin: &Menjin, operator: &Operator) -> Result<bool, Problem> {
    Ok(menjin.dev.is_some() && menjin.store.operator_proof(&operator.name).await?.is_none())
}
