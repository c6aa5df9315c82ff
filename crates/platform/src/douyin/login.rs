//! `apps/v2/jscode2session`: a `tt.login` code becomes an identity. Asked once, whatever happens.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Douyin, wire};
use crate::answer::{heard, lacks};
use crate::http::Call;
use crate::{Error, Identity, JsCode, OpenId, SessionKey, UnionId};

#[derive(Serialize)]
struct Request<'a> {
    appid: &'a str,
    secret: &'a str,
    code: &'a str,
}

/// Members that don't apply are empty texts.
#[derive(Deserialize)]
struct Exchanged {
    openid: Option<String>,
    unionid: Option<String>,
    session_key: Option<SecretString>,
}

impl Douyin {
    /// Exchanges the code.
    pub(super) async fn code_to_session(&self, code: &JsCode) -> Result<Identity, Error> {
        const PATH: &str = "/api/apps/v2/jscode2session";
        let (secret, code) = (self.secret.expose(), code.expose());
        let request = Request { appid: self.appid.as_str(), secret, code };
        let body = serde_json::to_vec(&request).expect("three texts are JSON");
        let body = heard(PATH, self.caller.send(Call { path: PATH, query: &[], body: Some(body) }).await)?;
        identity(wire::data(PATH, &body, &[secret, code])?)
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
