//! What `menjin doctor` asks of the store, the master key, Redis and the apps: looked at, and left as they are.
//!
//! Does not: serving, mending, making a key or a database; what is said about it (`cli`).

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use menjin_guard::SystemClock;
use menjin_token::Timestamp;

use crate::apps::{Registry, Trial, as_configured};
use crate::config::{App, Config, StorePlace};
use crate::seal::{Sealed, Sealer, hex};
use crate::start::open_store;
use crate::store::{Fast, OnOldSchema, OpenError, Sqlite, Store};

/// A configured menjin that is looked at.
pub struct Examined {
    store: Box<dyn Store>,
    sealer: Sealer,
    apps: Registry,
}

impl std::fmt::Debug for Examined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Examined").finish_non_exhaustive()
    }
}

/// What an app is to the doctor.
#[derive(Debug)]
pub struct ExaminedApp {
    /// Its id.
    pub id: String,
    /// Its platform.
    pub platform: &'static str,
    /// How the platform names it.
    pub appid: String,
    /// The open-platform account.
    pub open_account: Option<String>,
    /// What the platform says of its credentials.
    pub trial: Trial,
}

impl Examined {
    /// Opens the configured store as it is; an old schema is refused.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let sealer = Sealer::new(&config.master_keys()?);
        let apps = Registry::new(config, Arc::new(SystemClock))?;
        Ok(Self { store: opened(config).await?, sealer, apps })
    }

    /// Whether the store can be read and written.
    pub async fn is_ready(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            !self.store.is_half_moved().await?,
            "a `menjin move` to here has not come to its end: run it again"
        );
        Ok(self.store.ready().await?)
    }

    /// Whether apps are registered in the store.
    pub async fn has_apps(&self) -> anyhow::Result<bool> {
        Ok(!self.store.apps().await?.is_empty())
    }

    /// The apps of the store in the form of the configuration, but those that are disabled or can't be used.
    pub async fn registered(&self) -> anyhow::Result<Vec<App>> {
        let mut rows = self.store.apps().await?;
        rows.retain(|row| row.disabled_at.is_none());
        Ok(rows.iter().filter_map(|row| as_configured(row, &self.sealer).ok()).collect())
    }

    /// What the configured master keys do not open: ids of others that are in use, names of signing keys.
    pub async fn unopened(&self) -> anyhow::Result<Vec<String>> {
        let mut unopened = Vec::new();
        for row in self.store.master_keys().await?.into_iter().filter(|row| !self.sealer.knows(row.id)) {
            unopened.push(hex(row.id));
        }
        for row in self.store.signing_keys().await? {
            if self.sealer.open(Sealed::SigningKey, row.kid.as_bytes(), &row.private).is_err() {
                unopened.push(row.kid);
            }
        }
        Ok(unopened)
    }

    /// The apps that people sign in from, of the file and of the store, each with what its platform says.
    pub async fn apps(&self, config: &Config) -> anyhow::Result<Vec<ExaminedApp>> {
        self.apps.take(self.store.apps().await.context("reading the apps")?, config, &self.sealer);
        self.apps.refuse_clashes()?;
        Ok(tried(&self.apps, config).await)
    }
}

/// A file is not made, and keeps its mode.
async fn opened(config: &Config) -> anyhow::Result<Box<dyn Store>> {
    let place = config.store.place();
    match place {
        StorePlace::Sqlite(path) => {
            Ok(Box::new(Sqlite::look_at(path).with_context(|| format!("`store.url`: {place}"))?))
        }
        StorePlace::Postgres(_) | StorePlace::MySql(_) => open_store(config, OnOldSchema::Refuse).await,
    }
}

/// The same of the file alone, where the store can't be asked.
pub async fn apps_of_file(config: &Config) -> anyhow::Result<Vec<ExaminedApp>> {
    Ok(tried(&Registry::new(config, Arc::new(SystemClock))?, config).await)
}

async fn tried(apps: &Registry, config: &Config) -> Vec<ExaminedApp> {
    let issuer = config.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/'));
    let mut tried = Vec::new();
    for app in apps.all() {
        let Some(trial) = app.on_trial(issuer).await else { continue };
        tried.push(ExaminedApp {
            id: app.id.clone(),
            platform: app.platform_name(),
            appid: app.appid.clone(),
            open_account: app.open_account.clone(),
            trial,
        });
    }
    tried
}

/// Versions of a schema that is older than the program, if that is why a store was not opened: found, needed.
pub fn old_schema(error: &anyhow::Error) -> Option<(u32, u32)> {
    match error.downcast_ref::<OpenError>() {
        Some(OpenError::OldSchema { found, needed }) => Some((*found, *needed)),
        Some(
            OpenError::Unusable { .. }
            | OpenError::Unreachable { .. }
            | OpenError::NewSchema { .. }
            | OpenError::ForeignSchema { .. }
            | OpenError::ForeignTable { .. },
        )
        | None => None,
    }
}

/// Whether Redis takes a write; `None` where none is configured.
pub async fn redis_is_up(config: &Config) -> anyhow::Result<Option<bool>> {
    let fast = Fast::new(&config.redis, 0, None).await?;
    Ok(fast.line.map(|line| line.is_good()))
}

/// The question by which WeChat's console makes sure of the address for pushes, and its answer.
pub fn push_question(token: &str, now: Timestamp) -> (String, &'static str) {
    const ANSWER: &str = "menjindoctor";
    let (timestamp, nonce) = (now.secs().to_string(), "7600");
    let mut parts = [token, &timestamp, nonce];
    parts.sort_unstable();
    let signature = digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes());
    let mut query = format!("timestamp={timestamp}&nonce={nonce}&echostr={ANSWER}&signature=");
    for byte in signature.as_ref() {
        write!(query, "{byte:02x}").expect("writing to a string");
    }
    (query, ANSWER)
}
