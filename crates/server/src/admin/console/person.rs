//! `/console/people/{user}`: everything that operators see of somebody, on one page.
//!
//! Does not: what they do about them (`person_acts`, `merging`).

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use menjin_token::UserId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::admin::Right;
use crate::admin::api::{masked, named};
use crate::admin::pages::{At, page};
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::AuditOf;
use crate::{
    AccountView, AuditAsked, AuditLineView, ConsentedView, HeldRoleView, OperatedIdentity, RoleView, SessionView,
    SessionsAsked,
};

/// Lines of the audit, and sessions that are over.
const FEW: u32 = 12;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(show))
}

#[derive(Template)]
#[template(path = "console/pages/person.html")]
struct Person {
    at: At,
    f: Frame,
    account: AccountView,
    identities: Vec<OperatedIdentity>,
    sessions: Vec<SessionView>,
    over: Vec<SessionView>,
    roles: Vec<HeldRoleView>,
    /// What they could be given.
    known_roles: Vec<RoleView>,
    audiences: Vec<String>,
    consents: Vec<ConsentedView>,
    lines: Vec<AuditLineView>,
    keeps_passwords: bool,
}

/// Shows somebody.
#[utoipa::path(get, path = "/console/people/{user}", tag = "pages", params(("user" = String, Path, description = "`usr_…`, or a number")), responses((status = 200, description = "The page", body = str, content_type = "text/html"), (status = 404, description = "`user_unknown`", body = str, content_type = "text/html")))]
async fn show(State(menjin): State<Menjin>, f: Frame, Path(user): Path<String>) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let user = named::user(&menjin, &user).await?;
    let account = menjin.account(user).await?;
    let operator = f.operator().clone();
    let shown = |session| masked::session(&operator, session);
    let sessions = menjin.sessions_of(user).await?.into_iter().map(shown).collect();
    let ended = SessionsAsked { user: Some(user), app: None, live: Some(false), behind: None, limit: FEW };
    let over = menjin.sessions(&ended).await?.0.into_iter().map(shown).collect();
    let known_roles = if f.manages() { menjin.roles().await? } else { Vec::new() };
    page(&Person {
        identities: menjin.identities_of(user).await?,
        sessions,
        over,
        roles: menjin.roles_of(user).await?,
        known_roles,
        audiences: audiences(&menjin).await?,
        consents: menjin.consents_of(user).await?,
        lines: lines(&menjin, &f, user).await?,
        keeps_passwords: menjin.apps.has_passwords() || account.username.is_some(),
        at: f.at(),
        f,
        account,
    })
}

async fn lines(menjin: &Menjin, f: &Frame, user: UserId) -> Result<Vec<AuditLineView>, Problem> {
    let asked = AuditAsked {
        of: AuditOf::User(user),
        action: None,
        actor: None,
        app: None,
        session: None,
        since: None,
        until: None,
        behind: None,
        limit: FEW,
    };
    let found = menjin.audit(&asked).await?;
    Ok(found.items.into_iter().map(|line| masked::line(f.operator(), line)).collect())
}

/// Whom tokens are for, each once.
pub(super) async fn audiences(menjin: &Menjin) -> Result<Vec<String>, Problem> {
    let mut all: Vec<_> = menjin.app_views().await?.into_iter().map(|app| app.audience).collect();
    all.sort();
    all.dedup();
    Ok(all)
}
