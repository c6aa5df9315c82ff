//! `sns/component/jscode2session`: a third-party platform exchanges the code of an app that has authorised it.
//!
//! <https://developers.weixin.qq.com/doc/oplatform/openApi/OpenApiDoc/miniprogram-management/login/thirdpartyCode2Session.html>

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json as value};

use crate::gateway::Asked;
use crate::platform::Platform;
use crate::wechat::errors::Refusal;
use crate::wechat::{json, login};
use crate::world::World;

const LIFE: i64 = 7200;

/// Third-party platforms, by their own appid. They come to be through `/_sim/components`; the ticket dance is not simulated.
#[derive(Debug, Default)]
pub(crate) struct Components(HashMap<String, Component>);

#[derive(Debug)]
struct Component {
    access_token: String,
    expires_at: i64,
    authorizers: BTreeSet<String>,
}

impl Components {
    pub(crate) fn put(&mut self, appid: String, access_token: String, authorizers: BTreeSet<String>, now: i64) {
        self.0.insert(appid, Component { access_token, expires_at: now + LIFE, authorizers });
    }
}

pub(crate) fn code2session(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = asked.query("appid").ok_or(Refusal::AppidMissing)?;
    let code = asked.query("js_code").ok_or(Refusal::CodeMissing)?;
    if asked.query("grant_type") != Some("authorization_code") {
        return Err(Refusal::InvalidGrantType);
    }
    let component = asked.query("component_appid").and_then(|component| world.wechat.components.0.get(component));
    let component = component.ok_or(Refusal::InvalidAppid)?;
    let token = asked.query("component_access_token").ok_or(Refusal::AccessTokenMissing)?;
    if token != component.access_token {
        return Err(Refusal::InvalidCredential);
    }
    if world.now() >= component.expires_at {
        return Err(Refusal::AccessTokenExpired);
    }
    if !component.authorizers.contains(appid) {
        return Err(Refusal::NotAuthorized);
    }
    let app = world.apps.of(Platform::WeChat, appid).cloned().ok_or(Refusal::InvalidAppid)?;
    let mut exchanged = serde_json::to_value(login::exchange(world, app, code)?).map_err(|_| Refusal::SystemError)?;
    // The sample of this page, unlike the other's, has a text there.
    if let (true, Value::Object(members)) = (world.policy.sample_style, &mut exchanged) {
        members.insert("errcode".to_owned(), value!("0"));
    }
    Ok(json(&exchanged))
}
