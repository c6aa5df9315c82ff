//! `api/getToken` of QQ: the app's access token.

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;

use super::{Qq, explain};
use crate::answer::{TextOrNumber, ask};
use crate::http::Call;
use crate::secrets::access_token;
use crate::{AccessToken, AccessTokens, Error};

#[derive(Deserialize)]
struct Granted {
    access_token: Option<SecretString>,
    expires_in: Option<TextOrNumber>,
}

#[async_trait]
impl AccessTokens for Qq {
    /// QQ knows no way to force a new one: every request is alike.
    async fn access_token(&self, _force: bool) -> Result<AccessToken, Error> {
        let secret = self.secret.expose();
        let query = [("grant_type", "client_credential"), ("appid", self.appid.as_str()), ("secret", secret)];
        let call = Call { path: "/api/getToken", query: &query, body: None };
        let granted: Granted = ask(&self.caller, call, &[secret], explain).await?;
        access_token(granted.access_token.as_ref(), granted.expires_in.as_ref())
    }
}
