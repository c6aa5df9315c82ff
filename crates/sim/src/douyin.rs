//! Douyin: what `developer.toutiao.com` and `open.douyin.com` answer, and what `tt.login` and its neighbours do on a phone.
//!
//! <https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/log-in/code-2-session>

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::routing::any;
use serde_json::{Value, json};

use crate::Sim;
use crate::apps::App;
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::mini::{self, Mini, PhoneCode};
use crate::people::Who;
use crate::platform::Platform;
use crate::rsa::encrypted_for;
use crate::wechat::codes::{Codes, Presented};
use crate::world::World;

/// The paths, with the prefix that stands for both hosts.
pub(crate) const PATHS: [&str; 4] = [
    "/douyin/api/apps/v2/jscode2session",
    "/douyin/api/apps/v2/token",
    "/douyin/oauth/client_token/",
    "/douyin/api/apps/v1/get_phonenumber_info/",
];

/// What Douyin remembers.
#[derive(Debug, Default)]
pub(crate) struct Douyin {
    pub(crate) mini: Mini,
    anonymous_codes: Codes<(Who, String)>,
    /// `client_token`s are another space than app tokens.
    open: Mini,
}

static LOGIN: Api = Api { work: jscode2session, words: Words::Tips };
static TOKEN: Api = Api { work: token, words: Words::Tips };
static CLIENT_TOKEN: Api = Api { work: client_token, words: Words::Description };
static PHONE: Api = Api { work: get_phonenumber_info, words: Words::Message };

pub(crate) fn routes() -> Router<Sim> {
    let to = |api: &'static Api| any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request));
    let apis = [&LOGIN, &TOKEN, &CLIENT_TOKEN, &PHONE];
    PATHS.into_iter().zip(apis).fold(Router::new(), |router, (path, api)| router.route(path, to(api)))
}

/// How an interface words what went wrong: three generations.
#[derive(Clone, Copy)]
enum Words {
    /// `err_no`, `err_tips`.
    Tips,
    /// `err_no`, `err_msg`, `log_id`.
    Message,
    /// `data.error_code`, `data.description`, `message`.
    Description,
}

struct Api {
    /// What stands in `data`.
    work: fn(&mut World, &Asked) -> Result<Value, i64>,
    words: Words,
}

impl Endpoint for Api {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        match (self.work)(world, asked) {
            Ok(data) => {
                let answer = match self.words {
                    Words::Tips => json!({ "err_no": 0, "err_tips": "success", "data": data }),
                    Words::Message => {
                        json!({ "err_no": 0, "err_msg": "success", "log_id": log_id(world), "data": data })
                    }
                    Words::Description => json!({ "data": data, "message": "success" }),
                };
                Reply::new("application/json; charset=utf-8", answer.to_string(), 0)
            }
            Err(errcode) => self.refuse(world, errcode, None),
        }
    }

    fn refuse(&self, world: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let text = errmsg.unwrap_or(match errcode {
            -1 => "system error",
            40014 => "bad parameters",
            40015 => "bad appid",
            40017 => "bad secret",
            40018 => "bad code",
            40019 => "bad anonymous code",
            40020 => "bad grant_type",
            28_001_005 => "系统繁忙，请稍后再试",
            28_001_007 => "参数不合法",
            28_001_008 => "access token过期",
            28_003_017 => "quota已用完",
            28_005_187 => "code已过期",
            _ => "error",
        });
        let answer = match self.words {
            Words::Tips => json!({ "err_no": errcode, "err_tips": text, "data": null }),
            Words::Message => json!({ "err_no": errcode, "err_msg": text, "log_id": log_id(world), "data": "" }),
            Words::Description => json!({ "data": { "error_code": errcode, "description": text }, "message": "error" }),
        };
        Reply::new("application/json; charset=utf-8", answer.to_string(), errcode)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        let mini = &world.douyin.mini;
        let code = asked.member("code").or_else(|| asked.member("anonymous_code"));
        let who = code.and_then(|code| mini.login_codes.peek(code)).map(|grant| &grant.who);
        let who = who.or_else(|| code.and_then(|code| mini.phone_codes.peek(code)).map(|grant| &grant.who));
        let appid = asked.member("appid").or_else(|| asked.member("client_key")).map(str::to_owned);
        let appid = appid.or_else(|| who.map(|who| who.appid.clone()));
        Trace { appid, openid: who.map(|who| who.openid.clone()), code: code.map(str::to_owned) }
    }
}

fn log_id(world: &mut World) -> String {
    format!("{}{}", world.now(), world.entropy.hex(20))
}

fn jscode2session(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = credentials(world, asked, ("appid", "secret"))?;
    let now = world.now();
    let (code, anonymous) = (asked.member("code"), asked.member("anonymous_code"));
    if let Some(code) = code {
        let grant = match world.douyin.mini.login_codes.present(code, now) {
            Presented::Good(grant) if grant.who.appid == app.appid => grant.clone(),
            Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => return Err(40018),
        };
        world.douyin.mini.login_codes.spend(code);
        let unionid = app.unionid_of(&grant.who.person).unwrap_or_default();
        return Ok(json!({
            "session_key": grant.session_key, "openid": grant.who.openid, "unionid": unionid,
            "anonymous_openid": "", "dopenid": "",
        }));
    }
    let code = anonymous.ok_or(40014)?;
    let (who, key) = match world.douyin.anonymous_codes.present(code, now) {
        Presented::Good(grant) if grant.0.appid == app.appid => grant.clone(),
        Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => return Err(40019),
    };
    world.douyin.anonymous_codes.spend(code);
    let anonymous = Platform::Douyin.openid(&format!("\u{0}device of {}", who.person), &app.appid);
    Ok(json!({ "session_key": key, "openid": "", "unionid": "", "anonymous_openid": anonymous, "dopenid": "" }))
}

