//! QQ Connect: what `graph.qq.com` answers, in each of its three forms, and the page on which it asks people.
//!
//! <https://wiki.connect.qq.com/使用authorization_code获取access_token>

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{any, get};
use serde_json::{Value, json};

use crate::Sim;
use crate::apps::{App, AppKind};
use crate::asking::{self, Asking, Decided};
use crate::gateway::{self, Asked, Endpoint, Reply, Trace};
use crate::people::Who;
use crate::platform::Platform;
use crate::wechat::codes::{Codes, Presented};
use crate::wechat::oauth::Decision;
use crate::world::World;

/// The paths, with the prefix that stands for the host.
pub(crate) const PATHS: [&str; 3] =
    ["/qq-connect/oauth2.0/token", "/qq-connect/oauth2.0/me", "/qq-connect/user/get_user_info"];
/// The page.
pub(crate) const AUTHORIZE: &str = "/qq-connect/oauth2.0/authorize";
const CODE_LIFE: i64 = 10 * 60;
const TOKEN_LIFE: i64 = 7_776_000;

/// What QQ Connect remembers.
#[derive(Debug)]
pub(crate) struct QqConnect {
    codes: Codes<(Who, String)>,
    /// Of a person in an app, and until when.
    tokens: HashMap<String, (Who, i64)>,
    refresh_tokens: HashMap<String, Who>,
}

impl Default for QqConnect {
    fn default() -> Self {
        Self { codes: Codes::living(CODE_LIFE), tokens: HashMap::new(), refresh_tokens: HashMap::new() }
    }
}

static TOKEN: Api = Api { work: token, form: Form::QueryString };
static ME: Api = Api { work: me, form: Form::Callback };
static INFO: Api = Api { work: get_user_info, form: Form::Json };

pub(crate) fn routes() -> Router<Sim> {
    let to = |api: &'static Api| any(move |State(sim): State<Sim>, request: Request| gateway::ask(sim, api, request));
    Router::new()
        .route(PATHS[0], to(&TOKEN))
        .route(PATHS[1], to(&ME))
        .route(PATHS[2], to(&INFO))
        .route(AUTHORIZE, get(asking::page))
}

/// How an interface answers when it is not asked for JSON.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    QueryString,
    Callback,
    Json,
}

struct Api {
    work: fn(&mut World, &Asked) -> Result<Value, i64>,
    form: Form,
}

impl Endpoint for Api {
    fn answer(&self, world: &mut World, asked: &Asked) -> Reply {
        let form = if asked.query("fmt") == Some("json") { Form::Json } else { self.form };
        match (self.work)(world, asked) {
            Ok(answer) => written(form, &answer, 0),
            Err(errcode) if form == Form::Json => written(form, &self.refusal(errcode, None), errcode),
            // Errors never come as a query string.
            Err(errcode) => written(Form::Callback, &self.refusal(errcode, None), errcode),
        }
    }

    fn refuse(&self, _: &mut World, errcode: i64, errmsg: Option<&str>) -> Reply {
        let form = if self.form == Form::Json { Form::Json } else { Form::Callback };
        written(form, &self.refusal(errcode, errmsg), errcode)
    }

    fn trace(&self, world: &World, asked: &Asked) -> Trace {
        let connect = &world.qq_connect;
        let code = asked.query("code");
        let of_code = code.and_then(|code| connect.codes.peek(code)).map(|(who, _)| who);
        let of_token = asked.query("access_token").and_then(|token| connect.tokens.get(token)).map(|(who, _)| who);
        let appid = asked.query("client_id").or_else(|| asked.query("oauth_consumer_key")).map(str::to_owned);
        let who = of_code.or(of_token);
        let appid = appid.or_else(|| who.map(|who| who.appid.clone()));
        Trace { appid, openid: who.map(|who| who.openid.clone()), code: code.map(str::to_owned) }
    }
}

impl Api {
    fn refusal(&self, errcode: i64, errmsg: Option<&str>) -> Value {
        let errmsg = errmsg.unwrap_or(match errcode {
            100_004 => "param grant_type is wrong or lost ",
            100_008 => "client_id is not exist",
            100_009 => "client_secret is illegal",
            100_010 => "redirect uri is illegal",
            100_013 => "access_token is illegal",
            100_014 => "access_token is expire",
            100_019 => "code to access token error",
            100_020 => "code is reused error",
            100_022 => "refresh_token is invalid",
            100_048 => "companyid not set",
            _ => "error",
        });
        match self.form {
            Form::Json => json!({ "ret": errcode, "msg": errmsg }),
            Form::QueryString | Form::Callback => json!({ "error": errcode, "error_description": errmsg }),
        }
    }
}

fn written(form: Form, answer: &Value, errcode: i64) -> Reply {
    match form {
        Form::Json => Reply::new("application/json; charset=utf-8", answer.to_string(), errcode),
        Form::Callback => Reply::new("text/html", format!("callback( {answer} );\n"), errcode),
        Form::QueryString => {
            let pair = |(name, value): (&String, &Value)| {
                value.as_str().map_or_else(|| format!("{name}={value}"), |text| format!("{name}={text}"))
            };
            let pairs: Vec<_> = answer.as_object().into_iter().flatten().map(pair).collect();
            Reply::new("text/html", pairs.join("&"), errcode)
        }
    }
}

