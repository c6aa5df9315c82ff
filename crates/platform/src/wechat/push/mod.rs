//! 消息推送: what WeChat sends to an app's own server, and the question by which its console makes sure of the address.
//!
//! Lives here: who signed it, when, and for whom. `cipher` opens it, `members` and `xml` read it, `event` understands it.
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html>

mod cipher;
mod event;
mod members;
mod xml;

use std::borrow::Cow;

use secrecy::{ExposeSecret as _, SecretString};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

pub use self::cipher::EncodingAesKey;
use self::members::Members;
use super::signature::hex;
use crate::{AppId, BadValue, NotTaken, Push, Pushed};

/// A push of another time is no push: seconds, either way.
const WINDOW: i64 = 5 * 60;
/// WeChat's own values have 40 characters at most.
const LONGEST_PARAMETER: usize = 256;

/// The Token of the console, which both sides sign with.
#[derive(Debug, Clone)]
pub struct PushToken(SecretString);

impl PushToken {
    /// Accepts 3 to 64 visible ASCII characters; the console asks for letters and digits, 32 at most.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        let fits = (3..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(SecretString::from(text))) } else { Err(BadValue("push token")) }
    }
}

/// What 消息推送 of the console is set to.
#[derive(Debug, Clone)]
pub struct PushKeys {
    /// The Token.
    pub token: PushToken,
    /// The `EncodingAESKey`; without it pushes come in clear, and anybody who has seen one can make up others.
    pub aes_key: Option<EncodingAesKey>,
}

/// Where one app hears of WeChat.
#[derive(Debug)]
pub(super) struct Hearing {
    pub(super) appid: AppId,
    pub(super) keys: PushKeys,
}

/// The parameters of the address.
struct Parameters<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Parameters<'q> {
    fn of(query: &'q str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).collect())
    }

    fn get(&self, name: &'static str) -> Result<&str, NotTaken> {
        let mut all = self.0.iter().filter(|(given, _)| given == name);
        let (Some((_, value)), None) = (all.next(), all.next()) else { return Err(NotTaken::Parameter(name)) };
        if value.len() > LONGEST_PARAMETER { Err(NotTaken::Parameter(name)) } else { Ok(value) }
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Time and nonce, once the signature and its time are good; `encrypted` is what the signature covers beside.
    fn check(&self, token: &PushToken, encrypted: Option<&str>, now: i64) -> Result<String, NotTaken> {
        let (timestamp, nonce) = (self.get("timestamp")?, self.get("nonce")?);
        let given = self.get(if encrypted.is_some() { "msg_signature" } else { "signature" })?;
        let mut parts = vec![token.0.expose_secret(), timestamp, nonce];
        parts.extend(encrypted);
        if !bool::from(signature(parts).as_bytes().ct_eq(given.as_bytes())) {
            return Err(NotTaken::Signature);
        }
        let at: i64 = timestamp.parse().map_err(|_| NotTaken::Parameter("timestamp"))?;
        if now.abs_diff(at) > WINDOW.unsigned_abs() { Err(NotTaken::Stale) } else { Ok(format!("{timestamp} {nonce}")) }
    }
}

/// SHA-1 of the parts, sorted by their bytes and joined, in lower-case hexadecimal.
fn signature(mut parts: Vec<&str>) -> String {
    parts.sort_unstable();
    hex(&Sha1::digest(parts.concat()))
}

impl Push for Hearing {
    fn prove(&self, query: &str, now: i64) -> Result<String, NotTaken> {
        let parameters = Parameters::of(query);
        parameters.check(&self.keys.token, None, now)?;
        parameters.get("echostr").map(str::to_owned)
    }

