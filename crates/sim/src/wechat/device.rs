//! The client's side: what `wx.login`, `wx.getUserProfile`, `getPhoneNumber` and `wx.checkSession` do on a person's phone.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.login.html>
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>

use serde::Serialize;
use serde_json::{Value, json as value};

use crate::people::{self, Person, Who};
use crate::wechat::login::LoginCode;
use crate::wechat::phone::{PhoneCode, PhoneInfo, Watermark};
use crate::wechat::plugin::Payment;
use crate::wechat::session::Rules;
use crate::wechat::{crypto, json};
use crate::world::World;

/// Everybody's nickname since 8 November 2022.
/// <https://developers.weixin.qq.com/community/develop/doc/00022c683e8a80b29bed2142b56c01>
const ANONYMOUS: &str = "微信用户";
/// The grey picture.
const GREY: &str = "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";

pub(crate) use crate::wechat::crypto::base64;

/// Why the client cannot encrypt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CannotEncrypt {
    /// The person has not called `wx.login` in this app, or too long ago.
    NoSession,
    /// The `session_key` that was to be used is none.
    NotASessionKey,
}

/// The base64 texts that go from the client to its server.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Encrypted {
    pub(crate) encrypted_data: String,
    pub(crate) iv: String,
}

/// As `wx.getUserInfo` gives it. Gender and region are empty since 20 October 2021.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserInfo {
    nick_name: String,
    gender: u8,
    language: &'static str,
    city: &'static str,
    province: &'static str,
    country: &'static str,
    avatar_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    open_id: Option<&'a str>,
    #[serde(flatten)]
    user_info: &'a UserInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    union_id: Option<String>,
    watermark: Watermark<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    user_info: UserInfo,
    #[serde(flatten)]
    signed: Signed,
    pub(crate) err_msg: &'static str,
}

/// Data in clear with its signature, and once more encrypted.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Signed {
    raw_data: String,
    signature: String,
    #[serde(flatten)]
    encrypted: Encrypted,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhoneNumber {
    pub(crate) code: String,
    #[serde(flatten)]
    encrypted: Option<Encrypted>,
    err_msg: &'static str,
}

/// `wx.login`: a code, and perhaps a new `session_key`.
pub(crate) fn login(world: &mut World, who: &Who) -> String {
    let now = world.now();
    world.wechat.active.insert(who.openid.clone(), now);
    let rules = Rules::of(world, &who.appid);
    let session_key = world.wechat.keys.at_login(&who.openid, rules, &mut world.entropy, now);
    let code = format!("0{}", world.entropy.alphanumeric(31));
    world.wechat.login_codes.issue(code.clone(), LoginCode { who: who.clone(), session_key }, now);
    code
}

/// Nickname and picture; everybody's where somebody has chosen none, and of nobody.
pub(crate) fn appearance(person: Option<&Person>) -> (String, String) {
    let chosen = |text: Option<&String>, everybodys: &str| text.map_or_else(|| everybodys.to_owned(), String::clone);
    (
        chosen(person.and_then(|it| it.nickname.as_ref()), ANONYMOUS),
        chosen(person.and_then(|it| it.avatar_url.as_ref()), GREY),
    )
}

/// `wx.getUserInfo` if it is to say who it is, else `wx.getUserProfile`.
pub(crate) fn profile(world: &mut World, who: &Who, with_ids: bool) -> Result<Profile, CannotEncrypt> {
    let (nick_name, avatar_url) = appearance(Some(world.people.meet(&who.person)));
    let user_info =
        UserInfo { nick_name, gender: 0, language: "zh_CN", city: "", province: "", country: "", avatar_url };
    let account = world.apps.find(&who.appid).and_then(|app| app.open_account.as_deref());
    let payload = json(&Payload {
        open_id: with_ids.then_some(&who.openid),
        user_info: &user_info,
        union_id: account.filter(|_| with_ids).map(|account| people::unionid(&who.person, account)),
        watermark: Watermark { timestamp: world.now(), appid: &who.appid },
    });
    let session_key = key(world, who)?;
    let signed = sign_and_encrypt(world, &session_key, json(&user_info), &payload)?;
    let err_msg = if with_ids { "getUserInfo:ok" } else { "getUserProfile:ok" };
    Ok(Profile { user_info, signed, err_msg })
}

