//! `[[app]]`: what people sign in from, and the back ends beside it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConfigError, Lifetimes, Secret, choice};

/// What kind of program an app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// A mini program.
    MiniProgram,
    /// A site in a browser.
    Web,
    /// A program on a phone or desktop.
    Native,
    /// A server that verifies tokens.
    Backend,
}

/// The platform that proves who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformName {
    /// 微信.
    Wechat,
}

impl PlatformName {
    /// As stored and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
        }
    }
}

/// Whether nickname and avatar are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// They are stored.
    #[default]
    Keep,
    /// They never reach the store.
    None,
}

/// What an app wants of a person beyond the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A phone number.
    Phone,
    /// Nickname and avatar.
    Profile,
}

/// One `[[app]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Short id of our own; on OAuth's wire this is `client_id`.
    pub id: String,
    /// What it is.
    #[serde(deserialize_with = "choice::one")]
    pub kind: AppKind,
    /// The back end that its tokens are for; the id when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The platform of a mini program.
    #[serde(default, deserialize_with = "choice::optional", skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformName>,
    /// The platform's `AppID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    /// The platform's `AppSecret`.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret: Secret,
    /// File that holds the `AppSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Name of the open-platform account it is bound to: apps with the same one share people by unionid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_account: Option<String>,
    /// What a back end or confidential client authenticates with.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub client_secret: Secret,
    /// File that holds the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// What a back end may ask of menjin beyond verifying tokens; nothing when not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Where the platform's server API is for this app; instead of `wechat.base_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// Whether nickname and avatar are kept.
    #[serde(default, deserialize_with = "choice::one")]
    pub profile: Profile,
    /// What the login answer lists in `need` while the person lacks it.
    #[serde(default = "default_need", deserialize_with = "choice::several")]
    pub need: Vec<Need>,
    /// Instead of `lifetimes.refresh_idle`.
    #[serde(default, with = "super::duration", skip_serializing_if = "Option::is_none")]
    pub refresh_idle: Option<Duration>,
    /// Instead of `lifetimes.refresh_absolute`.
    #[serde(default, with = "super::duration", skip_serializing_if = "Option::is_none")]
    pub refresh_absolute: Option<Duration>,
    /// Sessions without a device id that one person may have in this app.
    #[serde(default = "default_sessions_without_device")]
    pub sessions_without_device: u32,
    /// Sessions that one person may have in all.
    #[serde(default = "default_sessions")]
    pub sessions: u32,
}

fn default_need() -> Vec<Need> {
    vec![Need::Profile]
}

fn default_sessions_without_device() -> u32 {
    10
}

fn default_sessions() -> u32 {
    20
}

pub(super) fn check(apps: &[App]) -> Result<(), ConfigError> {
    let mut ids = HashSet::new();
    let mut appids = HashSet::new();
    for app in apps {
        let key = |field: &str| format!("app.{}.{field}", app.id);
        if !is_id(&app.id) {
            return Err(ConfigError::refused("app.id", format!("{:?} must be 1 to 32 of a-z 0-9 - _", app.id)));
        }
        if !ids.insert(&app.id) {
            return Err(ConfigError::refused(key("id"), "stands twice: each app needs an id of its own"));
        }
        if app.sessions == 0 || app.sessions_without_device == 0 {
            return Err(ConfigError::refused(key("sessions"), "must be 1 or more"));
        }
        for (name, secret) in [("secret", &app.secret), ("client_secret", &app.client_secret)] {
            if secret.is_placeholder() {
                return Err(ConfigError::refused(key(name), "is empty or a placeholder: put in the one that is meant"));
            }
        }
        check_scopes(app, apps)?;
        match app.kind {
            AppKind::MiniProgram => check_mini_program(app)?,
            AppKind::Web | AppKind::Native | AppKind::Backend => {}
        }
        if let Some(appid) = &app.appid
            && !appids.insert((app.platform.map(PlatformName::as_str), appid))
        {
            return Err(ConfigError::refused(
                key("appid"),
                "belongs to another app already: openids of one AppID are one set of people",
            ));
        }
    }
    Ok(())
}

/// An app's own lifetimes hold in the place of the common ones, and must fit those that it leaves.
pub(super) fn check_lifetimes(apps: &[App], common: &Lifetimes) -> Result<(), ConfigError> {
    for app in apps {
        let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
        if app.refresh_idle.is_some_and(|idle| idle.is_zero() || idle < common.refresh_grace) {
            return refused(
                "refresh_idle",
                "must be longer than nothing, and not shorter than lifetimes.refresh_grace",
            );
        }
        if app.refresh_absolute.is_some_and(|absolute| absolute.is_zero()) {
            return refused("refresh_absolute", "must be longer than nothing, e.g. \"180d\"");
        }
    }
    Ok(())
}

