//! `/admin/v1/apps`: apps listed, registered, shut out, removed; their client secrets. Those of `menjin.toml` are read-only.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Asked, Page};
use crate::admin::{Operator, Right};
use crate::config::{AppKind, PlatformName, Secret};
use crate::extract::Json;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::{AppView, ByPassword, NewApp, NewClientSecret, RegisteredApp};

const FILTERS: &[&str] = &["limit", "cursor"];
const KINDS: &[&str] = &["mini_program", "web", "native", "backend"];
const PLATFORMS: &[&str] = &["wechat", "qq", "douyin"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, remove))
        .routes(routes!(change_passwords))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(add_secret))
        .routes(routes!(revoke_secret))
}

/// Lists apps by id, those of `menjin.toml` too.
#[utoipa::path(get, path = "/admin/v1/apps", operation_id = "list_apps", tag = "apps", params(
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<AppView>)))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<AppView>>, Problem> {
    operator.may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    Ok(Answer(Page::among(menjin.app_views().await?, &asked, |app| app.id.clone())?))
}

/// An app to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApp)]
pub(in crate::admin) struct Adding {
    /// Short id: a to z, 0 to 9, - and _. It is never used again.
    #[schema(example = "reports")]
    pub(in crate::admin) id: String,
    /// What it is; `backend` when left out.
    #[schema(nullable = false, pattern = "^(mini_program|web|native|backend)$", example = "backend")]
    pub(in crate::admin) kind: Option<String>,
    /// What people read.
    #[schema(nullable = false, example = "Reports")]
    pub(in crate::admin) name: Option<String>,
    /// Whom its tokens are for; the id when left out.
    #[schema(nullable = false, example = "shop-api")]
    pub(in crate::admin) audience: Option<String>,
    /// What it may ask.
    #[serde(default)]
    #[schema(example = json!(["revocations:read"]))]
    pub(in crate::admin) scopes: Vec<String>,
    /// Of a mini program: its platform; `wechat` when left out.
    #[schema(nullable = false, pattern = "^(wechat|qq|douyin)$", example = "wechat")]
    pub(in crate::admin) platform: Option<String>,
    /// Of a mini program: the platform's AppID.
    #[schema(nullable = false, example = "wx0123456789abcdef")]
    pub(in crate::admin) appid: Option<String>,
    /// Of a mini program: the platform's AppSecret.
    #[schema(value_type = Option<String>, nullable = false, format = Password)]
    pub(in crate::admin) app_secret: Option<SecretString>,
    /// Of a mini program: apps with the same one share people by unionid.
    #[schema(nullable = false, example = "company")]
    pub(in crate::admin) open_account: Option<String>,
    /// Whether people sign in by name and password.
    #[serde(default)]
    pub(in crate::admin) passwords: bool,
    /// Whether anybody may make an account so; only with `passwords`.
    #[serde(default)]
    pub(in crate::admin) register: bool,
}

impl Adding {
    pub(in crate::admin) fn read(self) -> Result<NewApp, Problem> {
        let Self { id, kind, name, audience, scopes, platform, appid, app_secret, open_account, passwords, register } =
            self;
        let kind = match kind.as_deref() {
            None | Some("backend") => AppKind::Backend,
            Some("web") => AppKind::Web,
            Some("native") => AppKind::Native,
            Some("mini_program") => AppKind::MiniProgram,
            Some(_) => return Err(Problem::field("kind", Fault::NotOneOf(KINDS))),
        };
        let named = match platform.as_deref() {
            None | Some("wechat") => PlatformName::Wechat,
            Some("qq") => PlatformName::Qq,
            Some("douyin") => PlatformName::Douyin,
            Some(_) => return Err(Problem::field("platform", Fault::NotOneOf(PLATFORMS))),
        };
        let platform = match (appid, app_secret) {
            (Some(appid), Some(secret)) => Some((named, appid, Secret::new(secret.expose_secret()))),
            (Some(_), None) => return Err(Problem::field("app_secret", Fault::MissingBeside("appid"))),
            (None, Some(_)) => return Err(Problem::field("appid", Fault::MissingBeside("app_secret"))),
            (None, None) if platform.is_some() => {
                return Err(Problem::field("appid", Fault::MissingBeside("platform")));
            }
            (None, None) => None,
        };
        let by_password = ByPassword { passwords, register };
        Ok(NewApp { id, kind, name, audience, scopes, platform, open_account, by_password })
    }
}

