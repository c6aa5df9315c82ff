//! The platforms: their names, what an `[[app]]` needs to be known to each, and `[qq]`, `[douyin]`, `[alipay]`: where they are.
//!
//! Does not: `[wechat]` (`server`), pages that people come back to (`redirects`).

use menjin_platform::alipay::AesKey;
use menjin_platform::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{App, AppKind, Config, ConfigError};

/// The platform that proves who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformName {
    /// 微信.
    Wechat,
    /// QQ: mini programs, and websites by QQ Connect.
    Qq,
    /// 抖音.
    Douyin,
    /// 支付宝.
    Alipay,
}

impl PlatformName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wechat, Self::Qq, Self::Douyin, Self::Alipay];
    /// All of them, as stored and logged.
    pub const NAMES: [&'static str; 4] = ["wechat", "qq", "douyin", "alipay"];

    /// As stored and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wechat => Self::NAMES[0],
            Self::Qq => Self::NAMES[1],
            Self::Douyin => Self::NAMES[2],
            Self::Alipay => Self::NAMES[3],
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == name)
    }

    /// Whether this is an `AppID` as the platform's console shows one.
    pub fn is_appid(self, text: &str) -> bool {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Wechat => is_wechat_appid(text),
            Self::Qq => (6..=16).contains(&text.len()) && digits(text),
            Self::Douyin => {
                let rest = text.strip_prefix("tt").unwrap_or_default();
                (12..=30).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            }
            Self::Alipay => text.len() == 16 && digits(text),
        }
    }

    fn appid_form(self) -> &'static str {
        match self {
            Self::Wechat => "wx and 16 hexadecimal digits",
            Self::Qq => "about 10 digits",
            Self::Douyin => "tt and 16 or 18 hexadecimal digits",
            Self::Alipay => "16 digits",
        }
    }
}

/// Whether this is `wx` and 16 hexadecimal digits, as `WeChat`'s console shows an `AppID`.
pub fn is_wechat_appid(text: &str) -> bool {
    let digits = text.strip_prefix("wx").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `[qq]`: where QQ is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Qq {
    /// Its server API for mini programs.
    pub base_url: Url,
    /// QQ Connect, for servers and browsers.
    pub connect_url: Url,
}

impl Default for Qq {
    fn default() -> Self {
        Self { base_url: literal("https://api.q.qq.com"), connect_url: literal("https://graph.qq.com") }
    }
}

/// `[douyin]`: where Douyin is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Douyin {
    /// Where codes are exchanged.
    pub base_url: Url,
    /// Where tokens and phone numbers are.
    pub open_url: Url,
}

impl Default for Douyin {
    fn default() -> Self {
        Self { base_url: literal("https://developer.toutiao.com"), open_url: literal("https://open.douyin.com") }
    }
}

/// `[alipay]`: where Alipay is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alipay {
    /// Where requests go.
    pub gateway_url: Url,
    /// Where it asks people in a browser.
    pub authorize_url: Url,
}

impl Default for Alipay {
    fn default() -> Self {
        Self {
            gateway_url: literal("https://openapi.alipay.com/gateway.do"),
            authorize_url: literal("https://openauth.alipay.com/oauth2/publicAppAuthorize.htm"),
        }
    }
}

fn literal(text: &str) -> Url {
    Url::parse(text).expect("a literal that parses")
}

