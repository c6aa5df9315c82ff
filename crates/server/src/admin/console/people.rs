//! `/console/people`: everybody, the newest first; and one of them, found by any name.
//!
//! Somebody is looked for by a form that is posted, so that phone numbers and openids stand in no address and in no log.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::frame::Frame;
use crate::admin::Right;
use crate::admin::api::named::number;
use crate::admin::api::page::{Asked, Page};
use crate::admin::pages::{At, Fields, page, see_other};
use crate::problem::{Fault, NotDone, Problem};
use crate::state::Menjin;
use crate::{ListedUserView, UserName};

const FILTERS: &[&str] = &["limit", "cursor", "done"];
/// What somebody may be looked for by, in the order of the form.
const BY: &[&str] = &["any", "id", "number", "external_id", "username", "phone", "openid"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(find))
}

#[derive(Template)]
#[template(path = "console/pages/people.html")]
struct People {
    at: At,
    f: Frame,
    users: Vec<ListedUserView>,
    next: Option<String>,
    /// What was looked for, and did not lead to one.
    sought: Option<String>,
    /// Whether it is all of these.
    is_found: bool,
    by: String,
}

/// Lists people.
#[utoipa::path(get, path = "/console/people", tag = "pages", params(("cursor" = Option<String>, Query, description = "Where the page begins")), responses((status = 200, description = "The page", body = str, content_type = "text/html")))]
async fn list(State(menjin): State<Menjin>, f: Frame, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let asked = Asked::read(query.as_deref(), FILTERS)?;
    let below = asked.place()?.unwrap_or(i64::MAX);
    let users = Page::of(menjin.users_below(below, asked.limit + 1).await?, asked.limit, |user| user.number);
    page(&People {
        at: f.at(),
        f,
        users: users.items,
        next: users.next,
        sought: None,
        is_found: false,
        by: "any".to_owned(),
    })
}

/// Finds somebody.
#[utoipa::path(post, path = "/console/people", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `by`, `name`"), responses((status = 303, description = "To their page"), (status = 200, description = "Several are called so: a list of them", body = str, content_type = "text/html"), (status = 404, description = "Nobody is called so: the list again", body = str, content_type = "text/html")))]
async fn find(State(menjin): State<Menjin>, f: Frame, fields: Fields) -> Result<Response, Problem> {
    f.operator().may(Right::Read)?;
    let (by, text) = (fields.text("by")?, fields.text("name")?.trim());
    if !BY.contains(&by) {
        return Err(Problem::field("by", Fault::NotOneOf(BY)));
    }
    let mut found: Vec<ListedUserView> = Vec::new();
    for name in names(by, text) {
        match menjin.users_named(&name).await {
            Ok(named) => found.extend(named),
            // Looked for by any name, it may be none of this kind.
            Err(NotDone::PhoneOdd) if by == "any" => {}
            Err(other) => return Err(other.into()),
        }
    }
    // One may be called so in several ways; and one's external id may be another's number.
    found.sort_unstable_by_key(|user| user.number);
    found.dedup_by_key(|user| user.number);
    let (sought, by) = (Some(text.to_owned()), by.to_owned());
    match found.as_slice() {
        [one] => Ok(see_other(&format!("/console/people/{}", one.id))),
        [] => {
            let users = Page::of(menjin.users_below(i64::MAX, 51).await?, 50, |user: &ListedUserView| user.number);
            let list = People { at: f.at(), f, users: users.items, next: users.next, sought, is_found: false, by };
            Ok((StatusCode::NOT_FOUND, page(&list)?).into_response())
        }
        _ => page(&People { at: f.at(), f, users: found, next: None, sought, is_found: true, by }),
    }
}

/// What may be meant.
fn names(by: &str, text: &str) -> Vec<UserName> {
    let is_usable = !text.is_empty() && text.chars().count() <= 512 && !text.chars().any(char::is_control);
    if !is_usable {
        return Vec::new();
    }
    let whole = || text.to_owned();
    let all = [
        ("id", text.parse().ok().map(UserName::Id)),
        ("number", number(text).map(UserName::Number)),
        ("phone", Some(UserName::Phone(whole()))),
        ("external_id", Some(UserName::ExternalId(whole()))),
        ("username", Some(UserName::Username(whole()))),
        ("openid", Some(UserName::Openid { platform: None, appid: None, openid: whole() })),
    ];
    all.into_iter().filter(|(kind, _)| by == "any" || by == *kind).filter_map(|(_, name)| name).collect()
}

impl People {
    /// The choices of the form, each with its words.
    fn choices(&self) -> [(&'static str, &str); 7] {
        let f = &self.f;
        [
            ("any", f.say("任意标识", "Anything")),
            ("id", f.say("用户 id", "User id")),
            ("number", f.say("用户编号", "Number")),
            ("phone", f.say("手机号", "Phone number")),
            ("external_id", f.say("外部 id", "External id")),
            ("username", f.say("用户名", "Username")),
            ("openid", "openid"),
        ]
    }
}
