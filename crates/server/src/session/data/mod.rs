//! `/v1/session/data`: what back ends keep about a session, or about its user (design §4.4).
//!
//! Lives here: the routes. Does not: who asks for whose (`asker`), bodies (`body`), versions as tags (`versions`), what a write makes of
//! a map (`store`).

mod asker;
mod body;
mod versions;

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use menjin_token::Timestamp;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::asker::Asker;
use self::body::{KeyInput, KeyView, MapInput, MapView, ends};
use self::versions::{Conditional, tag};
use crate::config::is_data_key;
use crate::extract::Json;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;
use crate::store::{DataAt, DataWrite, Present};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(read, replace, flush)).routes(routes!(read_key, put_key, remove_key))
}

/// Gives all that is kept about a session, or with `scope=user` about its user.
///
/// For back ends: each reaches what its own audience keeps. A person's own token is shown the keys in `client_keys` of
/// its app, and the version of the whole.
#[utoipa::path(get, path = "/v1/session/data", operation_id = "read_session_data", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = Option<String>, Header, description = "The person's access token, from a back end"),
        ("If-None-Match" = Option<String>, Header, description = "304 while the version is this one"),
    ),
    responses(
        (status = 200, description = "All keys and values", body = MapView<'static>, headers(("ETag" = String, description = "The version of the whole; never the same for two different ones"))),
        (status = 304, description = "The version is the one in `If-None-Match`"),
        (status = 400, description = "`subject_token_missing`; `field_invalid`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`: the app lacks `session-data`"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn read(State(menjin): State<Menjin>, asker: Asker, condition: Conditional) -> Result<Response, Problem> {
    let now = menjin.clock.now();
    let map = asker.read(&menjin, now).await?;
    let map = map.at(now)?;
    if condition.is_known(present(&map))? {
        return Ok((StatusCode::NOT_MODIFIED, tag(map.version)).into_response());
    }
    Ok(whole(&map, &asker))
}

/// Replaces all that is kept, at once.
///
/// Keys whose value stays the same, but for white space, keep their version and end, unless `ttl` is given.
#[utoipa::path(put, path = "/v1/session/data", operation_id = "replace_session_data", tag = "back-end", request_body = MapInput, security(("basic" = []), ("bearer" = [])),
    params(
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = String, Header, description = "The person's access token"),
        ("If-Match" = Option<String>, Header, description = "Goes on only while the whole has this version", example = "\"7\""),
    ),
    responses(
        (status = 200, description = "As it is now", body = MapView<'static>, headers(("ETag" = String, description = "The version of the whole"))),
        (status = 400, description = "`subject_token_missing`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`; `backend_only`: a person's own token"),
        (status = 412, description = "`version_mismatch`: its `ETag` is the present version"),
        (status = 413, description = "`session_data_full`: a value or the whole is too large"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn replace(
    State(menjin): State<Menjin>,
    asker: Asker,
    condition: Conditional,
    Json(input): Json<MapInput>,
) -> Result<Response, Problem> {
    asker.must_be_a_back_end()?;
    let now = menjin.clock.now();
    let write = DataWrite::Replace { data: input.data.checked()?, until: ends(input.ttl, now) };
    let map = asker.change(&menjin, write, condition, now).await?;
    Ok(whole(&map.at(now)?, &asker))
}

/// Forgets all that is kept. Versions go on from where they are.
#[utoipa::path(delete, path = "/v1/session/data", operation_id = "flush_session_data", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = String, Header, description = "The person's access token"),
        ("If-Match" = Option<String>, Header, description = "Goes on only while the whole has this version", example = "\"7\""),
    ),
    responses(
        (status = 204, description = "Nothing is kept now"),
        (status = 400, description = "`subject_token_missing`; `field_invalid`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`; `backend_only`: a person's own token"),
        (status = 412, description = "`version_mismatch`: its `ETag` is the present version"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn flush(State(menjin): State<Menjin>, asker: Asker, condition: Conditional) -> Result<StatusCode, Problem> {
    asker.must_be_a_back_end()?;
    let write = DataWrite::Replace { data: BTreeMap::new(), until: None };
    asker.change(&menjin, write, condition, menjin.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives one value.
#[utoipa::path(get, path = "/v1/session/data/{key}", operation_id = "read_session_value", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("key" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 . _ : -`", example = "cart"),
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = Option<String>, Header, description = "The person's access token, from a back end"),
        ("If-None-Match" = Option<String>, Header, description = "304 while the version is this one"),
    ),
    responses(
        (status = 200, description = "The value", body = KeyView<'static>, headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The version is the one in `If-None-Match`"),
        (status = 400, description = "`subject_token_missing`; `field_invalid`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`; `backend_only`: a key that a person's own token does not reach"),
        (status = 404, description = "`key_unknown`: there is no value, or it has expired"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn read_key(
    State(menjin): State<Menjin>,
    asker: Asker,
    Path(key): Path<String>,
    condition: Conditional,
) -> Result<Response, Problem> {
    let key = asker.key(key)?;
    let now = menjin.clock.now();
    let map = asker.read(&menjin, now).await?;
    let map = map.at(now)?;
    let entry = map.find(&key);
    let version = entry.map(|entry| entry.version);
    if condition.is_known(Present { version, is_there: version.is_some() })? {
        return Ok((StatusCode::NOT_MODIFIED, tag(version.unwrap_or_default())).into_response());
    }
    value(&map, &key)
}

/// Keeps one value.
///
/// A `ttl` is counted from now; without one the value stays as long as the session, or the user.
#[utoipa::path(put, path = "/v1/session/data/{key}", operation_id = "put_session_value", tag = "back-end", request_body = KeyInput, security(("basic" = []), ("bearer" = [])),
    params(
        ("key" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 . _ : -`", example = "cart"),
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = Option<String>, Header, description = "The person's access token, from a back end"),
        ("If-Match" = Option<String>, Header, description = "Goes on only while the value has this version", example = "\"7\""),
        ("If-None-Match" = Option<String>, Header, description = "`*`: goes on only while there is no value", example = "*"),
    ),
    responses(
        (status = 200, description = "As it is now", body = KeyView<'static>, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`subject_token_missing`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`; `backend_only`: a key that a person's own token does not reach"),
        (status = 412, description = "`version_mismatch`: its `ETag` is the present version, if there is a value"),
        (status = 413, description = "`session_data_full`: the value or the whole is too large"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn put_key(
    State(menjin): State<Menjin>,
    asker: Asker,
    Path(key): Path<String>,
    condition: Conditional,
    Json(input): Json<KeyInput>,
) -> Result<Response, Problem> {
    let key = asker.key(key)?;
    let now = menjin.clock.now();
    let write = DataWrite::Put { key: key.clone(), value: input.checked()?, until: ends(input.ttl, now) };
    let map = asker.change(&menjin, write, condition, now).await?;
    value(&map.at(now)?, &key)
}

/// Forgets one value.
#[utoipa::path(delete, path = "/v1/session/data/{key}", operation_id = "remove_session_value", tag = "back-end", security(("basic" = []), ("bearer" = [])),
    params(
        ("key" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 . _ : -`", example = "cart"),
        ("scope" = inline(Option<asker::Scope>), Query, description = "Whose data: `session` (default) or `user`"),
        ("Menjin-Subject-Token" = Option<String>, Header, description = "The person's access token, from a back end"),
        ("If-Match" = Option<String>, Header, description = "Goes on only while the value has this version", example = "\"7\""),
    ),
    responses(
        (status = 204, description = "There is no value now"),
        (status = 400, description = "`subject_token_missing`; `field_invalid`"),
        (status = 401, description = "`client_invalid`: id or secret is wrong; about a token or session: as on every route that takes access tokens"),
        (status = 403, description = "`insufficient_scope`; `backend_only`: a key that a person's own token does not reach"),
        (status = 412, description = "`version_mismatch`: its `ETag` is the present version, if there is a value"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn remove_key(
    State(menjin): State<Menjin>,
    asker: Asker,
    Path(key): Path<String>,
    condition: Conditional,
) -> Result<StatusCode, Problem> {
    let write = DataWrite::Remove(asker.key(key)?);
    asker.change(&menjin, write, condition, menjin.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Asker {
    /// A key that may be one, and that the asker may reach.
    fn key(&self, key: String) -> Result<String, Problem> {
        if !is_data_key(&key) {
            return Err(Problem::field("key", Fault::NotADataKey));
        }
        if self.reaches(&key) { Ok(key) } else { Err(Problem::BackendOnly) }
    }
}

fn present(map: &DataAt<'_>) -> Present {
    Present { version: Some(map.version), is_there: !map.entries.is_empty() }
}

fn whole(map: &DataAt<'_>, asker: &Asker) -> Response {
    let shown = || map.entries.iter().filter(|entry| asker.reaches(entry.key));
    let expires_at = shown().filter_map(|entry| entry.expires_at.map(|end: Timestamp| (entry.key, end)));
    let view =
        MapView { data: shown().map(|entry| (entry.key, entry.value)).collect(), expires_at: expires_at.collect() };
    (tag(map.version), Json(view)).into_response()
}

fn value(map: &DataAt<'_>, key: &str) -> Result<Response, Problem> {
    let entry = map.find(key).ok_or(Problem::KeyUnknown)?;
    let view = KeyView { value: entry.value, expires_at: entry.expires_at };
    Ok((tag(entry.version), Json(view)).into_response())
}
