//! `GET|POST /v1/me/consents`: which documents an app's people agree to, and what the caller agreed to (`[[consent]]`).
//!
//! Does not: write what is read there; say what law asks for.

mod operated;
mod rule;

use axum::extract::State;
use axum::http::HeaderMap;
use menjin_token::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::operated::ConsentedView;
use self::rule::{given, missing, standing};
use super::Person;
use super::view::NeedView;
use crate::apps::App;
use crate::config::{is_document, is_version};
use crate::extract::{Client, Json};
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{Actor, ConsentRow, Consenting, UserRow};

/// As many as one request may speak of.
const MOST: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(list, change))
}

/// A document, and how the caller stands to it.
#[derive(Serialize, utoipa::ToSchema)]
struct ConsentView {
    /// What it is called.
    #[schema(example = "privacy")]
    id: String,
    /// The version that counts now.
    #[schema(example = "2026-11-01")]
    version: String,
    /// Where to read it.
    #[schema(format = "uri")]
    url: String,
    /// Whether `need` says `consent` until it is agreed to.
    required: bool,
    /// Whether the caller agreed to this very version, and has not withdrawn that.
    accepted: bool,
    /// The version that they last agreed to, unless they withdrew it.
    accepted_version: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    accepted_at: Option<Timestamp>,
}

/// The documents of the session's app.
#[derive(Serialize, utoipa::ToSchema)]
struct ConsentList {
    /// As `menjin.toml` has them.
    consents: Vec<ConsentView>,
    /// `["consent"]` while something that is required is not agreed to.
    need: Vec<NeedView>,
}

impl ConsentList {
    fn of(menjin: &Menjin, app: &str, rows: &[ConsentRow]) -> Self {
        let documents = || menjin.config.consent.iter().filter(|document| document.is_of(app));
        let view = |document: &crate::config::Consent| {
            let standing = standing(rows, &document.id);
            ConsentView {
                id: document.id.clone(),
                version: document.version.clone(),
                url: document.url.to_string(),
                required: document.required,
                accepted: standing.is_some_and(|row| row.version == document.version),
                accepted_version: standing.map(|row| row.version.clone()),
                accepted_at: standing.map(|row| row.given_at),
            }
        };
        let need = missing(documents(), rows).then_some(NeedView::Consent);
        Self { consents: documents().map(view).collect(), need: need.into_iter().collect() }
    }
}

/// One version of a document.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Version {
    /// The document.
    #[schema(min_length = 1, max_length = 32, pattern = "^[a-z0-9_-]+$", example = "privacy")]
    id: String,
    /// The version that the person read.
    #[schema(min_length = 1, max_length = 64, pattern = "^[!-~]+$", example = "2026-11-01")]
    version: String,
}

/// What the caller says of documents.
#[derive(Deserialize, utoipa::ToSchema)]
struct ConsentInput {
    /// What they agree to: the versions that they were shown.
    #[serde(default)]
    #[schema(max_items = 32)]
    accept: Vec<Version>,
    /// The ids of documents that they agree to no longer; none of those in `accept`.
    #[serde(default)]
    #[schema(max_items = 32, example = json!(["marketing"]))]
    withdraw: Vec<String>,
}

/// Tells which documents the session's app asks people to agree to, and what the caller agreed to.
#[utoipa::path(get, path = "/v1/me/consents", operation_id = "list_consents", tag = "privacy", security(("bearer" = [])), responses(
    (status = 200, description = "All documents of the app", body = ConsentList),
))]
async fn list(State(menjin): State<Menjin>, headers: HeaderMap) -> Result<axum::Json<ConsentList>, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    menjin.limits.person_asks(person.user.id).await?;
    let rows = menjin.store.consents_of(person.user.number).await?;
    Ok(axum::Json(ConsentList::of(&menjin, &person.session.app, &rows)))
}

