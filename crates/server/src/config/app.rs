//! `[[app]]`: what people sign in from, and the back ends beside it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ClientKeys, ConfigError, Lifetimes, PlatformName, Secret, SignInBy, choice, platforms, push, redirects};

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

/// Who judges the nicknames that people type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NicknameCheck {
    /// The app's platform.
    Platform,
    /// Nobody.
    None,
}

/// What gives way when a person has as many sessions as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The oldest session ends.
    #[default]
    OldestGoes,
    /// The new sign-in is refused.
    NewestRefused,
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
    /// What people and operators read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The back end that its tokens are for; the id when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The platform that proves its people.
    #[serde(default, deserialize_with = "choice::optional", skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformName>,
    /// What a site is at `WeChat`.
    #[serde(default, deserialize_with = "choice::optional", skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInBy>,
    /// The pages that people of a site come back to, each spelt as it is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// The platform's `AppID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
    /// The platform's `AppSecret`.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret: Secret,
    /// File that holds the `AppSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The app's own RSA private key: Alipay, and Douyin's phone numbers.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub private_key: Secret,
    /// File that holds the private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_file: Option<PathBuf>,
    /// Alipay's public key.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub alipay_public_key: Secret,
    /// File that holds Alipay's public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alipay_public_key_file: Option<PathBuf>,
    /// What Alipay encrypts phone numbers with.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub alipay_aes_key: Secret,
    /// File that holds the AES key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alipay_aes_key_file: Option<PathBuf>,
    /// The Token of 消息推送 at `WeChat`.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub push_token: Secret,
    /// File that holds the Token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_token_file: Option<PathBuf>,
    /// The `EncodingAESKey` of 消息推送.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub push_aes_key: Secret,
    /// File that holds the `EncodingAESKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_aes_key_file: Option<PathBuf>,
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
    /// The keys of session data that people reach by their own tokens.
    #[serde(default)]
    pub client_keys: ClientKeys,
    /// Whether its answers come as `{code, msg, data}`.
    #[serde(default)]
    pub envelope: bool,
    /// Where the platform's server API is for this app; instead of `base_url` of the platform's section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// Whether nickname and avatar are kept.
    #[serde(default, deserialize_with = "choice::one")]
    pub profile: Profile,
    /// Who judges nicknames; the platform, where it can, when not given.
    #[serde(default, deserialize_with = "choice::optional", skip_serializing_if = "Option::is_none")]
    pub nickname_check: Option<NicknameCheck>,
    /// What the login answer lists in `need` while the person lacks it.
    #[serde(default = "default_need", deserialize_with = "choice::several")]
    pub need: Vec<Need>,
    /// Whether people sign in by name and password.
    #[serde(default)]
    pub passwords: bool,
    /// Whether anybody may make an account with a name and a password.
    #[serde(default)]
    pub register: bool,
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
    /// Sessions in this app on one class of device that one person may have; 0: no limit.
    #[serde(default)]
    pub sessions_per_device_class: u32,
    /// What gives way when one of the last two is reached.
    #[serde(default, deserialize_with = "choice::one")]
    pub when_full: WhenFull,
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

impl App {
    /// An app that is registered by command: what is not among these members has its default.
    pub(crate) fn registered(members: serde_json::Value) -> Result<Self, ConfigError> {
        let unreadable = |error: serde_json::Error| ConfigError::refused("app", error.to_string());
        serde_json::from_value(members).map_err(unreadable)
    }

    /// Refuses what can't stand beside the `others`.
    pub(crate) fn check_beside(&self, others: &[Self]) -> Result<(), ConfigError> {
        let all: Vec<Self> = others.iter().chain([self]).cloned().collect();
        check_one(self, &all)?;
        let has_appid = |other: &&Self| self.appid.is_some() && self.platform_appid() == other.platform_appid();
        others.iter().find(has_appid).map_or(Ok(()), |_| Err(appid_taken(self)))
    }

