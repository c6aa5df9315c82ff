//! Message push: what WeChat sends to an app's own server, signed and, as the console has it, encrypted.
//!
//! Lives here: settings, events, and a request made of them, right or as an attacker would. Sending is in `delivery`.
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html>

mod secure;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json as value};

use crate::people;
use crate::wechat::push::secure::Flaw;
use crate::wechat::push::written::Members;
use crate::world::World;

/// How an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushFormat {
    /// `{"ToUserName": …}`.
    #[default]
    Json,
    /// `<xml><ToUserName><![CDATA[…]]></ToUserName>…</xml>`.
    Xml,
}

/// What of an event is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushMode {
    /// 明文模式: nothing.
    #[default]
    Plain,
    /// 兼容模式: it comes in clear and once more encrypted.
    Compatible,
    /// 安全模式: all of it.
    Secure,
}

/// An app's push settings, as its console has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {
    /// Where to; on this machine.
    pub url: String,
    /// The Token: what both sides sign with.
    pub token: String,
    /// The `EncodingAESKey`, 43 characters; none is needed in plain mode.
    #[serde(default)]
    pub aes_key: Option<String>,
    /// How an event is written.
    #[serde(default)]
    pub format: PushFormat,
    /// What of it is encrypted.
    #[serde(default)]
    pub mode: PushMode,
}

/// What is wrong with a push, as an attacker or an odd day would have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushTwist {
    /// Both signatures are somebody else's.
    BadSignature,
    /// Nothing is wrong, but the very same request comes twice.
    Replay,
    /// What was encrypted ends in another app's id.
    WrongAppid,
    /// Texts have blanks around them, as in WeChat's own samples.
    StrayBlanks,
    /// It comes in clear and without `msg_signature`, whatever the mode; the plain signature covers no body.
    Unencrypted,
    /// The ciphertext was changed on the way.
    Tampered,
    /// The padding is none, under good signatures.
    BadPadding,
    /// The length inside points behind the end, under good signatures.
    BadLength,
    /// XML that declares entities.
    Entities,
}

/// A push to be sent.
#[derive(Clone, Debug, Default)]
pub struct PushOrder {
    /// Whose app.
    pub appid: String,
    /// Members beside the usual ones, or instead of them; `null` leaves one out. `Event` and `OpenID` belong here.
    pub members: Map<String, Value>,
    /// What is wrong with it.
    pub twist: Option<PushTwist>,
    /// So many seconds lie between its timestamp and now.
    pub age: i64,
}

impl PushOrder {
    /// One of the three events about a person, or any other.
    pub fn event(appid: impl Into<String>, event: &str, openid: &str) -> Self {
        let appid = appid.into();
        let order = Self { appid: appid.clone(), ..Self::default() };
        order.with("Event", event).with("OpenID", openid).with("AppID", appid)
    }

    /// The same push, with a member more: `RevokeInfo`, `OpenPID`, …
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }
}

/// A request as WeChat would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPush {
    /// The app's URL with the query that signs it.
    pub url: String,
    /// Of the body.
    pub content_type: &'static str,
    /// The event.
    pub body: String,
}

/// The settings of apps, by appid.
pub(crate) type Settings = BTreeMap<String, PushSettings>;

