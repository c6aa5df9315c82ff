//! `wxa/checksession` and `wxa/resetusersessionkey`: whether a session key is still good, and a new one for it.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/checkSessionKey.html> and
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/ResetUserSessionKey.html>

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::WeChat;
use super::answer::{ask, lacks};
use super::signature::login_state;
use crate::http::Call;
use crate::{AccessToken, Error, OpenId, SessionKey, SessionKeys};

#[derive(Deserialize)]
struct Replaced {
    openid: Option<String>,
    session_key: Option<SecretString>,
}

#[async_trait]
impl SessionKeys for WeChat {
    async fn check(&self, token: &AccessToken, openid: &OpenId, key: &SessionKey) -> Result<bool, Error> {
        match self.ask_signed::<IgnoredAny>("/wxa/checksession", token, openid, key).await {
            Ok(_) => Ok(true),
            Err(Error::SessionKeyStale { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn reset(&self, token: &AccessToken, openid: &OpenId, key: &SessionKey) -> Result<SessionKey, Error> {
        let replaced: Replaced = self.ask_signed("/wxa/resetusersessionkey", token, openid, key).await?;
        if replaced.openid.is_some_and(|named| named != openid.as_str()) {
            return Err(lacks("the answer is about another openid"));
        }
        let fresh = replaced.session_key.and_then(|text| SessionKey::parse(text.expose_secret()).ok());
        fresh.ok_or_else(|| lacks("session_key is missing"))
    }
}

impl WeChat {
    /// Asks with the proof that we hold the key: its signature over nothing.
    pub(super) async fn ask_signed<T: DeserializeOwned>(
        &self,
        path: &'static str,
        token: &AccessToken,
        openid: &OpenId,
        key: &SessionKey,
    ) -> Result<T, Error> {
        let signature = login_state(key, b"");
        let query = [
            ("access_token", token.expose()),
            ("openid", openid.as_str()),
            ("signature", signature.as_str()),
            ("sig_method", "hmac_sha256"),
        ];
        let confidential = [token.expose(), openid.as_str(), signature.as_str(), key.expose()];
        ask(&self.caller, Call { path, query: &query, body: None }, &confidential).await
    }
}
