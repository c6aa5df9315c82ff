//! What WeChat, QQ and Douyin answer to the code of a mini program: openid, unionid and `session_key`.
//!
//! Not here: the request, and how a refusal is written.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::answer::lacks;
use crate::{Error, Identity, OpenId, SessionKey, UnionId};

/// Members that don't apply may be empty texts.
#[derive(Deserialize)]
pub(crate) struct Exchanged {
    openid: Option<String>,
    unionid: Option<String>,
    session_key: Option<SecretString>,
}

impl Exchanged {
    pub(crate) fn identity(self) -> Result<Identity, Error> {
        let openid = self.openid.and_then(|text| OpenId::parse(text).ok()).ok_or_else(|| lacks("openid is missing"))?;
        let session_key = self
            .session_key
            .and_then(|text| SessionKey::parse(text.expose_secret()).ok())
            .ok_or_else(|| lacks("session_key is missing"))?;
        Ok(Identity { openid, unionid: unionid(self.unionid)?, session_key: Some(session_key) })
    }
}

/// An empty text is none.
pub(crate) fn unionid(text: Option<String>) -> Result<Option<UnionId>, Error> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| UnionId::parse(text).map_err(|_| lacks("unionid is not one"))).transpose()
}
