//! `/admin/scan`: operators sign in, prove themselves once more, and link their own identity, by a scan at the platform.
//!
//! To the public side this one is what an app's page is: it begins at `/v1/login/{app}/start` with a state and a challenge of its
//! own, and redeems the code that comes back, which is worth something here alone. A browser that has not begun ends nothing, and a
//! code of any other page opens nothing. Does not: going to the platform and coming back (`login/redirect`).

mod begun;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_platform::{JsCode, Redirected};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::door::{alive, is_own_form};
use super::held::secret;
use super::operator::Operator;
use super::pages::{At, Fields, Next, page, see_other, with_next};
use super::sign_in::{count, open, tell};
use crate::apps::{App, arrival};
use crate::entropy::sha256;
use crate::extract::Client;
use crate::people::from_platform;
use crate::problem::Problem;
use crate::session::{self, Proof, SignIn};
use crate::state::Menjin;
use crate::store::{
    Actor, Device, HeldDigest, IdentityName, LinkingOperator, OperatorLinked, OperatorShown, ProvedIdentity,
};
use begun::{Begun, Purpose, no_cookie};

/// Behind the door.
pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(confirm)).routes(routes!(link)).routes(routes!(unlink))
}

/// Open to everybody.
pub(super) fn open_routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(sign_in)).routes(routes!(done))
}

/// Whether operators may scan here: there is an app for it, and this is the address that they come back to.
pub(super) fn is_offered(menjin: &Menjin, at: &At) -> bool {
    app(menjin).is_ok() && at.is_at(&menjin.config.admin.url())
}

/// The app that they come through.
fn app(menjin: &Menjin) -> Result<Arc<App>, Problem> {
    let app = menjin.config.admin.wechat_app.as_ref().and_then(|id| menjin.apps.by_id(id));
    app.ok_or(Problem::AppUnknown)
}

/// What became of a scan, for the page that it leads to.
#[derive(Deserialize)]
pub(super) struct Scanned {
    #[serde(default)]
    scan: String,
}

impl Scanned {
    /// Words for one that did not lead to what it was for. Why is not said: whoever scanned may be anybody.
    pub(super) fn refused(&self, at: &At) -> Option<String> {
        let text = match self.scan.as_str() {
            "refused" => at.say(
                "微信扫码没有成功。只有已绑定的微信能登录；也可以使用密码和验证码。",
                "The scan did not succeed. Only a WeChat account that is linked here opens anything; password and code do, too.",
            ),
            "taken" => at.say(
                "这个微信已绑定另一位运维人员。",
                "This WeChat account is linked to another operator.",
            ),
            _ => return None,
        };
        Some(text.to_owned())
    }
}

#[derive(Template)]
#[template(path = "pages/scan.html")]
struct Away {
    at: At,
    to: String,
}

/// Leads to the platform, by a page: a form must not lead to another origin itself (`form-action`).
fn begin(menjin: &Menjin, at: At, purpose: Purpose, next: &Next) -> Result<Response, Problem> {
    let app = app(menjin)?;
    let (state, verifier) = (secret(&*menjin.entropy), secret(&*menjin.entropy));
    let begun = Begun::new(purpose, &verifier, next.path(), menjin.clock.now());
    let mut to = url::Url::parse(&format!("{}/v1/login/{}/start", menjin.issuer, app.id))
        .map_err(|error| Problem::Internal(error.into()))?;
    to.query_pairs_mut().extend_pairs([
        ("redirect_uri", menjin.config.admin.scan_page().as_str()),
        ("state", state.as_str()),
        ("code_challenge", &URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()))),
        ("code_challenge_method", "S256"),
    ]);
    let mut response = page(&Away { at, to: to.into() })?;
    response.headers_mut().append(header::SET_COOKIE, begun.cookie(menjin, &state)?);
    Ok(response)
}

