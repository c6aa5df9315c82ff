//! `alipay.system.oauth.token`: a code of `my.getAuthCode`, or of a browser that came back, becomes an identity. Asked once.
//!
//! <https://opendocs.alipay.com/apis/api_9/alipay.system.oauth.token>

use secrecy::SecretString;
use serde::Deserialize;

use super::Alipay;
use super::gateway::Method;
use crate::answer::lacks;
use crate::{Error, Identity, OpenId, UnionId};

const TOKEN: Method =
    Method { name: "alipay.system.oauth.token", node: "alipay_system_oauth_token_response", within: None };

#[derive(Deserialize)]
struct Exchanged {
    access_token: Option<SecretString>,
    open_id: Option<String>,
    user_id: Option<String>,
    union_id: Option<String>,
}

/// Who it is, and the token that opens what they look like.
pub(super) struct Granted {
    pub(super) identity: Identity,
    pub(super) access_token: Option<SecretString>,
}

impl Alipay {
    pub(super) async fn code_to_token(&self, code: &str) -> Result<Granted, Error> {
        let business = [("grant_type", "authorization_code"), ("code", code)];
        let exchanged: Exchanged = self.ask(&TOKEN, &[], &business, &[code]).await?;
        let Exchanged { access_token, open_id, user_id, union_id } = exchanged;
        Ok(Granted { identity: identity([open_id, user_id, union_id])?, access_token })
    }
}

/// New apps see an `open_id`, each its own; older ones the `user_id`, the same everywhere, which is a unionid as well: so
/// somebody whom an app knew by the one is found again when it changes to the other.
fn identity(ids: [Option<String>; 3]) -> Result<Identity, Error> {
    let [of_app, everywhere, of_account] = ids.map(|id| id.filter(|text| !text.is_empty()));
    let openid = of_app.or_else(|| everywhere.clone()).and_then(|text| OpenId::parse(text).ok());
    let unionid = everywhere.or(of_account).map(|text| UnionId::parse(text).map_err(|_| lacks("user_id is not one")));
    Ok(Identity {
        openid: openid.ok_or_else(|| lacks("open_id and user_id are missing"))?,
        unionid: unionid.transpose()?,
        session_key: None,
    })
}
