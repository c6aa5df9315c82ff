//! The one reader of configuration: defaults < `menjin.toml` < `MENJIN__SECTION__KEY`, parsed once into domain types.
//!
//! Lives here: the sections, their checks, the commented default file. Does not: opening what they name (`store`, `apps`).

mod app;
mod audience;
mod avatars;
mod choice;
mod compat;
mod consent;
mod duration;
mod legacy;
mod lifetimes;
mod outside;
mod passwords;
mod platforms;
mod public_key;
mod push;
mod redirects;
mod redis;
mod secret;
mod server;
mod session_data;
mod store;
mod tls;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use app::{App, AppKind, Need, NicknameCheck, Profile, WhenFull};
pub(crate) use app::{PLATFORM_TOKEN, SCOPES, own_audience};
pub use audience::{Audience, Source, TokenTyp};
pub(crate) use audience::{is_own_claim, nests_too_deeply};
pub use avatars::Avatars;
pub use compat::{Compat, CompatAlg, CompatKind, TokenFrom};
pub use consent::Consent;
pub(crate) use consent::{is_document, is_version};
pub use legacy::{Legacy, LegacyUser};
pub use lifetimes::Lifetimes;
pub use outside::{Audit, Telemetry};
pub(crate) use passwords::LONGEST_PASSWORD;
pub use passwords::Passwords;
pub use platforms::{Alipay, Douyin, PlatformName, Qq, is_wechat_appid};
pub use redirects::SignInBy;
pub use redis::Redis;
pub(crate) use redis::{RedisPlace, Sentinels};
pub use secret::{MasterKey, Secret};
pub use server::{Admin, Limits, Log, LogFormat, Server, Tokens, Wechat};
pub(crate) use session_data::is_data_key;
pub use session_data::{ClientKeys, SessionData};
pub use store::{Migrate, Store, StorePlace};
pub use tls::{Tls, TlsFiles};
pub(crate) use webhook::EVENT_TYPES;
pub use webhook::Webhook;
pub(crate) use webhook::is_public;

/// The manual: every key with its default and a comment, in one file.
pub const DEFAULT_TOML: &str = include_str!("../../../../menjin.toml");

/// The whole configuration, checked. `Debug` of it is safe to print: secrets show as `[REDACTED]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Master key, 32 bytes in base64 or hex (`menjin init` makes one).
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret_key: Secret,
    /// File that holds the master key; instead of `secret_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_file: Option<PathBuf>,
    /// Former master keys that still open what was sealed under them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_secret_keys: Vec<Secret>,
    /// The public side.
    #[serde(default)]
    pub server: Server,
    /// A certificate of its own.
    #[serde(default, skip_serializing_if = "Tls::is_absent")]
    pub tls: Tls,
    /// The operator's side.
    #[serde(default)]
    pub admin: Admin,
    /// Where the truth is kept.
    #[serde(default)]
    pub store: Store,
    /// Help between nodes.
    #[serde(default)]
    pub redis: Redis,
    /// What access tokens look like.
    #[serde(default)]
    pub tokens: Tokens,
    /// How long things last.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// What passwords must be like, and what they may cost.
    #[serde(default)]
    pub passwords: Passwords,
    /// What back ends may keep about a session.
    #[serde(default)]
    pub session_data: SessionData,
    /// The pictures that people upload of themselves.
    #[serde(default)]
    pub avatars: Avatars,
    /// How much a stranger may ask.
    #[serde(default)]
    pub limits: Limits,
    /// What is logged, and how.
    #[serde(default)]
    pub log: Log,
    /// What is kept of the audit beside the store.
    #[serde(default)]
    pub audit: Audit,
    /// Where traces go.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// How `WeChat` is reached.
    #[serde(default)]
    pub wechat: Wechat,
    /// Where QQ is.
    #[serde(default)]
    pub qq: Qq,
    /// Where Douyin is.
    #[serde(default)]
    pub douyin: Douyin,
    /// Where Alipay is.
    #[serde(default)]
    pub alipay: Alipay,
    /// What people sign in from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app: Vec<App>,
    /// What the tokens for a back end look like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audience: BTreeMap<String, Audience>,
    /// Old wire forms, each on its own paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compat: Vec<Compat>,
    /// What people agree to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consent: Vec<Consent>,
    /// Old systems whose tokens are taken until a date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legacy: Vec<Legacy>,
    /// Programs that are told of events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook: Vec<Webhook>,
    /// Remarks on files of secrets that others on the machine have rights to.
    #[serde(skip)]
    open_files: Vec<String>,
}

