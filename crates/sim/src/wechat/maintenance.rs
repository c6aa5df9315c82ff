//! `cgi-bin/openapi/rid/get`, `cgi-bin/clear_quota`, `cgi-bin/getcallbackip`, `cgi-bin/get_api_domain_ip`: the operator's APIs.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/openApi-mgnt/>

use std::collections::VecDeque;

use serde_json::json as value;

use crate::gateway::Asked;
use crate::wechat::errors::Refusal;
use crate::wechat::quota::{Counted, Window};
use crate::wechat::{OK, json, posted, token};
use crate::world::World;

/// How long a rid can be asked about.
const REMEMBERED: i64 = 7 * 86_400;
const KEPT: usize = 1000;

/// The calls that were refused, oldest first, by the rid that their answer held.
#[derive(Debug, Default)]
pub(crate) struct Refused(VecDeque<RefusedCall>);

#[derive(Debug)]
pub(crate) struct RefusedCall {
    pub(crate) rid: String,
    pub(crate) at: i64,
    pub(crate) appid: Option<String>,
    pub(crate) is_sns: bool,
    pub(crate) path: String,
    pub(crate) request_body: String,
    pub(crate) response_body: String,
}

impl Refused {
    pub(crate) fn note(&mut self, call: RefusedCall) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(call);
    }
}

/// What became of a call, seven days long, for the app that made it.
pub(crate) fn rid_get(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let rid = asked.member("rid").ok_or(Refusal::BadRid)?;
    let call = world.wechat.refused.0.iter().find(|call| call.rid == rid).ok_or(Refusal::RidUnknown)?;
    if call.is_sns {
        return Err(Refusal::RidOfSns);
    }
    if call.appid.as_deref() != Some(appid.as_str()) {
        return Err(Refusal::RidOfAnother);
    }
    if world.now() >= call.at + REMEMBERED {
        return Err(Refusal::RidTooOld);
    }
    // The token stays out: what the simulator shows of a call never holds one.
    let request = value!({
        "invoke_time": call.at, "cost_in_ms": 1, "request_url": call.path, "request_body": call.request_body,
        "response_body": call.response_body, "client_ip": "127.0.0.1",
    });
    Ok(value!({ "errcode": 0, "errmsg": "ok", "request": request }).to_string())
}

/// The app's daily counters begin anew; ten times a month.
pub(crate) fn clear_quota(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    posted(asked)?;
    let appid = token::authorized(world, asked)?;
    if asked.member("appid").ok_or(Refusal::AppidMissing)? != appid {
        return Err(Refusal::InvalidAppid);
    }
    let now = world.now();
    let counted = Counted { call: "clear_quota", subject: appid.clone(), window: Window::Month };
    world.wechat.counters.count(counted, world.policy.quotas.clear_quota_month, now)?;
    world.wechat.counters.clear_days(&appid);
    Ok(json(&OK))
}

/// Where WeChat's calls come from: here, from this machine.
pub(crate) fn addresses(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    token::authorized(world, asked)?;
    Ok(value!({ "ip_list": ["127.0.0.1"] }).to_string())
}
