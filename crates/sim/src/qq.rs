//! QQ mini programs: what `api.q.qq.com` answers, and what `qq.login` and its neighbours do on a phone.
//!
//! <https://q.qq.com/wiki/develop/miniprogram/server/open_port/port_login.html>

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::any;
use serde_json::{Value, json};

use crate::Sim;
use crate::apps::{App, AppKind};
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::mini;
use crate::people::Who;
use crate::platform::Platform;
use crate::wechat::codes::Presented;
use crate::world::World;

/// The paths, with the prefix that stands for the host.
pub(crate) const PATHS: [&str; 2] = ["/qq/sns/jscode2session", "/qq/api/getToken"];

static LOGIN: Api = Api(jscode2session);
static TOKEN: Api = Api(get_token);

pub(crate) fn routes() -> Router<Sim> {
    let to = |api: &'static Api| any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request));
    Router::new().route(PATHS[0], to(&LOGIN)).route(PATHS[1], to(&TOKEN))
}

struct Api(fn(&mut World, &Asked) -> Result<Value, i64>);

impl Endpoint for Api {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        match self.0(world, asked) {
            Ok(answer) => Reply::new("application/json", answer.to_string(), 0),
            Err(errcode) => self.refuse(world, errcode, None),
        }
    }

    fn refuse(&self, _: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let errmsg = errmsg.unwrap_or(match errcode {
            -1 => "system error",
            40001 => "invalid credential",
            40002 => "invalid grant_type",
            40013 => "invalid appid",
            40029 => "code invalid",
            45011 => "frequency limit",
            _ => "error",
        });
        Reply::new("application/json", json!({ "errcode": errcode, "errmsg": errmsg }).to_string(), errcode)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        let code = asked.query("js_code");
        let openid = code.and_then(|code| world.qq.login_codes.peek(code)).map(|grant| grant.who.openid.clone());
        Trace { appid: asked.query("appid").map(str::to_owned), openid, code: code.map(str::to_owned) }
    }
}

fn jscode2session(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = credentials(world, asked)?;
    if asked.query("grant_type") != Some("authorization_code") {
        return Err(40002);
    }
    let code = asked.query("js_code").ok_or(40029)?;
    let grant = match world.qq.login_codes.present(code, world.clock.now()) {
        Presented::Good(grant) if grant.who.appid == app.appid => grant.clone(),
        Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => return Err(40029),
    };
    world.qq.login_codes.spend(code);
    let mut answer = json!({ "openid": grant.who.openid, "session_key": grant.session_key });
    if let Some(unionid) = app.unionid_of(&grant.who.person) {
        answer["unionid"] = unionid.into();
    }
    if world.policy.sample_style {
        answer["errcode"] = 0.into();
        answer["errmsg"] = "".into();
    }
    Ok(answer)
}

fn get_token(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = credentials(world, asked)?;
    if asked.query("grant_type") != Some("client_credential") {
        return Err(40002);
    }
    let (token, now) = (world.entropy.alphanumeric(64), world.now());
    let (access_token, expires_in) = world.qq.issue_token(&app.appid, token, now);
    Ok(json!({ "access_token": access_token, "expires_in": expires_in, "errcode": 0, "errmsg": "" }))
}

fn credentials(world: &World, asked: &Asked) -> Result<App, i64> {
    let app = asked.query("appid").and_then(|appid| world.apps.of(Platform::Qq, appid));
    let app = app.filter(|app| app.kind == AppKind::MiniProgram).ok_or(40013)?;
    if asked.query("secret") == Some(&app.secret) { Ok(app.clone()) } else { Err(40001) }
}

/// `qq.login`.
pub(crate) fn login(world: &mut World, who: &Who) -> String {
    let (code, now) = (world.entropy.hex(32), world.now());
    world.qq.login(who, code, &mut world.entropy, now)
}

/// `qq.getUserInfo`, which still tells everybody's name; with openId and unionId in the encrypted part.
pub(crate) fn user_info(world: &mut World, who: &Who) -> Option<Value> {
    let key = world.qq.key(&who.openid)?.to_owned();
    let person = world.people.meet(&who.person);
    let clear = json!({
        "nickName": person.nickname.clone().unwrap_or_else(|| who.person.clone()),
        "avatarUrl": person.avatar_url.clone().unwrap_or_else(|| "https://thirdqq.qlogo.cn/g?b=oidb&k=0&s=100".to_owned()),
        "gender": 0, "country": "", "province": "", "city": "", "language": "zh_CN",
    });
    let mut more = json!({ "openId": who.openid });
    let unionid = world.apps.find(&who.appid).and_then(|app| app.unionid_of(&who.person));
    if let Some(unionid) = unionid {
        more["unionId"] = unionid.into();
    }
    let mut answer = mini::signed(world, &key, (who, &clear, more))?;
    answer["errMsg"] = "getUserInfo:ok".into();
    Some(answer)
}
