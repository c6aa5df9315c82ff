//! The platform of an app, made from its configuration.

use std::sync::Arc;

use menjin_guard::Clock;
use menjin_platform::alipay::{AesKey, Alipay, AlipayConfig, AlipayKind};
use menjin_platform::douyin::{Douyin, DouyinConfig};
use menjin_platform::qq::{Qq, QqConfig};
use menjin_platform::qq_connect::{QqConnect, QqConnectConfig};
use menjin_platform::wechat::{EncodingAesKey, PushKeys, PushToken, WeChat, WeChatConfig, WeChatKind};
use menjin_platform::{AppId, AppSecret, Platform, RsaPrivateKey, RsaPublicKey};
use url::Url;

use crate::config::{self, AppKind, Config, PlatformName, SignInBy};

/// What proves the app's people; `None` where nobody signs in with a code.
pub(super) fn of(
    app: &config::App,
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<(PlatformName, Arc<dyn Platform>)>> {
    let Some(name) = app.platform else { return Ok(None) };
    let platform: Arc<dyn Platform> = match (name, app.kind) {
        (PlatformName::Wechat, _) => Arc::new(wechat(app, config)?),
        (PlatformName::Qq, AppKind::Web) => Arc::new(qq_connect(app, config)?),
        (PlatformName::Qq, _) => Arc::new(qq(app, config)?),
        (PlatformName::Douyin, _) => Arc::new(douyin(app, config)?),
        (PlatformName::Alipay, _) => Arc::new(alipay(app, config, Arc::clone(clock))?),
    };
    Ok(Some((name, platform)))
}

fn wechat(app: &config::App, config: &Config) -> anyhow::Result<WeChat> {
    let kind = match (app.kind, app.sign_in) {
        (AppKind::Web, Some(SignInBy::OfficialAccount)) => WeChatKind::OfficialAccount,
        (AppKind::Web, Some(SignInBy::Website) | None) => WeChatKind::Website,
        (AppKind::Native, _) => WeChatKind::Native,
        (AppKind::MiniProgram | AppKind::Backend, _) => WeChatKind::MiniProgram,
    };
    Ok(WeChat::new(WeChatConfig {
        appid: appid(app)?,
        secret: secret(app),
        kind,
        base_url: or_own(app, &config.wechat.base_url),
        open_url: config.wechat.open_url.clone(),
        push: push(app)?,
        deadline: config.wechat.deadline,
    })?)
}

/// What 消息推送 of the console is set to.
fn push(app: &config::App) -> anyhow::Result<Option<PushKeys>> {
    let Some(token) = app.push_token.expose() else { return Ok(None) };
    let aes_key = app.push_aes_key.expose().map(EncodingAesKey::parse).transpose()?;
    Ok(Some(PushKeys { token: PushToken::parse(token)?, aes_key }))
}

fn qq(app: &config::App, config: &Config) -> anyhow::Result<Qq> {
    let base_url = or_own(app, &config.qq.base_url);
    Ok(Qq::new(QqConfig { appid: appid(app)?, secret: secret(app), base_url, deadline: config.wechat.deadline })?)
}

fn qq_connect(app: &config::App, config: &Config) -> anyhow::Result<QqConnect> {
    let base_url = or_own(app, &config.qq.connect_url);
    let deadline = config.wechat.deadline;
    Ok(QqConnect::new(QqConnectConfig { appid: appid(app)?, secret: secret(app), base_url, deadline })?)
}

fn douyin(app: &config::App, config: &Config) -> anyhow::Result<Douyin> {
    Ok(Douyin::new(DouyinConfig {
        appid: appid(app)?,
        secret: secret(app),
        private_key: app.private_key.expose().map(RsaPrivateKey::parse).transpose()?,
        base_url: or_own(app, &config.douyin.base_url),
        open_url: config.douyin.open_url.clone(),
        deadline: config.wechat.deadline,
    })?)
}

fn alipay(app: &config::App, config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Alipay> {
    let kind = if app.kind == AppKind::Web { AlipayKind::Website } else { AlipayKind::MiniProgram };
    Ok(Alipay::new(AlipayConfig {
        appid: appid(app)?,
        kind,
        private_key: RsaPrivateKey::parse(app.private_key.expose().unwrap_or_default())?,
        public_key: RsaPublicKey::parse(app.alipay_public_key.expose().unwrap_or_default())?,
        aes_key: app.alipay_aes_key.expose().map(AesKey::parse).transpose()?,
        gateway_url: or_own(app, &config.alipay.gateway_url),
        authorize_url: config.alipay.authorize_url.clone(),
        deadline: config.wechat.deadline,
        now: Arc::new(move || clock.now().secs()),
    })?)
}

fn appid(app: &config::App) -> anyhow::Result<AppId> {
    Ok(AppId::parse(app.appid.clone().unwrap_or_default())?)
}

fn secret(app: &config::App) -> AppSecret {
    AppSecret::new(app.secret.expose().unwrap_or_default())
}

fn or_own(app: &config::App, usual: &Url) -> Url {
    app.base_url.as_ref().unwrap_or(usual).clone()
}