/// Begins to sign an operator in by a scan.
#[utoipa::path(post, path = "/admin/scan", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`next`"), responses((status = 200, description = "A page that leads to the platform", body = str, content_type = "text/html"), (status = 403, description = "`origin_refused`: a form of another site"), (status = 404, description = "`app_unknown`: there is no `admin.wechat_app`")))]
async fn sign_in(State(menjin): State<Menjin>, parts: Parts, at: At, fields: Fields) -> Result<Response, Problem> {
    if !is_own_form(&menjin, &parts) {
        return Err(Problem::FormRefused);
    }
    begin(&menjin, at, Purpose::SignIn, &fields.next())
}

/// Begins to prove by a scan that an operator is themselves.
#[utoipa::path(post, path = "/admin/confirm/scan", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`, `next`"), responses((status = 200, description = "A page that leads to the platform", body = str, content_type = "text/html"), (status = 404, description = "`app_unknown`: there is no `admin.wechat_app`")))]
async fn confirm(
    State(menjin): State<Menjin>,
    operator: Operator,
    at: At,
    fields: Fields,
) -> Result<Response, Problem> {
    let session = operator.session.ok_or(Problem::OperatorRequired)?;
    begin(&menjin, at, Purpose::Confirm(session), &fields.next())
}

/// Begins to link whoever scans to the operator who asks, and who has proved themselves lately.
#[utoipa::path(post, path = "/admin/account/scan", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 200, description = "A page that leads to the platform", body = str, content_type = "text/html"), (status = 303, description = "To `/admin/confirm`: the sign-in is too old"), (status = 404, description = "`app_unknown`: there is no `admin.wechat_app`")))]
async fn link(State(menjin): State<Menjin>, operator: Operator, at: At) -> Result<Response, Problem> {
    let session = operator.session.ok_or(Problem::OperatorRequired)?;
    if operator.reauthenticated().is_err() {
        return Ok(see_other(&with_next("/admin/confirm", ACCOUNT)));
    }
    begin(&menjin, at, Purpose::Link(session), &Next::to(ACCOUNT))
}

const ACCOUNT: &str = "/admin/account";

/// No scan signs the operator in any more who asks, and who signs in anew with password and code.
#[utoipa::path(post, path = "/admin/account/scan/remove", tag = "pages", request_body(content = str, content_type = "application/x-www-form-urlencoded", description = "`form_token`"), responses((status = 303, description = "Unlinked and signed out, or to `/admin/confirm`: the sign-in is too old")))]
async fn unlink(State(menjin): State<Menjin>, operator: Operator) -> Result<Response, Problem> {
    if operator.reauthenticated().is_err() {
        return Ok(see_other(&with_next("/admin/confirm", ACCOUNT)));
    }
    menjin.unlink_operator(&operator.actor(), &operator.name).await?;
    Ok(see_other(ACCOUNT))
}

#[derive(Deserialize)]
struct Came {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
}

/// Takes a browser back from the platform, and ends what it has begun.
///
/// For the public side to redirect to. Who is no operator and who may not sign in are told the same.
#[utoipa::path(get, path = "/admin/scan/done", tag = "pages", params(("state" = Option<String>, Query, description = "As this side gave it"), ("code" = Option<String>, Query, description = "One use, 60 seconds; none where the platform sent nobody")), responses((status = 303, description = "To where they wanted to go, or back with `scan=refused`"), (status = 400, description = "A page: `sign_in_not_under_way`: this browser has begun nothing")))]
async fn done(
    State(menjin): State<Menjin>,
    (method, headers): (Method, HeaderMap),
    client: Client,
    Query(came): Query<Came>,
) -> Result<Response, Problem> {
    // What only looks must not spend a code.
    if method != Method::GET {
        return Err(Problem::MethodUnknown);
    }
    let begun = Begun::of(&menjin, &headers, &came.state, menjin.clock.now()).ok_or(Problem::SignInNotUnderWay)?;
    let app = app(&menjin)?;
    let found = redeemed(&menjin, &app, (&came.code, &begun.verifier)).await?;
    let next = Next::to(&begun.next);
    let mut response = match begun.purpose {
        Purpose::SignIn => signed_in(&menjin, (&app, found), client, &next).await?,
        Purpose::Confirm(session) => confirmed(&menjin, (&app, found), session, &next).await?,
        Purpose::Link(session) => linked(&menjin, (&app, found), session, client).await?,
    };
    response.headers_mut().append(header::SET_COOKIE, no_cookie(&menjin)?);
    Ok(response)
}

