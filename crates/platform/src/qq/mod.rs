//! QQ mini programs: one app's appid and secret, and QQ's servers. Much is as at `WeChat`; phone numbers there are none.
//!
//! <https://q.qq.com/wiki/develop/miniprogram/server/open_port/port_login.html>. Does not: QQ Connect, which signs people in
//! to websites (`qq_connect`).

mod errcodes;
mod login;
mod open_data;
mod token;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use self::errcodes::ERRCODES;
use crate::http::{Caller, NotReady};
use crate::{AccessTokens, AppId, AppSecret, Error, Explained, Identity, JsCode, OpenData, Platform};

/// Where QQ's servers are for mini programs.
pub const BASE_URL: &str = "https://api.q.qq.com";

/// What a mini program needs to be known to QQ.
#[derive(Debug, Clone)]
pub struct QqConfig {
    /// From the console: digits.
    pub appid: AppId,
    /// From the console.
    pub secret: AppSecret,
    /// [`BASE_URL`], or a simulator.
    pub base_url: Url,
    /// For a whole exchange, connecting included.
    pub deadline: Duration,
}

/// One mini program at QQ.
#[derive(Debug)]
pub struct Qq {
    appid: AppId,
    secret: AppSecret,
    caller: Caller,
}

impl Qq {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: QqConfig) -> Result<Self, NotReady> {
        let caller = Caller::new(&config.base_url, config.deadline)?.reading_refusals();
        Ok(Self { appid: config.appid, secret: config.secret, caller })
    }
}

/// What is known about an errcode.
fn explain(errcode: i64) -> Option<&'static Explained> {
    ERRCODES.iter().find(|explained| explained.errcode == errcode)
}

#[async_trait]
impl Platform for Qq {
    fn name(&self) -> &'static str {
        "qq"
    }

    fn explain(&self, error: &Error) -> Option<&'static Explained> {
        explain(error.errcode()?)
    }

    async fn login(&self, code: &JsCode) -> Result<Identity, Error> {
        self.code_to_session(code).await
    }

    fn access_token(&self) -> Option<&dyn AccessTokens> {
        Some(self)
    }

    fn open_data(&self) -> Option<&dyn OpenData> {
        Some(self)
    }
}
