//! `sns/jscode2session`: a login code becomes an openid and a `session_key`.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html>

use serde::Serialize;

use crate::apps::App;
use crate::gateway::Asked;
use crate::people::{self, Who};
use crate::platform::Platform;
use crate::policy::Validation;
use crate::wechat::codes::Presented;
use crate::wechat::errors::Refusal;
use crate::wechat::json;
use crate::wechat::quota::{Counted, Window};
use crate::world::World;

/// What a login code stands for. The key is that of its making: by the exchange it may have been replaced.
#[derive(Clone, Debug)]
pub(crate) struct LoginCode {
    pub(crate) who: Who,
    pub(crate) session_key: String,
}

#[derive(Serialize)]
pub(crate) struct Exchanged {
    session_key: String,
    openid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errmsg: Option<&'static str>,
}

pub(crate) fn code2session(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let (app, code) = validated(world, asked)?;
    exchange(world, app, code).map(|exchanged| json(&exchanged))
}

/// Spends the code, unless it is refused.
pub(crate) fn exchange(world: &mut World, app: App, code: &str) -> Result<Exchanged, Refusal> {
    let now = world.now();
    let grant = match world.wechat.login_codes.present(code, now) {
        Presented::Good(grant) if grant.who.appid == app.appid => grant.clone(),
        Presented::Spent(grant) if grant.who.appid == app.appid => {
            return Err(Refusal::CodeBeenUsed);
        }
        Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => {
            return Err(Refusal::InvalidCode);
        }
    };
    if world.people.meet(&grant.who.person).blocked {
        return Err(Refusal::CodeBlocked);
    }
    let counted = Counted { call: "jscode2session", subject: grant.who.openid.clone(), window: Window::Minute };
    world.wechat.counters.count(counted, world.policy.quotas.code2session_user_minute, now)?;
    world.wechat.login_codes.spend(code);
    world.wechat.keys.touch(&grant.who.openid, world.policy.session_key_life, now);
    let sample = world.policy.sample_style;
    world.wechat.active.insert(grant.who.openid.clone(), now);
    Ok(Exchanged {
        session_key: grant.session_key,
        unionid: app.open_account.map(|account| people::unionid(&grant.who.person, &account)),
        openid: grant.who.openid,
        errcode: sample.then_some(0),
        errmsg: sample.then_some("ok"),
    })
}

/// The app and the code; the order of the checks is the policy's.
fn validated<'a>(world: &World, asked: &'a Asked) -> Result<(App, &'a str), Refusal> {
    let appid = || asked.query("appid").ok_or(Refusal::AppidMissing);
    let secret = || asked.query("secret").ok_or(Refusal::SecretMissing);
    let code = || asked.query("js_code").ok_or(Refusal::CodeMissing);
    match world.policy.validation {
        Validation::MissingFirst => {
            appid()?;
            secret()?;
            code()?;
        }
        Validation::InTurn => {}
    }
    let app = world.apps.of(Platform::WeChat, appid()?).ok_or(Refusal::InvalidAppid)?;
    if secret()? != app.secret {
        return Err(Refusal::InvalidSecret);
    }
    let code = code()?;
    if asked.query("grant_type") != Some("authorization_code") {
        return Err(Refusal::InvalidGrantType);
    }
    Ok((app.clone(), code))
}