/// Signs the order now; the event itself is of `created`, which stays the same when a push is repeated.
pub(crate) fn sign(world: &mut World, settings: &PushSettings, order: &PushOrder, created: i64) -> SignedPush {
    let members = Members(members(order, created));
    let to = members.text("ToUserName");
    let from = members.text("FromUserName");
    let timestamp = world.now().saturating_sub(order.age).to_string();
    let nonce = world.push_entropy.digits(9);
    let mut query = vec![
        ("signature", secure::signature(&[&settings.token, &timestamp, &nonce])),
        ("timestamp", timestamp.clone()),
        ("nonce", nonce.clone()),
        ("openid", from),
    ];
    let mut envelope = Members(Map::new());
    let is_secret = settings.mode != PushMode::Plain && order.twist != Some(PushTwist::Unencrypted);
    if settings.mode != PushMode::Secure || !is_secret {
        envelope = members.clone();
    }
    if is_secret {
        let appid = if order.twist == Some(PushTwist::WrongAppid) { "wx0000000000000000" } else { &order.appid };
        let key = secure::key(settings.aes_key.as_deref().unwrap_or_default());
        let message = members.written(settings.format);
        let random = world.push_entropy.alphanumeric(16);
        let mut encrypted = secure::encrypt(&key, (&random, &message, appid), flaw(order.twist));
        query.push(("encrypt_type", "aes".to_owned()));
        let signature = secure::signature(&[&settings.token, &timestamp, &nonce, &encrypted]);
        query.push(("msg_signature", signature));
        if order.twist == Some(PushTwist::Tampered) {
            encrypted = secure::tampered(&encrypted);
        }
        envelope.0.insert("ToUserName".to_owned(), to.into());
        envelope.0.insert("Encrypt".to_owned(), encrypted.into());
    }
    if order.twist == Some(PushTwist::BadSignature) {
        query.iter_mut().filter(|(name, _)| name.ends_with("signature")).for_each(|(_, text)| *text = "0".repeat(40));
    }
    let (content_type, body) = match (settings.format, order.twist) {
        (_, Some(PushTwist::Entities)) => ("text/xml", envelope.with_entities()),
        (PushFormat::Json, _) => ("application/json", envelope.written(PushFormat::Json)),
        (PushFormat::Xml, _) => ("text/xml", envelope.written(PushFormat::Xml)),
    };
    SignedPush { url: with_query(&settings.url, &query), content_type, body }
}

/// The question by which WeChat makes sure that a URL is the app's: the address, and the text that is to come back.
pub(crate) fn question(world: &mut World, settings: &PushSettings) -> (String, String) {
    let (timestamp, nonce, echo) =
        (world.now().to_string(), world.push_entropy.digits(9), world.push_entropy.digits(19));
    let query = [
        ("signature", secure::signature(&[&settings.token, &timestamp, &nonce])),
        ("echostr", echo.clone()),
        ("timestamp", timestamp),
        ("nonce", nonce),
    ];
    (with_query(&settings.url, &query), echo)
}

/// Can this key be used?
pub(crate) fn is_key(aes_key: &str) -> bool {
    secure::parsed(aes_key).is_some()
}

fn flaw(twist: Option<PushTwist>) -> Flaw {
    match twist {
        Some(PushTwist::BadPadding) => Flaw::Padding,
        Some(PushTwist::BadLength) => Flaw::Length,
        None
        | Some(
            PushTwist::BadSignature
            | PushTwist::Replay
            | PushTwist::WrongAppid
            | PushTwist::StrayBlanks
            | PushTwist::Unencrypted
            | PushTwist::Tampered
            | PushTwist::Entities,
        ) => Flaw::None,
    }
}

/// The usual members, and those of the order. The person is `OpenID`; `FromUserName` is the platform's own name.
fn members(order: &PushOrder, created: i64) -> Map<String, Value> {
    let mut members = Map::new();
    let usual = [
        ("ToUserName", value!(people::original_id(&order.appid))),
        ("FromUserName", value!(people::openid("the platform's push", &order.appid))),
        ("CreateTime", value!(created)),
        ("MsgType", value!("event")),
    ];
    members.extend(usual.map(|(name, value)| (name.to_owned(), value)));
    for (name, value) in &order.members {
        let _former = if value.is_null() { members.remove(name) } else { members.insert(name.clone(), value.clone()) };
    }
    if order.twist == Some(PushTwist::StrayBlanks) {
        for name in ["OpenID", "AppID", "RevokeInfo", "OpenPID", "PluginID"] {
            if let Some(Value::String(text)) = members.get_mut(name) {
                *text = format!(" {text} ");
            }
        }
    }
    members
}

fn with_query(url: &str, query: &[(&str, String)]) -> String {
    let pairs: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, pairs.join("&"))
}
