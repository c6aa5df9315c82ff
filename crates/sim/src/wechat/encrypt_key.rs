//! Keys that WeChat keeps for a person and an app: `wxa/business/getuserencryptkey`, and `getLatestUserKey` on the phone.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/internet/getUserEncryptKey.html>
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/user-encryption.html>

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use crate::entropy::Entropy;
use crate::gateway::Asked;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, Status, crypto, json, session, token};
use crate::world::World;

const LIFE: i64 = 3600;
/// Late ciphertexts are still read with the two keys before the current one, dead or not.
const LISTED: usize = 3;

/// Newest first, by openid.
#[derive(Debug, Default)]
pub(crate) struct UserKeys(HashMap<String, VecDeque<UserKey>>);

#[derive(Clone, Debug)]
pub(crate) struct UserKey {
    pub(crate) encrypt_key: String,
    /// Sixteen characters that are the sixteen bytes.
    pub(crate) iv: String,
    pub(crate) version: u32,
    made_at: i64,
}

impl UserKey {
    /// Seconds that are left.
    pub(crate) fn left(&self, now: i64) -> i64 {
        (self.made_at + LIFE - now).clamp(0, LIFE)
    }
}

impl UserKeys {
    /// The key that the phone encrypts with now.
    pub(crate) fn latest(&mut self, openid: &str, entropy: &mut Entropy, now: i64) -> UserKey {
        let keys = self.0.entry(openid.to_owned()).or_default();
        if let Some(good) = keys.front().filter(|key| key.left(now) > 0) {
            return good.clone();
        }
        let fresh = UserKey {
            encrypt_key: crypto::base64(&entropy.sixteen_bytes()),
            iv: entropy.hex(16),
            version: keys.front().map_or(1, |former| former.version + 1),
            made_at: now,
        };
        keys.push_front(fresh.clone());
        keys.truncate(LISTED);
        fresh
    }

    fn listed(&mut self, openid: &str, entropy: &mut Entropy, now: i64) -> Vec<UserKey> {
        if !self.0.contains_key(openid) {
            self.latest(openid, entropy, now);
        }
        self.0.get(openid).into_iter().flatten().cloned().collect()
    }
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    status: Status<'static>,
    key_info_list: Vec<KeyInfo>,
}

#[derive(Serialize)]
struct KeyInfo {
    encrypt_key: String,
    version: u32,
    expire_in: i64,
    iv: String,
    create_time: i64,
}

/// The last three keys of a person, for a signature with the current `session_key`. GET today, POST on older pages; both serve.
pub(crate) fn getuserencryptkey(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    let appid = token::authorized(world, asked)?;
    let openid = session::proved(world, &appid, |name| asked.query(name).or_else(|| asked.member(name)))?;
    let now = world.now();
    let keys = world.wechat.user_keys.listed(openid, &mut world.entropy, now);
    let info = |key: UserKey| KeyInfo {
        expire_in: key.left(now),
        encrypt_key: key.encrypt_key,
        version: key.version,
        iv: key.iv,
        create_time: key.made_at,
    };
    Ok(json(&Answer { status: OK, key_info_list: keys.into_iter().map(info).collect() }))
}
