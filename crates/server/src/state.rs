//! `Menjin`: everything that handlers share, behind one cheap handle.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::extract::FromRef;
use menjin_guard::{Clock, Ended, Guard};
use menjin_token::Timestamp;

use crate::admin::Tries;
use crate::apps::{Broker, Legacies, Registry};
use crate::archive::Stuck;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::events::Horizon;
use crate::forward_auth::Memory;
use crate::hour::Hour;
use crate::keys::{Ring, Tools};
use crate::limits::Limits;
use crate::metrics::Answers;
use crate::people::{Avatars, Exports, Pool, Stopped};
use crate::seal::{Digester, Sealer};
use crate::session::{Cursor, OldForms, Told};
use crate::store::{Fast, Store};
use crate::tls::Tls;

/// A running menjin.
#[derive(Clone)]
pub struct Menjin(pub(crate) Arc<Inner>);

/// What is behind the handle.
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) issuer: String,
    pub(crate) store: Box<dyn Store>,
    pub(crate) sealer: Sealer,
    pub(crate) digester: Digester,
    pub(crate) ring: Ring,
    pub(crate) ended: Arc<Ended>,
    pub(crate) told: Told,
    pub(crate) guard: Guard,
    pub(crate) apps: Registry,
    pub(crate) broker: Broker,
    pub(crate) archive_stuck: Stuck,
    pub(crate) avatars: Avatars,
    pub(crate) erasing_stopped: Stopped,
    pub(crate) exports: Exports,
    pub(crate) passwords: Pool,
    pub(crate) tls: OnceLock<Tls>,
    pub(crate) old_forms: OldForms,
    pub(crate) forward_auth: Memory,
    pub(crate) legacies: Legacies,
    pub(crate) limits: Limits,
    pub(crate) operator_tries: Tries,
    pub(crate) fast: Fast,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) dev: Option<crate::Dev>,
    pub(crate) run_id: u32,
    pub(crate) stopping: AtomicBool,
    pub(crate) answered: AtomicU64,
    pub(crate) answers: Answers,
    pub(crate) hour: Hour,
    /// Rung when a push was queued.
    pub(crate) push_waits: tokio::sync::Notify,
    pub(crate) feed_read: tokio::sync::Mutex<Cursor>,
    pub(crate) horizon: Horizon,
}

impl Deref for Menjin {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for Menjin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Menjin").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl FromRef<Menjin> for Guard {
    fn from_ref(menjin: &Menjin) -> Self {
        menjin.guard.clone()
    }
}

impl Inner {
    /// What the ring is kept with.
    pub(crate) fn key_tools(&self) -> Tools<'_> {
        Tools { store: &*self.store, sealer: &self.sealer, entropy: &*self.entropy }
    }

    /// When the last access token issued before `now` is dead everywhere, guards' leeway included.
    pub(crate) fn tokens_until(&self, now: Timestamp) -> Timestamp {
        now.plus(self.config.lifetimes.access_token + std::time::Duration::from_mins(1))
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
