//! `/admin/v1/users`: people found, shown, disabled, enabled, signed out; a new password for them.
//!
//! Not here: their identities, sessions and roles; merging and leaving (a file each).

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::named;
use super::page::{Asked, Page};
use crate::admin::{Operator, Right};
use crate::extract::OptionalJson;
use crate::problem::{Fault, NotDone, Problem};
use crate::state::Menjin;
use crate::{AccountView, ListedUserView, NewResetCode, NoReset, UserName};

const NAMES: [&str; 6] = ["id", "number", "external_id", "username", "phone", "openid"];
const FILTERS: &[&str] =
    &["id", "number", "external_id", "username", "phone", "openid", "platform", "appid", "limit", "cursor"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(kick))
        .routes(routes!(reset_password))
}

/// What ended.
#[derive(Serialize, ToSchema)]
struct SessionsEnded {
    /// How many sessions.
    #[schema(example = 2)]
    sessions_ended: usize,
}

/// Whether it was otherwise before.
#[derive(Serialize, ToSchema)]
struct Changed {
    /// False where nothing had to change.
    changed: bool,
}

/// Lists people, the newest first, or finds one by a name.
///
/// At most one name; it is compared whole. Who was merged or erased is in no list.
#[utoipa::path(get, path = "/admin/v1/users", operation_id = "list_users", tag = "users", params(
    ("id" = Option<String>, Query, description = "`usr_…`; one that was merged finds who they are now"),
    ("number" = Option<i64>, Query, description = "The number beside it"),
    ("external_id" = Option<String>, Query, description = "What another system calls them"),
    ("username" = Option<String>, Query, description = "What they sign in by with a password"),
    ("phone" = Option<String>, Query, description = "Their number, e.g. `+8613800000000`"),
    ("openid" = Option<String>, Query, description = "What a platform calls them, in any app here"),
    ("platform" = Option<String>, Query, description = "Of which platform the openid is"),
    ("appid" = Option<String>, Query, description = "Of which of the platform's apps the openid is"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<ListedUserView>)))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<ListedUserView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    if let Some(name) = name(&asked)? {
        return Ok(Answer(Page::of(menjin.users_named(&name).await?, asked.limit, |user| user.number)));
    }
    let below = asked.place()?.unwrap_or(i64::MAX);
    let users = menjin.users_below(below, asked.limit + 1).await?;
    Ok(Answer(Page::of(users, asked.limit, |user| user.number)))
}

fn name(asked: &Asked) -> Result<Option<UserName>, Problem> {
    asked.at_most_one_of(&NAMES)?;
    let text = |name| asked.filter(name).map(str::to_owned);
    let (platform, appid) = (text("platform"), text("appid"));
    let beside = if platform.is_some() { "platform" } else { "appid" };
    if text("openid").is_none() && (platform.is_some() || appid.is_some()) {
        return Err(Problem::field("openid", Fault::MissingBeside(beside)));
    }
    let id = asked.parsed("id", |text| text.parse().ok(), Fault::NotAnId("usr_…"))?.map(UserName::Id);
    let number = asked.parsed("number", named::number, Fault::WrongType)?.map(UserName::Number);
    let openid = text("openid").map(|openid| UserName::Openid { platform, appid, openid });
    let external_id = text("external_id").map(UserName::ExternalId);
    let username = text("username").map(UserName::Username);
    Ok(id.or(number).or(external_id).or(username).or(text("phone").map(UserName::Phone)).or(openid))
}

/// Shows somebody; phone numbers are masked, and what platforms call them is not shown.
#[utoipa::path(get, path = "/admin/v1/users/{user}", operation_id = "get_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses((status = 200, description = "The user", body = AccountView), (status = 404, description = "`user_unknown`")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<AccountView>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(menjin.account(named::user(&menjin, &user).await?).await?))
}

/// Bans somebody: every session ends at once on every node, and signing in is refused.
#[utoipa::path(post, path = "/admin/v1/users/{user}/disable", operation_id = "disable_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses((status = 200, description = "They are disabled", body = SessionsEnded), (status = 404, description = "`user_unknown`")))]
async fn disable(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<SessionsEnded>, Problem> {
    operator.may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    Ok(Answer(SessionsEnded { sessions_ended: menjin.disable_user(&operator.actor(), user).await? }))
}

/// Lifts a ban; they sign in anew.
#[utoipa::path(post, path = "/admin/v1/users/{user}/enable", operation_id = "enable_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses((status = 200, description = "They may sign in", body = Changed), (status = 404, description = "`user_unknown`")))]
async fn enable(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<Changed>, Problem> {
    operator.may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    Ok(Answer(Changed { changed: menjin.enable_user(&operator.actor(), user).await? }))
}

/// Ends every session of somebody, who may sign in again.
#[utoipa::path(post, path = "/admin/v1/users/{user}/kick", operation_id = "kick_user", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), responses((status = 200, description = "None is left", body = SessionsEnded), (status = 404, description = "`user_unknown`")))]
async fn kick(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
) -> Result<Answer<SessionsEnded>, Problem> {
    operator.may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    Ok(Answer(SessionsEnded { sessions_ended: menjin.kick_user(&operator.actor(), user).await? }))
}

/// Who gets a one-use code.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordReset)]
struct Resetting {
    /// A name to sign in by, for somebody who has none yet.
    #[serde(default)]
    #[schema(nullable = false, example = "lin")]
    username: Option<String>,
}

/// Makes a one-use code by which somebody chooses a new password (`POST /v1/password/reset`); a former one is void.
///
/// It is shown this once, and needs a fresh proof of the operator: whoever has it has the account.
#[utoipa::path(post, path = "/admin/v1/users/{user}/reset-password", operation_id = "reset_user_password", tag = "users", params(
    ("user" = String, Path, description = "`usr_…`, or a number"),
), request_body = Option<Resetting>, responses(
    (status = 201, description = "The code", body = NewResetCode),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`user_unknown`"),
    (status = 409, description = "`username_taken`"),
))]
async fn reset_password(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(user): Path<String>,
    OptionalJson(resetting): OptionalJson<Resetting>,
) -> Result<(StatusCode, Answer<NewResetCode>), Problem> {
    operator.may(Right::Support)?;
    operator.reauthenticated()?;
    let user = named::user(&menjin, &user).await?;
    let username = resetting.unwrap_or_default().username;
    let code = menjin.reset_password(&operator.actor(), user, username.as_deref()).await.map_err(no_reset)?;
    Ok((StatusCode::CREATED, Answer(code)))
}

pub(in crate::admin) fn no_reset(why: NoReset) -> Problem {
    match why {
        NoReset::UserUnknown => Problem::UserUnknown,
        NoReset::NoName => Problem::field("username", Fault::Missing),
        NoReset::HasName => Problem::field("username", Fault::Settled),
        NoReset::NameTaken => Problem::UsernameTaken,
        NoReset::OddName => Problem::field("username", Fault::NotAName),
        NoReset::Store(error) => NotDone::from(error).into(),
    }
}