    /// How its platform names it.
    fn platform_appid(&self) -> (Option<&'static str>, Option<&str>) {
        (self.platform.map(PlatformName::as_str), self.appid.as_deref())
    }
}

pub(super) fn check(apps: &[App]) -> Result<(), ConfigError> {
    let mut ids = HashSet::new();
    let mut appids = HashSet::new();
    for app in apps {
        if !ids.insert(&app.id) {
            let why = "stands twice: each app needs an id of its own";
            return Err(ConfigError::refused(format!("app.{}.id", app.id), why));
        }
        check_one(app, apps)?;
        if app.appid.is_some() && !appids.insert(app.platform_appid()) {
            return Err(appid_taken(app));
        }
    }
    Ok(())
}

fn appid_taken(app: &App) -> ConfigError {
    let why = "belongs to another app already: openids of one AppID are one set of people";
    ConfigError::refused(format!("app.{}.appid", app.id), why)
}

/// Of all that `apps` are, what this one is by itself.
fn check_one(app: &App, apps: &[App]) -> Result<(), ConfigError> {
    let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    if !is_id(&app.id) {
        return Err(ConfigError::refused("app.id", format!("{:?} must be 1 to 32 of a-z 0-9 - _", app.id)));
    }
    if !app.name.as_ref().is_none_or(|name| is_name(name)) {
        return refused("name", "must be a short name of at most 64 bytes, e.g. \"Shop\"");
    }
    let is_audience = |text: &String| is_name(text) && !text.contains(char::is_whitespace);
    if !app.audience.as_ref().is_none_or(is_audience) {
        return refused("audience", "must be a short name without spaces of at most 64 bytes, e.g. \"shop-api\"");
    }
    if app.sessions == 0 || app.sessions_without_device == 0 {
        return refused("sessions", "must be 1 or more");
    }
    let secrets = [
        ("secret", &app.secret),
        ("client_secret", &app.client_secret),
        ("private_key", &app.private_key),
        ("alipay_public_key", &app.alipay_public_key),
        ("alipay_aes_key", &app.alipay_aes_key),
        ("push_token", &app.push_token),
        ("push_aes_key", &app.push_aes_key),
    ];
    for (name, secret) in secrets {
        if secret.is_placeholder() {
            return refused(name, "is empty or a placeholder: put in the one that is meant");
        }
    }
    if !app.open_account.as_ref().is_none_or(|account| is_name(account)) {
        return refused("open_account", "must be a short name of at most 64 bytes, e.g. \"acme\"");
    }
    let can_judge = app.kind == AppKind::MiniProgram && app.platform == Some(PlatformName::Wechat);
    if app.nickname_check == Some(NicknameCheck::Platform) && !can_judge {
        return refused("nickname_check", "can be \"platform\" only for mini programs of WeChat: leave it out");
    }
    if app.passwords && app.kind == AppKind::Backend {
        return refused("passwords", "is for what people sign in from: a back end has a client_secret");
    }
    if app.register && !app.passwords {
        return refused("register", "needs `passwords = true`: whoever registers must be able to come back");
    }
    app.client_keys.check(|| format!("app.{}.client_keys", app.id))?;
    check_scopes(app, apps)?;
    redirects::check(app)?;
    push::check(app)?;
    match app.kind {
        AppKind::MiniProgram => platforms::check(app),
        AppKind::Web | AppKind::Native if app.platform.is_some() => platforms::check(app),
        AppKind::Web | AppKind::Native | AppKind::Backend => Ok(()),
    }
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

/// Tokens for menjin itself open its own routes: no back end has its audience.
pub(super) fn check_audiences(apps: &[App], public_url: Option<&Url>) -> Result<(), ConfigError> {
    let issuer = public_url.map(|url| url.as_str().trim_end_matches('/'));
    match apps.iter().find(|app| issuer.is_some() && app.audience.as_deref() == issuer) {
        Some(app) => Err(own_audience(&app.id)),
        None => Ok(()),
    }
}

/// The app has menjin's own audience.
pub(crate) fn own_audience(id: &str) -> ConfigError {
    let why = "is server.public_url, the audience of menjin itself: name the back end instead, e.g. \"shop-api\"";
    ConfigError::refused(format!("app.{id}.audience"), why)
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
/// Whoever guesses the secret of an app speaks for it.
const SHORTEST_SECRET: usize = 32;

/// What every app may be granted that proves itself; beside these there is one [`PLATFORM_TOKEN`] for each app.
pub(crate) const SCOPES: [&str; 4] = ["session-data", "sessions:open", "revocations:read", "events:read"];

/// Of an open-platform account, which stands beside every person's unionid in an index, and of other names.
const LONGEST_NAME: usize = 64;

fn check_scopes(app: &App, apps: &[App]) -> Result<(), ConfigError> {
    let refused = |field: &str, why: String| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    for scope in &app.scopes {
        if SCOPES.contains(&scope.as_str()) {
            continue;
        }
        let Some(of) = scope.strip_prefix(PLATFORM_TOKEN) else {
            let known = SCOPES.map(|scope| format!("\"{scope}\"")).join(", ");
            return refused("scopes", format!("{scope:?} is unknown: {known} and \"platform-token:<app>\" are known"));
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
    // Without scopes, too: it asks what tokens are worth, and ends the sessions of its own people.
    if app.client_secret.expose().is_some() && secret.len() < SHORTEST_SECRET {
        return refused("client_secret", "must be 32 characters or more, e.g. from `openssl rand -hex 32`".to_owned());
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.chars().any(char::is_control)
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
    fn nicknames_are_judged_where_there_is_a_judge() {
        let shop = |check: &str| {
            let toml = format!("{SHOP}\nnickname_check = \"{check}\"\n");
            Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
        };
        assert!(shop("platform").is_ok() && shop("none").is_ok());
        assert!(shop("wechat").unwrap_err().contains("app.shop.nickname_check"));
        let error = mailer("kind = \"backend\"\nnickname_check = \"platform\"").unwrap_err();
        assert!(error.contains("app.mailer.nickname_check"), "{error}");
    }

    #[test]
    fn a_scope_is_for_a_back_end_with_a_good_secret_and_names_an_app_of_a_platform() {
        let secret = "0123456789abcdef0123456789abcdef";
        let with = |kind: &str, secret: &str, scope: &str| {
            mailer(&format!("kind = \"{kind}\"\nclient_secret = \"{secret}\"\nscopes = [\"{scope}\"]"))
        };
        assert_eq!(with("backend", secret, "platform-token:shop").unwrap().app[1].scopes, ["platform-token:shop"]);
        for (kind, secret, scope) in [
            ("backend", secret, "session_data"),
            ("mini_program", secret, "session-data"),
            ("backend", &secret[1..], "session-data"),
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
        for kind in ["backend", "web"] {
            let short = mailer(&format!("kind = \"{kind}\"\nclient_secret = \"{}\"", &secret[1..])).unwrap_err();
            assert!(short.contains("app.mailer.client_secret") && !short.contains(&secret[1..]), "{short}");
        }
        for scope in super::SCOPES {
            assert_eq!(with("backend", secret, scope).unwrap().app[1].scopes, [scope]);
        }
    }

    #[test]
    fn a_name_and_an_audience_are_short_and_readable() {
        let with = |key: &str, text: &str| mailer(&format!("kind = \"backend\"\n{key} = \"{text}\""));
        assert!(with("name", "某商城 shop").is_ok() && with("audience", "https://api.example.com").is_ok());
        for (key, odd) in [
            ("name", ""),
            ("name", "a\\nb"),
            ("name", &"a".repeat(65)),
            ("audience", ""),
            ("audience", "shop api"),
            ("audience", &"a".repeat(65)),
        ] {
            let error = with(key, odd).unwrap_err();
            assert!(error.contains(&format!("app.mailer.{key}")), "{odd:?}: {error}");
        }
    }
}
