//! What operators do about somebody, by the forms of their page: each does one thing and leads back there.
//!
//! Does not: merging (`merging`); what may be done, and how (the rooms).

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use menjin_token::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::admin::Right;
use crate::admin::api::{named, no_reset};
use crate::admin::pages::{At, Fields, page, see_other};
use crate::problem::{Fault, Language, Problem};
use crate::state::Menjin;
use crate::{NewResetCode, WhenToDelete};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new()
        .routes(routes!(kick))
        .routes(routes!(end_session))
        .routes(routes!(ban))
        .routes(routes!(unban))
        .routes(routes!(unlink))
        .routes(routes!(grant))
        .routes(routes!(revoke))
        .routes(routes!(reset_password))
        .routes(routes!(export))
        .routes(routes!(delete))
        .routes(routes!(erase))
        .routes(routes!(undelete))
}

/// Back to somebody's page, which says what was done.
pub(super) fn back(user: UserId, done: &str) -> Response {
    see_other(&format!("/console/people/{user}?done={done}"))
}

fn changed(user: UserId, is_changed: bool, done: &str) -> Response {
    back(user, if is_changed { done } else { "nothing" })
}

/// Ends all of somebody's sessions.
#[utoipa::path(post, path = "/console/people/{user}/kick", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn kick(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    let ended = menjin.kick_user(&f.operator().actor(), user).await?;
    Ok(changed(user, ended > 0, "kicked"))
}

/// Ends one of them.
#[utoipa::path(post, path = "/console/people/{user}/sessions/{session}/end", tag = "pages", params(("user" = String, Path, description = "`usr_…`"), ("session" = String, Path, description = "`ses_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done"), (status = 404, description = "`session_unknown`", body = str, content_type = "text/html")))]
async fn end_session(
    State(menjin): State<Menjin>,
    f: Frame,
    Path((user, session)): Path<(String, String)>,
) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    let session = named::id("session", &session, "ses_…")?;
    // A form of somebody's page ends nobody else's.
    if menjin.session(session).await?.user != user {
        return Err(Problem::SessionUnknown);
    }
    let is_changed = menjin.end_session(&f.operator().actor(), session).await?;
    Ok(changed(user, is_changed, "session_ended"))
}

/// Bans somebody.
#[utoipa::path(post, path = "/console/people/{user}/ban", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn ban(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    menjin.disable_user(&f.operator().actor(), user).await?;
    Ok(back(user, "banned"))
}

/// Lifts a ban.
#[utoipa::path(post, path = "/console/people/{user}/unban", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn unban(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    let is_changed = menjin.enable_user(&f.operator().actor(), user).await?;
    Ok(changed(user, is_changed, "unbanned"))
}

/// Takes a way to sign in away.
#[utoipa::path(post, path = "/console/people/{user}/identities/{identity}/unlink", tag = "pages", params(("user" = String, Path, description = "`usr_…`"), ("identity" = String, Path, description = "`idn_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done"), (status = 409, description = "`last_identity`", body = str, content_type = "text/html")))]
async fn unlink(
    State(menjin): State<Menjin>,
    f: Frame,
    Path((user, identity)): Path<(String, String)>,
) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    let user = named::user(&menjin, &user).await?;
    let identity = named::id("identity", &identity, "idn_…")?;
    menjin.unlink_identity(&f.operator().actor(), user, identity, false).await?;
    Ok(back(user, "unlinked"))
}

/// Role and audience of a form; an empty audience is every one.
fn role(fields: &Fields) -> Result<(&str, Option<&str>), Problem> {
    let audience = fields.text_or_empty("audience");
    Ok((fields.text("role")?.trim(), Some(audience).filter(|text| !text.is_empty())))
}

/// Gives somebody a role.
#[utoipa::path(post, path = "/console/people/{user}/roles/grant", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `role`, `audience`"), responses((status = 303, description = "Done")))]
async fn grant(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    let user = named::user(&menjin, &user).await?;
    let (role, audience) = role(&fields)?;
    let is_changed = menjin.grant_role(&f.operator().actor(), user, role, audience).await?;
    Ok(changed(user, is_changed, "granted"))
}