/// Why a configuration was refused; each names the key and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or an override could not be parsed, or has an unknown key.
    #[error("{origin}: {message}")]
    Unreadable {
        /// The file, or where else it came from.
        origin: String,
        /// The parser's words, which name the key.
        message: String,
    },
    /// A key holds a value that can't stand.
    #[error("`{key}`: {why}")]
    Refused {
        /// The key, as written in `menjin.toml`.
        key: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

impl ConfigError {
    pub(crate) fn refused(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused { key: key.into(), why: why.into() }
    }

    fn read_from(self, origin: String) -> Self {
        if let Self::Unreadable { message, .. } = self { Self::Unreadable { origin, message } } else { self }
    }
}

impl Config {
    /// Reads `file` (absent: defaults alone), over it `.env` of the working directory and the environment, then checks all
    /// of it.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut layers = config::Config::builder();
        if let Some(file) = file {
            layers = layers.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        let in_file = layers.clone();
        layers = layers.add_source(environment().source(Some(dot_env()?)));
        let base = file.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
        Self::from_layers(layers.add_source(environment()), base).map_err(|error| {
            let file_reads = in_file.build().and_then(config::Config::try_deserialize::<Self>).is_ok();
            error.read_from(match file.filter(|_| !file_reads) {
                Some(file) => file.display().to_string(),
                None => "MENJIN__… (environment or .env)".to_owned(),
            })
        })
    }

    /// Reads `text` alone, as if it stood in a file of `base`; for `menjin dev` and tests.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let layers = config::Config::builder().add_source(config::File::from_str(text, config::FileFormat::Toml));
        Self::from_layers(layers, base)
    }

    fn from_layers(
        layers: config::ConfigBuilder<config::builder::DefaultState>,
        base: &Path,
    ) -> Result<Self, ConfigError> {
        let unreadable = |error: config::ConfigError| ConfigError::Unreadable {
            origin: "configuration".to_owned(),
            message: without_excerpt(&error.to_string()),
        };
        let built = layers.build().map_err(unreadable)?;
        let id = |nth: usize| built.get_string(&format!("app[{nth}].id")).ok();
        let named = |error| match unreadable(error) {
            ConfigError::Unreadable { origin, message } => {
                ConfigError::Unreadable { origin, message: with_ids(&message, id) }
            }
            other @ ConfigError::Refused { .. } => other,
        };
        let mut config: Self = built.clone().try_deserialize().map_err(named)?;
        config.resolve_files(base)?;
        redirects::lead_operators_back(&config.admin, &mut config.app)?;
        config.check()?;
        Ok(config)
    }

    /// Secrets given as `<key>_file` are read once, here.
    fn resolve_files(&mut self, base: &Path) -> Result<(), ConfigError> {
        let mut open = vec![self.secret_key.or_from_file(self.secret_key_file.as_deref(), base, "secret_key")?];
        for app in &mut self.app {
            let key = format!("app.{}.secret", app.id);
            open.push(app.secret.or_from_file(app.secret_file.as_deref(), base, &key)?);
            let key = format!("app.{}.client_secret", app.id);
            open.push(app.client_secret.or_from_file(app.client_secret_file.as_deref(), base, &key)?);
            let key = format!("app.{}.private_key", app.id);
            open.push(app.private_key.or_from_file(app.private_key_file.as_deref(), base, &key)?);
            let key = format!("app.{}.alipay_public_key", app.id);
            // No secret: whoever may read it is nobody's business.
            app.alipay_public_key.or_from_file(app.alipay_public_key_file.as_deref(), base, &key)?;
            let key = format!("app.{}.alipay_aes_key", app.id);
            open.push(app.alipay_aes_key.or_from_file(app.alipay_aes_key_file.as_deref(), base, &key)?);
            let key = format!("app.{}.push_token", app.id);
            open.push(app.push_token.or_from_file(app.push_token_file.as_deref(), base, &key)?);
            let key = format!("app.{}.push_aes_key", app.id);
            open.push(app.push_aes_key.or_from_file(app.push_aes_key_file.as_deref(), base, &key)?);
        }
        for (index, compat) in self.compat.iter_mut().enumerate() {
            compat.fill_in();
            let key = format!("compat[{index}].secret");
            open.push(compat.secret.or_from_file(compat.secret_file.as_deref(), base, &key)?);
        }
        for (index, legacy) in self.legacy.iter_mut().enumerate() {
            open.push(legacy.resolve(base, &format!("legacy[{index}]"))?);
        }
        for webhook in &mut self.webhook {
            open.extend(webhook.resolve(base)?.into_iter().map(Some));
        }
        open.push(self.redis.resolve(base)?);
        open.push(self.store.resolve(base)?);
        self.tls.resolve(base);
        self.avatars.resolve(base);
        self.audit.resolve(base);
        self.open_files = open.into_iter().flatten().collect();
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.tls.check()?;
        self.admin.check()?;
        self.store.check()?;
        self.redis.check()?;
        self.lifetimes.check()?;
        self.tokens.check()?;
        self.passwords.check()?;
        self.session_data.check()?;
        self.avatars.check()?;
        self.audit.check()?;
        self.telemetry.check()?;
        webhook::check(&self.webhook)?;
        self.wechat.check(self.server.request_timeout)?;
        app::check(&self.app)?;
        app::check_lifetimes(&self.app, &self.lifetimes)?;
        app::check_audiences(&self.app, self.server.public_url.as_ref())?;
        audience::check(&self.audience)?;
        legacy::check(&self.legacy)?;
        consent::check(&self.consent)?;
        compat::check(&self.compat, &self.app)?;
        compat::check_lifetimes(&self.compat, &self.app, &self.lifetimes)?;
        compat::check_below(&self.compat, self.server.path())
    }

    /// The master keys, the present one first.
    pub fn master_keys(&self) -> Result<Vec<MasterKey>, ConfigError> {
        if self.secret_key.is_absent() {
            let remedy = "is missing: `menjin init` writes one, or set MENJIN__SECRET_KEY (32 random bytes in base64)";
            return Err(ConfigError::refused("secret_key", remedy));
        }
        let mut keys = vec![self.secret_key.master_key("secret_key")?];
        for (index, old) in self.old_secret_keys.iter().enumerate() {
            keys.push(old.master_key(&format!("old_secret_keys[{index}]"))?);
        }
        Ok(keys)
    }

    /// What `menjin serve` refuses on top of `check`: settings that are right in development alone.
    pub fn check_for_production(&self) -> Result<(), ConfigError> {
        self.master_keys()?;
        self.server.check_for_production()?;
        self.avatars.check_for_production()?;
        platforms::check_for_production(self)?;
        self.refuse_plain_pushes()?;
        app::check_for_production(&self.app)
    }

    /// Refuses pushes in clear, which anybody who has seen one can make up: they are for `menjin dev` alone.
    pub(crate) fn refuse_plain_pushes(&self) -> Result<(), ConfigError> {
        push::check_for_production(&self.app)
    }

    /// What `menjin serve` and `menjin config check` refuse beside: settings that a fresh `menjin init` leaves to be filled
    /// in. Apps may also be registered in the store.
    pub fn not_filled_in(&self, has_registered_apps: bool) -> Vec<ConfigError> {
        let mut missing = Vec::new();
        if self.server.has_example_url() {
            let why = "is still the example: put in the address that your clients call";
            missing.push(ConfigError::refused("server.public_url", why));
        }
        if self.app.is_empty() && !has_registered_apps {
            let why = "is missing: nobody can sign in without an [[app]], with the AppID and AppSecret of your mini program, or one from `menjin app add`";
            missing.push(ConfigError::refused("app", why));
        }
        missing
    }

    /// Keys that write of an audience which no app has, or no other app than the back end that names it: mostly slips. `apps`
    /// counts those that have one.
    pub fn unknown_audiences(&self, apps: impl Fn(&str) -> usize) -> Vec<String> {
        let shapes = self.audience.keys().map(|name| (format!("audience.{name}"), name));
        let legacies = self.legacy.iter().enumerate();
        let legacies = legacies.map(|(index, legacy)| (format!("legacy[{index}].audience"), &legacy.audience));
        let webhooks =
            self.webhook.iter().map(|webhook| (format!("webhook.{}.audience", webhook.name), &webhook.audience));
        let unknown = shapes.chain(legacies).chain(webhooks).filter(|(_, name)| apps(name) == 0);
        let unknown = unknown.map(|(key, name)| {
            format!("`{key}`: no [[app]] has the audience {name}, so nothing comes of it before `menjin app add` makes one that has")
        });
        let back_ends = self.app.iter().filter(|app| app.kind == AppKind::Backend);
        let named = back_ends.filter_map(|app| Some((&app.id, app.audience.as_ref()?)));
        let alone = named.filter(|(id, name)| id != name && apps(name) == 1).map(|(id, name)| {
            format!("`app.{id}.audience`: no other [[app]] has the audience {name}, so nobody's tokens are for this back end before `menjin app add` makes one that has")
        });
        unknown.chain(alone).collect()
    }

    /// How many `[[app]]`s of the file have this audience.
    pub fn apps_of_audience(&self, audience: &str) -> usize {
        self.app.iter().filter(|app| app.audience.as_ref().unwrap_or(&app.id) == audience).count()
    }

    /// What is allowed and yet worth a second look.
    pub fn remarks(&self) -> Vec<String> {
        let remarks = [self.admin.remark(), self.store.remark(), self.redis.remark()];
        let is_app = |id: &str| self.app.iter().any(|app| app.id == id);
        let documents = consent::remarks(&self.consent, is_app);
        remarks.into_iter().flatten().chain(documents).chain(self.open_files.iter().cloned()).collect()
    }
}