/// Whom the platform has named; nobody where they declined, or the code is worth nothing.
async fn redeemed(menjin: &Menjin, app: &App, (code, verifier): (&str, &str)) -> Result<Option<Redirected>, Problem> {
    let Ok(code) = JsCode::parse(code) else { return Ok(None) };
    match arrival::take_for_operators(menjin, app, (&code, verifier)).await {
        Ok(found) => Ok(Some(found)),
        Err(Problem::CodeInvalid(_)) => Ok(None),
        Err(problem) => Err(problem),
    }
}

fn name(app: &App, found: &Redirected) -> IdentityName {
    let openid = found.identity.openid.as_str().to_owned();
    IdentityName { platform: app.platform_name(), appid: app.appid.clone(), openid }
}

async fn signed_in(
    menjin: &Menjin,
    (app, found): (&App, Option<Redirected>),
    client: Client,
    next: &Next,
) -> Result<Response, Problem> {
    let ip = client.ip_text();
    if let Some(found) = found {
        if let Some((operator, identity)) = menjin.store.operator_of(&name(app, &found)).await?
            && let Some(opened) = open(menjin, (&operator, OperatorShown::Identity(identity)), client, next).await?
        {
            return Ok(opened);
        }
        count("refused");
        tell(menjin, None, ip);
    }
    Ok(see_other(&format!("{}&scan=refused", with_next("/admin/sign-in", next.path()))))
}

async fn confirmed(
    menjin: &Menjin,
    (app, found): (&App, Option<Redirected>),
    session: HeldDigest,
    next: &Next,
) -> Result<Response, Problem> {
    let now = menjin.clock.now();
    if let Some(row) = alive(menjin, session, now).await?
        && let Some(found) = found
        && let Some((operator, identity)) = menjin.store.operator_of(&name(app, &found)).await?
        && operator == row.operator
        && menjin.store.prove_operator_session(session, OperatorShown::Identity(identity), now).await?
    {
        return Ok(see_other(next.path()));
    }
    Ok(see_other(&format!("{}&scan=refused", with_next("/admin/confirm", next.path()))))
}

async fn linked(
    menjin: &Menjin,
    (app, found): (&App, Option<Redirected>),
    session: HeldDigest,
    client: Client,
) -> Result<Response, Problem> {
    let Some(row) = alive(menjin, session, menjin.clock.now()).await? else {
        return Ok(see_other(&with_next("/admin/sign-in", ACCOUNT)));
    };
    let came_to = match found {
        Some(found) => link_now(menjin, app, (&found, row.operator), client).await?,
        None => OperatorLinked::Unknown,
    };
    Ok(see_other(match came_to {
        OperatorLinked::Linked => ACCOUNT,
        OperatorLinked::Taken => "/admin/account?scan=taken",
        OperatorLinked::Unknown => "/admin/account?scan=refused",
    }))
}

/// Links an identity. Whose it is becomes a user where they are none, as by any sign-in.
async fn link_now(
    menjin: &Menjin,
    app: &App,
    (found, operator): (&Redirected, String),
    client: Client,
) -> Result<OperatorLinked, Problem> {
    let (now, identity) = (menjin.clock.now(), name(app, found));
    let by = Actor { kind: "operator", id: Some(operator.clone()), ip: client.ip_text() };
    let proved =
        ProvedIdentity { name: identity.clone(), unionid: None, session_key: None, superseded_until: now, now };
    if menjin.store.prove_identity(proved).await?.is_none() {
        let profile = found.profile.as_ref().map(|profile| from_platform(app, profile)).unwrap_or_default();
        let device = Device { ip: client.ip_text(), user_agent: client.user_agent, ..Device::default() };
        let proof = Proof::Platform(&found.identity);
        let sign_in = SignIn { app, proof, profile, phone: None, device, code: None, repeatable: false };
        let opened = session::open(menjin, sign_in, now).await?;
        menjin.end_session(&by, opened.pair.session_id).await?;
    }
    Ok(menjin.store.link_operator(LinkingOperator { operator, identity, now, by }).await?)
}