/// Takes a role from somebody.
#[utoipa::path(post, path = "/console/people/{user}/roles/revoke", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `role`, `audience`"), responses((status = 303, description = "Done")))]
async fn revoke(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    let user = named::user(&menjin, &user).await?;
    let (role, audience) = role(&fields)?;
    let is_changed = menjin.revoke_role(&f.operator().actor(), user, role, audience).await?;
    Ok(changed(user, is_changed, "revoked"))
}

/// A code, shown in the answer of the form and nowhere else.
#[derive(Template)]
#[template(path = "console/pages/reset_code.html")]
struct ResetCode {
    at: At,
    f: Frame,
    made: NewResetCode,
}

/// Makes a one-use code by which somebody chooses a new password.
#[utoipa::path(post, path = "/console/people/{user}/reset-password", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `username`"), responses((status = 200, description = "The code, this once", body = str, content_type = "text/html")))]
async fn reset_password(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Support)?;
    f.operator().reauthenticated()?;
    let user = named::user(&menjin, &user).await?;
    let name = Some(fields.text_or_empty("username").trim()).filter(|name| !name.is_empty());
    let made = menjin.reset_password(&f.operator().actor(), user, name).await.map_err(no_reset)?;
    page(&ResetCode { at: f.at(), f, made })
}

/// Gives everything that is kept of somebody, as a file.
#[utoipa::path(post, path = "/console/people/{user}/export", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `format`: `json` or `html`"), responses((status = 200, description = "The file")))]
async fn export(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()?;
    let (kind, is_html) = match fields.text("format")? {
        "json" => ("json", false),
        "html" => ("html", true),
        _ => return Err(Problem::field("format", Fault::NotOneOf(&["json", "html"]))),
    };
    let user = named::user(&menjin, &user).await?;
    let export = menjin.export_user(&f.operator().actor(), user).await?;
    let name = format!("attachment; filename=\"menjin-{user}.{kind}\"");
    let name = HeaderValue::try_from(name).map_err(|error| Problem::Internal(error.into()))?;
    let name = [(header::CONTENT_DISPOSITION, name)];
    if is_html {
        let html = export.to_html(f.at().language() == Language::Chinese).map_err(Problem::Internal)?;
        return Ok((name, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response());
    }
    Ok((name, axum::Json(export)).into_response())
}

/// Deletes somebody, after the cooling-off.
#[utoipa::path(post, path = "/console/people/{user}/delete", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn delete(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()?;
    let user = named::user(&menjin, &user).await?;
    menjin.delete_user(&f.operator().actor(), user, WhenToDelete::AfterCoolingOff).await?;
    Ok(back(user, "leaving"))
}

/// Erases somebody at once.
#[utoipa::path(post, path = "/console/people/{user}/erase", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `certain`: `yes`"), responses((status = 303, description = "Done"), (status = 400, description = "`field_invalid`: without `certain`", body = str, content_type = "text/html")))]
async fn erase(
    State(menjin): State<Menjin>,
    f: Frame,
    Path(user): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    f.operator().reauthenticated()?;
    fields.certain()?;
    let user = named::user(&menjin, &user).await?;
    menjin.delete_user(&f.operator().actor(), user, WhenToDelete::Now).await?;
    // To the list: whoever is erased has no page to act on.
    Ok(see_other("/console/people?done=erased"))
}

/// Keeps somebody who was to be deleted.
#[utoipa::path(post, path = "/console/people/{user}/undelete", tag = "pages", params(("user" = String, Path, description = "`usr_…`")), request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Done")))]
async fn undelete(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Admin)?;
    let user = named::user(&menjin, &user).await?;
    menjin.undelete_user(&f.operator().actor(), user).await?;
    Ok(back(user, "undeleted"))
}