/// A tap on `getPhoneNumber`: a code for the server and, for a person who has signed in, the old form as well.
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/getPhoneNumber.html>
pub(crate) fn phone_number(world: &mut World, who: &Who) -> PhoneNumber {
    let now = world.now();
    let phone = world.people.meet(&who.person).phone.clone();
    let payload =
        json(&PhoneInfo::new(&phone, world.policy.country_code, Watermark { timestamp: now, appid: &who.appid }));
    let encrypted = key(world, who).and_then(|key| encrypt(world, &key, &payload)).ok();
    if let Some(encrypted) = &encrypted {
        world.wechat.sealed.note(&who.appid, &encrypted.encrypted_data, now);
    }
    let code = world.entropy.hex(64);
    world.wechat.phone_codes.issue(code.clone(), PhoneCode { who: who.clone(), phone }, now);
    PhoneNumber { code, encrypted, err_msg: "getPhoneNumber:ok" }
}

/// A tap on `getRealtimePhoneNumber`: the code alone.
pub(crate) fn realtime_phone_number(world: &mut World, who: &Who) -> PhoneNumber {
    PhoneNumber { encrypted: None, err_msg: "getRealtimePhoneNumber:ok", ..phone_number(world, who) }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatestUserKey {
    encrypt_key: String,
    iv: String,
    version: u32,
    /// Seconds that are left; WeChat's page names no unit.
    expire_time: i64,
    err_msg: &'static str,
}

/// `UserCryptoManager.getLatestUserKey`.
pub(crate) fn latest_user_key(world: &mut World, who: &Who) -> LatestUserKey {
    let now = world.now();
    world.wechat.active.insert(who.openid.clone(), now);
    let key = world.wechat.user_keys.latest(&who.openid, &mut world.entropy, now);
    LatestUserKey {
        expire_time: key.left(now),
        encrypt_key: key.encrypt_key,
        iv: key.iv,
        version: key.version,
        err_msg: "getLatestUserKey:ok",
    }
}

/// `wx.pluginLogin`: a code for `wxa/getpluginopenpid`.
pub(crate) fn plugin_login(world: &mut World, who: &Who) -> String {
    let now = world.now();
    let code = world.entropy.alphanumeric(32);
    world.wechat.plugin_codes.issue(code.clone(), who.clone(), now);
    code
}

/// The person has paid in the app: for five minutes `wxa/getpaidunionid` knows them.
pub(crate) fn pay(world: &mut World, who: &Who) -> String {
    let (at, transaction_id) = (world.now(), format!("42{}", world.entropy.digits(26)));
    world.wechat.payments.insert(who.openid.clone(), Payment { at, transaction_id: transaction_id.clone() });
    transaction_id
}

/// Whatever a test wants to have encrypted: an object gets a watermark unless it has one, a text stays as it is.
pub(crate) fn encrypt_any(
    world: &mut World,
    who: &Who,
    data: Value,
    session_key: Option<String>,
) -> Result<Signed, CannotEncrypt> {
    let session_key = session_key.map_or_else(|| key(world, who), Ok)?;
    if let Value::String(text) = data {
        return sign_and_encrypt(world, &session_key, text.clone(), &text);
    }
    let raw_data = data.to_string();
    let mut payload = data;
    if let Value::Object(members) = &mut payload {
        members.entry("watermark").or_insert_with(|| value!({ "timestamp": world.now(), "appid": who.appid }));
    }
    sign_and_encrypt(world, &session_key, raw_data, &payload.to_string())
}

/// `wx.checkSession`: is the key of the last login still good?
/// <https://developers.weixin.qq.com/miniprogram/dev/api/open-api/login/wx.checkSession.html>
pub(crate) fn check_session(world: &mut World, who: &Who) -> &'static str {
    key(world, who).map_or("checkSession:fail session time out; need relogin", |_| "checkSession:ok")
}

/// The person's good key. To use it is to be active, which keeps it alive.
fn key(world: &mut World, who: &Who) -> Result<String, CannotEncrypt> {
    let now = world.now();
    world.wechat.active.insert(who.openid.clone(), now);
    world.wechat.keys.touch(&who.openid, world.policy.session_key_life, now);
    world.wechat.keys.current(&who.openid, now).map(str::to_owned).ok_or(CannotEncrypt::NoSession)
}

fn sign_and_encrypt(
    world: &mut World,
    session_key: &str,
    raw_data: String,
    payload: &str,
) -> Result<Signed, CannotEncrypt> {
    let signature = crypto::sign_raw_data(&raw_data, session_key);
    Ok(Signed { raw_data, signature, encrypted: encrypt(world, session_key, payload)? })
}

fn encrypt(world: &mut World, session_key: &str, payload: &str) -> Result<Encrypted, CannotEncrypt> {
    let iv = world.entropy.sixteen_bytes();
    let encrypted_data = crypto::encrypt(session_key, iv, payload).map_err(|_| CannotEncrypt::NotASessionKey)?;
    Ok(Encrypted { encrypted_data, iv: crypto::base64(&iv) })
}
