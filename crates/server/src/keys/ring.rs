//! The ring itself: loaded from the store, replaced whole when it changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Algorithm, JwkSet, KeySet, SigningKey, Timestamp};

use crate::entropy::Entropy;
use crate::problem::Problem;
use crate::seal::{Sealed, Sealer};
use crate::store::{Actor, AuditLine, KeyRow, KeyState, Revoking, Rotating, Store, StoreError};

/// Nodes that are told different algorithms, as amid an upgrade, would otherwise retire each other's keys as fast as they
/// make them.
const SETTLED: Duration = Duration::from_hours(1);

/// Why the ring can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key can't be opened or made.
    #[error("signing key {kid}: {why}")]
    Key {
        /// Which.
        kid: String,
        /// What is wrong.
        why: String,
    },
}

impl From<RingError> for Problem {
    fn from(error: RingError) -> Self {
        match error {
            RingError::Store(error) => error.into(),
            RingError::Key { .. } => Self::Internal(error.into()),
        }
    }
}

/// How keys are made and how long they matter.
#[derive(Debug, Clone)]
pub(crate) struct KeyPolicy {
    /// Each of these has its own line of keys.
    pub(crate) algs: BTreeSet<Algorithm>,
    /// A key is replaced after so long.
    pub(crate) lifetime: Duration,
    /// A new key waits so long before it signs.
    pub(crate) publish_ahead: Duration,
    /// The longest life of a token.
    pub(crate) token_lifetime: Duration,
}

/// What keys are kept and made with.
#[derive(Clone, Copy)]
pub(crate) struct Tools<'a> {
    /// Where they are kept.
    pub(crate) store: &'a dyn Store,
    /// What they are sealed with.
    pub(crate) sealer: &'a Sealer,
    /// What names them.
    pub(crate) entropy: &'a dyn Entropy,
}

#[derive(Clone)]
struct Held {
    row: KeyRow,
    key: Arc<SigningKey>,
}

/// The signing keys of this issuer.
pub(crate) struct Ring {
    held: ArcSwap<Vec<Held>>,
    verifying: menjin_guard::Keys,
    policy: KeyPolicy,
    /// Held while the ring is read, so that an older reading never comes last: the kids that verify since.
    read: tokio::sync::Mutex<Vec<String>>,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.held.load().iter().map(|held| &held.row.kid)).finish()
    }
}

impl Ring {
    /// Loads the ring; makes the first key of each algorithm where there is none.
    pub(crate) async fn load(tools: Tools<'_>, policy: KeyPolicy, now: Timestamp) -> Result<Self, RingError> {
        let verifying = menjin_guard::Keys::new(KeySet::default());
        let ring = Self { held: ArcSwap::default(), verifying, policy, read: tokio::sync::Mutex::default() };
        ring.reload(tools, now).await?;
        for alg in ring.policy.algs.clone() {
            if ring.newest_live(alg).is_none() {
                ring.replace(tools, alg, (now, now), None).await?;
            }
        }
        Ok(ring)
    }

    /// What verifies our tokens now; the guard holds the same.
    pub(crate) fn verifying(&self) -> &menjin_guard::Keys {
        &self.verifying
    }

    /// The key that signs with `alg` at `now`: the newest of those whose time has come and not gone.
    pub(crate) fn signing(&self, alg: Algorithm, now: Timestamp) -> Option<Arc<SigningKey>> {
        let held = self.held.load();
        let line = || held.iter().filter(|held| held.row.alg == alg);
        let in_time = |row: &KeyRow| row.active_at <= now && row.retired_at.is_none_or(|retired| now < retired);
        let signs = line().filter(|held| held.row.state == KeyState::Live && in_time(&held.row));
        // None is in time when the clock was set back to before the first one: one that verifies is better than none.
        let published = || line().filter(|held| self.verifies(&held.row, now)).min_by_key(|held| held.row.active_at);
        signs.max_by_key(|held| held.row.active_at).or_else(published).map(|held| Arc::clone(&held.key))
    }

