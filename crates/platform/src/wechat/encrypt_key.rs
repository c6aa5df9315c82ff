//! `wxa/business/getuserencryptkey`: the keys that a person's client encrypts with, as WeChat keeps them for both sides.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/internet/getUserEncryptKey.html>

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::WeChat;
use super::answer::{TextOrNumber, lacks};
use crate::secrets::decoded;
use crate::{AccessToken, EncryptKey, EncryptKeys, Error, OpenId, SessionKey};

/// WeChat lists three.
const MOST: usize = 16;

#[derive(Deserialize)]
struct Found {
    key_info_list: Option<Vec<KeyInfo>>,
}

#[derive(Deserialize)]
struct KeyInfo {
    encrypt_key: SecretString,
    iv: SecretString,
    version: TextOrNumber,
    expire_in: TextOrNumber,
}

#[async_trait]
impl EncryptKeys for WeChat {
    async fn encrypt_keys(
        &self,
        token: &AccessToken,
        openid: &OpenId,
        key: &SessionKey,
    ) -> Result<Vec<EncryptKey>, Error> {
        let found: Found = self.ask_signed("/wxa/business/getuserencryptkey", token, openid, key).await?;
        let list = found.key_info_list.ok_or_else(|| lacks("key_info_list is missing"))?;
        list.into_iter().take(MOST).map(encrypt_key).collect()
    }
}

fn encrypt_key(info: KeyInfo) -> Result<EncryptKey, Error> {
    let wrong = || lacks("key_info_list holds something that is no key");
    decoded::<16>(info.encrypt_key.expose_secret()).ok_or_else(wrong)?;
    let iv = info.iv.expose_secret();
    if iv.len() != 16 || !iv.is_ascii() {
        return Err(wrong());
    }
    let version = info.version.number().ok_or_else(wrong)?;
    let left = info.expire_in.number().and_then(|left| u64::try_from(left).ok()).ok_or_else(wrong)?;
    Ok(EncryptKey::new((info.encrypt_key, info.iv), version, Duration::from_secs(left)))
}
