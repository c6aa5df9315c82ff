//! `/console/apps`: what people sign in from: listed, registered, shut out, removed; client secrets, each shown once.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::admin::Right;
use crate::admin::api::Adding;
use crate::admin::pages::{At, Fields, page, see_other};
use crate::config::SCOPES;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::{AppView, ByPassword};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show))
        .routes(routes!(add_secret))
        .routes(routes!(revoke_secret))
        .routes(routes!(change_passwords))
        .routes(routes!(disable))
        .routes(routes!(enable))
        .routes(routes!(remove))
}

#[derive(Template)]
#[template(path = "console/pages/apps.html")]
struct AppList {
    at: At,
    f: Frame,
    apps: Vec<AppView>,
    scopes: &'static [&'static str],
}

/// Lists apps.
#[utoipa::path(get, path = "/console/apps", tag = "pages", responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    page(&AppList { at: f.at(), f, apps: menjin.app_views().await?, scopes: &SCOPES })
}

/// A secret, shown in the answer of the form and nowhere else.
#[derive(Template)]
#[template(path = "console/pages/app_secret.html")]
struct ShownOnce {
    at: At,
    f: Frame,
    app: String,
    /// None for programs in people's hands.
    secret: Option<String>,
}

/// Registers an app.
#[utoipa::path(post, path = "/console/apps", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, and what `POST /admin/v1/apps` takes"), responses((status = 200, description = "Its client secret, this once", body = str, content_type = "text/html"), (status = 409, description = "`app_exists`, `app_id_used`, `app_read_only`, `appid_taken`", body = str, content_type = "text/html")))]
async fn add(State(menjin): State<Menjin>, f: Frame, fields: Fields) -> Result<Response, Problem> {
    manages(&f)?;
    let text = |name: &str| Some(fields.text_or_empty(name).trim().to_owned()).filter(|text| !text.is_empty());
    let (appid, ByPassword { passwords, register }) = (text("appid"), by_password(fields.text_or_empty("passwords"))?);
    let adding = Adding {
        id: fields.text("id")?.trim().to_owned(),
        kind: text("kind"),
        name: text("name"),
        audience: text("audience"),
        scopes: fields.text_or_empty("scopes").split_whitespace().map(str::to_owned).collect(),
        // The form always says a platform: it means nothing without an appid.
        platform: text("platform").filter(|_| appid.is_some()),
        app_secret: text("app_secret").map(Into::into),
        open_account: text("open_account"),
        passwords,
        register,
        appid,
    };
    let registered = menjin.add_app(&f.operator().actor(), adding.read()?).await?;
    page(&ShownOnce { at: f.at(), f, app: registered.app.id, secret: registered.client_secret })
}

/// What a form says of passwords.
fn by_password(text: &str) -> Result<ByPassword, Problem> {
    let (passwords, register) = match text.trim() {
        "" => (false, false),
        "on" => (true, false),
        "register" => (true, true),
        _ => return Err(Problem::field("passwords", Fault::NotOneOf(&["", "on", "register"]))),
    };
    Ok(ByPassword { passwords, register })
}

#[derive(Template)]
#[template(path = "console/pages/app.html")]
struct OneApp {
    at: At,
    f: Frame,
    app: AppView,
}

/// Shows an app.
#[utoipa::path(get, path = "/console/apps/{app}", tag = "pages", params(("app" = String, Path, description = "Its id")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 404, description = "`app_unknown`", body = str, content_type = "text/html")))]
async fn show(State(menjin): State<Menjin>, f: Frame, Path(app): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    page(&OneApp { at: f.at(), f, app: menjin.app_view(&app).await? })
}

fn back(app: &str, done: &str) -> Response {
    let app: String = url::form_urlencoded::byte_serialize(app.as_bytes()).collect();
    see_other(&format!("/console/apps/{app}?done={done}"))
}

/// Makes another client secret.
#[utoipa::path(post, path = "/console/apps/{app}/secrets", tag = "pages", params(("app" = String, Path, description = "Its id")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 200, description = "The secret, this once", body = str, content_type = "text/html"), (status = 409, description = "`client_secrets_full`, `app_read_only`", body = str, content_type = "text/html")))]
async fn add_secret(State(menjin): State<Menjin>, f: Frame, Path(app): Path<String>) -> Result<Response, Problem> {
    manages(&f)?;
    let made = menjin.add_app_secret(&f.operator().actor(), &app).await?;
    page(&ShownOnce { at: f.at(), f, app, secret: Some(made.client_secret) })
}

/// Revokes one of them.
#[utoipa::path(post, path = "/console/apps/{app}/secrets/{secret}/revoke", tag = "pages", params(("app" = String, Path, description = "Its id"), ("secret" = String, Path, description = "The secret's name")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `certain`: `yes`"), responses((status = 303, description = "Done")))]
async fn revoke_secret(
    State(menjin): State<Menjin>,
    f: Frame,
    Path((app, secret)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    manages(&f)?;
    fields.certain()?;
    menjin.revoke_app_secret(&f.operator().actor(), &app, &secret).await?;
    Ok(back(&app, "secret_revoked"))
}

/// Lets people sign in, and make accounts, by name and password, or no more.
#[utoipa::path(post, path = "/console/apps/{app}/passwords", tag = "pages", params(("app" = String, Path, description = "Its id")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `passwords`: empty, `on` or `register`"), responses((status = 303, description = "Done"), (status = 409, description = "`app_read_only`", body = str, content_type = "text/html")))]
async fn change_passwords(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(app): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    menjin.change_app_passwords(&f.operator().actor(), &app, by_password(fields.text("passwords")?)?).await?;
    Ok(back(&app, "passwords_changed"))
}

/// Shuts an app out.
#[utoipa::path(post, path = "/console/apps/{app}/disable", tag = "pages", params(("app" = String, Path, description = "Its id")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn disable(State(menjin): State<Menjin>, f: Frame, Path(app): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    menjin.disable_app(&f.operator().actor(), &app).await?;
    Ok(back(&app, "disabled"))
}

/// Lets it in again.
#[utoipa::path(post, path = "/console/apps/{app}/enable", tag = "pages", params(("app" = String, Path, description = "Its id")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn enable(State(menjin): State<Menjin>, f: Frame, Path(app): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    menjin.enable_app(&f.operator().actor(), &app).await?;
    Ok(back(&app, "enabled"))
}

/// Removes it for good.
#[utoipa::path(post, path = "/console/apps/{app}/remove", tag = "pages", params(("app" = String, Path, description = "Its id")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `certain`: `yes`"), responses((status = 303, description = "Done")))]
async fn remove(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(app): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    manages(&f)?;
    fields.certain()?;
    menjin.remove_app(&f.operator().actor(), &app).await?;
    Ok(see_other("/console/apps?done=removed"))
}

/// Secrets are for admins who proved themselves lately.
fn manages(f: &Frame) -> Result<(), Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()
}
