//! `POST /v1/login/{app}`: a platform's code becomes a user, a session and tokens.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use menjin_platform::{Identity, JsCode, PhoneCode, looks_unescaped};
use menjin_token::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::once::{self, Claim};
use crate::apps::{self, App};
use crate::entropy::sha256;
use crate::extract::{Client, JsonAndDigest};
use crate::limits::Allowed;
use crate::people::{NeedView, Opened, ProfileInput, UserView, chosen, from_platform, need, open_fresh, proved};
use crate::problem::{Fault, Problem};
use crate::session::{self, Pair, SignIn, SignedIn};
use crate::state::Menjin;
use crate::store::{CodeDigest, Device, DeviceClass, IdempotencyKey, PhoneChange, ProfileChange};

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(login))
}

/// What a mini program sends.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct LoginRequest {
    /// From `wx.login()`: five minutes, one use.
    #[schema(value_type = String, example = "0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P")]
    pub(crate) code: SecretString,
    /// From `wx.getUserProfile`, `wx.getUserInfo` or an old `getPhoneNumber`; with `iv`.
    #[schema(value_type = Option<String>)]
    pub(crate) encrypted_data: Option<SecretString>,
    /// Belongs to `encrypted_data`.
    pub(crate) iv: Option<String>,
    /// From `wx.getUserProfile`, exactly as it came; with `signature`.
    pub(crate) raw_data: Option<String>,
    /// sha1 of `raw_data` and the `session_key`, as `WeChat` made it.
    pub(crate) signature: Option<String>,
    /// From a `getPhoneNumber` button.
    #[schema(value_type = Option<String>)]
    pub(crate) phone_code: Option<SecretString>,
    /// What the person typed or chose.
    pub(crate) profile: Option<ProfileInput>,
    /// What the device says of itself.
    pub(crate) device: Option<DeviceInput>,
}

impl LoginRequest {
    /// A code and nothing beside it.
    pub(crate) fn with_code(code: SecretString) -> Self {
        Self {
            code,
            encrypted_data: None,
            iv: None,
            raw_data: None,
            signature: None,
            phone_code: None,
            profile: None,
            device: None,
        }
    }
}

/// A device as it calls itself.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct DeviceInput {
    /// Random, made once and kept by the client: a new sign-in with it takes the place of the former one.
    #[schema(example = "d5c1f0a2b34e4f6f")]
    id: Option<String>,
    /// `phone` by default.
    class: DeviceClass,
    /// Its model.
    #[schema(example = "iPhone 17")]
    name: Option<String>,
    /// Its system.
    #[schema(example = "iOS 20.1")]
    system: Option<String>,
}

/// A session for the person who tapped.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct LoginAnswer {
    #[serde(flatten)]
    pair: Pair,
    /// Whether menjin had never seen them.
    is_new_user: bool,
    /// Who they are.
    user: UserView,
    /// What the app wants and they lack.
    need: Vec<NeedView>,
}

/// Trades a login code for a session. Exactly one exchange a code: a second request with it gets `code_used`, unless both
/// carry the same `Idempotency-Key` and body within 60 seconds; then both get the same session.
#[utoipa::path(post, path = "/v1/login/{app}", tag = "sign-in", request_body = LoginRequest,
    params(("app" = String, Path, description = "The app's id", example = "demo"), ("Idempotency-Key" = Option<String>, Header, description = "Random, a new one for each sign-in; makes retries safe")),
    responses(
        (status = 200, description = "Signed in", body = LoginAnswer),
        (status = 400, description = "`field_invalid`, `json_invalid`: names the field"),
        (status = 401, description = "`code_used`, `code_invalid`: call `wx.login` again; `user_disabled`"),
        (status = 403, description = "`platform_blocked`: the platform refuses this person"),
        (status = 404, description = "`app_unknown`"),
        (status = 422, description = "`idempotency_mismatch`: the key came with another body"),
        (status = 503, description = "`platform_unavailable` (`action` says whether the same code may come again), `store_unavailable`"),
    ))]
