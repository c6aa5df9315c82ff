//! The keys a guard verifies with: the server's own ring, or those that menjin publishes.
//!
//! Lives here: a set that can be replaced while it is read, and its generation. Fetching is `remote.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use menjin_token::{KeySet, Timestamp};

use crate::Refusal;
use crate::remote::Remote;

/// A set of keys that may be replaced at any moment. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Replaceable>);

#[derive(Debug)]
struct Replaceable {
    current: ArcSwap<Current>,
    generations: AtomicU64,
}

/// The set as it stands, and how often it was replaced.
#[derive(Debug, Default)]
pub struct Current {
    /// The keys.
    pub set: KeySet,
    /// Grows with each replacement; what was verified under another one is verified again.
    pub generation: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(KeySet::default())
    }
}

impl Keys {
    /// Starts with this set.
    pub fn new(set: KeySet) -> Self {
        Self(Arc::new(Replaceable {
            current: ArcSwap::from_pointee(Current { set, generation: 0 }),
            generations: AtomicU64::new(1),
        }))
    }

    /// From now on this set and no other.
    pub fn replace(&self, set: KeySet) {
        let generation = self.0.generations.fetch_add(1, Ordering::Relaxed);
        self.0.current.store(Arc::new(Current { set, generation }));
    }

    /// The set as it stands.
    pub fn current(&self) -> Arc<Current> {
        self.0.current.load_full()
    }
}

/// Where the keys come from.
#[derive(Clone)]
pub(crate) enum KeySource {
    Local(Keys),
    Remote(Arc<Remote>),
}

impl KeySource {
    /// The keys to verify with now.
    pub(crate) async fn ready(&self, now: Timestamp) -> Result<Arc<Current>, Refusal> {
        match self {
            Self::Local(keys) => Ok(keys.current()),
            Self::Remote(remote) => remote.ready(now).await,
        }
    }

    /// Newer keys than `seen`, when there are any or some can be fetched.
    pub(crate) async fn newer(&self, seen: &Current) -> Option<Arc<Current>> {
        match self {
            Self::Local(keys) => Some(keys.current()),
            Self::Remote(remote) => Some(remote.after_unknown_key().await),
        }
        .filter(|current| current.generation != seen.generation)
    }
}
