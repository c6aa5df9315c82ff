//! `oauth/client_token`: the app's token for `open.douyin.com`, where phone numbers are.
//!
//! Not here: the app token of `developer.toutiao.com`, which nothing that menjin does needs.

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Douyin, explain};
use crate::answer::{TextOrNumber, answered, heard, read, refused, shown, without_token};
use crate::http::Call;
use crate::secrets::access_token;
use crate::{AccessToken, AccessTokens, Error};

#[derive(Serialize)]
struct Request<'a> {
    client_key: &'a str,
    client_secret: &'a str,
    grant_type: &'static str,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    data: Granted,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Granted {
    access_token: Option<SecretString>,
    expires_in: Option<TextOrNumber>,
    error_code: Option<TextOrNumber>,
    description: Value,
}

#[async_trait]
impl AccessTokens for Douyin {
    /// Douyin knows no way to force a new one: every request makes one, and cuts the old one to five minutes.
    async fn access_token(&self, _force: bool) -> Result<AccessToken, Error> {
        const PATH: &str = "/oauth/client_token/";
        let secret = self.secret.expose();
        let request =
            Request { client_key: self.appid.as_str(), client_secret: secret, grant_type: "client_credential" };
        let body = serde_json::to_vec(&request).expect("three texts are JSON");
        let body = heard(PATH, self.open.send(Call { path: PATH, query: &[], body: Some(body) }).await)?;
        let Whole { data } = read(&body)?;
        let errcode = data.error_code.as_ref().and_then(TextOrNumber::number).unwrap_or(0);
        answered(PATH, errcode);
        if errcode != 0 {
            let said = shown(data.description.as_str().unwrap_or_default(), &[secret]);
            return Err(without_token(refused(explain(errcode), errcode, said)));
        }
        access_token(data.access_token.as_ref(), data.expires_in.as_ref())
    }
}
