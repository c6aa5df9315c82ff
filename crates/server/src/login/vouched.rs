//! `POST /v1/sessions`: a back end that has authenticated somebody itself opens a session for them (design §4.4).

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use menjin_platform::OpenId;
use menjin_token::Claims;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brought::{DeviceInput, device};
use super::code::{Arrived, LoginAnswer};
use super::once;
use crate::apps::{App, CallingApp};
use crate::config::{PlatformName, is_own_claim, nests_too_deeply};
use crate::entropy::sha256;
use crate::extract::{Client, JsonAndDigest, object_or_null};
use crate::people::{Unusable, is_unprintable};
use crate::problem::{Fault, Problem};
use crate::session::{self, Proof, SignIn, SignedIn, Vouched, carried_through};
use crate::state::Menjin;
use crate::store::{CodeClaim, CodeDigest, Device, IdempotencyKey, IdentityName, ProfileChange, Who};

const SCOPE: &str = "sessions:open";
/// How somebody was proved whom a back end vouches for.
const BY_APP: &str = "app";
/// As many bytes as every store keeps of a name.
const EXTERNAL_ID: usize = 255;
/// They travel with every request.
const CLAIMS: usize = 1024;
const NAMES: [&str; 4] = ["user", "number", "external_id", "identity"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(open))
}

/// Who it is, by exactly one of `user`, `number`, `external_id` and `identity`; and where.
#[derive(Deserialize, utoipa::ToSchema)]
struct OpenRequest {
    /// A user's id.
    #[schema(example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    user: Option<String>,
    /// A user's number.
    number: Option<i64>,
    /// What your own system calls them; somebody unknown becomes a user.
    #[schema(min_length = 1, max_length = 255)]
    external_id: Option<String>,
    /// Their name on a platform; somebody unknown becomes a user.
    #[serde(default, deserialize_with = "object_or_null")]
    identity: Option<IdentityInput>,
    /// The app that the session is of: one whose tokens are for the caller.
    #[schema(example = "demo")]
    app: String,
    /// The device, as far as the caller knows it.
    #[serde(default, deserialize_with = "object_or_null")]
    device: Option<DeviceInput>,
    /// What the session's access tokens say beside the usual: 1 KiB of JSON at most, and no name that menjin itself uses.
    #[schema(value_type = Option<Object>)]
    claims: Option<Map<String, Value>>,
}

/// A person's name on a platform.
#[derive(Deserialize, utoipa::ToSchema)]
struct IdentityInput {
    /// The platform.
    #[schema(pattern = "^(wechat|qq|douyin|alipay)$", example = "wechat")]
    platform: String,
    /// The `AppID`.
    #[schema(max_length = 32, pattern = "^[0-9A-Za-z]+$", example = "wx0123456789abcdef")]
    appid: String,
    /// The person's openid there.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    openid: String,
}

/// Opens a session for somebody whom the caller has authenticated.
///
/// The counterpart of a sign-in for back ends with a way of their own to know people. The tokens are those of the app, and
/// say `amr: ["app"]`.
#[utoipa::path(post, path = "/v1/sessions", operation_id = "open_session", tag = "back-end", request_body = OpenRequest, security(("basic" = []), ("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, pattern = "^[!-~]+$", description = "Random, a new one for each session; makes retries safe")),
    responses(
        (status = 201, description = "The session, as a sign-in answers it", body = LoginAnswer),
        (status = 401, description = "`client_invalid`; `user_disabled`"),
        (status = 403, description = "`insufficient_scope`: the caller lacks `sessions:open`; `forbidden`: the app's tokens are for another back end"),
        (status = 404, description = "`user_unknown`; `app_unknown`"),
        (status = 409, description = "`sessions_full`: as many sessions live as the app lets one person have"),
        (status = 422, description = "`idempotency_mismatch`: the key came with another body, or its answer can't be given again"),
        (status = 429, description = "`too_many_requests`: too many wrong secrets from this address"),
    ))]
async fn open(
    State(menjin): State<Menjin>,
    caller: CallingApp,
    arrived: Arrived,
    JsonAndDigest(request, body): JsonAndDigest<OpenRequest>,
) -> Result<impl IntoResponse, Problem> {
    caller.require(SCOPE)?;
    let app = menjin.apps.by_id(&request.app).ok_or(Problem::AppUnknown)?;
    if app.audience != caller.audience() {
        return Err(Problem::OtherAudience);
    }
    tracing::Span::current().record("app.id", &app.id);
    let wanted = Wanted::checked(request, caller.id())?;
    if let Who::Identity(IdentityName { platform, appid, .. }) = &wanted.vouched.who
        && !menjin.apps.has_appid(platform, appid)
    {
        // Nobody could ever sign in with it: a slip of the caller would make a second user of somebody.
        return Err(Problem::field("identity.appid", Fault::NoSuchAppid));
    }
    let key = arrived.key().map(|key| IdempotencyKey { key: named(caller.id(), key), body });
    let whole = {
        let (menjin, app) = (menjin.clone(), std::sync::Arc::clone(&app));
        async move { open_once(&menjin, &app, wanted, key).await }
    };
    let answer = LoginAnswer::of(&menjin, &app, carried_through(whole).await?, Unusable::default()).await;
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], axum::Json(answer)))
}

/// What the caller wants, each part parsed.
struct Wanted {
    vouched: Vouched,
    device: Device,
}

