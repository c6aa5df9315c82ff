//! What the mini programs of QQ and Douyin have in common: one-use codes, a `session_key` that every login replaces, data
//! encrypted and signed under it, and a token of the app's.
//!
//! Does not: the words of an answer; each platform has its own file.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::entropy::Entropy;
use crate::people::{Phone, Who};
use crate::wechat::codes::Codes;
use crate::wechat::crypto;
use crate::world::World;

/// Tokens of apps, all platforms.
const TOKEN_LIFE: i64 = 7200;

/// What one platform remembers.
#[derive(Debug, Default)]
pub(crate) struct Mini {
    pub(crate) login_codes: Codes<LoginCode>,
    pub(crate) phone_codes: Codes<PhoneCode>,
    keys: HashMap<String, String>,
    tokens: HashMap<String, (String, i64)>,
}

/// What a login code stands for.
#[derive(Clone, Debug)]
pub(crate) struct LoginCode {
    pub(crate) who: Who,
    pub(crate) session_key: String,
}

/// What a phone code stands for.
#[derive(Clone, Debug)]
pub(crate) struct PhoneCode {
    pub(crate) who: Who,
    pub(crate) phone: Phone,
}

impl Mini {
    /// A code, and a new `session_key`: the former one is dead.
    pub(crate) fn login(&mut self, who: &Who, code: String, entropy: &mut Entropy, now: i64) -> String {
        let session_key = crypto::base64(&entropy.sixteen_bytes());
        self.keys.insert(who.openid.clone(), session_key.clone());
        self.login_codes.issue(code.clone(), LoginCode { who: who.clone(), session_key }, now);
        code
    }

    /// The person's `session_key`.
    pub(crate) fn key(&self, openid: &str) -> Option<&str> {
        self.keys.get(openid).map(String::as_str)
    }

    /// A token of the app's.
    pub(crate) fn issue_token(&mut self, appid: &str, token: String, now: i64) -> (String, i64) {
        self.tokens.retain(|_, (_, until)| now < *until);
        self.tokens.insert(token.clone(), (appid.to_owned(), now + TOKEN_LIFE));
        (token, TOKEN_LIFE)
    }

    /// Whose token it is, while it lives.
    pub(crate) fn app_of_token(&self, token: &str, now: i64) -> Option<&str> {
        self.tokens.get(token).filter(|(_, until)| now < *until).map(|(appid, _)| appid.as_str())
    }
}

/// What `getUserProfile` and its like give: the data in clear with its signature, and once more encrypted with a watermark.
pub(crate) fn signed(world: &mut World, key: &str, (who, clear, more): (&Who, &Value, Value)) -> Option<Value> {
    let raw_data = clear.to_string();
    let signature = crypto::sign_raw_data(&raw_data, key);
    let mut payload = clear.clone();
    for (name, value) in more.as_object().into_iter().flatten() {
        payload[name] = value.clone();
    }
    let (encrypted_data, iv) = encrypted(world, key, (who, payload))?;
    Some(
        json!({ "userInfo": clear, "rawData": raw_data, "signature": signature, "encryptedData": encrypted_data, "iv": iv }),
    )
}

/// A payload with a watermark, encrypted under the key; and its iv.
pub(crate) fn encrypted(world: &mut World, key: &str, (who, mut payload): (&Who, Value)) -> Option<(String, String)> {
    payload["watermark"] = json!({ "timestamp": world.now(), "appid": who.appid });
    let iv = world.entropy.sixteen_bytes();
    let encrypted = crypto::encrypt(key, iv, &payload.to_string()).ok()?;
    Some((encrypted, crypto::base64(&iv)))
}

/// A number as WeChat and those after it write it.
pub(crate) fn phone_info(phone: &Phone) -> Value {
    let abroad = if phone.country_code == "86" { "" } else { phone.country_code.as_str() };
    json!({
        "phoneNumber": format!("{abroad}{}", phone.number),
        "purePhoneNumber": phone.number,
        "countryCode": phone.country_code,
    })
}
