//! `/_sim/wx/…`: what a mini program would call on a person's phone, asked for from outside.
//!
//! Lives here: who is meant, and what a client that cannot do it would say. The doing is in `wechat::device`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tap::Tap;
use super::{Answer, Complaint, Input, checked};
use crate::Sim;
use crate::apps::App;
use crate::people::Who;
use crate::platform::Platform;
use crate::wechat::device::{self, CannotEncrypt, PhoneNumber, Profile, Signed};
use crate::wechat::oauth::{self, Decision};
use crate::world::World;

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/wx/login", post(login))
        .route("/wx/getUserProfile", post(get_user_profile))
        .route("/wx/getUserInfo", post(get_user_info))
        .route("/wx/getPhoneNumber", post(get_phone_number))
        .route("/wx/encrypt", post(encrypt))
        .route("/wx/authorize", post(authorize))
        .route("/wx/sendAuth", post(send_auth))
        .route("/wx/checkSession", post(check_session))
        .route("/wx/rotateSessionKey", post(rotate_session_key))
        .route("/wx/expireSessionKey", post(expire_session_key))
}

/// All that any of these requests may hold; each handler says what else it reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holder {
    pub(super) person: Option<String>,
    pub(super) openid: Option<String>,
    pub(super) appid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileRequest {
    person: Option<String>,
    openid: Option<String>,
    appid: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhoneRequest {
    person: Option<String>,
    openid: Option<String>,
    appid: Option<String>,
    phone: Option<String>,
    country_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptRequest {
    person: Option<String>,
    openid: Option<String>,
    appid: Option<String>,
    data: Value,
    session_key: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    code: String,
    err_msg: &'static str,
}

/// `wx.login`.
async fn login(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Code> {
    let code = sim.with(|world| holder.find(world).map(|who| device::login(world, &who)))?;
    Ok(Json(Code { code, err_msg: "login:ok" }))
}

/// `wx.getUserProfile`: who it is stays unsaid.
async fn get_user_profile(State(sim): State<Sim>, Tap(request): Tap<ProfileRequest>) -> Answer<Profile> {
    sim.with(|world| request.profile(world, false)).map(Json)
}

/// `wx.getUserInfo`, with openId and unionId in the encrypted part.
async fn get_user_info(State(sim): State<Sim>, Tap(request): Tap<ProfileRequest>) -> Answer<Profile> {
    sim.with(|world| request.profile(world, true)).map(Json)
}

/// A tap on `<button open-type="getPhoneNumber">`.
async fn get_phone_number(State(sim): State<Sim>, Tap(request): Tap<PhoneRequest>) -> Answer<PhoneNumber> {
    let PhoneRequest { person, openid, appid, phone, country_code } = request;
    sim.with(|world| {
        let who = Holder { person, openid, appid }.find(world)?;
        if let Some(phone) = phone {
            world.people.meet(&who.person).phone = super::registry::phone(phone, country_code)?;
        }
        Ok(Json(device::phone_number(world, &who)))
    })
}

/// Any payload under the person's key, or under another one.
async fn encrypt(State(sim): State<Sim>, Input(request): Input<EncryptRequest>) -> Answer<Signed> {
    let EncryptRequest { person, openid, appid, data, session_key } = request;
    if !(data.is_object() || data.is_string()) {
        return Err(Complaint::bad("bad data", "data is an object, or a text that is encrypted as it is"));
    }
    sim.with(|world| {
        let who = Holder { person, openid, appid }.find(world)?;
        device::encrypt_any(world, &who, data, session_key).map(Json).map_err(|why| why.said_by("encrypt"))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthorizeRequest {
    /// Where the browser was sent.
    url: String,
    person: String,
    decision: Option<Decision>,
}

/// A person meets a platform's page, without a browser: where it leads them next, or `null` where it does not.
pub(super) async fn authorize(State(sim): State<Sim>, Input(request): Input<AuthorizeRequest>) -> Answer<Value> {
    let person = checked("person", request.person)?;
    let location = sim.authorize(&request.url, &person, request.decision.unwrap_or(Decision::Allow));
    location.map(|location| Json(json!({ "location": location }))).map_err(|error| {
        Complaint::bad(
            error,
            "url is what the app's server redirects to, whole, such as https://open.weixin.qq.com/connect/…?appid=…",
        )
    })
}

/// A native app asks by WeChat's SDK, and the person agrees.
async fn send_auth(State(sim): State<Sim>, Input(holder): Input<Holder>) -> Answer<Value> {
    let (Some(person), Some(appid)) = (holder.person, holder.appid) else {
        return Err(Complaint::bad(
            "who, and where?",
            r#"give person and appid, as in {"person": "alice", "appid": "wx…"}"#,
        ));
    };
    let person = checked("person", person)?;
    let code = sim.with(|world| oauth::send_auth(world, &appid, &person));
    let code =
        code.ok_or_else(|| Complaint::bad("no such native app", "GET /_sim/apps lists them, with their kinds"))?;
    Ok(Json(json!({ "errCode": 0, "code": code, "lang": "zh_CN", "country": "CN" })))
}

/// `wx.checkSession`.
async fn check_session(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let err_msg = sim.with(|world| holder.find(world).map(|who| device::check_session(world, &who)))?;
    Ok(Json(json!({ "errMsg": err_msg })))
}

/// As if the person had signed in elsewhere: the key that the server holds is dead.
async fn rotate_session_key(State(sim): State<Sim>, Input(holder): Input<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world)?;
        let now = world.now();
        let fresh = world.wechat.keys.reset(&who.openid, &mut world.entropy, now);
        let fresh = fresh.ok_or_else(|| CannotEncrypt::NoSession.said_by("rotateSessionKey"))?;
        Ok(Json(json!({ "session_key": fresh })))
    })
}

/// As if the person had stayed away for days.
async fn expire_session_key(State(sim): State<Sim>, Input(holder): Input<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world)?;
        let expired = world.wechat.keys.expire(&who.openid, world.clock.now());
        Ok(Json(json!({ "expired": expired })))
    })
}

