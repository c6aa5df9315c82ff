//! `GET|POST /v1/me/export`: everything that is kept of somebody, as JSON for programs and as a page for people.
//!
//! Lives here: the routes and the operators' way to the same. Does not: secrets, keys, and what belongs to others: they are never
//! read (`store`'s `everything_of`).

mod page;
mod view;
mod words;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use menjin_token::UserId;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::view::Export;
use super::reauth::FreshInput;
use super::{Fresh, Person, is_fresh};
use crate::extract::{Client, OptionalJson};
use crate::problem::{Fault, Language, NotDone, Problem};
use crate::state::Menjin;
use crate::store::{Actor, AuditLine};

const FORMATS: &[&str] = &["json", "html"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(export, export_proved))
}

/// Whose turn it is: everything of somebody is held at once, so it is done for one at a time.
pub(crate) struct Exports(Semaphore);

impl Default for Exports {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    format: Option<String>,
}

/// Gives everything that is kept of the caller.
///
/// It needs a sign-in of the last minutes (`lifetimes.fresh_sign_in`). It holds what no other answer does, such as the whole
/// phone number and what platforms call them; no secrets, no keys, nothing of other people. Of more than a thousand sign-ins
/// that are over, or ten thousand lines of history, it holds the newest, and says so (`shortened`). Ten an hour may be asked for.
#[utoipa::path(get, path = "/v1/me/export", operation_id = "export_me", tag = "privacy", security(("bearer" = [])),
    params(("format" = Option<String>, Query, description = "`json`, or `html`: a page in the language of `Accept-Language`", pattern = "^(json|html)$", example = "json")),
    responses(
        (status = 200, description = "Everything", content((Export = "application/json"), (String = "text/html"))),
        (status = 403, description = "`reauth_required`: sign in freshly, then ask again, or `POST` a fresh proof"),
    ))]
async fn export(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    give(&menjin, (&headers, &client), &asked, Fresh::default()).await
}

/// Gives the same to whoever proves in this request that they are the caller, however old the sign-in is.
///
/// For clients that have no way to repeat a `GET` after a new sign-in; without a body it is the same.
#[utoipa::path(post, path = "/v1/me/export", operation_id = "export_me_proved", tag = "privacy", security(("bearer" = [])),
    params(("format" = Option<String>, Query, description = "`json`, or `html`: a page in the language of `Accept-Language`", pattern = "^(json|html)$", example = "json")),
    request_body(content = Option<FreshInput>),
    responses(
        (status = 200, description = "Everything", content((Export = "application/json"), (String = "text/html"))),
        (status = 401, description = "`code_used`, `code_invalid`"),
        (status = 403, description = "`reauth_required`: sign in freshly, or send `code` or `password`; `old_password_wrong`"),
        (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
        (status = 503, description = "`platform_unavailable`"),
    ))]
async fn export_proved(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Query(asked): Query<Asked>,
    OptionalJson(fresh): OptionalJson<FreshInput>,
) -> Result<Response, Problem> {
    give(&menjin, (&headers, &client), &asked, fresh.as_ref().into()).await
}

async fn give(
    menjin: &Menjin,
    (headers, client): (&HeaderMap, &Client),
    asked: &Asked,
    fresh: Fresh<'_>,
) -> Result<Response, Problem> {
    let is_page = match asked.format.as_deref() {
        None | Some("json") => false,
        Some("html") => true,
        Some(_) => return Err(Problem::field("format", Fault::NotOneOf(FORMATS))),
    };
    let person = Person::of(menjin, headers).await?;
    is_fresh(menjin, &person, client, fresh).await?;
    menjin.limits.person_asks(person.user.id).await?;
    menjin.limits.before_export(menjin, person.user.id).await?;
    let by = Actor::user(client.ip_text());
    let export = menjin.export_user(&by, person.user.id).await?;
    let name = format!("attachment; filename=\"menjin-{}.{}\"", person.user.id, if is_page { "html" } else { "json" });
    let name = HeaderValue::from_str(&name).map_err(|error| Problem::Internal(error.into()))?;
    let common = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), (header::CONTENT_DISPOSITION, name)];
    if !is_page {
        return Ok((common, axum::Json(export)).into_response());
    }
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let text = page::page(&export, Language::accepted(accepted)).map_err(Problem::Internal)?;
    let page = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, page::policy()),
    ];
    Ok((common, page, text).into_response())
}

impl Export {
    /// The same as a page for people, in Chinese or in English.
    pub fn to_html(&self, in_chinese: bool) -> anyhow::Result<String> {
        page::page(self, if in_chinese { Language::Chinese } else { Language::English })
    }
}

impl Menjin {
    /// Everything that is kept of somebody; the audit tells that it was read.
    pub async fn export_user(&self, by: &Actor, user: UserId) -> Result<Export, NotDone> {
        let _turn = self.exports.0.acquire().await;
        let kept = self.store.everything_of(user).await?;
        let kept = kept.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?;
        if kept.user.erased_at.is_some() {
            return Err(NotDone::UserErased(user));
        }
        let now = self.clock.now();
        let line = AuditLine { user: Some(kept.user.id), ..by.line("user.exported") };
        let export = view::export(self, kept, now)?;
        self.store.audit(line, now).await?;
        Ok(export)
    }
}