    /// The public keys that verify, or will.
    pub(crate) fn jwks(&self, now: Timestamp) -> JwkSet {
        let held = self.held.load();
        JwkSet {
            keys: held.iter().filter(|held| self.verifies(&held.row, now)).filter_map(|held| held.key.jwk()).collect(),
        }
    }

    /// Reads the ring anew; what was open stays open.
    pub(crate) async fn reload(&self, tools: Tools<'_>, now: Timestamp) -> Result<(), RingError> {
        let mut read = self.read.lock().await;
        let known: HashMap<String, Arc<SigningKey>> =
            self.held.load().iter().map(|held| (held.row.kid.clone(), Arc::clone(&held.key))).collect();
        let mut keys = Vec::new();
        for row in tools.store.signing_keys().await? {
            let key = match known.get(&row.kid) {
                Some(key) => Arc::clone(key),
                // One that can't be opened must not take the feed with it, which tells of ends.
                None => match open(&row, tools.sealer) {
                    Ok(key) => Arc::new(key),
                    Err(error) if known.is_empty() => return Err(error),
                    Err(error) => {
                        tracing::error!(%error, "a new signing key can't be used: start this node with its master key");
                        continue;
                    }
                },
            };
            keys.push(Held { row, key });
        }
        let verifying = || keys.iter().filter(|held| self.verifies(&held.row, now));
        let kids: Vec<String> = verifying().map(|held| held.row.kid.clone()).collect();
        // A new set has every token verified anew.
        if *read != kids {
            self.verifying.replace(KeySet::new(verifying().map(|held| held.key.verifying()).collect()));
            *read = kids;
        }
        self.held.store(Arc::new(keys));
        Ok(())
    }

    /// Adds a key of each algorithm, which signs after the JWKS has had time to spread; the kids.
    pub(crate) async fn rotate(&self, tools: Tools<'_>, now: Timestamp, by: &Actor) -> Result<Vec<String>, RingError> {
        let mut kids = Vec::new();
        for alg in &self.policy.algs {
            kids.push(self.replace(tools, *alg, (now, now.plus(self.policy.publish_ahead)), Some(by)).await?);
        }
        Ok(kids)
    }

    /// Rotates the lines whose newest key has served its time.
    pub(crate) async fn rotate_if_due(&self, tools: Tools<'_>, now: Timestamp) -> Result<(), RingError> {
        for alg in &self.policy.algs {
            let newest = {
                let held = self.held.load();
                let is_open = |row: &KeyRow| row.state == KeyState::Live && row.retired_at.is_none();
                held.iter()
                    .filter(|held| held.row.alg == *alg && is_open(&held.row))
                    .map(|held| held.row.active_at)
                    .max()
            };
            if newest.is_none_or(|since| now.since(since) >= self.policy.lifetime) {
                self.replace(tools, *alg, (now, now.plus(self.policy.publish_ahead)), Some(&Actor::system())).await?;
            }
        }
        self.retire_what_is_not_configured(tools, now).await?;
        let forgotten = now.minus(self.policy.token_lifetime + self.policy.publish_ahead + Duration::from_hours(24));
        tools.store.forget_keys(forgotten).await?;
        self.reload(tools, now).await
    }

    /// A line whose algorithm is no longer configured has no successor to retire it. Nodes that are not restarted yet may
    /// sign with it for a while.
    async fn retire_what_is_not_configured(&self, tools: Tools<'_>, now: Timestamp) -> Result<(), RingError> {
        let lines: BTreeSet<Algorithm> = self.held.load().iter().map(|held| held.row.alg).collect();
        for alg in lines.difference(&self.policy.algs) {
            if self.newest_open(*alg).is_some_and(|newest| now.since(newest.created_at) >= SETTLED) {
                tools.store.retire_line(*alg, now.plus(self.policy.publish_ahead), now).await?;
            }
        }
        Ok(())
    }