impl Config {
    /// Where each platform is, by key.
    pub fn platform_urls(&self) -> [(&'static str, &Url); 8] {
        [
            ("wechat.base_url", &self.wechat.base_url),
            ("wechat.open_url", &self.wechat.open_url),
            ("qq.base_url", &self.qq.base_url),
            ("qq.connect_url", &self.qq.connect_url),
            ("douyin.base_url", &self.douyin.base_url),
            ("douyin.open_url", &self.douyin.open_url),
            ("alipay.gateway_url", &self.alipay.gateway_url),
            ("alipay.authorize_url", &self.alipay.authorize_url),
        ]
    }
}

/// Platforms are asked by https alone.
pub(super) fn check_for_production(config: &Config) -> Result<(), ConfigError> {
    match config.platform_urls().into_iter().find(|(_, url)| url.scheme() != "https") {
        Some((key, _)) => {
            Err(ConfigError::refused(key, "must be https in production; the simulator is for `menjin dev`"))
        }
        None => Ok(()),
    }
}

/// What an app of a platform must have: a mini program always, a site or a native app where it names one.
pub(super) fn check(app: &App) -> Result<(), ConfigError> {
    let refused = |field: &str, why: String| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    let Some(platform) = app.platform else {
        return refused("platform", "is missing: \"wechat\", \"qq\", \"douyin\" or \"alipay\"".to_owned());
    };
    let is_offered = match app.kind {
        AppKind::MiniProgram => true,
        AppKind::Web => platform != PlatformName::Douyin,
        AppKind::Native => platform == PlatformName::Wechat,
        AppKind::Backend => false,
    };
    if !is_offered {
        let why = "does not offer this kind of app: mini programs are of \"wechat\", \"qq\", \"douyin\" or \"alipay\", sites of \"wechat\", \"qq\" or \"alipay\", native apps of \"wechat\"";
        return refused("platform", why.to_owned());
    }
    if !app.appid.as_deref().is_some_and(|appid| platform.is_appid(appid)) {
        let form = platform.appid_form();
        let why = format!("is missing or odd: an AppID is {form} there, as the console of the platform shows it");
        return refused("appid", why);
    }
    if platform == PlatformName::Alipay { check_keys(app) } else { check_secret(app, platform) }
}

fn check_secret(app: &App, platform: PlatformName) -> Result<(), ConfigError> {
    let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    if app.secret.is_absent() {
        return refused("secret", "is missing: the AppSecret, better as `secret_file`");
    }
    for (field, secret) in [("alipay_public_key", &app.alipay_public_key), ("alipay_aes_key", &app.alipay_aes_key)] {
        if !secret.is_absent() {
            return refused(field, "is for apps with platform \"alipay\" alone");
        }
    }
    match app.private_key.expose() {
        Some(_) if platform != PlatformName::Douyin => {
            refused("private_key", "is for apps with platform \"alipay\" or \"douyin\" alone")
        }
        Some(key) if RsaPrivateKey::parse(key).is_err() => refused("private_key", NO_PRIVATE_KEY),
        Some(_) | None => Ok(()),
    }
}

const NO_PRIVATE_KEY: &str = "is no RSA private key of 2048 bits or more, as PEM or as the platform's key tool writes it (base64 of PKCS #8 or PKCS #1); better as `private_key_file`";

fn check_keys(app: &App) -> Result<(), ConfigError> {
    let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    if !app.secret.is_absent() {
        return refused("secret", "is not what Alipay knows an app by: put in `private_key` and `alipay_public_key`");
    }
    let (private, public) = (app.private_key.expose(), app.alipay_public_key.expose());
    let Some(private) = private else {
        return refused("private_key", "is missing: the app's own RSA private key, better as `private_key_file`");
    };
    let Ok(private) = RsaPrivateKey::parse(private) else { return refused("private_key", NO_PRIVATE_KEY) };
    let Some(public) = public else {
        return refused(
            "alipay_public_key",
            "is missing: Alipay's public key (支付宝公钥), which its console shows once yours is registered",
        );
    };
    if RsaPublicKey::parse(public).is_err() {
        return refused(
            "alipay_public_key",
            "is no RSA public key: copy 支付宝公钥 from the console, as base64 or PEM; certificates are not supported",
        );
    }
    let bare = |text: &str| text.split_ascii_whitespace().collect::<String>();
    if bare(public).contains(&private.public_base64()) {
        return refused(
            "alipay_public_key",
            "is the app's own public key (应用公钥): the one that is needed is Alipay's (支付宝公钥)",
        );
    }
    match app.alipay_aes_key.expose() {
        Some(key) if AesKey::parse(key).is_err() => {
            refused("alipay_aes_key", "must be base64 of 16 bytes, as 接口内容加密方式 of the console shows it")
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use menjin_sim::{ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY, APP_PUBLIC_KEY};

    use super::*;

    fn app(platform: &str, rest: &str) -> Result<Config, String> {
        let toml = format!("[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"{platform}\"\n{rest}");
        Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn each_platform_has_its_form_of_appid() {
        for (platform, good, bad) in [
            ("qq", "1110000001", "wx0123456789abcdef"),
            ("qq", "101000001", "12345"),
            ("douyin", "tt0123456789abcdef", "tt"),
            ("douyin", "tt0123456789abcdef01", "0123456789abcdef"),
        ] {
            let with = |appid: &str| app(platform, &format!("appid = \"{appid}\"\nsecret = \"s3cret\""));
            assert!(with(good).is_ok(), "{platform} {good}: {:?}", with(good).err());
            let error = with(bad).unwrap_err();
            assert!(error.contains("app.shop.appid") && error.contains("console"), "{error}");
        }
    }

    #[test]
    fn alipay_knows_an_app_by_keys_and_says_which_one_is_wrong() {
        let with = |private: &str, public: &str, more: &str| {
            app(
                "alipay",
                &format!(
                    "appid = \"2021000000000001\"\nprivate_key = \"{private}\"\nalipay_public_key = \"{public}\"\n{more}"
                ),
            )
        };
        let good = with(APP_PRIVATE_KEY, ALIPAY_PUBLIC_KEY, "alipay_aes_key = \"AAAAAAAAAAAAAAAAAAAAAA==\"");
        assert!(good.is_ok(), "{:?}", good.err());
        for (private, public, more, key) in [
            ("", ALIPAY_PUBLIC_KEY, "", "private_key"),
            ("AAAA", ALIPAY_PUBLIC_KEY, "", "private_key"),
            (APP_PUBLIC_KEY, ALIPAY_PUBLIC_KEY, "", "private_key"),
            (APP_PRIVATE_KEY, "AAAA", "", "alipay_public_key"),
            (APP_PRIVATE_KEY, APP_PRIVATE_KEY, "", "alipay_public_key"),
            (APP_PRIVATE_KEY, APP_PUBLIC_KEY, "", "alipay_public_key"),
            (APP_PRIVATE_KEY, ALIPAY_PUBLIC_KEY, "alipay_aes_key = \"c2hvcnQ=\"", "alipay_aes_key"),
            (APP_PRIVATE_KEY, ALIPAY_PUBLIC_KEY, "secret = \"s3cret\"", "secret"),
        ] {
            let error = with(private, public, more).unwrap_err();
            assert!(error.contains(&format!("app.shop.{key}")), "{key}: {error}");
            assert!(!error.contains(APP_PRIVATE_KEY), "{key}");
        }
    }

    #[test]
    fn keys_are_for_those_that_have_them() {
        let keyed = |platform: &str, appid: &str| {
            app(platform, &format!("appid = \"{appid}\"\nsecret = \"s3cret\"\nprivate_key = \"{APP_PRIVATE_KEY}\""))
        };
        assert!(keyed("douyin", "tt0123456789abcdef").is_ok());
        for (platform, appid) in [("wechat", "wx0123456789abcdef"), ("qq", "1110000001")] {
            assert!(keyed(platform, appid).unwrap_err().contains("app.shop.private_key"), "{platform}");
        }
    }

    #[test]
    fn an_app_is_of_a_kind_that_its_platform_offers() {
        for (kind, platform, appid) in [
            ("web", "douyin", "tt0123456789abcdef"),
            ("native", "qq", "101000001"),
            ("native", "alipay", "2021000000000001"),
        ] {
            let toml = format!(
                "[[app]]\nid = \"shop\"\nkind = \"{kind}\"\nplatform = \"{platform}\"\nappid = \"{appid}\"\nsecret = \"s3cret\"\n{}",
                if kind == "web" { "redirect_uris = [\"https://a.example/\"]" } else { "" }
            );
            let error = Config::parse(&toml, Path::new("")).unwrap_err().to_string();
            assert!(error.contains("app.shop.platform") && error.contains("offer"), "{kind} {platform}: {error}");
        }
    }

    #[test]
    fn platforms_are_asked_by_https_in_production() {
        for key in [
            "wechat.base_url",
            "wechat.open_url",
            "qq.base_url",
            "qq.connect_url",
            "douyin.base_url",
            "douyin.open_url",
            "alipay.gateway_url",
            "alipay.authorize_url",
        ] {
            let (section, name) = key.split_once('.').unwrap();
            let config =
                Config::parse(&format!("[{section}]\n{name} = \"http://127.0.0.1:7601\""), Path::new("")).unwrap();
            assert!(check_for_production(&config).unwrap_err().to_string().contains(key), "{key}");
        }
    }
}
