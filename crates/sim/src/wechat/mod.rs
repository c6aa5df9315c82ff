//! WeChat: what `api.weixin.qq.com` answers, and in which words.
//!
//! Lives here: the list of paths, how answers and refusals are written. Each API group has its file; `device` is the client's
//! side, what `wx.login` and its neighbours do on a phone.
//! <https://developers.weixin.qq.com/miniprogram/dev/server/API/>

mod codes;
mod crypto;
pub(crate) mod device;
mod errors;
mod login;
mod phone;
mod quota;
mod session;
mod token;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::routing::any;
use serde::Serialize;
use serde_json::Value;

use crate::Sim;
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::people::Who;
use crate::wechat::codes::Codes;
use crate::wechat::errors::Refusal;
use crate::wechat::login::LoginCode;
use crate::wechat::phone::PhoneCode;
use crate::wechat::quota::Counters;
use crate::wechat::session::SessionKeys;
use crate::wechat::token::Tokens;
use crate::world::World;

/// All that WeChat remembers of codes, keys, tokens and counts.
#[derive(Debug, Default)]
pub(crate) struct WeChat {
    login_codes: Codes<LoginCode>,
    phone_codes: Codes<PhoneCode>,
    pub(crate) keys: SessionKeys,
    tokens: Tokens,
    counters: Counters,
}

pub(crate) fn routes() -> Router<Sim> {
    let route = |router: Router<Sim>, api: &'static Api| {
        router.route(api.path, any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request)))
    };
    APIS.iter().fold(Router::new(), route)
}

/// Does an API of WeChat's live at this path?
pub(crate) fn answers_at(path: &str) -> bool {
    APIS.iter().any(|api| api.path == path)
}

static APIS: [Api; 6] = [
    Api { path: "/sns/jscode2session", family: Family::Sns, work: login::code2session },
    Api { path: "/cgi-bin/token", family: Family::Cgi, work: token::token },
    Api { path: "/cgi-bin/stable_token", family: Family::Cgi, work: token::stable_token },
    Api { path: "/wxa/business/getuserphonenumber", family: Family::Cgi, work: phone::getuserphonenumber },
    Api { path: "/wxa/checksession", family: Family::Cgi, work: session::checksession },
    Api { path: "/wxa/resetusersessionkey", family: Family::Cgi, work: session::resetusersessionkey },
];

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
        match (self.work)(world, asked) {
            Ok(body) => Reply { content_type: self.family.content_type(), body: self.escaped(world, body), errcode: 0 },
            Err(refusal) => self.refuse(world, refusal.errcode(), Some(refusal.text())),
        }
    }

    fn refuse(&self, world: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let text = errmsg.unwrap_or_else(|| errors::text_of(errcode));
        let errmsg = format!("{text}{}{}", self.family.before_rid(), rid(world));
        let body = json(&Status { errcode, errmsg: &errmsg });
        Reply { content_type: self.family.content_type(), body: self.escaped(world, body), errcode }
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        let wechat = &world.wechat;
        let code = asked.query("js_code").or_else(|| asked.member("code"));
        let subject = asked
            .query("openid")
            .or_else(|| asked.member("openid"))
            .or_else(|| code.and_then(|code| wechat.openid_of(code)));
        let sender = asked.query("appid").or_else(|| asked.member("appid"));
        let sender = sender.or_else(|| asked.query("access_token").and_then(|token| wechat.tokens.appid_of(token)));
        Trace { appid: sender.map(str::to_owned), openid: subject.map(str::to_owned), code: code.map(str::to_owned) }
    }
}

impl Api {
    fn escaped(&self, world: &World, body: String) -> String {
        match self.family {
            Family::Sns if world.policy.escape_slashes => body.replace('/', "\\/"),
            Family::Sns | Family::Cgi => body,
        }
    }
}

impl WeChat {
    fn openid_of(&self, code: &str) -> Option<&str> {
        let owner: Option<&Who> = self.login_codes.peek(code).map(|code| &code.who);
        owner.or_else(|| self.phone_codes.peek(code).map(|code| &code.who)).map(|who| who.openid.as_str())
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

/// `rid: 66c69111-4157f271-729ca238`: the time of the call, then noise.
fn rid(world: &mut World) -> String {
    format!("rid: {:08x}-{}-{}", world.now(), world.entropy.hex(8), world.entropy.hex(8))
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
