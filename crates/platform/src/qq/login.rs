//! `sns/jscode2session` of QQ: a `qq.login` code becomes an identity. Asked once, whatever happens.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Qq, explain};
use crate::answer::{ask, lacks};
use crate::http::Call;
use crate::{Error, Identity, JsCode, OpenId, SessionKey, UnionId};

#[derive(Deserialize)]
struct Exchanged {
    openid: Option<String>,
    unionid: Option<String>,
    session_key: Option<SecretString>,
}

impl Qq {
    /// Exchanges the code. The AppSecret travels in the query, as QQ wants it.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        let query = [
            ("appid", self.appid.as_str()),
            ("secret", self.secret.expose()),
            ("js_code", code.expose()),
            ("grant_type", "authorization_code"),
        ];
        let call = Call { path: "/sns/jscode2session", query: &query, body: None };
        let exchanged = ask(&self.caller, call, &[self.secret.expose(), code.expose()], explain).await?;
        identity(exchanged)
    }
}

fn identity(exchanged: Exchanged) -> Result<Identity, Error> {
    let Exchanged { openid, unionid, session_key } = exchanged;
    let openid = openid.and_then(|text| OpenId::parse(text).ok()).ok_or_else(|| lacks("openid is missing"))?;
    let session_key = session_key
        .and_then(|text| SessionKey::parse(text.expose_secret()).ok())
        .ok_or_else(|| lacks("session_key is missing"))?;
    let unionid = unionid.filter(|text| !text.is_empty());
    let unionid = unionid.map(|text| UnionId::parse(text).map_err(|_| lacks("unionid is not one"))).transpose()?;
    Ok(Identity { openid, unionid, session_key: Some(session_key) })
}
