//! `POST /v1/login/{app}`: a platform's code becomes a user, a session and tokens.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use menjin_platform::{Identity, OpenId, PhoneCode, Redirected};
use menjin_token::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::brought::{Brought, LoginRequest};
use super::once::{self, Claim};
use crate::apps::{self, App, arrival};
use crate::entropy::sha256;
use crate::extract::{Client, Json, JsonAndDigest};
use crate::limits::{Allowed, Failures};
use crate::people::{
    NeedView, Opened, Unusable, UserView, from_platform, may_be_called, need, open_fresh, proved, signed,
};
use crate::problem::{self, Fault, Problem};
use crate::session::{self, Pair, Proof, SignIn, SignedIn};
use crate::state::Menjin;
use crate::store::{CodeDigest, IdempotencyKey, PhoneChange, ProfileChange, UserRow};

/// However slow the platform was with the code, a phone number and the check of a nickname may take so long.
const PHONE_AT_LEAST: Duration = Duration::from_secs(1);

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(login))
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
    /// What the app wants and they lack, and what they brought that could not be used.
    need: Vec<NeedView>,
    /// True, and otherwise absent, where the account was to be deleted and this sign-in keeps it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deletion_cancelled: bool,
    /// True, and otherwise absent, where another account has the number in `signed_phone`: that proof does not move it here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    phone_taken: bool,
}

impl LoginAnswer {
    pub(super) async fn of(menjin: &Menjin, app: &App, signed_in: SignedIn, unusable: Unusable) -> Self {
        let need = need(menjin, app, &signed_in.user, unusable).await;
        let phone_taken = unusable.phone_taken;
        let SignedIn { pair, user, is_new_user, called_back } = signed_in;
        Self { pair, is_new_user, user: user.into(), need, deletion_cancelled: called_back, phone_taken }
    }
}

