//! `wxa/getpluginopenpid` and `wxa/getpaidunionid`: a person as a plugin sees them, and by what they have just paid.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/basic-info/getPluginOpenPId.html>
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/basic-info/getPaidUnionid.html>

use serde::Serialize;

use crate::gateway::Asked;
use crate::people;
use crate::wechat::codes::Presented;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, Status, json, posted, token};
use crate::world::World;

/// How long after a payment the unionid is told.
const PAID: i64 = 5 * 60;

#[derive(Serialize)]
struct OpenPid {
    #[serde(flatten)]
    status: Status<'static>,
    openpid: String,
}

/// Which of this API's own errcodes a bad code gets is not documented; the policy chooses.
pub(crate) fn getpluginopenpid(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let refused = Refusal::Chosen(world.policy.bad_plugin_code);
    let code = asked.member("code").ok_or(refused)?;
    let openpid = match world.wechat.plugin_codes.present(code, world.clock.now()) {
        Presented::Good(who) if who.appid == appid => people::openpid(&who.person, &appid),
        Presented::Good(_) | Presented::Spent(_) | Presented::Unknown => return Err(refused),
    };
    world.wechat.plugin_codes.spend(code);
    Ok(json(&OpenPid { status: OK, openpid }))
}

#[derive(Serialize)]
struct UnionId {
    #[serde(flatten)]
    status: Status<'static>,
    unionid: String,
}

pub(crate) fn getpaidunionid(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = token::authorized(world, asked)?;
    let openid = asked.query("openid").ok_or(Refusal::InvalidOpenid)?;
    let who = world.people.by_openid(openid).filter(|who| who.appid == appid).ok_or(Refusal::InvalidOpenid)?;
    let account = world.apps.find(&appid).and_then(|app| app.open_account.as_deref()).ok_or(Refusal::NotBound)?;
    let paid = world.wechat.payments.get(openid).filter(|payment| world.now() < payment.at + PAID);
    let paid = paid.ok_or(Refusal::InvalidTrade)?;
    if asked.query("transaction_id").is_some_and(|transaction| transaction != paid.transaction_id) {
        return Err(Refusal::InvalidTrade);
    }
    Ok(json(&UnionId { status: OK, unionid: people::unionid(&who.person, account) }))
}

/// What somebody paid last, in an app.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) at: i64,
    pub(crate) transaction_id: String,
}
