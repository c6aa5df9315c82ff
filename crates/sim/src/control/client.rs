//! `/_sim/wx/…`, what concerns no session: pictures, scanning and opening, user keys, plugins, payments.
//!
//! Signing in and what needs a `session_key` is in `phone`.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::phone::Holder;
use super::tap::Tap;
use super::{Answer, Complaint, Input, checked};
use crate::Sim;
use crate::wechat::code_image::{self, PAYLOAD, percent_encoded};
use crate::wechat::device::{self, LatestUserKey, PhoneNumber};

/// The scene of a mini program's own code that was scanned.
const CODE_SCANNED: u16 = 1047;
/// The scene of the list of mini programs.
const DISCOVERED: u16 = 1001;

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/wx/getLatestUserKey", post(get_latest_user_key))
        .route("/wx/getRealtimePhoneNumber", post(get_realtime_phone_number))
        .route("/wx/chooseAvatar", post(choose_avatar))
        .route("/wx/scanCode", post(scan_code))
        .route("/wx/launch", post(launch))
        .route("/wx/pluginLogin", post(plugin_login))
        .route("/wx/requestPayment", post(request_payment))
        .route("/components", post(put_component))
}

/// `wx.getUserCryptoManager().getLatestUserKey`.
async fn get_latest_user_key(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<LatestUserKey> {
    sim.with(|world| holder.find(world).map(|who| Json(device::latest_user_key(world, &who))))
}

/// A tap on `<button open-type="getRealtimePhoneNumber">`.
async fn get_realtime_phone_number(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<PhoneNumber> {
    sim.with(|world| holder.find(world).map(|who| Json(device::realtime_phone_number(world, &who))))
}

/// `<button open-type="chooseAvatar">`: a name of a file on the phone, and what the file holds, to be uploaded.
async fn choose_avatar(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    sim.with(|world| {
        let who = holder.find(world)?;
        let file = device::base64(&code_image::avatar(&who.person));
        let path = format!("http://tmp/{}.png", world.entropy.hex(32));
        Ok(Json(json!({ "avatarUrl": path, "errMsg": "chooseAvatar:ok", "file": file, "type": "image/png" })))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    /// What the code holds: read from a picture that the simulator drew, or any text.
    result: String,
}

/// `wx.scanCode`: of a mini program's own code the page comes as well.
async fn scan_code(Tap(scan): Tap<Scan>) -> Json<Value> {
    let Some(opened) = Opened::by_code(&scan.result) else {
        let answer =
            json!({ "result": scan.result, "scanType": "QR_CODE", "charSet": "UTF-8", "errMsg": "scanCode:ok" });
        return Json(answer);
    };
    let path = opened.whole_path();
    Json(json!({ "result": "", "path": path, "scanType": "WX_CODE", "charSet": "UTF-8", "errMsg": "scanCode:ok" }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Launch {
    /// The code that was scanned from outside; or
    result: Option<String>,
    /// the page and its query.
    path: Option<String>,
    scene: Option<u16>,
}

/// What `wx.getLaunchOptionsSync` gives a mini program, and with which query its page opens.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<String>,
    path: String,
    /// As the page gets it: `scene` of a code is still percent-encoded.
    query: Map<String, Value>,
    scene: u16,
    referrer_info: Value,
}

async fn launch(Tap(launch): Tap<Launch>) -> Answer<Opened> {
    let opened = match (&launch.result, &launch.path) {
        (Some(result), None) => Opened::by_code(result).ok_or_else(|| {
            Complaint::bad("not a mini program's code", "result is what a reader of QR codes reads from the picture")
        })?,
        (None, path) => Opened::at(None, path.as_deref().unwrap_or("pages/index/index"), DISCOVERED),
        (Some(_), Some(_)) => return Err(Complaint::bad("where to?", "either result or path")),
    };
    Ok(Json(Opened { scene: launch.scene.unwrap_or(opened.scene), ..opened }))
}

impl Opened {
    fn by_code(result: &str) -> Option<Self> {
        let (appid, rest) = result.strip_prefix(PAYLOAD)?.split_once('/')?;
        let (_version, path) = rest.split_once('/')?;
        Some(Self::at(Some(appid), path, CODE_SCANNED))
    }

    fn at(appid: Option<&str>, whole: &str, scene: u16) -> Self {
        let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self {
            app_id: appid.map(str::to_owned),
            path: path.to_owned(),
            query: pairs.map(|(name, value)| (name.to_owned(), value.into())).collect(),
            scene,
            referrer_info: json!({}),
        }
    }

    /// `wx.scanCode` encodes the scene once more.
    fn whole_path(&self) -> String {
        let text = |value: &Value| value.as_str().map(percent_encoded).unwrap_or_default();
        let pairs: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        if pairs.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, pairs.join("&")) }
    }
}

/// `wx.pluginLogin`.
async fn plugin_login(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let code = sim.with(|world| holder.find(world).map(|who| device::plugin_login(world, &who)))?;
    Ok(Json(json!({ "code": code, "errMsg": "pluginLogin:ok" })))
}

/// `wx.requestPayment`, paid. No money is simulated, only that WeChat tells the unionid for a while.
async fn request_payment(State(sim): State<Sim>, Tap(holder): Tap<Holder>) -> Answer<Value> {
    let transaction_id = sim.with(|world| holder.find(world).map(|who| device::pay(world, &who)))?;
    Ok(Json(json!({ "errMsg": "requestPayment:ok", "transaction_id": transaction_id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentRequest {
    component_appid: Option<String>,
    authorizers: Vec<String>,
}

/// A third-party platform, authorised by these apps, with a token of two hours.
async fn put_component(State(sim): State<Sim>, Input(request): Input<ComponentRequest>) -> Answer<Value> {
    let appid = request.component_appid.map(|appid| checked("component_appid", appid)).transpose()?;
    Ok(Json(sim.with(|world| {
        let appid = appid.unwrap_or_else(|| format!("wx{}", world.entropy.hex(16)));
        let (token, now) = (format!("99_{}", world.entropy.alphanumeric(133)), world.now());
        let authorizers = request.authorizers.into_iter().collect();
        world.wechat.components.put(appid.clone(), token.clone(), authorizers, now);
        json!({ "component_appid": appid, "component_access_token": token, "expires_in": 7200 })
    })))
}
