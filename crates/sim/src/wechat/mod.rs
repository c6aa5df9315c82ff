//! WeChat: what `api.weixin.qq.com` answers, and in which words.
//!
//! Lives here: the list of paths, how answers and refusals are written. Each API group has its file; `device` is the client's
//! side, what `wx.login` and its neighbours do on a phone.
//! <https://developers.weixin.qq.com/miniprogram/dev/server/API/>

pub(crate) mod code_image;
pub(crate) mod codes;
pub(crate) mod component;
pub(crate) mod crypto;
pub(crate) mod device;
mod encrypt_key;
mod errors;
mod login;
mod maintenance;
mod moderation;
pub(crate) mod oauth;
mod phone;
pub(crate) mod plugin;
pub(crate) mod push;
mod quota;
mod sealed;
mod session;
mod ticket;
mod token;

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::routing::any;
use serde::Serialize;
use serde_json::Value;

use crate::Sim;
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::people::Who;
use crate::wechat::code_image::Drawn;
use crate::wechat::codes::Codes;
use crate::wechat::component::Components;
pub(crate) use crate::wechat::crypto::hex;
use crate::wechat::encrypt_key::UserKeys;
use crate::wechat::errors::Refusal;
use crate::wechat::login::LoginCode;
use crate::wechat::maintenance::{Refused, RefusedCall};
pub use crate::wechat::moderation::Verdict;
use crate::wechat::oauth::{Oauth, sns};
use crate::wechat::phone::PhoneCode;
use crate::wechat::plugin::Payment;
use crate::wechat::quota::{Counted, Counters, Window};
use crate::wechat::sealed::Sealed;
use crate::wechat::session::SessionKeys;
use crate::wechat::ticket::Tickets;
use crate::wechat::token::Tokens;
use crate::world::World;

/// All that WeChat remembers of codes, keys, tokens and counts.
#[derive(Debug, Default)]
pub(crate) struct WeChat {
    login_codes: Codes<LoginCode>,
    phone_codes: Codes<PhoneCode>,
    oauth: Oauth,
    pub(crate) keys: SessionKeys,
    tokens: Tokens,
    counters: Counters,
    user_keys: UserKeys,
    sealed: Sealed,
    plugin_codes: Codes<Who>,
    /// The last payment of a person in an app, by openid.
    pub(crate) payments: HashMap<String, Payment>,
    /// When a person was last in an app, by openid.
    active: HashMap<String, i64>,
    /// How many codes of the limited kind an app has had made.
    limited_codes: HashMap<String, u32>,
    pub(crate) components: Components,
    tickets: Tickets,
    refused: Refused,
    pub(crate) push: push::Settings,
}

pub(crate) fn routes() -> Router<Sim> {
    let route = |router: Router<Sim>, api: &'static Api| {
        router.route(api.path, any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request)))
    };
    let picture = |router: Router<Sim>, api: &'static Picture| {
        router.route(api.path, any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request)))
    };
    let routes = APIS.iter().fold(oauth::page::routes(), route);
    PICTURES.iter().fold(routes, picture)
}

/// All paths of `api.weixin.qq.com` that are answered.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    APIS.iter().map(|api| api.path).chain(PICTURES.iter().map(|api| api.path))
}

