//! `session_keys`: one good key for a person and app at a time, `wxa/checksession`, `wxa/resetusersessionkey`.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/checkSessionKey.html>
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/ResetUserSessionKey.html>

use std::collections::HashMap;

use serde::Serialize;

use crate::entropy::Entropy;
use crate::gateway::Asked;
use crate::policy::SessionKeyPolicy;
use crate::wechat::errors::Refusal;
use crate::wechat::quota::{Counted, Window};
use crate::wechat::{OK, Status, crypto, json, token};
use crate::world::World;

/// The keys that are good, by openid. A key that was replaced is forgotten: it is dead.
#[derive(Debug, Default)]
pub(crate) struct SessionKeys(HashMap<String, SessionKey>);

#[derive(Debug)]
struct SessionKey {
    text: String,
    made_at: i64,
    expires_at: i64,
}

/// The policy, as far as it is about keys, for one app.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    replaced: SessionKeyPolicy,
    min_interval: i64,
    life: i64,
}

impl Rules {
    pub(crate) fn of(world: &World, appid: &str) -> Self {
        let own = world.apps.find(appid).and_then(|app| app.session_key);
        let policy = &world.policy;
        Self {
            replaced: own.unwrap_or(policy.session_key),
            min_interval: policy.min_interval,
            life: policy.session_key_life,
        }
    }
}

impl SessionKeys {
    /// The key that a login gets: the current one or, as the policy has it, a new one.
    pub(crate) fn at_login(&mut self, openid: &str, rules: Rules, entropy: &mut Entropy, now: i64) -> String {
        let good = self.0.get_mut(openid).filter(|key| now < key.expires_at);
        let kept = good.filter(|key| match rules.replaced {
            SessionKeyPolicy::Always => false,
            SessionKeyPolicy::MinInterval => now < key.made_at.saturating_add(rules.min_interval),
            SessionKeyPolicy::Never => true,
        });
        match kept {
            Some(key) => {
                key.expires_at = now.saturating_add(rules.life);
                key.text.clone()
            }
            None => self.replace(openid, now.saturating_add(rules.life), entropy, now),
        }
    }

    pub(crate) fn current(&self, openid: &str, now: i64) -> Option<&str> {
        self.0.get(openid).filter(|key| now < key.expires_at).map(|key| key.text.as_str())
    }

    /// The person is active: a good key lives on.
    pub(crate) fn touch(&mut self, openid: &str, life: i64, now: i64) {
        if let Some(key) = self.0.get_mut(openid).filter(|key| now < key.expires_at) {
            key.expires_at = now.saturating_add(life);
        }
    }

    /// Replaces a good key without lengthening its life.
    pub(crate) fn reset(&mut self, openid: &str, entropy: &mut Entropy, now: i64) -> Option<String> {
        let expires_at = self.0.get(openid).filter(|key| now < key.expires_at)?.expires_at;
        Some(self.replace(openid, expires_at, entropy, now))
    }

    /// Ends a good key; says whether there was one.
    pub(crate) fn expire(&mut self, openid: &str, now: i64) -> bool {
        let key = self.0.get_mut(openid).filter(|key| now < key.expires_at);
        key.map(|key| key.expires_at = now).is_some()
    }

    fn replace(&mut self, openid: &str, expires_at: i64, entropy: &mut Entropy, now: i64) -> String {
        let text = crypto::base64(&entropy.sixteen_bytes());
        self.0.insert(openid.to_owned(), SessionKey { text: text.clone(), made_at: now, expires_at });
        text
    }
}

/// Is this signature made with the person's current key?
pub(crate) fn checksession(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = token::authorized(world, asked)?;
    let (openid, signature) = signed(world, &appid, |name| asked.query(name))?;
    verify(world, openid, signature).map_err(|_| Refusal::InvalidSignature)?;
    Ok(json(&OK))
}

#[derive(Serialize)]
struct Reset<'a> {
    #[serde(flatten)]
    status: Status<'static>,
    openid: &'a str,
    session_key: String,
}

