//! `/console/operators`: who may do what here, and tokens of programs; links and tokens are shown once.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use menjin_token::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::admin::pages::{At, Fields, page, see_other};
use crate::admin::{OperatorView, Right};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{EndingTokens, OperatorRole, OperatorTokenRow};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(set_role))
        .routes(routes!(reset))
        .routes(routes!(unlink))
        .routes(routes!(remove))
        .routes(routes!(create_token))
        .routes(routes!(revoke_token))
}

#[derive(Template)]
#[template(path = "console/pages/operators.html")]
struct OperatorList {
    at: At,
    f: Frame,
    operators: Vec<OperatorView>,
    tokens: Vec<OperatorTokenRow>,
}

/// Lists operators and tokens.
#[utoipa::path(get, path = "/console/operators", tag = "pages", responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let (operators, mut tokens) = (menjin.operators().await?, menjin.store.operator_tokens().await?);
    tokens.sort_by(|one, other| one.name.cmp(&other.name));
    page(&OperatorList { at: f.at(), f, operators, tokens })
}

impl OperatorList {
    /// The tokens that end when this operator is removed.
    fn made_by(&self, name: &str) -> Vec<String> {
        EndingTokens::of_operator(name).names_among(&self.tokens)
    }

    /// The tokens that end when this one is revoked.
    fn made_by_token(&self, name: &str) -> Vec<String> {
        EndingTokens::of_token(name).names_among(&self.tokens)
    }
}

/// A link or a token, shown in the answer of the form and nowhere else.
#[derive(Template)]
#[template(path = "console/pages/operator_secret.html")]
struct ShownOnce {
    at: At,
    f: Frame,
    name: String,
    secret: String,
    is_link: bool,
    until: Option<Timestamp>,
}

/// Adds an operator.
#[utoipa::path(post, path = "/console/operators", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `name`, `role`"), responses((status = 200, description = "The link, this once", body = str, content_type = "text/html"), (status = 409, description = "`operator_exists`", body = str, content_type = "text/html")))]
async fn create(State(menjin): State<Menjin>, f: Frame, fields: Fields) -> Result<Response, Problem> {
    manages(&f)?;
    let made = menjin.create_operator(&f.operator().actor(), fields.text("name")?.trim(), role(&fields)?).await?;
    page(&ShownOnce { at: f.at(), f, name: made.name, secret: made.link, is_link: true, until: Some(made.expires_at) })
}

/// Changes what an operator may do.
#[utoipa::path(post, path = "/console/operators/{name}/role", tag = "pages", params(("name" = String, Path, description = "The operator")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `role`"), responses((status = 303, description = "Done"), (status = 409, description = "`last_admin`", body = str, content_type = "text/html")))]
async fn set_role(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    manages(&f)?;
    let done = match menjin.set_operator_role(&f.operator().actor(), &name, role(&fields)?).await? {
        Some(ended) if ended.ended_tokens.is_empty() => "operator_changed",
        Some(_) => "operator_and_tokens_changed",
        None => "nothing",
    };
    Ok(see_other(&format!("/console/operators?done={done}")))
}

/// Makes a new link for an operator, who sets password and second factor anew.
#[utoipa::path(post, path = "/console/operators/{name}/reset", tag = "pages", params(("name" = String, Path, description = "The operator")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 200, description = "The link, this once", body = str, content_type = "text/html")))]
async fn reset(State(menjin): State<Menjin>, f: Frame, Path(name): Path<String>) -> Result<Response, Problem> {
    manages(&f)?;
    let made = menjin.reset_operator(&f.operator().actor(), &name).await?;
    page(&ShownOnce { at: f.at(), f, name: made.name, secret: made.link, is_link: true, until: Some(made.expires_at) })
}

/// No scan signs an operator in any more; their sign-ins end.
#[utoipa::path(post, path = "/console/operators/{name}/wechat/remove", tag = "pages", params(("name" = String, Path, description = "The operator")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn unlink(State(menjin): State<Menjin>, f: Frame, Path(name): Path<String>) -> Result<Response, Problem> {
    manages(&f)?;
    let is_changed = menjin.unlink_operator(&f.operator().actor(), &name).await?;
    let done = if is_changed { "operator_unlinked" } else { "nothing" };
    Ok(see_other(&format!("/console/operators?done={done}")))
}

/// Removes an operator, with the tokens that they made.
#[utoipa::path(post, path = "/console/operators/{name}/remove", tag = "pages", params(("name" = String, Path, description = "The operator")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done"), (status = 409, description = "`last_admin`", body = str, content_type = "text/html")))]
async fn remove(State(menjin): State<Menjin>, f: Frame, Path(name): Path<String>) -> Result<Response, Problem> {
    manages(&f)?;
    let ended = menjin.remove_operator(&f.operator().actor(), &name).await?;
    let done = if ended.ended_tokens.is_empty() { "operator_removed" } else { "operator_and_tokens_removed" };
    Ok(see_other(&format!("/console/operators?done={done}")))
}

/// Makes a token for a program, which is worth something for 90 days.
#[utoipa::path(post, path = "/console/operator-tokens", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `name`, `role`, `days`"), responses((status = 200, description = "The token, this once", body = str, content_type = "text/html"), (status = 409, description = "`operator_exists`", body = str, content_type = "text/html")))]
async fn create_token(State(menjin): State<Menjin>, f: Frame, fields: Fields) -> Result<Response, Problem> {
    manages(&f)?;
    let days = fields.text("days")?.trim();
    let life = match days.parse::<u64>() {
        Ok(days @ 1..=3650) => std::time::Duration::from_secs(days * 86_400),
        _ => return Err(Problem::field("days", Fault::NotBetween(1, 3650))),
    };
    let (by, name) = (f.operator().actor(), fields.text("name")?.trim());
    let made = menjin.create_operator_token(&by, name, role(&fields)?, Some(life)).await?;
    page(&ShownOnce { at: f.at(), f, name: made.name, secret: made.token, is_link: false, until: made.expires_at })
}

/// Revokes one, with the tokens that it made.
#[utoipa::path(post, path = "/console/operator-tokens/{name}/revoke", tag = "pages", params(("name" = String, Path, description = "The token")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `certain`: `yes`"), responses((status = 303, description = "Done")))]
async fn revoke_token(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    manages(&f)?;
    fields.certain()?;
    let ended = menjin.revoke_operator_token(&f.operator().actor(), &name).await?;
    let done = if ended.ended_tokens.is_empty() { "token_revoked" } else { "tokens_revoked" };
    Ok(see_other(&format!("/console/operators?done={done}")))
}

/// Operators are managed by admins who proved themselves lately.
fn manages(f: &Frame) -> Result<(), Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()
}

fn role(fields: &Fields) -> Result<OperatorRole, Problem> {
    OperatorRole::parse(fields.text("role")?)
        .ok_or_else(|| Problem::field("role", Fault::NotOneOf(&["viewer", "support", "admin"])))
}