impl ProfileRequest {
    fn profile(self, world: &mut World, with_ids: bool) -> Result<Profile, Complaint> {
        let Self { person, openid, appid, nickname, avatar_url } = self;
        let who = Holder { person, openid, appid }.find(world)?;
        let person = world.people.meet(&who.person);
        super::registry::dress(person, nickname, avatar_url)?;
        let call = if with_ids { "getUserInfo" } else { "getUserProfile" };
        device::profile(world, &who, with_ids).map_err(|why| why.said_by(call))
    }
}

impl Holder {
    /// Whose phone, in which app. A person is made on sight; an openid must have been seen since the simulator started.
    pub(super) fn find(self, world: &mut World) -> Result<Who, Complaint> {
        match (self.person, self.openid) {
            (Some(person), None) => {
                let app = app(world, Platform::WeChat, self.appid.as_deref())?;
                Ok(world.people.meet_as(&checked("person", person)?, &app))
            }
            (None, Some(openid)) => seen(world, &openid, self.appid.as_deref()),
            (None, None) | (Some(_), Some(_)) => {
                Err(Complaint::bad("whose phone?", r#"give either person or openid, as in {"person": "alice"}"#))
            }
        }
    }
}

fn seen(world: &World, openid: &str, appid: Option<&str>) -> Result<Who, Complaint> {
    let is_meant = |who: &&Who| {
        appid.is_none_or(|appid| appid == who.appid) && world.apps.of(Platform::WeChat, &who.appid).is_some()
    };
    let who = world.people.by_openid(openid).filter(is_meant);
    who.cloned().ok_or_else(|| {
        let hint =
            "people are forgotten when the simulator restarts; give the person instead, the openid will be the same";
        Complaint::new(StatusCode::NOT_FOUND, format!("nobody has the openid {openid} in that app"), hint)
    })
}

/// The platform's app that is named, or its first mini program.
pub(super) fn app(world: &World, platform: Platform, appid: Option<&str>) -> Result<App, Complaint> {
    const HINT: &str = "GET /_sim/apps lists them, POST /_sim/apps makes one";
    let found = match appid {
        Some(appid) => world.apps.of(platform, appid),
        None => world.apps.first_mini_program_of(platform),
    };
    found.cloned().ok_or_else(|| match appid {
        Some(appid) => Complaint::new(StatusCode::NOT_FOUND, format!("no app {appid} of this platform"), HINT),
        None => Complaint::bad("which app? There is no mini program yet", HINT),
    })
}

impl CannotEncrypt {
    fn said_by(self, call: &str) -> Complaint {
        match self {
            Self::NoSession => {
                let hint = "the person has no session_key in this app: POST /_sim/wx/login first";
                Complaint::new(StatusCode::CONFLICT, format!("{call}:fail no session_key"), hint)
            }
            Self::NotASessionKey => Complaint::bad("bad session_key", "it is the base64 of 16 bytes"),
        }
    }
}
