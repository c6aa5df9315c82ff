//! `sns/oauth2/access_token`, `sns/oauth2/refresh_token`, `sns/userinfo`, `sns/auth`: tokens for one person in one app.
//!
//! <https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/Wechat_webpage_authorization.html>

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::OauthCode;
use crate::apps::App;
use crate::gateway::Asked;
use crate::people;
use crate::platform::Platform;
use crate::wechat::codes::Presented;
use crate::wechat::device::appearance;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, json};
use crate::world::World;

const LIFE: i64 = 7200;
const REFRESH_LIFE: i64 = 30 * 86_400;

/// Tokens that were given, each with its refresh token.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    given: HashMap<String, Given>,
    by_refresh_token: HashMap<String, String>,
    /// Oldest first, to be swept.
    order: VecDeque<(i64, String)>,
}

#[derive(Clone, Debug)]
struct Given {
    grant: OauthCode,
    refresh_token: String,
    expires_at: i64,
    refresh_until: i64,
}

#[derive(Serialize)]
struct Granted<'a> {
    access_token: &'a str,
    expires_in: i64,
    refresh_token: &'a str,
    openid: &'a str,
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_snapshotuser: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
}

/// A code becomes a token.
pub(crate) fn access_token(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = asked.query("appid").ok_or(Refusal::AppidMissing)?;
    let secret = asked.query("secret").ok_or(Refusal::SecretMissing)?;
    let code = asked.query("code").ok_or(Refusal::CodeMissing)?;
    let app = world.apps.of(Platform::WeChat, appid).ok_or(Refusal::InvalidAppid)?.clone();
    if secret != app.secret {
        return Err(Refusal::InvalidSecret);
    }
    if asked.query("grant_type") != Some("authorization_code") {
        return Err(Refusal::InvalidGrantType);
    }
    let now = world.now();
    let oauth = &mut world.wechat.oauth;
    let codes = if oauth.codes.peek(code).is_some() { &mut oauth.codes } else { &mut oauth.long_codes };
    let grant = match codes.present(code, now) {
        Presented::Good(grant) if grant.appid == app.appid => grant.clone(),
        Presented::Spent(grant) if grant.appid == app.appid => return Err(Refusal::CodeBeenUsed),
        Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => return Err(Refusal::InvalidCode),
    };
    codes.spend(code);
    let token = world.entropy.alphanumeric(86);
    let refresh_token = format!("{}_refresh", world.entropy.alphanumeric(78));
    let given = Given { grant, refresh_token, expires_at: now + LIFE, refresh_until: now + REFRESH_LIFE };
    world.wechat.oauth.tokens.give(token.clone(), given.clone(), now);
    Ok(told(&app, &token, &given))
}

/// The same token while it is good, a new one afterwards; the refresh token's own life is never lengthened. No secret!
pub(crate) fn refresh_token(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = asked.query("appid").ok_or(Refusal::AppidMissing)?;
    let app = world.apps.of(Platform::WeChat, appid).ok_or(Refusal::InvalidAppid)?.clone();
    if asked.query("grant_type") != Some("refresh_token") {
        return Err(Refusal::InvalidGrantType);
    }
    let refresh_token = asked.query("refresh_token").ok_or(Refusal::InvalidRefreshToken)?;
    let now = world.now();
    let former = world.wechat.oauth.tokens.by_refresh_token.get(refresh_token).cloned();
    let former = former.ok_or(Refusal::InvalidRefreshToken)?;
    let mut given = world.wechat.oauth.tokens.given.get(&former).ok_or(Refusal::InvalidRefreshToken)?.clone();
    if given.grant.appid != app.appid {
        return Err(Refusal::InvalidRefreshToken);
    }
    if now >= given.refresh_until {
        return Err(Refusal::RefreshTokenExpired);
    }
    let token = if now < given.expires_at { former } else { world.entropy.alphanumeric(86) };
    given.expires_at = now + LIFE;
    world.wechat.oauth.tokens.give(token.clone(), given.clone(), now);
    Ok(told(&app, &token, &given))
}

#[derive(Serialize)]
struct UserInfo<'a> {
    openid: &'a str,
    nickname: String,
    sex: u8,
    language: &'static str,
    city: &'static str,
    province: &'static str,
    country: &'static str,
    headimgurl: String,
    privilege: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
}

/// What the person looks like; a token of `snsapi_base` does not open it.
pub(crate) fn userinfo(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let grant = good(world, asked)?;
    if grant.scope == "snsapi_base" {
        return Err(Refusal::ApiUnauthorized);
    }
    let app = world.apps.of(Platform::WeChat, &grant.appid).cloned().ok_or(Refusal::InvalidAppid)?;
    let person = if grant.virtual_user { None } else { Some(world.people.meet(&grant.person)) };
    let (nickname, headimgurl) = appearance(person.as_deref());
    Ok(json(&UserInfo {
        openid: &grant.openid,
        nickname,
        sex: 0,
        language: "",
        city: "",
        province: "",
        country: "",
        headimgurl,
        privilege: [],
        unionid: unionid(&app, &grant),
    }))
}

/// Whether the token is good for that person.
pub(crate) fn auth(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    good(world, asked).map(|_| json(&OK))
}

fn good(world: &World, asked: &Asked) -> Result<OauthCode, Refusal> {
    let token = asked.query("access_token").ok_or(Refusal::AccessTokenMissing)?;
    let openid = asked.query("openid").ok_or(Refusal::InvalidOpenid)?;
    let given = world.wechat.oauth.tokens.given.get(token).ok_or(Refusal::InvalidCredential)?;
    if world.now() >= given.expires_at {
        return Err(Refusal::AccessTokenExpired);
    }
    if given.grant.openid == openid { Ok(given.grant.clone()) } else { Err(Refusal::InvalidOpenid) }
}

/// Only a person who was asked shows it: not with `snsapi_base`, and not a virtual one.
fn unionid(app: &App, grant: &OauthCode) -> Option<String> {
    let account = app.open_account.as_ref().filter(|_| grant.scope != "snsapi_base" && !grant.virtual_user)?;
    Some(people::unionid(&grant.person, account))
}

fn told(app: &App, token: &str, given: &Given) -> String {
    let grant = &given.grant;
    json(&Granted {
        access_token: token,
        expires_in: LIFE,
        refresh_token: &given.refresh_token,
        openid: &grant.openid,
        scope: grant.scope,
        is_snapshotuser: grant.virtual_user.then_some(1),
        unionid: unionid(app, grant),
    })
}

impl Tokens {
    fn give(&mut self, token: String, given: Given, now: i64) {
        while let Some((_, old)) = self.order.pop_front_if(|(made_at, _)| now >= *made_at + REFRESH_LIFE + LIFE) {
            if let Some(old) = self.given.remove(&old) {
                self.by_refresh_token.remove(&old.refresh_token);
            }
        }
        self.order.push_back((now, token.clone()));
        self.by_refresh_token.insert(given.refresh_token.clone(), token.clone());
        self.given.insert(token, given);
    }
}