/// Registers an app; the answer holds its client secret, which nobody can read again.
#[utoipa::path(post, path = "/admin/v1/apps", operation_id = "add_app", tag = "apps", request_body = Adding, responses(
    (status = 201, description = "Registered", body = RegisteredApp),
    (status = 403, description = "`reauth_required`"),
    (status = 409, description = "`app_exists`, `app_id_used`, `app_read_only`, `appid_taken`"),
))]
async fn add(
    State(menjin): State<Menjin>,
    operator: Operator,
    Json(adding): Json<Adding>,
) -> Result<(StatusCode, Answer<RegisteredApp>), Problem> {
    manages(&operator)?;
    let registered = menjin.add_app(&operator.actor(), adding.read()?).await?;
    Ok((StatusCode::CREATED, Answer(registered)))
}

/// Shows an app and the names of its client secrets.
#[utoipa::path(get, path = "/admin/v1/apps/{app}", operation_id = "get_app", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), responses((status = 200, description = "The app", body = AppView), (status = 404, description = "`app_unknown`")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
) -> Result<Answer<AppView>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(menjin.app_view(&app).await?))
}

/// Removes an app for good: its tokens are refused at once, and its id is never used again.
#[utoipa::path(delete, path = "/admin/v1/apps/{app}", operation_id = "remove_app", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), responses(
    (status = 204, description = "Removed"),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`app_read_only`"),
))]
async fn remove(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
) -> Result<StatusCode, Problem> {
    manages(&operator)?;
    menjin.remove_app(&operator.actor(), &app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets people sign in, and make accounts, by name and password, or no more; sessions that were opened so go on.
#[utoipa::path(put, path = "/admin/v1/apps/{app}/passwords", operation_id = "change_app_passwords", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), request_body = ByPassword, responses(
    (status = 204, description = "It is so from now on"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`app_read_only`"),
))]
async fn change_passwords(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
    Json(to): Json<ByPassword>,
) -> Result<StatusCode, Problem> {
    operator.may(Right::Admin)?;
    menjin.change_app_passwords(&operator.actor(), &app, to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shuts an app out at once: no sign-in, no requests, its tokens are refused.
#[utoipa::path(post, path = "/admin/v1/apps/{app}/disable", operation_id = "disable_app", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), responses(
    (status = 204, description = "It is disabled"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`app_read_only`"),
))]
async fn disable(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.may(Right::Admin)?;
    menjin.disable_app(&operator.actor(), &app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a disabled app in again. It takes some seconds right after it was disabled.
#[utoipa::path(post, path = "/admin/v1/apps/{app}/enable", operation_id = "enable_app", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), responses(
    (status = 204, description = "It works"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`app_read_only`"),
))]
async fn enable(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.may(Right::Admin)?;
    menjin.enable_app(&operator.actor(), &app).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes another client secret, which is shown this once: two may live, so that one can take the other's place.
#[utoipa::path(post, path = "/admin/v1/apps/{app}/secrets", operation_id = "add_app_secret", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
), responses(
    (status = 201, description = "Made", body = NewClientSecret),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`app_unknown`"),
    (status = 409, description = "`client_secrets_full`, `app_read_only`"),
))]
async fn add_secret(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(app): Path<String>,
) -> Result<(StatusCode, Answer<NewClientSecret>), Problem> {
    manages(&operator)?;
    Ok((StatusCode::CREATED, Answer(menjin.add_app_secret(&operator.actor(), &app).await?)))
}

/// Refuses a client secret at once, with the tokens that it was traded for.
#[utoipa::path(delete, path = "/admin/v1/apps/{app}/secrets/{secret}", operation_id = "revoke_app_secret", tag = "apps", params(
    ("app" = String, Path, description = "Its id"),
    ("secret" = String, Path, description = "The secret's name, as the app's `secrets` have it"),
), responses(
    (status = 204, description = "Revoked"),
    (status = 403, description = "`reauth_required`"),
    (status = 404, description = "`app_unknown`, `client_secret_unknown`"),
    (status = 409, description = "`app_read_only`"),
))]
async fn revoke_secret(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path((app, secret)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    manages(&operator)?;
    menjin.revoke_app_secret(&operator.actor(), &app, &secret).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Secrets are for admins who proved themselves lately.
fn manages(operator: &Operator) -> Result<(), Problem> {
    operator.may(Right::Admin)?;
    operator.reauthenticated()
}
