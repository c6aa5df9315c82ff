//! `/_sim/push`: WeChat sends an app's server an event, and `/_sim/push/settings`, where to.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::phone::{Holder, app};
use super::{Answer, Complaint, Input};
use crate::Sim;
use crate::delivery::{PATIENCE, Pushed, TRIES};
use crate::platform::Platform;
use crate::wechat::push::{PushFormat, PushMode, PushOrder, PushSettings, PushTwist};

const MOST_TRIES: u32 = 10;

pub(super) fn routes() -> Router<Sim> {
    Router::new().route("/push", post(push)).route("/push/settings", get(list_settings).post(save_settings))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsRequest {
    appid: Option<String>,
    url: String,
    token: String,
    aes_key: Option<String>,
    #[serde(default)]
    format: PushFormat,
    #[serde(default)]
    mode: PushMode,
    /// Whether the URL is asked first, as WeChat's console does.
    #[serde(default = "yes")]
    verify: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct SettingsView {
    appid: String,
    #[serde(flatten)]
    settings: PushSettings,
}

async fn list_settings(State(sim): State<Sim>) -> Json<Value> {
    let settings: Vec<_> = sim.with(|world| {
        let view = |(appid, settings): (&String, &PushSettings)| SettingsView {
            appid: appid.clone(),
            settings: settings.clone(),
        };
        world.wechat.push.iter().map(view).collect()
    });
    Json(json!({ "settings": settings }))
}

/// As the console: the URL has to answer with `echostr`, or nothing is saved.
async fn save_settings(State(sim): State<Sim>, Input(request): Input<SettingsRequest>) -> Answer<SettingsView> {
    let SettingsRequest { appid, url, token, aes_key, format, mode, verify } = request;
    let appid = sim.with(|world| app(world, Platform::WeChat, appid.as_deref()))?.appid;
    let settings = PushSettings { url, token, aes_key, format, mode };
    if verify {
        sim.save_push(&appid, settings.clone()).await.map_err(|error| {
            Complaint::new(StatusCode::CONFLICT, error, "check url and token; \"verify\": false saves without asking")
        })?;
    } else {
        sim.set_push(&appid, settings.clone());
    }
    Ok(Json(SettingsView { appid, settings }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushRequest {
    person: Option<String>,
    openid: Option<String>,
    appid: Option<String>,
    event: Option<String>,
    /// `"8"`, or several as `"6,8"`.
    revoke_info: Option<String>,
    #[serde(default)]
    members: Map<String, Value>,
    twist: Option<PushTwist>,
    #[serde(default)]
    age: i64,
    tries: Option<u32>,
    timeout_ms: Option<u64>,
}

/// Sends it and waits for the outcome.
async fn push(State(sim): State<Sim>, Input(request): Input<PushRequest>) -> Answer<Pushed> {
    let PushRequest { person, openid, appid, event, revoke_info, members, twist, age, tries, timeout_ms } = request;
    let is_about_somebody = person.is_some() || openid.is_some();
    let (appid, openid) = sim.with(|world| {
        if !is_about_somebody {
            return Ok((app(world, Platform::WeChat, appid.as_deref())?.appid, None));
        }
        let who = Holder { person, openid, appid }.find(world)?;
        Ok::<_, Complaint>((who.appid, Some(who.openid)))
    })?;
    let mut order = PushOrder { appid: appid.clone(), twist, age, ..PushOrder::default() };
    for (name, value) in [("Event", event), ("OpenID", openid), ("RevokeInfo", revoke_info)] {
        if let Some(value) = value {
            order = order.with(name, value);
        }
    }
    order = order.with("AppID", appid);
    order.members.extend(members);
    let patience = timeout_ms.map_or(PATIENCE, Duration::from_millis).min(PATIENCE);
    let tries = tries.unwrap_or(TRIES).clamp(1, MOST_TRIES);
    let pushed = sim.push_within(&order, patience, tries).await;
    pushed
        .map(Json)
        .map_err(|error| Complaint::bad(error, "POST /_sim/push/settings {url, token, [aes_key], [format], [mode]}"))
}
