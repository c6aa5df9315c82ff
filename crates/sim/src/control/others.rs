//! `/_sim/{qq,tt,my}/…`: what the clients of QQ, Douyin and Alipay do on a person's phone, and what a person decides on the
//! pages of QQ Connect and Alipay.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};

use super::phone::{app, authorize};
use super::tap::Tap;
use super::{Answer, Complaint, checked};
use crate::people::Who;
use crate::platform::Platform;
use crate::world::World;
use crate::{Sim, alipay, douyin, qq};

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/qq/login", post(qq_login))
        .route("/qq/getUserInfo", post(qq_user_info))
        .route("/qq/checkSession", post(qq_check_session))
        .route("/qq/authorize", post(authorize))
        .route("/tt/login", post(tt_login))
        .route("/tt/getUserProfile", post(tt_profile))
        .route("/tt/getPhoneNumber", post(tt_phone_number))
        .route("/tt/checkSession", post(tt_check_session))
        .route("/my/getAuthCode", post(my_auth_code))
        .route("/my/getPhoneNumber", post(my_phone_number))
        .route("/my/authorize", post(authorize))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holder {
    person: String,
    appid: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
    phone: Option<String>,
    /// `tt.login({force})`.
    force: Option<bool>,
    /// `my.getAuthCode({scopes})`.
    scopes: Option<Value>,
}

impl Holder {
    /// Whose phone, in which app of the platform; changed as is said on the way.
    fn find(self, world: &mut World, platform: Platform) -> Result<Who, Complaint> {
        let name = checked("person", self.person)?;
        let app = app(world, platform, self.appid.as_deref())?;
        let who = world.people.meet_as(&name, &app);
        let person = world.people.meet(&name);
        super::registry::dress(person, self.nickname, self.avatar_url)?;
        if let Some(phone) = self.phone {
            person.phone = super::registry::phone(phone, None)?;
        }
        Ok(who)
    }
}

async fn qq_login(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let code = sim.with(|world| holder.find(world, Platform::Qq).map(|who| qq::login(world, &who)))?;
    Ok(Json(json!({ "code": code, "errMsg": "login:ok" })))
}

async fn qq_user_info(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Qq)?;
        qq::user_info(world, &who).map(Json).ok_or_else(|| no_session("qq/login"))
    })
}

async fn qq_check_session(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Qq)?;
        Ok(Json(checked_session(world.qq.key(&who.openid).is_some())))
    })
}

async fn tt_login(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let anonymous_alone = holder.force == Some(false);
    sim.with(|world| {
        let who = holder.find(world, Platform::Douyin)?;
        Ok(Json(douyin::login(world, &who, anonymous_alone)))
    })
}

async fn tt_profile(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Douyin)?;
        douyin::profile(world, &who).map(Json).ok_or_else(|| no_session("tt/login"))
    })
}

async fn tt_phone_number(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Douyin)?;
        Ok(Json(douyin::phone_number(world, &who)))
    })
}

async fn tt_check_session(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Douyin)?;
        Ok(Json(checked_session(world.douyin.mini.key(&who.openid).is_some())))
    })
}

async fn my_auth_code(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let scopes = match &holder.scopes {
        None => vec!["auth_base".to_owned()],
        Some(Value::String(scope)) => vec![scope.clone()],
        Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => return Err(Complaint::bad("bad scopes", "auth_base, auth_user, or a list of these")),
    };
    let asked = scopes.iter().any(|scope| scope == "auth_user");
    let code =
        sim.with(|world| holder.find(world, Platform::Alipay).map(|who| alipay::auth_code(world, &who, asked)))?;
    Ok(Json(json!({ "authCode": code, "authSuccessScopes": scopes, "authErrorScopes": {} })))
}

async fn my_phone_number(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world, Platform::Alipay)?;
        let number = alipay::phone_number(world, &who).map(Json);
        number.ok_or_else(|| Complaint::bad("the app has no aes_key", "POST /_sim/apps sets one: base64 of 16 bytes"))
    })
}

fn checked_session(is_good: bool) -> Value {
    json!({ "errMsg": if is_good { "checkSession:ok" } else { "checkSession:fail session expired" } })
}

fn no_session(login: &str) -> Complaint {
    let hint = format!("the person has no session_key in this app: POST /_sim/{login} first");
    Complaint::new(StatusCode::CONFLICT, "fail no session_key", hint)
}
