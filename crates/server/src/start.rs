//! Starting: the store is opened, the master keys are admitted, the ring and the feed are read, and only then is there a `Menjin`.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use menjin_guard::{Clock, Ended, Guard, SystemClock};

use crate::admin::Tries;
use crate::apps::{Broker, Legacies, Registry};
use crate::archive::Stuck;
use crate::config::{Config, Migrate, StorePlace};
use crate::dev::Dev;
use crate::entropy::{Entropy, SystemEntropy};
use crate::events::Horizon;
use crate::examine::old_schema;
use crate::forward_auth::Memory;
use crate::keys::{self, KeyPolicy, Ring, Tools};
use crate::limits::Limits;
use crate::metrics::Answers;
use crate::people::{Avatars, Exports, Pool, Stopped};
use crate::seal::Sealer;
use crate::session::{OldForms, Told};
use crate::state::{Inner, Menjin};
use crate::store::{Database, Fast, OnOldSchema, Sqlite, Store, check_folder};

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

/// Brings the schema of the configured store up to date. Gives the version that it had where that was an older one: 0 in an
/// empty store.
pub async fn migrate(config: &Config) -> anyhow::Result<Option<u32>> {
    let Err(error) = open_store(config, OnOldSchema::Refuse).await else { return Ok(None) };
    let Some((found, _)) = old_schema(&error) else { return Err(error) };
    open_store(config, OnOldSchema::Migrate).await?;
    Ok(Some(found))
}

impl Menjin {
    /// A menjin on the configured store, ready to serve. `server.public_url` must be set.
    pub async fn new(config: Config, around: Around) -> anyhow::Result<Self> {
        let menjin = Self::for_commands(config, around).await?;
        menjin.apps.refuse_clashes()?;
        if menjin.dev.is_none() {
            menjin.config.refuse_plain_pushes()?;
        }
        for remark in menjin.config.unknown_audiences(|audience| menjin.apps.of_audience(audience)) {
            tracing::warn!("{remark}");
        }
        Ok(menjin)
    }

    /// A menjin that serves nobody, also where apps of the file and of the store clash: a command mends that.
    pub async fn for_commands(config: Config, around: Around) -> anyhow::Result<Self> {
        // A configuration is large, and so is what waits with one in its hands.
        Box::pin(Self::assembled(config, around)).await
    }

    async fn assembled(config: Config, around: Around) -> anyhow::Result<Self> {
        let public_url = config.server.public_url.as_ref().context("`server.public_url` is missing")?;
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        let Around { clock, entropy, dev } = around;
        let now = clock.now();
        let store = open_store(&config, on_old_schema(&config)).await?;
        let half_moved = "`store.url`: a `menjin move` to here was begun and has not come to its end: run it again";
        anyhow::ensure!(!store.is_half_moved().await?, half_moved);
        let sealer = Sealer::new(&config.master_keys()?);
        keys::admit(&*store, &sealer, now).await?;
        let digester = keys::digester(&*store, &sealer, &*entropy).await?;
        let tools = Tools { store: &*store, sealer: &sealer, entropy: &*entropy };
        let ring = Ring::load(tools, key_policy(&config), now).await?;
        let ended = Arc::new(Ended::with_max_lag(config.lifetimes.revocation_max_lag));
        let guard = Guard::local(&issuer, &issuer, ring.verifying().clone(), Arc::clone(&ended))
            .clock(Arc::clone(&clock))
            .build()?;
        let apps = Registry::new(&config, Arc::clone(&clock))?;
        let old_forms = OldForms::new(&config.compat)?;
        let legacies = Legacies::new(&config.legacy)?;
        let run_id = u32::from_be_bytes(entropy.bytes());
        let told = Told::new(entropy.bytes(), config.server.max_streams);
        crate::metrics::install();
        crate::metrics::begin(&config);
        let fast = Fast::new(&config.redis, run_id, store.bell()).await?;
        let inner = Inner {
            archive_stuck: Stuck::default(),
            avatars: Avatars::new(&config.avatars, &issuer),
            erasing_stopped: Stopped::default(),
            exports: Exports::default(),
            passwords: Pool::new(&config.passwords, config.server.request_timeout),
            issuer,
            limits: Limits::new(&config.limits, fast.line.as_ref()),
            operator_tries: Tries::default(),
            fast,
            apps,
            old_forms,
            store,
            sealer,
            digester,
            ring,
            ended,
            told,
            guard,
            broker: Broker::default(),
            forward_auth: Memory::default(),
            legacies,
            tls: OnceLock::new(),
            run_id,
            clock,
            entropy,
            dev,
            stopping: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            answers: Answers::default(),
            hour: crate::hour::Hour::default(),
            push_waits: tokio::sync::Notify::new(),
            feed_read: tokio::sync::Mutex::default(),
            horizon: Horizon::default(),
            config,
        };
        inner.reload_apps().await?;
        inner.read_feed().await?;
        Ok(Self(Arc::new(inner)))
    }
}

/// Refuses a store that has no place to be: what can be told of it without opening or making it.
pub fn check_place(config: &Config) -> anyhow::Result<()> {
    let StorePlace::Sqlite(path) = config.store.place() else { return Ok(()) };
    check_folder(path).map_err(|why| anyhow::anyhow!("`store.url`: {}: can't be opened: {why}", path.display()))
}

pub(crate) async fn open_store(config: &Config, on_old_schema: OnOldSchema) -> anyhow::Result<Box<dyn Store>> {
    let place = config.store.place();
    let opened: Result<Box<dyn Store>, _> = match place {
        StorePlace::Sqlite(path) => Sqlite::open(path, on_old_schema).map(|store| Box::new(store) as _),
        StorePlace::Postgres(_) | StorePlace::MySql(_) => {
            Database::open(place, config.store.max_connections, on_old_schema).await.map(|store| Box::new(store) as _)
        }
    };
    opened.with_context(|| format!("`store.url`: {place}"))
}

fn on_old_schema(config: &Config) -> OnOldSchema {
    match config.store.migrate() {
        Migrate::Auto => OnOldSchema::Migrate,
        Migrate::Check => OnOldSchema::Refuse,
    }
}

fn key_policy(config: &Config) -> KeyPolicy {
    KeyPolicy {
        algs: std::iter::once(config.tokens.alg).chain(config.audience.values().filter_map(|it| it.alg)).collect(),
        lifetime: config.lifetimes.signing_key,
        publish_ahead: config.lifetimes.jwks_max_age,
        token_lifetime: config.lifetimes.access_token + std::time::Duration::from_mins(1),
    }
}