static APIS: &[Api] = &[
    Api { path: "/sns/jscode2session", family: Family::Sns, work: login::code2session },
    Api { path: "/sns/oauth2/access_token", family: Family::Sns, work: sns::access_token },
    Api { path: "/sns/oauth2/refresh_token", family: Family::Sns, work: sns::refresh_token },
    Api { path: "/sns/userinfo", family: Family::Sns, work: sns::userinfo },
    Api { path: "/sns/auth", family: Family::Sns, work: sns::auth },
    Api { path: "/cgi-bin/token", family: Family::Cgi, work: token::token },
    Api { path: "/cgi-bin/stable_token", family: Family::Cgi, work: token::stable_token },
    Api { path: "/cgi-bin/ticket/getticket", family: Family::Cgi, work: ticket::getticket },
    Api { path: "/wxa/business/getuserphonenumber", family: Family::Cgi, work: phone::getuserphonenumber },
    Api { path: "/wxa/checksession", family: Family::Cgi, work: session::checksession },
    Api { path: "/wxa/resetusersessionkey", family: Family::Cgi, work: session::resetusersessionkey },
    Api { path: "/sns/component/jscode2session", family: Family::Sns, work: component::code2session },
    Api { path: "/wxa/business/getuserencryptkey", family: Family::Cgi, work: encrypt_key::getuserencryptkey },
    Api { path: "/wxa/business/checkencryptedmsg", family: Family::Cgi, work: sealed::checkencryptedmsg },
    Api { path: "/wxa/msg_sec_check", family: Family::Cgi, work: moderation::msg_sec_check },
    Api { path: "/wxa/getpluginopenpid", family: Family::Cgi, work: plugin::getpluginopenpid },
    Api { path: "/wxa/getpaidunionid", family: Family::Cgi, work: plugin::getpaidunionid },
    Api { path: "/cgi-bin/openapi/rid/get", family: Family::Cgi, work: maintenance::rid_get },
    Api { path: "/cgi-bin/clear_quota", family: Family::Cgi, work: maintenance::clear_quota },
    Api { path: "/cgi-bin/getcallbackip", family: Family::Cgi, work: maintenance::addresses },
    Api { path: "/cgi-bin/get_api_domain_ip", family: Family::Cgi, work: maintenance::addresses },
];

static PICTURES: &[Picture] = &[
    Picture { path: "/wxa/getwxacodeunlimit", draw: code_image::getwxacodeunlimit },
    Picture { path: "/wxa/getwxacode", draw: code_image::getwxacode },
    Picture { path: "/cgi-bin/wxaapp/createwxaqrcode", draw: code_image::createwxaqrcode },
];

/// Answers with a picture, and with JSON when it refuses.
struct Picture {
    path: &'static str,
    draw: fn(&mut World, &Asked) -> Result<Drawn, Refusal>,
}

struct Api {
    path: &'static str,
    family: Family,
    /// The JSON text of the answer.
    work: fn(&mut World, &Asked) -> Result<String, Refusal>,
}

/// Two generations of servers with two sets of habits.
#[derive(Clone, Copy)]
enum Family {
    /// `sns/*`.
    Sns,
    /// `cgi-bin/*` and `wxa/*`.
    Cgi,
}

impl Family {
    fn content_type(self) -> &'static str {
        match self {
            Self::Sns => "text/plain",
            // Not a slip of ours: WeChat writes `encoding`.
            Self::Cgi => "application/json; encoding=utf-8",
        }
    }

    /// What stands between an error's text and its request id.
    fn before_rid(self) -> &'static str {
        match self {
            Self::Sns => ", ",
            Self::Cgi => " ",
        }
    }
}

impl Endpoint for Api {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        match counted(world, asked).and_then(|()| (self.work)(world, asked)) {
            Ok(body) => Reply::new(self.family.content_type(), self.family.escaped(world, body), 0),
            Err(refusal) => self.family.refuse_and_note(world, asked, refusal),
        }
    }

    fn refuse(&self, world: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let rid = rid(world);
        let body = self.family.refusal(world, (errcode, errmsg), &rid);
        Reply::new(self.family.content_type(), body, errcode)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        trace(world, asked)
    }
}

impl Endpoint for Picture {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        match counted(world, asked).and_then(|()| (self.draw)(world, asked)) {
            Ok(Drawn { content_type, bytes, used: None }) => Reply::new(content_type, bytes, 0),
            Ok(Drawn { content_type, bytes, used: Some(used) }) => {
                Reply::new(content_type, bytes, 0).with_header("num-used", used.to_string())
            }
            Err(refusal) => Family::Cgi.refuse_and_note(world, asked, refusal),
        }
    }

    fn refuse(&self, world: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let rid = rid(world);
        let body = Family::Cgi.refusal(world, (errcode, errmsg), &rid);
        Reply::new(Family::Cgi.content_type(), body, errcode)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        trace(world, asked)
    }
}