/// Trades a login code for a session.
///
/// Exactly one exchange a code: a second request with it gets `code_used`, unless both carry the same `Idempotency-Key` and
/// body within 60 seconds; then both get the same session.
#[utoipa::path(post, path = "/v1/login/{app}", tag = "sign-in", request_body = LoginRequest,
    params(("app" = String, Path, description = "The app's id", example = "demo"), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, pattern = "^[!-~]+$", description = "Random, a new one for each sign-in; makes retries safe")),
    responses(
        (status = 200, description = "Signed in", body = LoginAnswer),
        (status = 401, description = "`code_used`, `code_invalid`: call `wx.login` again; `user_disabled`"),
        (status = 403, description = "`platform_blocked`: the platform refuses this person"),
        (status = 404, description = "`app_unknown`"),
        (status = 409, description = "`sessions_full`: as many sessions live as the app lets one person have"),
        (status = 422, description = "`idempotency_mismatch`: the key came with another body; `unsupported_by_platform`: the app's platform can't read what came with the code"),
        (status = 503, description = "`platform_unavailable`, `platform_quota`, `platform_misconfigured`: `action` says whether the same code may come again"),
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
    let failures = allowed.before_sign_in(&app.id)?;
    let Entered { signed_in, unusable } =
        sign_in(&menjin, Arc::clone(&app), (request, arrived.client), idempotency, failures).await?;
    let answer = LoginAnswer::of(&menjin, &app, signed_in, unusable).await;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

/// An open session, and what of the request could not be used.
pub(crate) struct Entered {
    pub(crate) signed_in: SignedIn,
    unusable: Unusable,
}

/// The whole of a sign-in, for whatever route: what the person brought becomes a session. It is carried through when the
/// connection breaks meanwhile: the code is spent by then, and the repeated request shall find the session.
pub(crate) async fn sign_in(
    menjin: &Menjin,
    app: Arc<App>,
    (request, client): (LoginRequest, Client),
    idempotency: Option<IdempotencyKey>,
    failures: Failures,
) -> Result<Entered, Problem> {
    tracing::Span::current().record("app.id", &app.id);
    let brought = Brought::checked(&app, request, client)?;
    let whole = carried_through(menjin.clone(), app, brought, idempotency);
    let counted = async move {
        let entered = whole.await;
        if let Err(problem) = &entered {
            failures.count(problem).await;
        }
        entered
    };
    tokio::spawn(counted.in_current_span()).await.unwrap_or_else(|error| Err(Problem::Internal(error.into())))
}

async fn carried_through(
    menjin: Menjin,
    app: Arc<App>,
    brought: Brought,
    idempotency: Option<IdempotencyKey>,
) -> Result<Entered, Problem> {
    let repeatable = idempotency.is_some();
    let code = match once::claim(&menjin, &app.id, &brought.code, idempotency).await? {
        Claim::Ours(code) => code,
        Claim::Repeated(opened) => {
            let signed_in = session::again(&menjin, opened, menjin.clock.now()).await?.ok_or(Problem::CodeUsed)?;
            let mut unusable = unusable_before(&brought, &signed_in.user);
            if let Some(phone) = signed_number(&menjin, &app, &brought) {
                unusable.phone_taken = is_anothers(&menjin, phone.lookup, &signed_in.user).await;
                unusable.phone |= unusable.phone_taken;
            }
            return Ok(Entered { signed_in, unusable });
        }
    };
    let began = Instant::now();
    let met = match &brought.verifier {
        None => once::exchange(&menjin, &app, &brought.code, code).await?,
        Some(verifier) => {
            let taken = arrival::take(&menjin, &app, (&brought.code, verifier.expose_secret())).await;
            match taken {
                Ok(met) => met,
                Err(problem) => return Err(once::lost(&menjin, code, problem).await),
            }
        }
    };
    let phone_until = (began + menjin.config.wechat.deadline).max(Instant::now() + PHONE_AT_LEAST);
    let entered = match enter(&menjin, &app, (&met, Spent { code, repeatable }), (brought, phone_until)).await {
        Ok(entered) => entered,
        Err(problem) => return Err(once::lost(&menjin, code, problem).await),
    };
    let signed_in = &entered.signed_in;
    let outcome = if signed_in.is_new_user { "new" } else { "known" };
    metrics::counter!("menjin_logins_total", "app" => app.id.clone(), "outcome" => outcome).increment(1);
    tracing::info!(user.id = %signed_in.user.id, session.id = %signed_in.pair.session_id, new = signed_in.is_new_user, "signed in");
    Ok(entered)
}

/// A code that the platform took.
struct Spent {
    code: CodeDigest,
    repeatable: bool,
}

async fn enter(
    menjin: &Menjin,
    app: &App,
    (met, spent): (&Redirected, Spent),
    (brought, phone_until): (Brought, Instant),
) -> Result<Entered, Problem> {
    let now = menjin.clock.now();
    let identity = &met.identity;
    let mut data = read_data(menjin, app, identity, &brought, now).await?;
    if let Some(profile) = &met.profile {
        data.profile = from_platform(app, profile);
    }
    let typed = brought.profile.nickname.clone();
    let signed_number = signed_number(menjin, app, &brought);
    if !brought.profile.is_empty() {
        data.profile = brought.profile;
        data.unusable.profile = false;
    }
    let by_code = async {
        let Some(phone_code) = &brought.phone_code else { return None };
        let asked = phone_by_code(menjin, app, phone_code, identity);
        let number = tokio::time::timeout_at(phone_until, asked).await;
        Some(number.unwrap_or_else(|_| phone_came_too_late()))
    };
    let judged = nickname_passes(menjin, app, (typed.as_deref(), &identity.openid), phone_until);
    let (number, passes) = tokio::join!(by_code, judged);
    if let Some(number) = number {
        data.phone = number.or(data.phone);
        data.unusable.phone = data.phone.is_none();
    }
    if !passes {
        data.profile.nickname = None;
    }
    let signed_lookup = signed_number.as_ref().map(|number| number.lookup);
    if brought.signed_phone.is_some() {
        data.unusable.phone = signed_number.is_none();
        data.phone = signed_number.or(data.phone);
    }
    let Spent { code, repeatable } = spent;
    let (proof, code) = (Proof::Platform(identity), Some(code));
    let Data { profile, phone, mut unusable } = data;
    let sign_in = SignIn { app, proof, profile, phone, device: brought.device, code, repeatable };
    let signed_in = session::open(menjin, sign_in, now).await?;
    unusable.profile |= !passes && signed_in.user.nickname != typed;
    if let Some(lookup) = signed_lookup
        && is_anothers(menjin, lookup, &signed_in.user).await
    {
        (unusable.phone, unusable.phone_taken) = (true, true);
        tracing::warn!(
            problem = "phone_taken",
            "a signed phone number that came with a sign-in stays with whoever has it"
        );
    }
    Ok(Entered { signed_in, unusable })
}

/// What the platform's own data says of a person.
#[derive(Default)]
struct Data {
    profile: ProfileChange,
    phone: Option<PhoneChange>,
    unusable: Unusable,
}

impl Data {
    fn unusable(profile: bool, phone: bool) -> Self {
        Self { unusable: Unusable { profile, phone, ..Unusable::default() }, ..Self::default() }
    }
}

/// Data that does not open or verify never fails a sign-in.
async fn read_data(
    menjin: &Menjin,
    app: &App,
    identity: &Identity,
    brought: &Brought,
    now: Timestamp,
) -> Result<Data, Problem> {
    if let Some((encrypted, iv)) = &brought.encrypted {
        return Ok(match open_fresh(menjin, app, identity, (encrypted.expose_secret(), iv), now).await? {
            Opened::Profile(profile) => Data { profile: from_platform(app, &profile), ..Data::default() },
            Opened::Phone(number) => Data { phone: Some(proved(menjin, &number)), ..Data::default() },
            Opened::StalePhone => Data::unusable(false, true),
            Opened::Other => Data::default(),
            Opened::Nothing => Data::unusable(true, false),
        });
    }
    let Some((raw_data, signature)) = &brought.signed else { return Ok(Data::default()) };
    let open_data = app.platform().and_then(|platform| platform.open_data());
    let verified = open_data
        .zip(identity.session_key.as_ref())
        .is_some_and(|(it, key)| it.verify_signature(key, raw_data, signature));
    match menjin_platform::Profile::from_raw_data(raw_data) {
        Ok(profile) if verified => Ok(Data { profile: from_platform(app, &profile), ..Data::default() }),
        Ok(_) | Err(_) => Ok(Data::unusable(true, false)),
    }
}

/// The number that came in a signed text, if it is one.
fn signed_number(menjin: &Menjin, app: &App, brought: &Brought) -> Option<PhoneChange> {
    let reader = app.platform()?.signed_phone()?;
    let number = reader.open(brought.signed_phone.as_ref()?.expose_secret()).ok()?;
    Some(signed(menjin, &number))
}

/// Whether somebody else has a number. The session is open by now: where the store does not say, nobody is told so.
async fn is_anothers(menjin: &Menjin, lookup: [u8; 32], user: &UserRow) -> bool {
    let holder = menjin.store.user_by_phone(lookup).await.unwrap_or_default();
    holder.is_some_and(|holder| holder.id != user.id)
}

/// A phone code that fails leaves the sign-in whole: the login code is spent, and the number can be given later.
async fn phone_by_code(menjin: &Menjin, app: &App, code: &PhoneCode, identity: &Identity) -> Option<PhoneChange> {
    match apps::phone(menjin, app, code, &identity.openid).await {
        Ok(number) => Some(proved(menjin, &number)),
        Err(unfetched) => {
            let errcode = unfetched.errcode();
            let explained = unfetched.platform_error().zip(app.platform()).and_then(|(error, it)| it.explain(error));
            let remedy = explained.map(|it| it.remedy_en);
            let problem = Problem::from(unfetched);
            problem::tell(&problem);
            let code = problem.spec().code;
            tracing::warn!(problem = code, errcode, remedy, "a phone code that came with a sign-in failed");
            None
        }
    }
}

/// A nickname that is not let pass is left out: the login code is spent, and another one can be given later.
async fn nickname_passes(menjin: &Menjin, app: &App, (typed, openid): (Option<&str>, &OpenId), until: Instant) -> bool {
    let Some(typed) = typed else { return true };
    let asked = may_be_called(menjin, app, Some(openid), typed);
    let problem = match tokio::time::timeout_at(until, asked).await {
        Ok(Ok(())) => return true,
        Ok(Err(problem)) => problem,
        Err(_) => Problem::TimedOut,
    };
    problem::tell(&problem);
    tracing::warn!(problem = problem.spec().code, "a nickname that came with a sign-in was left out");
    false
}

fn phone_came_too_late() -> Option<PhoneChange> {
    tracing::warn!(
        "a phone code that came with a sign-in failed: the platform did not answer within `wechat.deadline`"
    );
    None
}

/// What the first answer to a repeated request asked for once more, as far as the user tells.
fn unusable_before(brought: &Brought, user: &UserRow) -> Unusable {
    let lacks_phone = user.phone_masked.is_none();
    let brought_profile = brought.signed.is_some() || (brought.encrypted.is_some() && lacks_phone);
    let typed = &brought.profile.nickname;
    let was_left_out = typed.is_some() && *typed != user.nickname;
    let was_not_opened = brought_profile && user.nickname.is_none() && brought.profile.is_empty();
    Unusable {
        profile: was_not_opened || was_left_out,
        phone: (brought.phone_code.is_some() || brought.signed_phone.is_some()) && lacks_phone,
        phone_taken: false,
    }
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
    /// What makes the request repeatable.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

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
