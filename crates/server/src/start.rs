//! Starting: the store is opened, the master keys are admitted, the ring and the feed are read, and only then is there a `Menjin`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use anyhow::Context as _;
use menjin_guard::{Clock, Ended, Guard, SystemClock};

use crate::apps::{Broker, Registry};
use crate::config::{Config, Migrate};
use crate::dev::Dev;
use crate::entropy::{Entropy, SystemEntropy};
use crate::keys::{self, KeyPolicy, Ring, Tools};
use crate::limits::Limits;
use crate::metrics::Answers;
use crate::seal::Sealer;
use crate::session::OldForms;
use crate::state::{Inner, Menjin};
use crate::store::{OnOldSchema, Sqlite, Store};

/// What surrounds a menjin: replaced in tests and by `menjin dev`.
pub struct Around {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Set by `menjin dev` alone.
    pub dev: Option<Dev>,
}

impl Default for Around {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy::default()), dev: None }
    }
}

impl std::fmt::Debug for Around {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").field("dev", &self.dev).finish_non_exhaustive()
    }
}

/// Brings the schema of the configured store up to date.
pub fn migrate(config: &Config) -> anyhow::Result<()> {
    Sqlite::open(config.store.sqlite_path(), OnOldSchema::Migrate).context("store.url")?;
    Ok(())
}

impl Menjin {
    /// A menjin on the configured store, ready to serve. `server.public_url` must be set.
    pub async fn new(config: Config, around: Around) -> anyhow::Result<Self> {
        let public_url = config.server.public_url.as_ref().context("`server.public_url` is missing")?;
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        let Around { clock, entropy, dev } = around;
        let now = clock.now();
        let store: Box<dyn Store> = Box::new(open_store(&config)?);
        let sealer = Sealer::new(&config.master_keys()?);
        keys::admit(&*store, &sealer, now).await?;
        let digester = keys::digester(&*store, &sealer, &*entropy).await?;
        let tools = Tools { store: &*store, sealer: &sealer, entropy: &*entropy };
        let ring = Ring::load(tools, key_policy(&config), now).await?;
        let ended = Arc::new(Ended::with_max_lag(config.lifetimes.revocation_max_lag));
        let guard = Guard::local(&issuer, &issuer, ring.verifying().clone(), Arc::clone(&ended))
            .clock(Arc::clone(&clock))
            .build()?;
        let apps = Registry::new(&config)?;
        let old_forms = OldForms::new(&config.compat)?;
        crate::metrics::install();
        let inner = Inner {
            issuer,
            limits: Limits::new(&config.limits),
            apps,
            old_forms,
            store,
            sealer,
            digester,
            ring,
            ended,
            guard,
            broker: Broker::default(),
            run_id: u32::from_be_bytes(entropy.bytes()),
            clock,
            entropy,
            dev,
            stopping: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            answers: Answers::default(),
            feed_read: tokio::sync::Mutex::new(0),
            config,
        };
        inner.read_feed().await?;
        Ok(Self(Arc::new(inner)))
    }
}

fn open_store(config: &Config) -> anyhow::Result<Sqlite> {
    let on_old_schema = match config.store.migrate {
        Migrate::Auto => OnOldSchema::Migrate,
        Migrate::Check => OnOldSchema::Refuse,
    };
    Sqlite::open(config.store.sqlite_path(), on_old_schema).context("`store.url`")
}

fn key_policy(config: &Config) -> KeyPolicy {
    KeyPolicy {
        algs: std::iter::once(config.tokens.alg).chain(config.audience.values().filter_map(|it| it.alg)).collect(),
        lifetime: config.lifetimes.signing_key,
        publish_ahead: config.lifetimes.jwks_max_age,
        token_lifetime: config.lifetimes.access_token + std::time::Duration::from_mins(1),
    }
}