/// A new key for a signature with the current one.
pub(crate) fn resetusersessionkey(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = token::authorized(world, asked)?;
    let openid = proved(world, &appid, |name| asked.query(name))?;
    let now = world.now();
    let counted = Counted { call: "resetusersessionkey", subject: appid, window: Window::Minute };
    world.wechat.counters.count(counted, world.policy.quotas.reset_session_key_minute, now)?;
    let fresh = world.wechat.keys.reset(openid, &mut world.entropy, now).ok_or(Refusal::SessionKeyGone)?;
    Ok(json(&Reset { status: OK, openid, session_key: fresh }))
}

/// The openid, with a signature that is made with the person's current key.
pub(crate) fn proved<'a>(
    world: &World,
    appid: &str,
    parameter: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<&'a str, Refusal> {
    let (openid, signature) = signed(world, appid, parameter)?;
    verify(world, openid, signature).map(|()| openid)
}

/// The openid, known to the app, and the signature.
fn signed<'a>(
    world: &World,
    appid: &str,
    parameter: impl Fn(&'static str) -> Option<&'a str>,
) -> Result<(&'a str, &'a str), Refusal> {
    let parameter = |name| parameter(name).ok_or(Refusal::InvalidArgs);
    let (openid, signature) = (parameter("openid")?, parameter("signature")?);
    if world.people.by_openid(openid).is_none_or(|who| who.appid != appid) {
        return Err(Refusal::InvalidOpenid);
    }
    if parameter("sig_method")? != "hmac_sha256" {
        return Err(Refusal::InvalidSigMethod);
    }
    Ok((openid, signature))
}

fn verify(world: &World, openid: &str, signature: &str) -> Result<(), Refusal> {
    let key = world.wechat.keys.current(openid, world.now()).ok_or(Refusal::SessionKeyGone)?;
    if crypto::sign_login_state(key, b"") == signature { Ok(()) } else { Err(Refusal::InvalidSignature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { replaced: SessionKeyPolicy::Always, min_interval: 60, life: 1000 };

    fn keys_of_two_logins(rule: SessionKeyPolicy, apart: i64) -> (String, String) {
        let (mut keys, mut entropy) = (SessionKeys::default(), Entropy::new(1));
        let mut login = |now| keys.at_login("o", Rules { replaced: rule, ..RULES }, &mut entropy, now);
        (login(1000), login(1000 + apart))
    }

    #[test]
    fn a_login_replaces_the_key_as_the_policy_has_it() {
        let replaced = |rule, apart| {
            let (first, second) = keys_of_two_logins(rule, apart);
            first != second
        };
        assert!(replaced(SessionKeyPolicy::Always, 0));
        assert!(!replaced(SessionKeyPolicy::MinInterval, 59));
        assert!(replaced(SessionKeyPolicy::MinInterval, 60));
        assert!(!replaced(SessionKeyPolicy::Never, 999));
        assert!(replaced(SessionKeyPolicy::Never, 1000));
    }

    #[test]
    fn a_reset_does_not_lengthen_a_keys_life() {
        let (mut keys, mut entropy) = (SessionKeys::default(), Entropy::new(1));
        keys.at_login("o", RULES, &mut entropy, 0);
        assert!(keys.reset("o", &mut entropy, RULES.life - 1).is_some());
        assert!(keys.current("o", RULES.life).is_none());
        assert!(keys.reset("o", &mut entropy, RULES.life).is_none());
    }

    #[test]
    fn activity_keeps_a_key_alive_but_does_not_bring_it_back() {
        let (mut keys, mut entropy) = (SessionKeys::default(), Entropy::new(1));
        keys.at_login("o", RULES, &mut entropy, 0);
        keys.touch("o", 100, 10);
        assert!(keys.current("o", 109).is_some());
        keys.touch("o", 100, 110);
        assert!(keys.current("o", 110).is_none());
    }
}
