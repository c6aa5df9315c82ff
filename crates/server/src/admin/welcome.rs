//! `/admin/welcome`: whoever opens the one-use link of `menjin admin create` sets a password and a second factor, and is signed in.
//!
//! The second factor's secret is made of the link each time, so that nothing is kept before the form comes back.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::door::is_own_form;
use super::held::{digest, secret};
use super::pages::{At, Fields, Next, page};
use super::password::{self, Unfit};
use super::sign_in::{session, signed_in};
use super::totp::{self, Secret};
use crate::extract::Client;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::RedeemingLink;

/// Where links lead.
pub(super) const PATH: &str = "/admin/welcome";

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show, set_up))
}

#[derive(Template)]
#[template(path = "pages/welcome.html")]
struct Page {
    at: At,
    link: String,
    name: String,
    refused: Option<String>,
    squares: String,
    width: usize,
    secret: String,
}

impl Page {
    fn new(menjin: &Menjin, at: At, link: &str, name: String) -> Result<Self, Problem> {
        let shared = shared(menjin, link);
        let host = menjin.config.server.public_url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        let (squares, width) = totp::squares(&totp::uri(&shared, &name, host))?;
        let (link, secret) = (link.to_owned(), totp::typed(&shared));
        Ok(Self { at, link, name, refused: None, squares, width, secret })
    }
}

#[derive(Deserialize)]
struct Opened {
    #[serde(default)]
    link: String,
}

/// Where an operator sets a password and a second factor.
#[utoipa::path(get, path = "/admin/welcome", tag = "pages", params(("link" = String, Query, description = "Of `menjin admin create`")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 404, description = "`link_invalid`: used, replaced or too old")))]
async fn show(State(menjin): State<Menjin>, at: At, Query(opened): Query<Opened>) -> Result<Response, Problem> {
    let name = whose(&menjin, &opened.link).await?;
    page(&Page::new(&menjin, at, &opened.link, name)?)
}

/// Sets them, and signs the operator in.
#[utoipa::path(post, path = "/admin/welcome", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`link`, `password`, `again`, `code`"), responses((status = 303, description = "Set up and signed in; the link is used"), (status = 404, description = "`link_invalid`"), (status = 422, description = "The password may not be, or the code is wrong: the page again", body = str, content_type = "text/html"), (status = 403, description = "`origin_refused`: a form of another site")))]
async fn set_up(
    State(menjin): State<Menjin>,
    parts: Parts,
    client: Client,
    at: At,
    fields: Fields,
) -> Result<Response, Problem> {
    if !is_own_form(&menjin, &parts) {
        return Err(Problem::FormRefused);
    }
    let link = fields.text("link")?;
    let name = whose(&menjin, link).await?;
    let again = |text: String| -> Result<Response, Problem> {
        let page_again = Page { refused: Some(text), ..Page::new(&menjin, at.clone(), link, name.clone())? };
        Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&page_again)?).into_response())
    };
    let chosen = match password::chosen(&name, &fields.secret("password")?, &fields.secret("again")?) {
        Ok(chosen) => chosen,
        Err(unfit) => return again(unfit_words(&at, &unfit)),
    };
    let shared = shared(&menjin, link);
    let Some(totp_step) = totp::step_of(&shared, fields.text("code")?, menjin.clock.now()) else {
        return again(
            at.say("验证码不对：请检查手机时间是否准确。", "The code is wrong: is the phone's clock right?").to_owned(),
        );
    };
    let sealed = password::sealed(&menjin, &name, &chosen, &shared).await?;
    let held = secret(&*menjin.entropy);
    let session = session(&menjin, &name, &held, client);
    if !menjin.store.redeem_link(RedeemingLink { link: digest(link), sealed, totp_step, session }).await? {
        return Err(Problem::LinkInvalid);
    }
    signed_in(&menjin, &held, &Next::default())
}

/// Whom a link that lives is for.
async fn whose(menjin: &Menjin, link: &str) -> Result<String, Problem> {
    let found = menjin.store.operator_of_link(digest(link), menjin.clock.now()).await?;
    found.ok_or(Problem::LinkInvalid)
}

/// The second factor of whoever has this link.
fn shared(menjin: &Menjin, link: &str) -> Secret {
    let digest = menjin.digester.digest("operator's second factor", link.as_bytes());
    std::array::from_fn(|at| digest[at])
}

fn unfit_words(at: &At, unfit: &Unfit) -> String {
    match unfit {
        Unfit::Bad(fault) => format!("{} {}", at.say("密码", "The password"), fault.words(at.language())),
        Unfit::Differs => at.say("两次输入的密码不同。", "The two passwords differ.").to_owned(),
    }
}
