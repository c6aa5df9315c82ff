//! `/admin/v1/operator`: who asks. `/admin/v1/operators`, `/admin/v1/operator-tokens`: who may.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Asked, Page};
use crate::admin::{EndedTokens, NewOperatorToken, Operator, OperatorLink, OperatorTokenView, OperatorView, Right};
use crate::extract::Json;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::OperatorRole;

const FILTERS: &[&str] = &["limit", "cursor"];
const ROLES: [&str; 3] = ["viewer", "support", "admin"];
/// Days: ten years.
const LONGEST: u32 = 3650;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(me))
        .routes(routes!(list, create))
        .routes(routes!(change, remove))
        .routes(routes!(reset))
        .routes(routes!(unlink))
        .routes(routes!(tokens, create_token))
        .routes(routes!(revoke_token))
}

/// Who asks.
#[derive(Serialize, ToSchema)]
#[schema(as = Operator)]
struct Me {
    /// What they are called; `token:NAME` for a program.
    #[schema(example = "lin")]
    name: String,
    /// `viewer`, `support` or `admin`.
    #[schema(example = "admin")]
    role: &'static str,
    /// Whether the sign-in is fresh enough for keys, secrets and exports.
    is_fresh: bool,
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/admin/v1/operator", operation_id = "get_operator", tag = "operators", responses((status = 200, description = "The operator", body = Me)))]
async fn me(operator: Operator) -> Result<Answer<Me>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(Me { role: operator.role.as_str(), name: operator.name, is_fresh: operator.is_fresh }))
}

/// Lists operators by name.
#[utoipa::path(get, path = "/admin/v1/operators", operation_id = "list_operators", tag = "operators", params(
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<OperatorView>)))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<OperatorView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    Ok(Answer(Page::among(menjin.operators().await?, &asked, |operator| operator.name.clone())?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOperator)]
struct Creating {
    /// Small letters, digits and . _ -
    #[schema(example = "lin")]
    name: String,
    /// `viewer`, `support` or `admin`.
    #[schema(example = "support")]
    role: String,
}