fn token(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let app = asked.query("client_id").and_then(|appid| site(world, appid)).ok_or(100_008)?.clone();
    if asked.query("client_secret") != Some(&app.secret) {
        return Err(100_009);
    }
    match asked.query("grant_type") {
        Some("authorization_code") => by_code(world, asked, &app),
        Some("refresh_token") => {
            let old = asked.query("refresh_token").and_then(|token| world.qq_connect.refresh_tokens.remove(token));
            let who = old.filter(|who| who.appid == app.appid).ok_or(100_022)?;
            Ok(granted(world, who))
        }
        _ => Err(100_004),
    }
}

fn by_code(world: &mut World, asked: &Asked, app: &App) -> Result<Value, i64> {
    let code = asked.query("code").ok_or(100_005)?;
    let (who, to) = match world.qq_connect.codes.present(code, world.clock.now()) {
        Presented::Good(grant) if grant.0.appid == app.appid => grant.clone(),
        Presented::Spent(_) => return Err(100_020),
        Presented::Good(_) | Presented::Unknown => return Err(100_019),
    };
    if asked.query("redirect_uri") != Some(&to) {
        return Err(100_010);
    }
    world.qq_connect.codes.spend(code);
    let openid = who.openid.clone();
    let mut answer = granted(world, who);
    if asked.query("need_openid") == Some("1") {
        answer["openid"] = openid.into();
    }
    Ok(answer)
}

fn granted(world: &mut World, who: Who) -> Value {
    let (access_token, refresh_token) = (world.entropy.hex(32).to_uppercase(), world.entropy.hex(32).to_uppercase());
    let until = world.now() + TOKEN_LIFE;
    world.qq_connect.tokens.insert(access_token.clone(), (who.clone(), until));
    world.qq_connect.refresh_tokens.insert(refresh_token.clone(), who);
    json!({ "access_token": access_token, "expires_in": TOKEN_LIFE.to_string(), "refresh_token": refresh_token })
}

fn me(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let who = holder(world, asked)?;
    let mut answer = json!({ "client_id": who.appid, "openid": who.openid });
    if asked.query("unionid") == Some("1") {
        let unionid = site(world, &who.appid).and_then(|app| app.unionid_of(&who.person));
        answer["unionid"] = unionid.ok_or(100_048)?.into();
    }
    Ok(answer)
}

fn get_user_info(world: &mut World, asked: &Asked) -> Result<Value, i64> {
    let who = holder(world, asked)?;
    if asked.query("oauth_consumer_key") != Some(&who.appid) || asked.query("openid") != Some(&who.openid) {
        return Err(-1);
    }
    let person = world.people.meet(&who.person);
    let picture = person.avatar_url.clone().unwrap_or_else(|| "https://thirdqq.qlogo.cn/g?b=oidb&k=0&s=40".to_owned());
    Ok(json!({
        "ret": 0, "msg": "", "is_lost": 0,
        "nickname": person.nickname.clone().unwrap_or_else(|| who.person.clone()),
        "gender": "男", "figureurl": picture, "figureurl_1": picture, "figureurl_2": picture,
        "figureurl_qq_1": picture, "figureurl_qq_2": "", "is_yellow_vip": "0",
    }))
}

fn holder(world: &World, asked: &Asked) -> Result<Who, i64> {
    let token = asked.query("access_token").ok_or(100_007)?;
    let (who, until) = world.qq_connect.tokens.get(token).ok_or(100_013)?;
    if world.clock.now() < *until { Ok(who.clone()) } else { Err(100_014) }
}

fn site<'a>(world: &'a World, appid: &str) -> Option<&'a App> {
    world.apps.of(Platform::Qq, appid).filter(|app| app.kind == AppKind::Website)
}

/// What is asked of the person at this address.
pub(crate) fn asking(world: &World, pairs: &[(String, String)]) -> Result<Asking, String> {
    let given = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    if given("response_type") != Some("code") {
        return Err("100000 response_type is wrong or lost".to_owned());
    }
    let app = given("client_id").and_then(|appid| site(world, appid)).ok_or("100008 client_id is not exist")?;
    let to = given("redirect_uri").ok_or("100010 redirect uri is illegal")?;
    if !app.takes_back(to) {
        return Err("100010 redirect uri is illegal".to_owned());
    }
    let state = given("state").ok_or("100000 state is lost")?;
    Ok(Asking { app: app.clone(), to: to.to_owned(), state: state.to_owned(), silent: false })
}

/// The code, or on a phone `usercancel` without one; on a computer a page that just stays.
pub(crate) fn decide(world: &mut World, asking: &Asking, (person, decision): (&str, Decision)) -> Decided {
    if decision == Decision::Deny {
        return vec![("usercancel", "1".to_owned())];
    }
    let who = world.people.meet_as(person, &asking.app);
    let (code, now) = (world.entropy.hex(32).to_uppercase(), world.now());
    world.qq_connect.codes.issue(code.clone(), (who, asking.to.clone()), now);
    vec![("code", code)]
}