    /// Refuses a key everywhere at once. Should it be the one that signs, a new one signs from now on, and is there first:
    /// no node is ever without.
    pub(crate) async fn revoke(
        &self,
        tools: Tools<'_>,
        kid: &str,
        now: Timestamp,
        by: &Actor,
    ) -> Result<bool, RingError> {
        self.reload(tools, now).await?;
        let alg = self.held.load().iter().find(|held| held.row.kid == kid).map(|held| held.row.alg);
        if let Some(alg) = alg.filter(|alg| self.policy.algs.contains(alg)) {
            // The newest, too: its predecessor was to stop when it began.
            let signs = self.signing(alg, now).is_none_or(|key| key.kid() == kid);
            if signs || self.newest_live(alg).as_deref() == Some(kid) {
                self.replace(tools, alg, (now, now), None).await?;
            }
        }
        let audit = AuditLine { detail: Some(kid.to_owned()), ..by.line("key.revoked") };
        let tokens_until = now.plus(self.policy.token_lifetime);
        let revoked = tools.store.revoke_key(Revoking { kid: kid.to_owned(), now, tokens_until, audit }).await?;
        self.reload(tools, now).await?;
        Ok(revoked)
    }

    /// All rows, for operators.
    pub(crate) fn rows(&self) -> Vec<KeyRow> {
        self.held.load().iter().map(|held| held.row.clone()).collect()
    }

    async fn replace(
        &self,
        tools: Tools<'_>,
        alg: Algorithm,
        (now, active_at): (Timestamp, Timestamp),
        by: Option<&Actor>,
    ) -> Result<String, RingError> {
        let newest = self.newest_live(alg);
        let kid = URL_SAFE_NO_PAD.encode(tools.entropy.bytes::<12>());
        let unusable = |why: String| RingError::Key { kid: kid.clone(), why };
        let (_, private) = SigningKey::generate(alg, kid.clone()).map_err(|error| unusable(error.to_string()))?;
        let key = KeyRow {
            kid: kid.clone(),
            alg,
            private: tools.sealer.seal(Sealed::SigningKey, kid.as_bytes(), &private, tools.entropy),
            state: KeyState::Live,
            created_at: now,
            active_at,
            retired_at: None,
            revoked_at: None,
        };
        // Another node that was first has rotated for all of us.
        // The first key of a line replaces none, and that of a revoked one comes with it.
        let line = |by: &Actor| AuditLine { detail: Some(kid.clone()), ..by.line("key.rotated") };
        let audit = by.filter(|_| newest.is_some()).map(line);
        tools.store.rotate_key(Rotating { key, newest, audit }).await?;
        self.reload(tools, now).await?;
        Ok(self.newest_live(alg).unwrap_or(kid))
    }

    fn newest_live(&self, alg: Algorithm) -> Option<String> {
        self.newest_open(alg).map(|newest| newest.kid)
    }

    fn newest_open(&self, alg: Algorithm) -> Option<KeyRow> {
        let held = self.held.load();
        let is_open = |row: &KeyRow| row.alg == alg && row.state == KeyState::Live && row.retired_at.is_none();
        let live = held.iter().filter(|held| is_open(&held.row));
        live.max_by_key(|held| held.row.created_at).map(|held| held.row.clone())
    }

    fn verifies(&self, row: &KeyRow, now: Timestamp) -> bool {
        row.state == KeyState::Live
            && row.retired_at.is_none_or(|retired| now < retired.plus(self.policy.token_lifetime))
    }
}

fn open(row: &KeyRow, sealer: &Sealer) -> Result<SigningKey, RingError> {
    let unusable = |why: String| RingError::Key { kid: row.kid.clone(), why };
    let private = sealer
        .open(Sealed::SigningKey, row.kid.as_bytes(), &row.private)
        .map_err(|error| unusable(error.to_string()))?;
    SigningKey::from_private(row.alg, row.kid.clone(), &private).map_err(|error| unusable(error.to_string()))
}
