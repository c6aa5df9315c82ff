//! Alipay: what its gateway answers, signed; the page on which it asks people; what `my.getAuthCode` and
//! `my.getPhoneNumber` do on a phone.
//!
//! <https://opendocs.alipay.com/common/057k53> · <https://opendocs.alipay.com/apis/api_9/alipay.system.oauth.token>

use std::collections::{BTreeMap, HashMap};

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{any, get};
use serde_json::{Value, json};

use crate::Sim;
use crate::apps::{App, AppKind};
use crate::asking::{self, Asking, Decided};
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::people::Who;
use crate::platform::{Platform, user_id};
use crate::rsa::{is_signed, signed_by_alipay};
use crate::wechat::codes::{Codes, Presented};
use crate::wechat::crypto;
use crate::wechat::oauth::Decision;
use crate::world::World;

/// The paths, with the prefix that stands for the host.
pub(crate) const PATHS: [&str; 1] = ["/alipay/gateway.do"];
/// The page.
pub(crate) const AUTHORIZE: &str = "/alipay/oauth2/publicAppAuthorize.htm";
const TOKEN_LIFE: i64 = 1_296_000;

/// What Alipay remembers.
#[derive(Debug, Default)]
pub(crate) struct Alipay {
    codes: Codes<Grant>,
    /// What tokens open, and until when.
    tokens: HashMap<String, (Grant, i64)>,
}

#[derive(Clone, Debug)]
struct Grant {
    who: Who,
    /// Whether the person was asked, so that the app may see what they look like.
    asked: bool,
}

/// Why the gateway refuses: number, words, and words for people.
struct Refusal(i64, &'static str, &'static str);

const UNKNOWN: Refusal = Refusal(20000, "isp.unknow-error", "系统繁忙");
const MISSING: Refusal = Refusal(40001, "isv.missing-parameter", "缺少必选参数");
const APP: Refusal = Refusal(40002, "isv.invalid-app-id", "无效的AppID参数");
const SIGNATURE: Refusal = Refusal(40002, "isv.invalid-signature", "无效签名");
const GRANT_TYPE: Refusal = Refusal(40002, "isv.grant-type-invalid", "参数有误授权类型不支持");
const CODE: Refusal = Refusal(40002, "isv.code-invalid", "授权码code无效");
const FOREIGN: Refusal = Refusal(40002, "isv.unmatched-app-id", "应用ID不匹配");
const RIGHTS: Refusal = Refusal(20001, "aop.invalid-auth-token", "无效的访问令牌");

struct Gateway;

static GATEWAY: Gateway = Gateway;

pub(crate) fn routes() -> Router<Sim> {
    let to = any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, &GATEWAY, request));
    Router::new().route(PATHS[0], to).route(AUTHORIZE, get(asking::page))
}

impl Endpoint for Gateway {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        let parameters = parameters(asked);
        let method = parameters.get("method").cloned().unwrap_or_default();
        match worked(world, &parameters) {
            Ok(node) => reply(&format!("{}_response", method.replace('.', "_")), &node, 0),
            Err(Refusal(code, sub_code, sub_msg)) => refusal(code, sub_code, sub_msg),
        }
    }

    /// Of an ordered number the words can't be known, unless they are given: `isv.code-invalid 授权码code无效`.
    fn refuse(&self, _: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        if errcode == -1 {
            return refusal(UNKNOWN.0, UNKNOWN.1, UNKNOWN.2);
        }
        let (sub_code, sub_msg) = errmsg.map_or(("", ""), |text| text.split_once(' ').unwrap_or((text, "")));
        refusal(errcode, sub_code, sub_msg)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        let parameters = parameters(asked);
        let code = parameters.get("code");
        let openid = code.and_then(|code| world.alipay.codes.peek(code)).map(|grant| grant.who.openid.clone());
        Trace { appid: parameters.get("app_id").cloned(), openid, code: code.cloned() }
    }
}

/// Those of the query and those of the form, as one.
fn parameters(asked: &Asked) -> BTreeMap<String, String> {
    asked.query_pairs().iter().cloned().chain(asked.form()).filter(|(_, value)| !value.is_empty()).collect()
}

fn worked(world: &mut World, parameters: &BTreeMap<String, String>) -> Result<Value, Refusal> {
    let app = authenticated(world, parameters)?;
    match parameters.get("method").map(String::as_str) {
        Some("alipay.system.oauth.token") => token(world, parameters, &app),
        Some("alipay.user.info.share") => share(world, parameters, &app),
        _ => Err(Refusal(40002, "isv.invalid-method", "不存在的方法名")),
    }
}

/// The app, if its server signed all of the parameters.
fn authenticated(world: &World, parameters: &BTreeMap<String, String>) -> Result<App, Refusal> {
    for name in ["app_id", "method", "charset", "sign_type", "sign", "timestamp", "version"] {
        if !parameters.contains_key(name) {
            return Err(MISSING);
        }
    }
    let is_time = |text: &str| {
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000-00-00 00:00:00"
    };
    if parameters["sign_type"] != "RSA2" || parameters["version"] != "1.0" || !is_time(&parameters["timestamp"]) {
        return Err(Refusal(40002, "isv.invalid-parameter", "参数无效"));
    }
    let app = world.apps.of(Platform::Alipay, &parameters["app_id"]).ok_or(APP)?;
    let signed: Vec<_> =
        parameters.iter().filter(|(name, _)| *name != "sign").map(|(name, value)| format!("{name}={value}")).collect();
    let key = app.public_key.as_deref().unwrap_or_default();
    if is_signed(key, signed.join("&").as_bytes(), &parameters["sign"]) { Ok(app.clone()) } else { Err(SIGNATURE) }
}

