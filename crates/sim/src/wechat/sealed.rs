//! `wxa/business/checkencryptedmsg`: did WeChat really encrypt this phone number?
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/basic-info/checkEncryptedData.html>

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use crate::gateway::Asked;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, Status, crypto, json, posted, token};
use crate::world::World;

/// Only what was encrypted within three days is known.
const REMEMBERED: i64 = 3 * 86_400;

/// By app and digest, when it was encrypted.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    known: HashMap<(String, String), i64>,
    order: VecDeque<(i64, (String, String))>,
}

impl Sealed {
    /// The page does not say whether the hash is over the base64 text or the bytes: either finds it.
    pub(crate) fn note(&mut self, appid: &str, encrypted_data: &str, now: i64) {
        while let Some((_, key)) = self.order.pop_front_if(|(made_at, _)| now >= *made_at + REMEMBERED) {
            self.known.remove(&key);
        }
        let decoded = crypto::from_base64(encrypted_data).unwrap_or_default();
        for digest in [crypto::sha256(encrypted_data.as_bytes()), crypto::sha256(&decoded)] {
            let key = (appid.to_owned(), digest);
            self.order.push_back((now, key.clone()));
            self.known.insert(key, now);
        }
    }
}

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    status: Status<'static>,
    /// WeChat's spelling.
    vaild: bool,
    create_time: i64,
}

pub(crate) fn checkencryptedmsg(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let digest = asked.member("encrypted_msg_hash").ok_or(Refusal::InvalidArgs)?;
    let made_at = world.wechat.sealed.known.get(&(appid, digest.to_owned())).copied();
    let made_at = made_at.filter(|made_at| world.now() < made_at + REMEMBERED);
    Ok(json(&Answer { status: OK, vaild: made_at.is_some(), create_time: made_at.unwrap_or(0) }))
}
