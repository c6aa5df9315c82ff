//! Douyin and Toutiao mini programs: one app's appid, secret and private key, and `ByteDance`'s servers.
//!
//! <https://developer.open-douyin.com/docs/resource/zh-CN/mini-app/develop/server/log-in/code-2-session>. Does not: anonymous
//! codes, which name a device and not a person.

mod errcodes;
mod login;
mod open_data;
mod phone;
mod token;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use self::errcodes::ERRCODES;
use crate::http::{Caller, NotReady};
use crate::rsa::RsaPrivateKey;
use crate::{AccessTokens, AppId, AppSecret, Error, Explained, Identity, JsCode, OpenData, Phone, Platform};

/// Where codes are exchanged.
pub const BASE_URL: &str = "https://developer.toutiao.com";
/// Where tokens and phone numbers are.
pub const OPEN_URL: &str = "https://open.douyin.com";

/// What a mini program needs to be known to Douyin.
#[derive(Debug)]
pub struct DouyinConfig {
    /// From the console: `tt` and hexadecimal digits.
    pub appid: AppId,
    /// From the console.
    pub secret: AppSecret,
    /// Whose public half is registered in the console; without it there are no phone numbers by code.
    pub private_key: Option<RsaPrivateKey>,
    /// [`BASE_URL`], the sandbox, or a simulator.
    pub base_url: Url,
    /// [`OPEN_URL`], or a simulator.
    pub open_url: Url,
    /// For a whole exchange, connecting included.
    pub deadline: Duration,
}

/// One mini program at Douyin.
#[derive(Debug)]
pub struct Douyin {
    appid: AppId,
    secret: AppSecret,
    private_key: Option<RsaPrivateKey>,
    caller: Caller,
    open: Caller,
}

impl Douyin {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: DouyinConfig) -> Result<Self, NotReady> {
        let DouyinConfig { appid, secret, private_key, base_url, open_url, deadline } = config;
        let caller = Caller::new(&base_url, deadline)?.reading_refusals();
        let open = Caller::new(&open_url, deadline)?.reading_refusals();
        Ok(Self { appid, secret, private_key, caller, open })
    }
}

/// What is known about an error number.
fn explain(errcode: i64) -> Option<&'static Explained> {
    ERRCODES.iter().find(|explained| explained.errcode == errcode)
}

#[async_trait]
impl Platform for Douyin {
    fn name(&self) -> &'static str {
        "douyin"
    }

    fn explain(&self, error: &Error) -> Option<&'static Explained> {
        explain(error.errcode()?)
    }

    async fn login(&self, code: &JsCode) -> Result<Identity, Error> {
        self.code_to_session(code).await
    }

    fn phone(&self) -> Option<&dyn Phone> {
        self.private_key.is_some().then_some(self)
    }

    fn access_token(&self) -> Option<&dyn AccessTokens> {
        Some(self)
    }

    fn open_data(&self) -> Option<&dyn OpenData> {
        Some(self)
    }
}
