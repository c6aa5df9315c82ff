//! The apps that the simulator knows, and what makes one: appid, AppSecret, open-platform account.
//!
//! Not here: menjin's own apps; this crate knows nothing of menjin.

use std::collections::BTreeMap;

use axum::http::Uri;
use axum::http::uri::Authority;
use serde::{Deserialize, Serialize};

use crate::platform::Platform;
use crate::policy::SessionKeyPolicy;

/// What an appid stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// 小程序.
    #[default]
    MiniProgram,
    /// 公众号 (服务号): pages inside WeChat.
    OfficialAccount,
    /// 网站应用.
    Website,
    /// 移动应用.
    Native,
}

/// An app as the platform's console has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct App {
    /// At WeChat `wx` and 16 lower-case hex digits, by custom; the simulator takes any text.
    pub appid: String,
    /// The AppSecret: 32 lower-case hex digits, by custom. Made up; a real one has no business here.
    pub secret: String,
    /// Whose servers it belongs to.
    pub platform: Platform,
    /// What the appid stands for.
    pub kind: AppKind,
    /// What people would read on the platform.
    pub name: String,
    /// The open-platform account that the app is bound to; apps that share one share unionids, an app without one gets none.
    /// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/union-id.html>
    pub open_account: Option<String>,
    /// The domain to which browsers may come back; this machine alone where none is registered.
    pub redirect_domain: Option<String>,
    /// Overrides the simulator's policy for this app.
    pub session_key: Option<SessionKeyPolicy>,
    /// The app's public key, base64 of an SPKI: Alipay verifies requests with it, Douyin encrypts phone numbers for it.
    pub public_key: Option<String>,
    /// What Alipay encrypts phone numbers with: base64 of 16 bytes.
    pub aes_key: Option<String>,
    /// An old app of Alipay's: it sees `user_id`, and no `open_id`.
    pub sees_user_ids: bool,
}

impl App {
    /// A mini program that is bound to no open-platform account.
    pub fn mini_program(appid: impl Into<String>, secret: impl Into<String>) -> Self {
        let appid = appid.into();
        Self {
            name: appid.clone(),
            appid,
            secret: secret.into(),
            platform: Platform::WeChat,
            kind: AppKind::MiniProgram,
            open_account: None,
            redirect_domain: None,
            session_key: None,
            public_key: None,
            aes_key: None,
            sees_user_ids: false,
        }
    }

    /// A mini program of another platform.
    pub fn of(platform: Platform, appid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { platform, ..Self::mini_program(appid, secret) }
    }

    /// A site of another platform.
    pub fn website_of(platform: Platform, appid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { platform, ..Self::website(appid, secret) }
    }

    /// The same app, with a public key in the platform's console.
    #[must_use]
    pub fn with_public_key(mut self, public_key: impl Into<String>) -> Self {
        self.public_key = Some(public_key.into());
        self
    }

    /// The same app, with an AES key in Alipay's console.
    #[must_use]
    pub fn with_aes_key(mut self, aes_key: impl Into<String>) -> Self {
        self.aes_key = Some(aes_key.into());
        self
    }

    /// The person over all apps of the account, where there is one. Alipay tells it of nobody by this name.
    pub(crate) fn unionid_of(&self, person: &str) -> Option<String> {
        self.open_account.as_ref().map(|account| self.platform.unionid(person, account))
    }

    /// Whether browsers may come back to this address: the registered domain exactly, or this machine where none is registered.
    pub(crate) fn takes_back(&self, address: &str) -> bool {
        let Ok(uri) = address.parse::<Uri>() else { return false };
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain = uri.authority().filter(|authority| is_web && !authority.as_str().contains('@'));
        let Some(host) = plain.map(Authority::host) else { return false };
        match &self.redirect_domain {
            Some(domain) => host.eq_ignore_ascii_case(domain),
            None => ["127.0.0.1", "localhost", "[::1]"].contains(&host),
        }
    }

    /// An official account.
    pub fn official_account(appid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { kind: AppKind::OfficialAccount, ..Self::mini_program(appid, secret) }
    }

    /// A site.
    pub fn website(appid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { kind: AppKind::Website, ..Self::mini_program(appid, secret) }
    }

    /// An app on phones.
    pub fn native(appid: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { kind: AppKind::Native, ..Self::mini_program(appid, secret) }
    }

    /// The same app, bound to an open-platform account.
    #[must_use]
    pub fn bound_to(mut self, open_account: impl Into<String>) -> Self {
        self.open_account = Some(open_account.into());
        self
    }
}

#[derive(Debug, Default)]
pub(crate) struct Apps(BTreeMap<String, App>);

impl Apps {
    /// Adds the app, or replaces the one with its appid.
    pub(crate) fn put(&mut self, app: App) {
        self.0.insert(app.appid.clone(), app);
    }

    pub(crate) fn find(&self, appid: &str) -> Option<&App> {
        self.0.get(appid)
    }

    /// The app, if it belongs to this platform.
    pub(crate) fn of(&self, platform: Platform, appid: &str) -> Option<&App> {
        self.find(appid).filter(|app| app.platform == platform)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &App> {
        self.0.values()
    }

    /// The mini program of a platform that is meant where none is named: whose `AppID` sorts first.
    pub(crate) fn first_mini_program_of(&self, platform: Platform) -> Option<&App> {
        self.all().find(|app| app.kind == AppKind::MiniProgram && app.platform == platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_comes_back_to_its_own_domain_alone() {
        let mut app = App::official_account("wx1", "secret");
        for (domain, to, may) in [
            (None, "http://127.0.0.1:8080/back", true),
            (None, "http://shop.example.com/back", false),
            (Some("shop.example.com"), "https://shop.example.com/back", true),
            (Some("shop.example.com"), "https://www.shop.example.com/back", false),
            (Some("shop.example.com"), "https://shop.example.com@evil.example/back", false),
            (Some("shop.example.com"), "https://shop.example.com.evil.example/back", false),
            (Some("shop.example.com"), "javascript:alert(1)", false),
        ] {
            app.redirect_domain = domain.map(str::to_owned);
            assert_eq!(app.takes_back(to), may, "{to}");
        }
    }
}