async fn login(
    State(menjin): State<Menjin>,
    Path(app): Path<String>,
    allowed: Allowed,
    arrived: Arrived,
    JsonAndDigest(request, body): JsonAndDigest<LoginRequest>,
) -> Result<impl IntoResponse, Problem> {
    let app = menjin.apps.by_id(&app).filter(|app| app.platform().is_some()).ok_or(Problem::AppUnknown)?;
    let idempotency = arrived.idempotency_key(&app.id, body);
    let (signed_in, profile_failed) =
        allowed.counting(sign_in(&menjin, &app, request, arrived.client, idempotency).await)?;
    let need = need(&app, &signed_in.user, profile_failed);
    let SignedIn { pair, user, is_new_user } = signed_in;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(LoginAnswer { pair, is_new_user, user: user.into(), need })))
}

/// The whole of a sign-in, for whatever route: what the person brought becomes a session. Also tells whether a profile failed.
pub(crate) async fn sign_in(
    menjin: &Menjin,
    app: &App,
    request: LoginRequest,
    client: Client,
    idempotency: Option<IdempotencyKey>,
) -> Result<(SignedIn, bool), Problem> {
    let brought = Brought::checked(app, request, client)?;
    let platform = app.platform().ok_or(Problem::AppUnknown)?;
    let claimed = match once::claim(menjin, &app.id, &brought.code, idempotency).await? {
        Claim::Ours(claimed) => claimed,
        Claim::Repeated(session) => {
            let signed_in = session::again(menjin, session, menjin.clock.now()).await?.ok_or(Problem::CodeUsed)?;
            return Ok((signed_in, false));
        }
    };
    let identity = once::exchange(menjin, platform, &brought.code, claimed).await?;
    let signed_in = enter(menjin, app, &identity, brought, claimed).await?;
    let outcome = if signed_in.0.is_new_user { "new" } else { "known" };
    metrics::counter!("menjin_logins_total", "app" => app.id.clone(), "outcome" => outcome).increment(1);
    tracing::info!(app.id = %app.id, user.id = %signed_in.0.user.id, session.id = %signed_in.0.pair.session_id, new = signed_in.0.is_new_user, "signed in");
    Ok(signed_in)
}

async fn enter(
    menjin: &Menjin,
    app: &App,
    identity: &Identity,
    brought: Brought,
    code: CodeDigest,
) -> Result<(SignedIn, bool), Problem> {
    let now = menjin.clock.now();
    let (mut profile, mut phone, profile_failed) = read_data(menjin, app, identity, &brought, now).await?;
    if brought.profile != ProfileChange::default() {
        profile = brought.profile;
    }
    if let Some(phone_code) = &brought.phone_code {
        phone = phone_by_code(menjin, app, phone_code, identity).await.or(phone);
    }
    let sign_in = SignIn { app, identity, profile, phone, device: brought.device, code };
    Ok((session::open(menjin, sign_in, now).await?, profile_failed))
}

/// What the platform's own data says of the person. Data that does not open or verify never fails a sign-in.
async fn read_data(
    menjin: &Menjin,
    app: &App,
    identity: &Identity,
    brought: &Brought,
    now: Timestamp,
) -> Result<(ProfileChange, Option<PhoneChange>, bool), Problem> {
    if let Some((encrypted, iv)) = &brought.encrypted {
        return Ok(match open_fresh(menjin, app, identity, (encrypted.expose_secret(), iv), now).await? {
            Opened::Profile(profile) => (from_platform(app, &profile), None, false),
            Opened::Phone(number) => (ProfileChange::default(), Some(proved(menjin, &number)), false),
            Opened::Other => (ProfileChange::default(), None, false),
            Opened::Nothing => (ProfileChange::default(), None, true),
        });
    }
    let Some((raw_data, signature)) = &brought.signed else { return Ok((ProfileChange::default(), None, false)) };
    let open_data = app.platform().and_then(|platform| platform.open_data());
    let verified = open_data
        .zip(identity.session_key.as_ref())
        .is_some_and(|(it, key)| it.verify_signature(key, raw_data, signature));
    match menjin_platform::Profile::from_raw_data(raw_data) {
        Ok(profile) if verified => Ok((from_platform(app, &profile), None, false)),
        Ok(_) | Err(_) => Ok((ProfileChange::default(), None, true)),
    }
}