/// Notes what the caller agrees to, and what they withdraw, with time, app, address and client as evidence.
///
/// Only the version that counts can be agreed to. The same again changes nothing. Of consents to a document that were withdrawn
/// the newest twenty are kept.
#[utoipa::path(post, path = "/v1/me/consents", operation_id = "change_consents", tag = "privacy", request_body = ConsentInput, security(("bearer" = [])), responses(
    (status = 200, description = "All documents of the app, as they stand then", body = ConsentList),
    (status = 409, description = "`consent_outdated`: another version counts; show that one, and ask again"),
))]
async fn change(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    client: Client,
    Json(input): Json<ConsentInput>,
) -> Result<axum::Json<ConsentList>, Problem> {
    let person = Person::of(&menjin, &headers).await?;
    let ConsentInput { accept, withdraw } = input;
    check(&accept, &withdraw)?;
    menjin.limits.person_asks(person.user.id).await?;
    let app = person.session.app;
    are_known(&menjin, &app, person.user.number, &withdraw).await?;
    let consenting = Consenting {
        user: person.user.id,
        by: Actor::user(client.ip_text()),
        given: given(&menjin, &app, accept)?,
        app: app.clone(),
        user_agent: client.user_agent,
        withdrawn: withdraw,
        now: menjin.clock.now(),
    };
    let rows = menjin.store.change_consents(consenting).await?.ok_or(Problem::TokenInvalid)?;
    Ok(axum::Json(ConsentList::of(&menjin, &app, &rows)))
}

fn check(accept: &[Version], withdraw: &[String]) -> Result<(), Problem> {
    if accept.is_empty() && withdraw.is_empty() {
        return Err(Problem::field("accept", Fault::MissingAnyOf(&["accept", "withdraw"])));
    }
    if accept.len() > MOST || withdraw.len() > MOST {
        return Err(Problem::field(if accept.len() > MOST { "accept" } else { "withdraw" }, Fault::TooMany(MOST)));
    }
    for (at, it) in accept.iter().enumerate() {
        if !is_document(&it.id) {
            return Err(Problem::field(format!("accept[{at}].id"), Fault::NoSuchDocument));
        }
        if !is_version(&it.version) {
            return Err(Problem::field(format!("accept[{at}].version"), Fault::NoSuchDocument));
        }
    }
    for (at, id) in withdraw.iter().enumerate() {
        if !is_document(id) {
            return Err(Problem::field(format!("withdraw[{at}]"), Fault::NoSuchDocument));
        }
        if accept.iter().any(|it| it.id == *id) {
            return Err(Problem::field(format!("withdraw[{at}]"), Fault::NotBeside("accept")));
        }
    }
    Ok(())
}

/// Only documents of this app can be withdrawn, and what was ever agreed to elsewhere, or before it went from `menjin.toml`.
async fn are_known(menjin: &Menjin, app: &str, number: i64, withdraw: &[String]) -> Result<(), Problem> {
    let is_of_app = |id: &String| menjin.config.consent.iter().any(|it| it.id == *id && it.is_of(app));
    if withdraw.iter().all(is_of_app) {
        return Ok(());
    }
    let rows = menjin.store.consents_of(number).await?;
    let is_known = |id: &String| is_of_app(id) || rows.iter().any(|row| row.document == *id);
    let odd = withdraw.iter().position(|id| !is_known(id));
    odd.map_or(Ok(()), |at| Err(Problem::field(format!("withdraw[{at}]"), Fault::NoSuchDocument)))
}

/// Whether somebody has not agreed to what this app requires. Where that can't be read they are asked: it is the safe answer,
/// and their sign-in stands.
pub(super) async fn lacks_consent(menjin: &Menjin, app: &App, user: &UserRow) -> bool {
    let documents = || menjin.config.consent.iter().filter(|document| document.required && document.is_of(&app.id));
    if documents().next().is_none() {
        return false;
    }
    match menjin.store.consents_of(user.number).await {
        Ok(rows) => missing(documents(), &rows),
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::warn!(error, user.id = %user.id, "what somebody agreed to can't be read, so they are asked");
            true
        }
    }
}