pub(super) fn check_for_production(apps: &[App]) -> Result<(), ConfigError> {
    match apps.iter().find(|app| app.base_url.as_ref().is_some_and(|url| url.scheme() != "https")) {
        Some(app) => Err(ConfigError::refused(
            format!("app.{}.base_url", app.id),
            "must be https in production; the simulator is for `menjin dev`",
        )),
        None => Ok(()),
    }
}

/// The platform's access token of the app that follows may be read and reported.
pub(crate) const PLATFORM_TOKEN: &str = "platform-token:";
/// Whoever guesses the secret of an app with scopes speaks for the mini program.
const SHORTEST_SECRET: usize = 32;

/// It stands beside every person's unionid, in an index.
const LONGEST_ACCOUNT: usize = 64;

fn check_scopes(app: &App, apps: &[App]) -> Result<(), ConfigError> {
    let refused = |field: &str, why: String| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    for scope in &app.scopes {
        let Some(of) = scope.strip_prefix(PLATFORM_TOKEN) else {
            return refused("scopes", format!("{scope:?} is unknown: \"platform-token:<app>\" is known"));
        };
        if !apps.iter().any(|app| app.id == of && app.platform.is_some()) {
            return refused("scopes", format!("{scope:?} names no [[app]] of a platform"));
        }
    }
    let secret = app.client_secret.expose().unwrap_or_default();
    if !app.scopes.is_empty() && (app.kind != AppKind::Backend || secret.len() < SHORTEST_SECRET) {
        let why = "an app with scopes must be of kind \"backend\" and have a client_secret of 32 characters or more, e.g. from `openssl rand -hex 32`";
        return refused("scopes", why.to_owned());
    }
    Ok(())
}

fn check_mini_program(app: &App) -> Result<(), ConfigError> {
    let key = |field: &str| format!("app.{}.{field}", app.id);
    if app.platform.is_none() {
        return Err(ConfigError::refused(key("platform"), "is missing: \"wechat\""));
    }
    if !app.appid.as_deref().is_some_and(is_wechat_appid) {
        return Err(ConfigError::refused(
            key("appid"),
            "is missing or odd: an AppID is wx and 16 hexadecimal digits, as the console of the platform shows it",
        ));
    }
    let is_name = |text: &String| (1..=LONGEST_ACCOUNT).contains(&text.len()) && !text.chars().any(char::is_control);
    if !app.open_account.as_ref().is_none_or(is_name) {
        let why = format!("must be a short name of at most {LONGEST_ACCOUNT} bytes, e.g. \"acme\"");
        return Err(ConfigError::refused(key("open_account"), why));
    }
    if app.secret.is_absent() {
        return Err(ConfigError::refused(key("secret"), "is missing: the AppSecret, better as `secret_file`"));
    }
    Ok(())
}

/// Whether this is `wx` and 16 hexadecimal digits, as `WeChat`'s console shows an `AppID`.
pub fn is_wechat_appid(text: &str) -> bool {
    let digits = text.strip_prefix("wx").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    const SHOP: &str = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\nsecret = \"s3cret\"";

    fn mailer(rest: &str) -> Result<Config, String> {
        let toml = format!("{SHOP}\n[[app]]\nid = \"mailer\"\n{rest}");
        Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_open_platform_account_is_a_short_name_that_every_store_can_keep() {
        let with = |account: &str| Config::parse(&format!("{SHOP}\nopen_account = \"{account}\"\n"), Path::new(""));
        assert!(with("acme").is_ok() && with("某公司").is_ok() && with(&"a".repeat(64)).is_ok());
        for odd in ["", "a\\u0000", &"a".repeat(65)] {
            let error = with(odd).unwrap_err().to_string();
            assert!(error.contains("app.shop.open_account") && error.contains("acme"), "{odd:?}: {error}");
        }
    }

    #[test]
    fn a_scope_is_for_a_back_end_with_a_good_secret_and_names_an_app_of_a_platform() {
        let secret = "0123456789abcdef0123456789abcdef";
        let with = |kind: &str, secret: &str, scope: &str| {
            mailer(&format!("kind = \"{kind}\"\nclient_secret = \"{secret}\"\nscopes = [\"{scope}\"]"))
        };
        assert_eq!(with("backend", secret, "platform-token:shop").unwrap().app[1].scopes, ["platform-token:shop"]);
        for (kind, secret, scope) in [
            ("backend", secret, "platform-token:mailer"),
            ("backend", secret, "platform-token:nowhere"),
            ("backend", secret, "platform-token:"),
            ("backend", secret, "platform_token:shop"),
            ("backend", secret, "*"),
            ("backend", &secret[1..], "platform-token:shop"),
            ("web", secret, "platform-token:shop"),
        ] {
            let error = with(kind, secret, scope).unwrap_err();
            assert!(error.contains("app.mailer.scopes") && !error.contains(&secret[1..]), "{scope}: {error}");
        }
        assert!(mailer("kind = \"backend\"\nscopes = [\"platform-token:shop\"]").is_err(), "without any secret");
    }
}