    fn take(&self, query: &str, body: &[u8], now: i64) -> Result<Pushed, NotTaken> {
        let parameters = Parameters::of(query);
        let token = &self.keys.token;
        let Some(key) = &self.keys.aes_key else {
            let nonce = parameters.check(token, None, now)?;
            if parameters.has("encrypt_type") {
                return Err(NotTaken::Encrypted);
            }
            return event::read(&Members::read(body)?, &self.appid, nonce);
        };
        if !parameters.has("msg_signature") {
            return Err(NotTaken::InClear);
        }
        // In 兼容模式 the same stands there in clear, too, which nothing proves.
        let envelope = Members::read(body)?;
        let encrypted = envelope.get("Encrypt").ok_or(NotTaken::InClear)?;
        let nonce = parameters.check(token, Some(encrypted), now)?;
        let message = key.open(encrypted, &self.appid)?;
        event::read(&Members::read(&message)?, &self.appid, nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Told;

    /// The official samples, and one of `WxJava`.
    const V5: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
    const V5_QUERY: &str = "signature=6c5c811b55cc85e0e1b54100749188c20beb3f5d&timestamp=1714112445&nonce=415670741&openid=o9AgO5Kd5ggOC-bXrbNODIiE3bGY&encrypt_type=aes&msg_signature=046e02f8204d34f8ba5fa3b1db94908f3df2e9b3";
    const V5_TIME: i64 = 1_714_112_445;

    fn hearing(token: &str, key: Option<&str>, appid: &str) -> Hearing {
        let aes_key = key.map(|key| EncodingAesKey::parse(key).unwrap());
        Hearing {
            appid: AppId::parse(appid).unwrap(),
            keys: PushKeys { token: PushToken::parse(token).unwrap(), aes_key },
        }
    }

    fn official() -> Hearing {
        hearing("AAAAA", Some(&"A".repeat(43)), "wxba5fad812f8e6fb9")
    }

    fn v5(encrypted: &str) -> String {
        format!(r#"{{"ToUserName":"gh_97417a04a28d","Encrypt":"{encrypted}"}}"#)
    }

    #[test]
    fn the_question_of_the_console_is_answered_in_the_official_sample() {
        let query = "signature=f464b24fc39322e44b38aa78f5edd27bd1441696&echostr=4375120948345356249&timestamp=1714036504&nonce=1514711492";
        assert_eq!(official().prove(query, 1_714_036_504).unwrap(), "4375120948345356249");
        let other = hearing("AAAAB", None, "wxba5fad812f8e6fb9");
        assert_eq!(other.prove(query, 1_714_036_504), Err(NotTaken::Signature));
        assert_eq!(official().prove(query, 1_714_036_504 + 301), Err(NotTaken::Stale));
        assert_eq!(official().prove(&query.replace("nonce", "once"), 0), Err(NotTaken::Parameter("nonce")));
        assert_eq!(official().prove(&format!("{query}&nonce=1"), 0), Err(NotTaken::Parameter("nonce")));
        let without = query.replace("&echostr=4375120948345356249", "");
        assert_eq!(official().prove(&without, 1_714_036_504), Err(NotTaken::Parameter("echostr")));
    }

    #[test]
    fn a_plain_push_is_signed_as_in_the_official_sample() {
        let plain = hearing("AAAAA", None, "wxba5fad812f8e6fb9");
        let query = "signature=899cf89e464efb63f54ddac96b0a0a235f53aa78&timestamp=1714037059&nonce=486452656";
        let body = br#"{"MsgType":"event","Event":"debug_demo","CreateTime":1714037059}"#;
        let pushed = plain.take(query, body, 1_714_037_059).unwrap();
        assert_eq!(
            (pushed.event.as_str(), pushed.nonce.as_str(), pushed.told),
            ("debug_demo", "1714037059 486452656", Told::Nothing)
        );
        assert_eq!(plain.take(&format!("{query}&encrypt_type=aes"), body, 1_714_037_059), Err(NotTaken::Encrypted));
        assert_eq!(official().take(query, body, 1_714_037_059), Err(NotTaken::InClear));
    }

    #[test]
    fn a_secure_push_opens_as_in_the_official_sample() {
        let pushed = official().take(V5_QUERY, v5(V5).as_bytes(), V5_TIME).unwrap();
        assert_eq!((pushed.event.as_str(), pushed.created), ("debug_demo", V5_TIME));
        let xml = format!(
            "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName><Encrypt><![CDATA[{V5}]]></Encrypt></xml>"
        );
        assert_eq!(official().take(V5_QUERY, xml.as_bytes(), V5_TIME).unwrap(), pushed);
        for late in [-301, 301] {
            assert_eq!(official().take(V5_QUERY, v5(V5).as_bytes(), V5_TIME + late), Err(NotTaken::Stale));
        }
        for early in [-300, 300] {
            assert!(official().take(V5_QUERY, v5(V5).as_bytes(), V5_TIME + early).is_ok());
        }
    }

    #[test]
    fn what_the_signature_does_not_cover_is_not_believed() {
        let tampered = V5.replacen("qdx1", "qdx2", 1);
        assert_eq!(official().take(V5_QUERY, v5(&tampered).as_bytes(), V5_TIME), Err(NotTaken::Signature));
        let plain_signature_alone = V5_QUERY.split("&encrypt_type").next().unwrap();
        assert_eq!(official().take(plain_signature_alone, v5(V5).as_bytes(), V5_TIME), Err(NotTaken::InClear));
        let other_app = hearing("AAAAA", Some(&"A".repeat(43)), "wx0123456789abcdef");
        assert_eq!(other_app.take(V5_QUERY, v5(V5).as_bytes(), V5_TIME), Err(NotTaken::OtherApp));
        let other_key = hearing("AAAAA", Some(&"B".repeat(43)), "wxba5fad812f8e6fb9");
        assert_eq!(other_key.take(V5_QUERY, v5(V5).as_bytes(), V5_TIME), Err(NotTaken::Unopened));
        for (name, longer) in [
            ("msg_signature", V5_QUERY.replace("&msg_signature=", "&msg_signature=0")),
            ("case", V5_QUERY.replace("046e02f8", "046E02F8")),
        ] {
            assert_eq!(official().take(&longer, v5(V5).as_bytes(), V5_TIME), Err(NotTaken::Signature), "{name}");
        }
    }

    #[test]
    fn a_token_is_three_to_sixty_four_visible_characters() {
        for bad in ["", "ab", "with space", &"a".repeat(65)] {
            assert!(PushToken::parse(bad).is_err(), "{bad:?}");
        }
        let token = PushToken::parse("pamtest").unwrap();
        assert!(!format!("{token:?}").contains("pamtest"));
    }
}
