//! Alipay: mini programs and websites. One app's keys, and Alipay's gateway.
//!
//! <https://opendocs.alipay.com/common/057k53>. Lives here: `gateway` signs what is asked and verifies what is answered,
//! `login` trades codes, `phone` opens what a client brings, `redirect` signs in browsers. Does not: certificates instead of
//! keys, and calls for other merchants.

mod errcodes;
mod gateway;
mod login;
mod phone;
mod redirect;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::zeroize::Zeroizing;
use url::Url;

pub use self::errcodes::ERRCODES;
use crate::http::{Caller, NotReady};
use crate::rsa::{RsaPrivateKey, RsaPublicKey};
use crate::secrets::decoded;
use crate::{AppId, BadValue, Error, Explained, Identity, JsCode, Platform, Redirect, SignedPhone};

/// Where requests go.
pub const GATEWAY_URL: &str = "https://openapi.alipay.com/gateway.do";
/// Where browsers go.
pub const AUTHORIZE_URL: &str = "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm";

/// The clock, in seconds since 1970: requests carry a time.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What an app is at Alipay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlipayKind {
    /// 小程序.
    MiniProgram,
    /// 网页应用.
    Website,
}

/// What an app needs to be known to Alipay.
pub struct AlipayConfig {
    /// 16 digits.
    pub appid: AppId,
    /// What it is there.
    pub kind: AlipayKind,
    /// Whose public half stands in the console.
    pub private_key: RsaPrivateKey,
    /// Alipay's public key (支付宝公钥), as the console shows it in exchange for ours.
    pub public_key: RsaPublicKey,
    /// For phone numbers (接口内容加密方式).
    pub aes_key: Option<AesKey>,
    /// [`GATEWAY_URL`], the sandbox, or a simulator.
    pub gateway_url: Url,
    /// [`AUTHORIZE_URL`], or a simulator.
    pub authorize_url: Url,
    /// For each exchange, connecting included.
    pub deadline: Duration,
    /// The clock.
    pub now: Now,
}

impl fmt::Debug for AlipayConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlipayConfig").field("appid", &self.appid).finish_non_exhaustive()
    }
}

/// The app's AES key: base64 of 16 bytes.
#[derive(Clone)]
pub struct AesKey(Zeroizing<[u8; 16]>);

impl AesKey {
    /// Reads what the console shows.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        decoded(text.trim()).map(Self).ok_or(BadValue("AES key"))
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey([REDACTED])")
    }
}

/// One app at Alipay.
pub struct Alipay {
    appid: AppId,
    kind: AlipayKind,
    private_key: RsaPrivateKey,
    public_key: RsaPublicKey,
    aes_key: Option<AesKey>,
    authorize_url: Url,
    caller: Caller,
    now: Now,
}

impl fmt::Debug for Alipay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alipay").field("appid", &self.appid).finish_non_exhaustive()
    }
}

impl Alipay {
    /// Sets up connections of its own. Fails when the system has no certificates to trust.
    pub fn new(config: AlipayConfig) -> Result<Self, NotReady> {
        let AlipayConfig { appid, kind, private_key, public_key, aes_key, gateway_url, authorize_url, deadline, now } =
            config;
        let caller = Caller::new(&gateway_url, deadline)?.reading_refusals();
        Ok(Self { appid, kind, private_key, public_key, aes_key, authorize_url, caller, now })
    }
}

/// What is known about a number with these words beside it, else about the number alone.
fn explain(code: i64, sub_code: &str) -> Option<&'static Explained> {
    let exact = ERRCODES.iter().find(|explained| !sub_code.is_empty() && explained.sub_code == sub_code);
    exact.or_else(|| ERRCODES.iter().find(|explained| explained.errcode == code && explained.sub_code.is_empty()))
}

#[async_trait]
impl Platform for Alipay {
    fn name(&self) -> &'static str {
        "alipay"
    }

    fn explain(&self, error: &Error) -> Option<&'static Explained> {
        let sub_code = error.errmsg().and_then(|text| text.split(' ').next()).unwrap_or_default();
        explain(error.errcode()?, sub_code)
    }

    async fn login(&self, code: &JsCode) -> Result<Identity, Error> {
        match self.kind {
            AlipayKind::MiniProgram => Ok(self.code_to_token(code.expose()).await?.identity),
            AlipayKind::Website => Err(Error::Unsupported),
        }
    }

    fn redirect(&self) -> Option<&dyn Redirect> {
        (self.kind == AlipayKind::Website).then_some(self)
    }

    fn signed_phone(&self) -> Option<&dyn SignedPhone> {
        (self.kind == AlipayKind::MiniProgram && self.aes_key.is_some()).then_some(self)
    }
}
