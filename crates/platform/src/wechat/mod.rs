//! WeChat: one app's appid and secret, what kind of app it is there, and WeChat's servers.
//!
//! Lives here: what is sent and what comes back, a file an interface; `errcodes` explains WeChat's numbers.

mod answer;
mod encrypt_key;
pub mod errcodes;
mod login;
mod moderation;
mod open_data;
mod phone;
mod push;
mod redirect;
mod session_key;
pub(crate) mod signature;
mod token;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

pub use self::errcodes::{all, explain};
use self::push::Hearing;
pub use self::push::{EncodingAesKey, PushKeys, PushToken};
use crate::http::{Caller, NotReady};
use crate::{
    AccessTokens, AppId, AppSecret, EncryptKeys, Error, Explained, Identity, JsCode, Moderation, OpenData, Phone,
    Platform, Push, Redirect, Redirected, SessionKeys,
};

/// Where WeChat's servers are.
pub const BASE_URL: &str = "https://api.weixin.qq.com";

/// Where WeChat asks people in a browser.
pub const OPEN_URL: &str = "https://open.weixin.qq.com";

/// How long an exchange with WeChat may take by default.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// What an app is at WeChat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeChatKind {
    /// 小程序.
    #[default]
    MiniProgram,
    /// 公众号 (服务号): pages inside WeChat.
    OfficialAccount,
    /// 网站应用: people scan a picture.
    Website,
    /// 移动应用: WeChat's SDK gives the code.
    Native,
}

/// What an app needs to be known to WeChat.
#[derive(Debug, Clone)]
pub struct WeChatConfig {
    /// From the console: `wx` and 16 hexadecimal digits.
    pub appid: AppId,
    /// From the console; resetting it there kills the old one at once.
    pub secret: AppSecret,
    /// What it is there.
    pub kind: WeChatKind,
    /// [`BASE_URL`], or a simulator.
    pub base_url: Url,
    /// [`OPEN_URL`], or a simulator; browsers go there.
    pub open_url: Url,
    /// What 消息推送 of the console is set to, where it is.
    pub push: Option<PushKeys>,
    /// For a whole exchange, connecting included.
    pub deadline: Duration,
}

impl WeChatConfig {
    /// The real WeChat, with the default deadline.
    #[expect(clippy::missing_panics_doc, reason = "the constants are URLs, so it does not")]
    pub fn new(appid: AppId, secret: AppSecret) -> Self {
        let base_url = Url::parse(BASE_URL).expect("the constant is a URL");
        let open_url = Url::parse(OPEN_URL).expect("the constant is a URL");
        Self { appid, secret, kind: WeChatKind::MiniProgram, base_url, open_url, push: None, deadline: DEADLINE }
    }
}

/// One app at WeChat.
#[derive(Debug)]
pub struct WeChat {
    appid: AppId,
    secret: AppSecret,
    kind: WeChatKind,
    open_url: Url,
    push: Option<Hearing>,
    caller: Caller,
}

impl WeChat {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: WeChatConfig) -> Result<Self, NotReady> {
        let caller = Caller::new(&config.base_url, config.deadline)?;
        let WeChatConfig { appid, secret, kind, open_url, push, .. } = config;
        let push = push.map(|keys| Hearing { appid: appid.clone(), keys });
        Ok(Self { appid, secret, kind, open_url, push, caller })
    }

    fn is_mini_program(&self) -> bool {
        self.kind == WeChatKind::MiniProgram
    }
}

#[async_trait]
impl Platform for WeChat {
    fn name(&self) -> &'static str {
        "wechat"
    }

    fn explain(&self, error: &Error) -> Option<&'static Explained> {
        errcodes::explain(error.errcode()?)
    }

    async fn login(&self, code: &JsCode) -> Result<Identity, Error> {
        match self.kind {
            WeChatKind::MiniProgram => self.code_to_session(code).await,
            WeChatKind::Native => Ok(self.code_to_token(code.expose()).await?.identity),
            WeChatKind::OfficialAccount | WeChatKind::Website => Err(Error::Unsupported),
        }
    }

    async fn meet(&self, code: &JsCode) -> Result<Redirected, Error> {
        match self.kind {
            WeChatKind::Native => self.code_to_person(code.expose()).await,
            WeChatKind::MiniProgram | WeChatKind::OfficialAccount | WeChatKind::Website => {
                Ok(Redirected { identity: self.login(code).await?, profile: None })
            }
        }
    }

    fn redirect(&self) -> Option<&dyn Redirect> {
        matches!(self.kind, WeChatKind::OfficialAccount | WeChatKind::Website).then_some(self)
    }

    fn phone(&self) -> Option<&dyn Phone> {
        self.is_mini_program().then_some(self)
    }

    fn session_key(&self) -> Option<&dyn SessionKeys> {
        self.is_mini_program().then_some(self)
    }

    fn access_token(&self) -> Option<&dyn AccessTokens> {
        matches!(self.kind, WeChatKind::MiniProgram | WeChatKind::OfficialAccount).then_some(self)
    }

    fn moderation(&self) -> Option<&dyn Moderation> {
        self.is_mini_program().then_some(self)
    }

    fn encrypt_keys(&self) -> Option<&dyn EncryptKeys> {
        self.is_mini_program().then_some(self)
    }

    fn open_data(&self) -> Option<&dyn OpenData> {
        self.is_mini_program().then_some(self)
    }

    fn push(&self) -> Option<&dyn Push> {
        self.push.as_ref().map(|hearing| hearing as &dyn Push)
    }
}