/// Adds an operator; the answer holds the one-use link to be handed on.
#[utoipa::path(post, path = "/admin/v1/operators", operation_id = "create_operator", tag = "operators", request_body = Creating, responses((status = 201, description = "Added", body = OperatorLink), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 409, description = "`operator_exists`")))]
async fn create(
    State(menjin): State<Menjin>,
    operator: Operator,
    Json(creating): Json<Creating>,
) -> Result<(StatusCode, Answer<OperatorLink>), Problem> {
    manages(&operator)?;
    let link = menjin.create_operator(&operator.actor(), &creating.name, role(&creating.role)?).await?;
    Ok((StatusCode::CREATED, Answer(link)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OperatorChange)]
struct Changing {
    /// `viewer`, `support` or `admin`.
    #[schema(example = "viewer")]
    role: String,
}

/// Changes what an operator may do, at once. Tokens that they made and that may do more end.
#[utoipa::path(put, path = "/admin/v1/operators/{name}", operation_id = "change_operator", tag = "operators", params(("name" = String, Path, description = "The operator")), request_body = Changing, responses((status = 200, description = "It is so now", body = EndedTokens), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 404, description = "`operator_unknown`"), (status = 409, description = "`last_admin`")))]
async fn change(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(name): Path<String>,
    Json(changing): Json<Changing>,
) -> Result<Answer<EndedTokens>, Problem> {
    manages(&operator)?;
    let ended = menjin.set_operator_role(&operator.actor(), &name, role(&changing.role)?).await?;
    Ok(Answer(ended.unwrap_or(EndedTokens { ended_tokens: Vec::new() })))
}

/// Removes an operator; their sign-ins end at once, and so do the tokens that they made.
#[utoipa::path(delete, path = "/admin/v1/operators/{name}", operation_id = "remove_operator", tag = "operators", params(("name" = String, Path, description = "The operator")), responses((status = 200, description = "Removed", body = EndedTokens), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 404, description = "`operator_unknown`"), (status = 409, description = "`last_admin`")))]
async fn remove(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Answer<EndedTokens>, Problem> {
    manages(&operator)?;
    Ok(Answer(menjin.remove_operator(&operator.actor(), &name).await?))
}

/// Forgets an operator's password, second factor and linked `WeChat`, and ends their sign-ins; the answer holds a new link.
#[utoipa::path(post, path = "/admin/v1/operators/{name}/reset", operation_id = "reset_operator", tag = "operators", params(("name" = String, Path, description = "The operator")), responses((status = 200, description = "The link", body = OperatorLink), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 404, description = "`operator_unknown`")))]
async fn reset(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Answer<OperatorLink>, Problem> {
    manages(&operator)?;
    Ok(Answer(menjin.reset_operator(&operator.actor(), &name).await?))
}

/// No scan with a `WeChat` account signs an operator in any more; their password does. Their sign-ins end at once.
#[utoipa::path(delete, path = "/admin/v1/operators/{name}/wechat", operation_id = "unlink_operator", tag = "operators", params(("name" = String, Path, description = "The operator")), responses((status = 204, description = "It is so now"), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 404, description = "`operator_unknown`")))]
async fn unlink(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    manages(&operator)?;
    menjin.unlink_operator(&operator.actor(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists tokens of programs by name; never what they hold.
#[utoipa::path(get, path = "/admin/v1/operator-tokens", operation_id = "list_operator_tokens", tag = "operators", params(
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<OperatorTokenView>)))]
async fn tokens(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<OperatorTokenView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    Ok(Answer(Page::among(menjin.operator_tokens().await?, &asked, |token| token.name.clone())?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOperatorTokenAsked)]
struct CreatingToken {
    /// Small letters, digits and . _ -
    #[schema(example = "nightly-export")]
    name: String,
    /// `viewer`, `support` or `admin`.
    #[schema(example = "viewer")]
    role: String,
    /// It ends after so many days; never, where nothing is said. One that a token makes ends with that one at the latest.
    #[schema(example = 90, minimum = 1, maximum = 3650)]
    days: Option<u32>,
}

/// Makes a token for a program, which is told once.
#[utoipa::path(post, path = "/admin/v1/operator-tokens", operation_id = "create_operator_token", tag = "operators", request_body = CreatingToken, responses((status = 201, description = "Made", body = NewOperatorToken), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 409, description = "`operator_exists`")))]
async fn create_token(
    State(menjin): State<Menjin>,
    operator: Operator,
    Json(asked): Json<CreatingToken>,
) -> Result<(StatusCode, Answer<NewOperatorToken>), Problem> {
    manages(&operator)?;
    if asked.days.is_some_and(|days| !(1..=LONGEST).contains(&days)) {
        return Err(Problem::field("days", Fault::NotBetween(1, LONGEST)));
    }
    let life = asked.days.map(|days| std::time::Duration::from_secs(u64::from(days) * 86_400));
    let made = menjin.create_operator_token(&operator.actor(), &asked.name, role(&asked.role)?, life).await?;
    Ok((StatusCode::CREATED, Answer(made)))
}

/// A program's token is worth nothing any more, nor is what it made.
#[utoipa::path(delete, path = "/admin/v1/operator-tokens/{name}", operation_id = "revoke_operator_token", tag = "operators", params(("name" = String, Path, description = "The token")), responses((status = 200, description = "Revoked, with the tokens that it made", body = EndedTokens), (status = 403, description = "`right_missing`, `reauth_required`"), (status = 404, description = "`operator_unknown`")))]
async fn revoke_token(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Answer<EndedTokens>, Problem> {
    manages(&operator)?;
    Ok(Answer(menjin.revoke_operator_token(&operator.actor(), &name).await?))
}

/// Operators are managed by admins who proved themselves lately.
fn manages(operator: &Operator) -> Result<(), Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()
}

fn role(text: &str) -> Result<OperatorRole, Problem> {
    OperatorRole::parse(text).ok_or_else(|| Problem::field("role", Fault::NotOneOf(&ROLES)))
}
