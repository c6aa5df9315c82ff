//! `POST /v1/me/avatar`, `GET /avatars/{name}`: pictures that people upload of themselves (design §4.7).
//!
//! Lives here: the routes, and who may have a picture. Does not: what is a picture (`picture`), files (`shelf`).

mod name;
mod shelf;
mod swept;

use std::sync::atomic::AtomicU8;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use menjin_token::UserId;
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use swept::sweep;

use self::name::Name;
use self::shelf::Shelf;
use super::Person;
use super::me::Me;
use super::picture::Picture;
use crate::config::{self, Profile};
use crate::extract::body_within;
use crate::form;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::ProfileChange;

/// Each is in memory while it is looked at.
const AT_ONCE: usize = 16;
/// What a form adds to its picture.
const AROUND: usize = 16 * 1024;

/// A name stands for one picture for ever, and a day is as long as others may show one that was taken down.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400, immutable");
/// Whatever a picture turns out to hold, no browser runs it.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(show))
}

/// Where the pictures are, and how many are being taken in.
#[derive(Debug)]
pub(crate) struct Avatars {
    shelf: Shelf,
    /// What addresses begin with, up to the last slash.
    prefix: String,
    places: Semaphore,
    /// The next part of the shelf to be swept.
    next: AtomicU8,
}

impl Avatars {
    pub(crate) fn new(config: &config::Avatars, issuer: &str) -> Self {
        let prefix = config.url.as_ref().map_or_else(|| format!("{issuer}/avatars/"), |url| url.as_str().to_owned());
        let (places, next) = (Semaphore::new(AT_ONCE), AtomicU8::new(0));
        Self { shelf: Shelf::new(config.folder.clone()), prefix, places, next }
    }

    /// The name in an address of ours.
    fn name_in(&self, address: &str) -> Option<Name> {
        Name::parse(address.strip_prefix(&self.prefix)?)
    }
}

/// A picture, as `wx.uploadFile` and browsers send files.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "says in the document what `form` reads")]
struct AvatarForm {
    /// JPEG, PNG or WebP, whatever its name is; at most `avatars.max_bytes`, and 4096 pixels on a side.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    avatar: Vec<u8>,
}

/// Keeps a picture of the caller, in the place of the former one.
///
/// For `chooseAvatar`: `wx.uploadFile({name: "avatar", …})`. What the picture tells beside itself (place, camera, former
/// versions) is taken out.
#[utoipa::path(post, path = "/v1/me/avatar", operation_id = "upload_avatar", tag = "profile",
    request_body(content = AvatarForm, content_type = "multipart/form-data"), security(("bearer" = [])), responses(
    (status = 200, description = "The caller, with the picture's address", body = Me),
    (status = 400, description = "`form_invalid`"),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 422, description = "`profile_not_kept`: the app keeps no pictures"),
))]
async fn upload(State(menjin): State<Menjin>, request: Request) -> Result<axum::Json<Me>, Problem> {
    let person = Person::of(&menjin, request.headers()).await?;
    let app = menjin.apps.by_id(&person.session.app).ok_or(Problem::AppUnknown)?;
    if app.profile == Profile::None {
        return Err(Problem::ProfileNotKept);
    }
    menjin.limits.person_asks(person.user.id).await?;
    let boundary = form::boundary(request.headers())?;
    let _place = menjin.avatars.places.acquire().await.map_err(|error| Problem::Internal(error.into()))?;
    let body = body_within(request, &menjin, menjin.config.avatars.max_bytes + AROUND).await;
    let body =
        body.map_err(|problem| if let Problem::BadJson(fault) = problem { Problem::BadForm(fault) } else { problem })?;
    let most = menjin.config.avatars.max_bytes;
    // On a thread that may take its time: others are answered meanwhile, however much there is to take apart.
    let cleaned = tokio::task::spawn_blocking(move || cleaned(&body, &boundary, most)).await;
    let picture = cleaned.unwrap_or_else(|error| Err(Problem::Internal(error.into())))?;
    let name = Name::new(&menjin, person.user.id, picture.kind);
    menjin.avatars.shelf.put(&name, picture.bytes).await.map_err(Problem::StoreUnavailable)?;
    // Read again: another picture of theirs may have come meanwhile.
    let former = menjin.store.user(person.user.id).await?.and_then(|user| user.avatar_url);
    let avatar_url = Some(format!("{}{name}", menjin.avatars.prefix));
    let change = ProfileChange { nickname: None, avatar_url, is_chosen: true };
    let user = menjin.store.change_profile(person.user.id, change, menjin.clock.now()).await?;
    let user = user.ok_or(Problem::TokenInvalid)?;
    let former = former.filter(|former| user.avatar_url.as_ref() != Some(former));
    if let Some(former) = former {
        take_down(&menjin, person.user.id, &former).await;
    }
    Ok(axum::Json(Me::of(user, person.session)))
}

/// What is kept of the picture in a form.
fn cleaned(form: &[u8], boundary: &str, most: usize) -> Result<Picture, Problem> {
    let file = form::file(form, boundary, "avatar")?;
    if file.len() > most {
        return Err(Problem::BodyTooLarge);
    }
    Picture::cleaned(file).map_err(|fault| Problem::field("avatar", fault))
}

/// Takes out of the folder what `user` no longer shows at this address, if it is a picture of theirs that is kept here.
pub(crate) async fn take_down(menjin: &Menjin, user: UserId, address: &str) {
    if let Some(name) = menjin.avatars.name_in(address).filter(|name| name.user(menjin) == user) {
        // What can't be removed now is swept later.
        menjin.avatars.shelf.remove(&name).await.unwrap_or_default();
    }
}

/// Gives a picture that somebody uploaded of themselves.
#[utoipa::path(get, path = "/avatars/{name}", operation_id = "get_avatar", tag = "sdk",
    params(("name" = String, Path, description = "The end of a user's `avatar_url`", pattern = "^[0-9a-f]{64}\\.(jpg|png|webp)$")),
    responses(
        (status = 200, description = "The picture, cacheable", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
        (status = 404, description = "`picture_unknown`"),
        (status = 503, description = "`store_unavailable`: the folder can't be read"),
    ))]
async fn show(State(menjin): State<Menjin>, Path(name): Path<String>) -> Result<Response, Problem> {
    let name = Name::parse(&name).ok_or(Problem::PictureUnknown)?;
    let found = menjin.avatars.shelf.read(&name).await.map_err(Problem::StoreUnavailable)?;
    let (length, chunks) = found.ok_or(Problem::PictureUnknown)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(name.kind.content_type())),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
        (header::CACHE_CONTROL, A_DAY),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (RESOURCE_POLICY, HeaderValue::from_static("cross-origin")),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}
