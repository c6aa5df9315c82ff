//! `cgi-bin/stable_token`: the app's access token, the same one for everybody who asks until it nears its end.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html>

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::WeChat;
use super::answer::{TextOrNumber, ask, without_token};
use crate::http::Call;
use crate::secrets::access_token;
use crate::{AccessToken, AccessTokens, Error};

#[derive(Serialize)]
struct Request<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

#[derive(Deserialize)]
struct Granted {
    access_token: Option<SecretString>,
    expires_in: Option<TextOrNumber>,
}

#[async_trait]
impl AccessTokens for WeChat {
    async fn access_token(&self, force: bool) -> Result<AccessToken, Error> {
        let secret = self.secret.expose();
        let request =
            Request { grant_type: "client_credential", appid: self.appid.as_str(), secret, force_refresh: force };
        let body = serde_json::to_vec(&request).expect("three texts and a flag are JSON");
        let call = Call { path: "/cgi-bin/stable_token", query: &[], body: Some(body) };
        let granted: Granted = ask(&self.caller, call, &[secret]).await.map_err(without_token)?;
        access_token(granted.access_token.as_ref(), granted.expires_in.as_ref())
    }
}