fn token(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = credentials(world, asked, ("appid", "secret"))?;
    grant_type(asked)?;
    let (token, now) = (world.entropy.hex(60), world.now());
    let (access_token, expires_in) = world.douyin.mini.issue_token(&app.appid, format!("0801{token}"), now);
    Ok(json!({ "access_token": access_token, "expires_in": expires_in }))
}

fn client_token(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = credentials(world, asked, ("client_key", "client_secret"))?;
    grant_type(asked)?;
    let (token, now) = (world.entropy.hex(32), world.now());
    let (access_token, expires_in) = world.douyin.open.issue_token(&app.appid, format!("clt.{token}"), now);
    Ok(json!({ "access_token": access_token, "expires_in": expires_in, "error_code": 0, "description": "" }))
}

fn get_phonenumber_info(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let now = world.now();
    let token = asked.header("access-token").ok_or(28_001_008)?;
    let appid = world.douyin.open.app_of_token(token, now).ok_or(28_001_008)?.to_owned();
    let code = asked.member("code").ok_or(28_001_007)?;
    let grant = match world.douyin.mini.phone_codes.present(code, now) {
        Presented::Good(grant) if grant.who.appid == appid => grant.clone(),
        Presented::Good(_) => return Err(28_001_007),
        Presented::Spent(_) | Presented::Unknown => return Err(28_005_187),
    };
    world.douyin.mini.phone_codes.spend(code);
    let mut info = mini::phone_info(&grant.phone);
    info["watermark"] = json!({ "appid": appid, "timestamp": now });
    let key = world.apps.find(&appid).and_then(|app| app.public_key.as_deref()).ok_or(28_001_007)?;
    encrypted_for(key, info.to_string().as_bytes()).map(Value::from).ok_or(28_001_007)
}

fn grant_type(asked: &Asked) -> Result<(), i64> {
    if asked.member("grant_type") == Some("client_credential") { Ok(()) } else { Err(40020) }
}

fn credentials(world: &World, asked: &Asked, (id, secret): (&str, &str)) -> Result<App, i64> {
    if asked.method != Method::POST || asked.json.is_none() {
        return Err(40014);
    }
    let app = asked.member(id).ok_or(40014).and_then(|id| world.apps.of(Platform::Douyin, id).ok_or(40015))?;
    if asked.member(secret).ok_or(40014)? == app.secret { Ok(app.clone()) } else { Err(40017) }
}

/// `tt.login`: with `force: false` only an anonymous code, of the device.
pub(crate) fn login(world: &mut World, who: &Who, anonymous_alone: bool) -> Value {
    let (code, anonymous, now) = (world.entropy.hex(40), world.entropy.hex(40), world.now());
    let code = (!anonymous_alone).then(|| world.douyin.mini.login(who, code, &mut world.entropy, now));
    let key = crate::wechat::crypto::base64(&world.entropy.sixteen_bytes());
    world.douyin.anonymous_codes.issue(anonymous.clone(), (who.clone(), key), now);
    json!({ "code": code.unwrap_or_default(), "anonymousCode": anonymous, "isLogin": !anonymous_alone, "errMsg": "login:ok" })
}

/// `tt.getUserProfile`.
pub(crate) fn profile(world: &mut World, who: &Who) -> Option<Value> {
    let key = world.douyin.mini.key(&who.openid)?.to_owned();
    let person = world.people.meet(&who.person);
    let clear = json!({
        "nickName": person.nickname.clone().unwrap_or_else(|| who.person.clone()),
        "avatarUrl": person.avatar_url.clone().unwrap_or_else(|| "https://p3.douyinpic.com/aweme/default.jpeg".to_owned()),
        "gender": 0, "city": "", "province": "", "country": "", "language": "",
    });
    let mut answer = mini::signed(world, &key, (who, &clear, json!({ "openId": who.openid })))?;
    answer["errMsg"] = "getUserProfile:ok".into();
    Some(answer)
}

/// A tap on `getPhoneNumber`: a code and, for a person who has signed in, the old form as well.
pub(crate) fn phone_number(world: &mut World, who: &Who) -> Value {
    let phone = world.people.meet(&who.person).phone.clone();
    let (code, now) = (world.entropy.hex(40), world.now());
    let mut answer = json!({ "code": code, "errMsg": "getPhoneNumber:ok" });
    let key = world.douyin.mini.key(&who.openid).map(str::to_owned);
    let old = key.and_then(|key| mini::encrypted(world, &key, (who, mini::phone_info(&phone))));
    if let Some((encrypted_data, iv)) = old {
        answer["encryptedData"] = encrypted_data.into();
        answer["iv"] = iv.into();
    }
    world.douyin.mini.phone_codes.issue(code, PhoneCode { who: who.clone(), phone }, now);
    answer
}