/// The parser quotes the line that it can't read, which may hold a secret.
fn without_excerpt(message: &str) -> String {
    let is_excerpt =
        |line: &&str| line.split_once('|').is_some_and(|(number, _)| number.trim().bytes().all(|b| b.is_ascii_digit()));
    message.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join(" ")
}

/// The parser writes a key of the second `[[app]]` as `app[1]kind`; this is `app.shop.kind`, as everywhere else.
fn with_ids(message: &str, id: impl Fn(usize) -> Option<String>) -> String {
    let Some((before, (table, rest))) =
        message.rsplit_once("for key `").and_then(|(before, key)| Some((before, key.split_once('[')?)))
    else {
        return message.to_owned();
    };
    let Some((nth, key)) = rest.split_once(']') else { return message.to_owned() };
    if table.contains('`') {
        // The bracket is one of the file's name.
        return message.to_owned();
    }
    let dot = if key.starts_with(['`', '.']) { "" } else { "." };
    let app = nth.parse().ok().filter(|_| table == "app").and_then(id);
    let place = app.map_or_else(|| format!("{table}[{nth}]"), |id| format!("{table}.{id}"));
    format!("{before}for key `{place}{dot}{key}")
}

/// `MENJIN__SECTION__KEY`; keys that hold lists take them with commas between.
fn environment() -> config::Environment {
    config::Environment::with_prefix("MENJIN")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("server.trusted_proxies")
        .with_list_parse_key("old_secret_keys")
}

/// What `.env` in the working directory says; nothing where there is none.
fn dot_env() -> Result<config::Map<String, String>, ConfigError> {
    let unreadable = |error: dotenvy::Error| {
        // The parser quotes the line, which may hold a secret.
        let is_quoting = matches!(error, dotenvy::Error::LineParse(_, _));
        let message = if is_quoting { "a line is not KEY=value".to_owned() } else { error.to_string() };
        ConfigError::Unreadable { origin: ".env".to_owned(), message }
    };
    match dotenvy::from_path_iter(".env") {
        Err(error) if error.not_found() => Ok(config::Map::new()),
        opened => opened.and_then(Iterator::collect).map_err(unreadable),
    }
}
