//! WeChat mini programs: one app's appid and secret, and WeChat's servers.
//!
//! Lives here: what is sent and what comes back, a file an interface; `errcodes` explains WeChat's numbers.

mod answer;
pub mod errcodes;
mod login;
mod open_data;
mod phone;
mod session_key;
mod signature;
mod token;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use self::errcodes::{Explained, all, explain};
use crate::http::{Caller, NotReady};
use crate::{AccessTokens, AppId, AppSecret, Error, Identity, JsCode, OpenData, Phone, Platform, SessionKeys};

/// Where WeChat's servers are.
pub const BASE_URL: &str = "https://api.weixin.qq.com";

/// How long an exchange with WeChat may take by default.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// What a mini program needs to be known to WeChat.
#[derive(Debug, Clone)]
pub struct WeChatConfig {
    /// From the console: `wx` and 16 hexadecimal digits.
    pub appid: AppId,
    /// From the console; resetting it there kills the old one at once.
    pub secret: AppSecret,
    /// [`BASE_URL`], or a simulator.
    pub base_url: Url,
    /// For a whole exchange, connecting included.
    pub deadline: Duration,
}

impl WeChatConfig {
    /// The real WeChat, with the default deadline.
    #[expect(clippy::missing_panics_doc, reason = "the constant is a URL, so it does not")]
    pub fn new(appid: AppId, secret: AppSecret) -> Self {
        let base_url = Url::parse(BASE_URL).expect("the constant is a URL");
        Self { appid, secret, base_url, deadline: DEADLINE }
    }
}

/// One mini program at WeChat.
#[derive(Debug)]
pub struct WeChat {
    appid: AppId,
    secret: AppSecret,
    caller: Caller,
}

impl WeChat {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: WeChatConfig) -> Result<Self, NotReady> {
        let caller = Caller::new(&config.base_url, config.deadline)?;
        Ok(Self::with_caller(config.appid, config.secret, caller))
    }

    /// Uses connections that other apps use too.
    pub fn with_caller(appid: AppId, secret: AppSecret, caller: Caller) -> Self {
        Self { appid, secret, caller }
    }
}

#[async_trait]
impl Platform for WeChat {
    fn name(&self) -> &'static str {
        "wechat"
    }

    async fn login(&self, code: &JsCode) -> Result<Identity, Error> {
        self.code_to_session(code).await
    }

    fn phone(&self) -> Option<&dyn Phone> {
        Some(self)
    }

    fn session_key(&self) -> Option<&dyn SessionKeys> {
        Some(self)
    }

    fn access_token(&self) -> Option<&dyn AccessTokens> {
        Some(self)
    }

    fn open_data(&self) -> Option<&dyn OpenData> {
        Some(self)
    }
}
