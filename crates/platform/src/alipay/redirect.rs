//! Sign-in to a website: the browser goes to Alipay and comes back with an `auth_code`; `alipay.user.info.share` says what
//! the person looks like.
//!
//! <https://opendocs.alipay.com/open/284/web>

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use url::Url;

use super::Alipay;
use super::gateway::Method;
use crate::http::PROFILE_WITHIN;
use crate::{Error, Profile, Redirect, RedirectCode, Redirected};

const SHARE: Method =
    Method { name: "alipay.user.info.share", node: "alipay_user_info_share_response", within: Some(PROFILE_WITHIN) };

#[derive(Deserialize)]
struct Shared {
    nick_name: Option<String>,
    avatar: Option<String>,
    gender: Option<String>,
    province: Option<String>,
    city: Option<String>,
}

#[async_trait]
impl Redirect for Alipay {
    fn authorize_url(&self, to: &Url, state: &str, silent: bool) -> Url {
        let mut url = self.authorize_url.clone();
        url.query_pairs_mut().clear().extend_pairs([
            ("app_id", self.appid.as_str()),
            ("scope", if silent { "auth_base" } else { "auth_user" }),
            ("redirect_uri", to.as_str()),
            ("state", state),
        ]);
        url
    }

    fn code_parameter(&self) -> &'static str {
        "auth_code"
    }

    async fn redeem(&self, code: &RedirectCode, _to: &Url) -> Result<Redirected, Error> {
        let granted = self.code_to_token(code.expose()).await?;
        let profile = match &granted.access_token {
            Some(token) => self.profile(token.expose_secret()).await.ok(),
            None => None,
        };
        Ok(Redirected { identity: granted.identity, profile })
    }
}

impl Alipay {
    /// Any part may be missing; after a silent sign-in all of it is refused.
    async fn profile(&self, token: &str) -> Result<Profile, Error> {
        let shared: Shared = self.ask(&SHARE, &[("auth_token", token)], &[], &[token]).await?;
        let gender = match shared.gender.as_deref() {
            Some("M" | "m") => 1,
            Some("F" | "f") => 2,
            _ => 0,
        };
        Ok(Profile {
            nickname: shared.nick_name.unwrap_or_default(),
            avatar_url: shared.avatar.unwrap_or_default(),
            gender,
            province: shared.province.unwrap_or_default(),
            city: shared.city.unwrap_or_default(),
            ..Profile::default()
        })
    }
}