fn token(world: &mut World, parameters: &BTreeMap<String, String>, app: &App) -> Result<Value, Refusal> {
    if parameters.get("grant_type").ok_or(MISSING)? != "authorization_code" {
        return Err(GRANT_TYPE);
    }
    let (code, now) = (parameters.get("code").ok_or(MISSING)?, world.now());
    let grant = match world.alipay.codes.present(code, now) {
        Presented::Good(grant) if grant.who.appid == app.appid => grant.clone(),
        Presented::Good(_) => return Err(FOREIGN),
        Presented::Spent(_) | Presented::Unknown => return Err(CODE),
    };
    world.alipay.codes.spend(code);
    let [access_token, refresh_token] = [(); 2].map(|()| format!("authusrB{}", world.entropy.hex(32)));
    world.alipay.tokens.insert(access_token.clone(), (grant.clone(), now + TOKEN_LIFE));
    let mut node = json!({
        "access_token": access_token, "auth_start": "2026-01-02 03:04:05", "expires_in": TOKEN_LIFE,
        "refresh_token": refresh_token, "re_expires_in": 2 * TOKEN_LIFE,
    });
    name(&mut node, &grant.who, app);
    Ok(node)
}

fn share(world: &mut World, parameters: &BTreeMap<String, String>, app: &App) -> Result<Value, Refusal> {
    let now = world.now();
    let held = parameters.get("auth_token").and_then(|token| world.alipay.tokens.get(token));
    let grant =
        held.filter(|(grant, until)| now < *until && grant.who.appid == app.appid).map(|(grant, _)| grant.clone());
    let grant = grant.filter(|grant| grant.asked).ok_or(RIGHTS)?;
    let person = world.people.meet(&grant.who.person);
    let picture = "https://tfs.alipayobjects.com/images/partner/T1NkRoXoJfXXXXXXXX";
    let mut node = json!({
        "code": "10000", "msg": "Success",
        "nick_name": person.nickname.clone().unwrap_or_else(|| grant.who.person.clone()),
        "avatar": person.avatar_url.clone().unwrap_or_else(|| picture.to_owned()),
        "gender": "F", "province": "浙江省", "city": "杭州市",
    });
    name(&mut node, &grant.who, app);
    Ok(node)
}

/// Old apps see the one name of a person, new ones another in each.
fn name(node: &mut Value, who: &Who, app: &App) {
    if app.sees_user_ids {
        node["user_id"] = user_id(&who.person).into();
    } else {
        node["open_id"] = who.openid.clone().into();
    }
}

fn refusal(code: i64, sub_code: &str, sub_msg: &str) -> Reply {
    let msg = match code {
        20000 => "Service Currently Unavailable",
        20001 => "Insufficient Token Permissions",
        40001 => "Missing Required Arguments",
        40002 => "Invalid Arguments",
        40006 => "Insufficient Permissions",
        _ => "Business Failed",
    };
    let node = json!({ "code": code.to_string(), "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg });
    reply("error_response", &node, code)
}

/// What is signed has its slashes escaped, and so has what is sent.
fn reply(name: &str, node: &Value, errcode: i64) -> Reply {
    let node = node.to_string().replace('/', "\\/");
    let sign = signed_by_alipay(node.as_bytes());
    Reply::new("text/html;charset=utf-8", format!("{{\"{name}\":{node},\"sign\":\"{sign}\"}}"), errcode)
}

/// `my.getAuthCode`.
pub(crate) fn auth_code(world: &mut World, who: &Who, asked: bool) -> String {
    let (code, now) = (world.entropy.hex(32), world.now());
    world.alipay.codes.issue(code.clone(), Grant { who: who.clone(), asked }, now);
    code
}

/// `my.getPhoneNumber`: a text that holds JSON, signed and encrypted for the app as a whole. The same number is the same text
/// each time.
pub(crate) fn phone_number(world: &mut World, who: &Who) -> Option<Value> {
    let aes_key = world.apps.find(&who.appid)?.aes_key.clone()?;
    let mobile = world.people.meet(&who.person).phone.number.clone();
    let plain = json!({ "code": "10000", "msg": "Success", "mobile": mobile }).to_string();
    let response = crypto::encrypt(&aes_key, [0; 16], &plain).ok()?;
    let sign = signed_by_alipay(format!("\"{response}\"").as_bytes());
    let whole =
        json!({ "response": response, "sign": sign, "sign_type": "RSA2", "encrypt_type": "AES", "charset": "UTF-8" });
    Some(json!({ "response": whole.to_string() }))
}

/// What is asked of the person at this address.
pub(crate) fn asking(world: &World, pairs: &[(String, String)]) -> Result<Asking, String> {
    let given = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let app = given("app_id").and_then(|appid| world.apps.of(Platform::Alipay, appid));
    let app = app.filter(|app| app.kind == AppKind::Website).ok_or("invalid-app-id")?;
    let to = given("redirect_uri").filter(|to| app.takes_back(to)).ok_or("redirect_uri 错误")?;
    let silent = match given("scope") {
        Some("auth_base") => true,
        Some("auth_user") => false,
        _ => return Err("scope 错误".to_owned()),
    };
    let state = given("state").unwrap_or_default();
    Ok(Asking { app: app.clone(), to: to.to_owned(), state: state.to_owned(), silent })
}

/// The `auth_code`; without one where the person declines.
pub(crate) fn decide(world: &mut World, asking: &Asking, (person, decision): (&str, Decision)) -> Decided {
    let scope = if asking.silent { "auth_base" } else { "auth_user" };
    let mut parameters = vec![("app_id", asking.app.appid.clone()), ("scope", scope.to_owned())];
    if decision != Decision::Deny {
        let who = world.people.meet_as(person, &asking.app);
        parameters.push(("auth_code", auth_code(world, &who, !asking.silent)));
    }
    parameters
}
