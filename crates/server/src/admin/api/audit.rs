//! `/admin/v1/audit`: who did what.

use axum::Json as Answer;
use axum::extract::{Path, RawQuery, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page::{Asked, Page};
use super::{masked, named};
use crate::admin::{Operator, Right};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::AuditOf;
use crate::{AuditAsked, AuditLineView};

pub(in crate::admin) const FILTERS: &[&str] =
    &["user", "actor_id", "actor", "action", "app", "session", "since", "until", "limit", "cursor"];
const ACTORS: &[&str] = &["user", "operator", "app", "platform", "system"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Lists lines of the audit, the newest first.
///
/// By `user` and `actor_id` they are found by an index; the other filters choose among what is looked at, 2000 lines a page: a
/// page may be short, or empty, and have a `next` all the same.
#[utoipa::path(get, path = "/admin/v1/audit", operation_id = "list_audit", tag = "audit", params(
    ("user" = Option<String>, Query, description = "Done to them: `usr_…`, or a number"),
    ("actor_id" = Option<String>, Query, description = "Done by this operator, `token:NAME` of a program, or app"),
    ("actor" = Option<String>, Query, description = "Done by one of a kind", pattern = "^(user|operator|app|platform|system)$"),
    ("action" = Option<String>, Query, description = "What was done, e.g. `user.disabled`"),
    ("app" = Option<String>, Query, description = "Through this app"),
    ("session" = Option<String>, Query, description = "To this session: `ses_…`"),
    ("since" = Option<String>, Query, description = "Not older than this date (it begins in UTC), or time: RFC 3339"),
    ("until" = Option<String>, Query, description = "Older than this date or time"),
    ("limit" = Option<u32>, Query, description = "1 to 200; 50 when left out"),
    ("cursor" = Option<String>, Query, description = "`next` of the page before"),
), responses((status = 200, description = "A page", body = Page<AuditLineView>), (status = 404, description = "`user_unknown`")))]
async fn list(
    State(menjin): State<Menjin>,
    operator: Operator,
    RawQuery(query): RawQuery,
) -> Result<Answer<Page<AuditLineView>>, Problem> {
    operator.may(Right::Read)?;
    Ok(Answer(lines(&menjin, &operator, &Asked::read(query.as_deref(), FILTERS)?).await?))
}

/// What is asked for, as this operator may see it.
pub(in crate::admin) async fn lines(
    menjin: &Menjin,
    operator: &Operator,
    asked: &Asked,
) -> Result<Page<AuditLineView>, Problem> {
    asked.at_most_one_of(&["user", "actor_id"])?;
    let of = match (asked.filter("user"), asked.filter("actor_id")) {
        (Some(user), _) => AuditOf::User(named::user(menjin, user).await?),
        (None, Some(actor)) => AuditOf::Actor(actor.to_owned()),
        (None, None) => AuditOf::All,
    };
    let text = |name| asked.filter(name).map(str::to_owned);
    let found = menjin
        .audit(&AuditAsked {
            of,
            action: text("action"),
            actor: asked.parsed(
                "actor",
                |text| ACTORS.contains(&text).then(|| text.to_owned()),
                Fault::NotOneOf(ACTORS),
            )?,
            app: text("app"),
            session: asked.parsed("session", |text| text.parse().ok(), Fault::NotAnId("ses_…"))?,
            since: asked.parsed("since", named::moment, Fault::NotATime)?,
            until: asked.parsed("until", named::moment, Fault::NotATime)?,
            behind: asked.place()?,
            limit: asked.limit,
        })
        .await?;
    let items = found.items.into_iter().map(|line| masked::line(operator, line)).collect();
    Ok(Page::found(items, found.next))
}

/// Shows a line of the audit.
#[utoipa::path(get, path = "/admin/v1/audit/{seq}", operation_id = "get_audit_line", tag = "audit", params(
    ("seq" = i64, Path, description = "Its number"),
), responses((status = 200, description = "The line", body = AuditLineView), (status = 404, description = "`audit_line_unknown`")))]
async fn show(
    State(menjin): State<Menjin>,
    operator: Operator,
    Path(seq): Path<String>,
) -> Result<Answer<AuditLineView>, Problem> {
    operator.may(Right::Read)?;
    let seq = named::number(&seq).ok_or_else(|| Problem::field("seq", Fault::WrongType))?;
    Ok(Answer(masked::line(&operator, menjin.audit_line(seq).await?)))
}