impl Wanted {
    fn checked(request: OpenRequest, by: &str) -> Result<Self, Problem> {
        // The caller's own address and program say nothing of the person's.
        let nowhere = Client { ip: None, user_agent: None };
        let device = device(request.device.unwrap_or_default(), nowhere)?;
        let claims = request.claims.map(|claims| checked_claims(&claims)).transpose()?;
        let who = one_of((request.user, request.number), (request.external_id, request.identity))?;
        Ok(Self { vouched: Vouched { by: by.to_owned(), amr: BY_APP, who, claims }, device })
    }
}

/// The one who is named, by one name alone.
fn one_of(
    (user, number): (Option<String>, Option<i64>),
    (external_id, identity): (Option<String>, Option<IdentityInput>),
) -> Result<Who, Problem> {
    let given = [user.is_some(), number.is_some(), external_id.is_some(), identity.is_some()];
    let mut names = NAMES.into_iter().zip(given).filter(|(_, given)| *given).map(|(name, _)| name);
    if let (Some(one), Some(other)) = (names.next(), names.next()) {
        return Err(Problem::field(other, Fault::NotBeside(one)));
    }
    match (user, number, external_id, identity) {
        // What is no id is nobody's.
        (Some(user), ..) => user.parse().map(Who::User).map_err(|_| Problem::UserUnknown),
        (_, Some(number), ..) => Ok(Who::Number(number)),
        (_, _, Some(external_id), _) => checked_external_id(external_id).map(Who::ExternalId),
        (.., Some(identity)) => checked_identity(identity).map(Who::Identity),
        (None, None, None, None) => Err(Problem::field("user", Fault::MissingOneOf(&NAMES))),
    }
}

fn checked_external_id(text: String) -> Result<String, Problem> {
    let wrong = |fault| Err(Problem::field("external_id", fault));
    match text.as_str() {
        "" => wrong(Fault::Empty),
        text if text.len() > EXTERNAL_ID => wrong(Fault::TooLong(EXTERNAL_ID)),
        text if text.chars().any(is_unprintable) => wrong(Fault::Unprintable),
        _ => Ok(text),
    }
}

fn checked_identity(identity: IdentityInput) -> Result<IdentityName, Problem> {
    let Some(platform) = PlatformName::named(&identity.platform) else {
        return Err(Problem::field("identity.platform", Fault::NotOneOf(&PlatformName::NAMES)));
    };
    if !platform.is_appid(&identity.appid) {
        return Err(Problem::field("identity.appid", Fault::WrongType));
    }
    let openid = OpenId::parse(identity.openid).map_err(|_| Problem::field("identity.openid", Fault::WrongType))?;
    Ok(IdentityName { platform: platform.as_str(), appid: identity.appid, openid: openid.as_str().to_owned() })
}

/// Claims as they are kept.
fn checked_claims(claims: &Map<String, Value>) -> Result<String, Problem> {
    let wrong = |fault| Err(Problem::field("claims", fault));
    for name in claims.keys() {
        if is_own_claim(name) || Claims::is_registered(name) {
            return wrong(Fault::OwnClaim);
        }
        if name.is_empty() || name.chars().any(is_unprintable) {
            return wrong(Fault::Unprintable);
        }
    }
    if claims.values().any(nests_too_deeply) {
        return wrong(Fault::WrongType);
    }
    let text = Value::Object(claims.clone()).to_string();
    if text.len() > CLAIMS { wrong(Fault::TooLong(CLAIMS)) } else { Ok(text) }
}

/// A back end's key, apart from everybody else's.
fn named(by: &str, key: &str) -> [u8; 32] {
    sha256(&[b"sessions".as_slice(), &[0], by.as_bytes(), &[0], key.as_bytes()].concat())
}

/// Under one key, one session: the key stands in the place of a code.
async fn open_once(
    menjin: &Menjin,
    app: &App,
    wanted: Wanted,
    key: Option<IdempotencyKey>,
) -> Result<SignedIn, Problem> {
    let Some(key) = key else { return open_now(menjin, app, wanted, None).await };
    let code = CodeDigest(sha256(&key.key));
    match once::settled(menjin, code, Some(key)).await? {
        CodeClaim::Claimed => {}
        CodeClaim::Done(opened) => {
            let again = session::again(menjin, opened, menjin.clock.now()).await?;
            return again.ok_or(Problem::IdempotencyMismatch);
        }
        CodeClaim::Refused(refused) => return Err(once::same_refusal(&refused)),
        CodeClaim::Mismatch | CodeClaim::Used | CodeClaim::InFlight => return Err(Problem::IdempotencyMismatch),
    }
    let opened = open_now(menjin, app, wanted, Some(code)).await;
    if matches!(opened, Err(Problem::UserUnknown | Problem::StoreUnavailable(_))) {
        // The same key may come again; where the store is down it can't, until it is forgotten.
        menjin.store.release_code(code).await.ok();
    }
    opened
}

async fn open_now(menjin: &Menjin, app: &App, wanted: Wanted, code: Option<CodeDigest>) -> Result<SignedIn, Problem> {
    let Wanted { vouched, device } = wanted;
    let by = vouched.by.clone();
    let (proof, repeatable) = (Proof::App(vouched), code.is_some());
    let sign_in = SignIn { app, proof, profile: ProfileChange::default(), phone: None, device, code, repeatable };
    let signed_in = session::open(menjin, sign_in, menjin.clock.now()).await?;
    tracing::info!(user.id = %signed_in.user.id, session.id = %signed_in.pair.session_id, by, new = signed_in.is_new_user, "a back end opened a session");
    Ok(signed_in)
}