/// A phone code that fails leaves the sign-in whole: the login code is spent, and the number can be given later.
async fn phone_by_code(menjin: &Menjin, app: &App, code: &PhoneCode, identity: &Identity) -> Option<PhoneChange> {
    match apps::phone(menjin, app, code, &identity.openid).await {
        Ok(number) => Some(proved(menjin, &number)),
        Err(problem) => {
            tracing::warn!(app.id = %app.id, error = %problem, "a phone code that came with a sign-in failed");
            None
        }
    }
}

/// What a request brought, each part parsed.
struct Brought {
    code: JsCode,
    encrypted: Option<(SecretString, String)>,
    signed: Option<(String, String)>,
    phone_code: Option<PhoneCode>,
    profile: ProfileChange,
    device: Device,
}

impl Brought {
    fn checked(app: &App, request: LoginRequest, client: Client) -> Result<Self, Problem> {
        let code = JsCode::parse(request.code.expose_secret()).map_err(|_| Problem::field("code", Fault::NotACode))?;
        let encrypted = both(("encrypted_data", request.encrypted_data), ("iv", request.iv))?;
        if encrypted.as_ref().is_some_and(|(data, iv)| looks_unescaped(data.expose_secret()) || looks_unescaped(iv)) {
            return Err(Problem::field("encrypted_data", Fault::Unescaped));
        }
        let phone_code = request.phone_code.map(|code| PhoneCode::parse(code.expose_secret())).transpose();
        Ok(Self {
            code,
            encrypted,
            signed: both(("raw_data", request.raw_data), ("signature", request.signature))?,
            phone_code: phone_code.map_err(|_| Problem::field("phone_code", Fault::NotACode))?,
            profile: chosen(app, request.profile.unwrap_or_default(), "profile.")?,
            device: device(request.device.unwrap_or_default(), client)?,
        })
    }
}

/// Two members that only mean something together.
fn both<A, B>(
    (left_name, left): (&str, Option<A>),
    (right_name, right): (&str, Option<B>),
) -> Result<Option<(A, B)>, Problem> {
    match (left, right) {
        (Some(left), Some(right)) => Ok(Some((left, right))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problem::field(right_name, Fault::Missing)),
        (None, Some(_)) => Err(Problem::field(left_name, Fault::Missing)),
    }
}

fn device(input: DeviceInput, client: Client) -> Result<Device, Problem> {
    let bounded = |name: &str, text: Option<String>, longest: usize| match text {
        Some(text) if text.len() > longest => Err(Problem::field(format!("device.{name}"), Fault::TooLong(longest))),
        Some(text) if text.chars().any(char::is_control) => {
            Err(Problem::field(format!("device.{name}"), Fault::Unprintable))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    };
    Ok(Device {
        id: bounded("id", input.id, 128)?,
        class: input.class,
        name: bounded("name", input.name, 128)?,
        system: bounded("system", input.system, 128)?,
        ip: client.ip_text(),
        user_agent: client.user_agent,
    })
}

/// Where a request came from, and whether it may be repeated.
pub(crate) struct Arrived {
    /// Its client.
    pub(crate) client: Client,
    key: Option<String>,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Arrived
where
    Client: axum::extract::FromRequestParts<S, Rejection = Problem>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let key = idempotency_key(&parts.headers)?;
        Ok(Self { client: Client::from_request_parts(parts, state).await?, key })
    }
}

impl Arrived {
    fn idempotency_key(&self, app: &str, body: [u8; 32]) -> Option<IdempotencyKey> {
        self.key
            .as_ref()
            .map(|key| IdempotencyKey { key: sha256(&[app.as_bytes(), &[0], key.as_bytes()].concat()), body })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = || Problem::field("Idempotency-Key", Fault::NotAKey);
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong())?.trim();
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && values.next().is_none() { Ok(Some(text.to_owned())) } else { Err(wrong()) }
}
