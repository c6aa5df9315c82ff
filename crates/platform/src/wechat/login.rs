//! `sns/jscode2session`: a `wx.login` code becomes an identity. Asked once, whatever happens.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html>

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::WeChat;
use super::answer::{ask, lacks, without_token};
use crate::http::Call;
use crate::{Error, Identity, JsCode, OpenId, SessionKey, UnionId};

#[derive(Deserialize)]
struct Exchanged {
    openid: Option<String>,
    unionid: Option<String>,
    session_key: Option<SecretString>,
}

impl WeChat {
    /// Exchanges the code. The AppSecret travels in the query, as WeChat wants it.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", self.secret.expose()),
            ("js_code", code.expose()),
            ("grant_type", "authorization_code"),
        ];
        let call = Call { path: "/sns/jscode2session", query: &query, body: None };
        let exchanged: Exchanged =
            ask(&self.caller, call, &[self.secret.expose(), code.expose()]).await.map_err(without_token)?;
        identity(exchanged)
    }
}

fn identity(exchanged: Exchanged) -> Result<Identity, Error> {
    let openid =
        exchanged.openid.and_then(|text| OpenId::parse(text).ok()).ok_or_else(|| lacks("openid is missing"))?;
    let session_key = exchanged
        .session_key
        .and_then(|text| SessionKey::parse(text.expose_secret()).ok())
        .ok_or_else(|| lacks("session_key is missing"))?;
    let unionid = exchanged
        .unionid
        .filter(|text| !text.is_empty())
        .map(|text| UnionId::parse(text).map_err(|_| lacks("unionid is not one")))
        .transpose()?;
    Ok(Identity { openid, unionid, session_key: Some(session_key) })
}