/// Who asked about what.
fn trace(world: &World, asked: &Asked) -> Trace {
    let wechat = &world.wechat;
    let code = asked.query("js_code").or_else(|| asked.query("code")).or_else(|| asked.member("code"));
    let subject = asked
        .query("openid")
        .or_else(|| asked.member("openid"))
        .or_else(|| code.and_then(|code| wechat.openid_of(code)));
    let sender = asked.query("appid").or_else(|| asked.member("appid"));
    let sender = sender.or_else(|| asked.query("access_token").and_then(|token| wechat.tokens.appid_of(token)));
    Trace { appid: sender.map(str::to_owned), openid: subject.map(str::to_owned), code: code.map(str::to_owned) }
}

/// The limits that were set for this path, on top of what the API itself counts.
fn counted(world: &mut World, asked: &Asked) -> Result<(), Refusal> {
    let Some(call) = paths().find(|path| *path == asked.path) else { return Ok(()) };
    let Some(limit) = world.policy.limits.get(call).copied() else { return Ok(()) };
    let subject = trace(world, asked).appid.unwrap_or_default();
    let now = world.now();
    for (window, limit) in [(Window::Minute, limit.minute), (Window::Day, limit.day)] {
        let counted = Counted { call, subject: subject.clone(), window };
        world.wechat.counters.count(counted, limit, now)?;
    }
    Ok(())
}

impl Family {
    fn escaped(self, world: &World, body: String) -> String {
        match self {
            Self::Sns if world.policy.escape_slashes => body.replace('/', "\\/"),
            Self::Sns | Self::Cgi => body,
        }
    }

    fn refusal(self, world: &World, (errcode, errmsg): (i64, Option<&str>), rid: &str) -> String {
        let text = errmsg.unwrap_or_else(|| errors::text_of(errcode));
        let errmsg = format!("{text}{}rid: {rid}", self.before_rid());
        self.escaped(world, json(&Status { errcode, errmsg: &errmsg }))
    }

    /// The operator can ask about it later, by its rid.
    fn refuse_and_note(self, world: &mut World, asked: &Asked, refusal: Refusal) -> Reply {
        let rid = rid(world);
        let body = self.refusal(world, (refusal.errcode(), Some(refusal.text())), &rid);
        let call = RefusedCall {
            rid,
            at: world.now(),
            appid: trace(world, asked).appid,
            is_sns: matches!(self, Self::Sns),
            path: asked.path.clone(),
            request_body: String::from_utf8_lossy(&asked.body).into_owned(),
            response_body: body.clone(),
        };
        world.wechat.refused.note(call);
        Reply::new(self.content_type(), body, refusal.errcode())
    }
}

impl WeChat {
    fn openid_of(&self, code: &str) -> Option<&str> {
        let owner: Option<&Who> = self.login_codes.peek(code).map(|code| &code.who);
        let owner = owner.or_else(|| self.phone_codes.peek(code).map(|code| &code.who));
        owner.map(|who| who.openid.as_str()).or_else(|| self.oauth.openid_of(code))
    }
}

/// `{"errcode":0,"errmsg":"ok"}`, alone or at the head of an answer.
#[derive(Serialize)]
struct Status<'a> {
    errcode: i64,
    errmsg: &'a str,
}

const OK: Status<'static> = Status { errcode: 0, errmsg: "ok" };

fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).expect("answers are plain structs with text keys")
}

/// `66c69111-4157f271-729ca238`: the time of the call, then noise.
fn rid(world: &mut World) -> String {
    format!("{:08x}-{}-{}", world.now(), world.entropy.hex(8), world.entropy.hex(8))
}

/// The body of a POST-only API.
fn posted(asked: &Asked) -> Result<&Value, Refusal> {
    if asked.method != Method::POST {
        return Err(Refusal::RequirePost);
    }
    if asked.body.is_empty() {
        return Err(Refusal::EmptyPostData);
    }
    asked.json.as_ref().filter(|body| body.is_object()).ok_or(Refusal::DataFormat)
}
