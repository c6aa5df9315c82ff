//! Signing keys and master keys as rows.

use async_trait::async_trait;
use menjin_token::{Algorithm, Timestamp};

use super::{AuditLine, Result};

/// Where a signing key is in its life (design §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// In the JWKS; signs from `active_at` on.
    Live,
    /// Refused everywhere, at once.
    Revoked,
}

/// A signing key.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Its name.
    pub kid: String,
    /// Its algorithm.
    pub alg: Algorithm,
    /// The private key, sealed to `kid`.
    pub private: Vec<u8>,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub active_at: Timestamp,
    /// When its successor began to sign; its last token dies an access-token life later.
    pub retired_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A new key that takes the place of the newest one of its algorithm.
#[derive(Debug, Clone)]
pub struct Rotating {
    /// The key to add.
    pub key: KeyRow,
    /// Nothing happens when the newest live key of the algorithm is another one: somebody else rotated.
    pub newest: Option<String>,
    /// What the audit says of it, if anything.
    pub audit: Option<AuditLine>,
}

/// A key to revoke.
#[derive(Debug, Clone)]
pub struct Revoking {
    /// Its name.
    pub kid: String,
    /// The time.
    pub now: Timestamp,
    /// Access tokens that it signed are dead by then.
    pub tokens_until: Timestamp,
    /// What the audit says of it.
    pub audit: AuditLine,
}

/// A master key that something was sealed under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyRow {
    /// Its id.
    pub id: [u8; 4],
    /// Since when it is in use.
    pub since: Timestamp,
}

/// How much is sealed under one master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCount {
    /// The table.
    pub table: &'static str,
    /// The master key's id.
    pub master_key: [u8; 4],
    /// Rows.
    pub rows: u64,
}

/// Where a sealed value stands; only the store that gave it reads it.
#[derive(Debug, Clone)]
pub struct SealedPlace {
    pub(super) index: usize,
    pub(super) key: Vec<u8>,
}

/// One sealed value, to be sealed anew.
#[derive(Debug, Clone)]
pub struct SealedValue {
    /// What it is: the table that it is sealed to.
    pub table: &'static str,
    /// Where it stands.
    pub place: SealedPlace,
    /// The row that it is sealed to.
    pub row: Vec<u8>,
    /// As it stands.
    pub sealed: Vec<u8>,
}

/// Signing keys and master keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// All keys that may still matter, the oldest first.
    async fn signing_keys(&self) -> Result<Vec<KeyRow>>;
    /// Adds a key, tells the feed and writes the audit; false when another one came first.
    async fn rotate_key(&self, rotating: Rotating) -> Result<bool>;
    /// The newest key of an algorithm signs until `at` and has no successor; false when there is none. Tells the feed.
    async fn retire_line(&self, alg: Algorithm, at: Timestamp, now: Timestamp) -> Result<bool>;
    /// Revokes a key, tells the feed and writes the audit; false when there is no such live key.
    async fn revoke_key(&self, revoking: Revoking) -> Result<bool>;
    /// Drops keys retired or revoked before `before`.
    async fn forget_keys(&self, before: Timestamp) -> Result<u64>;
    /// Master keys in use.
    async fn master_keys(&self) -> Result<Vec<MasterKeyRow>>;
    /// Notes that a master key is in use.
    async fn use_master_key(&self, id: [u8; 4], now: Timestamp) -> Result<()>;
    /// How much is sealed under each master key; refresh tokens count under the key that they were made with.
    async fn sealed_counts(&self) -> Result<Vec<SealedCount>>;
    /// At most `limit` values sealed under another master key than `id`.
    async fn sealed_elsewhere(&self, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>>;
    /// Puts values sealed anew; one that changed meanwhile is left.
    async fn reseal(&self, values: Vec<(SealedValue, Vec<u8>)>) -> Result<()>;
    /// The sealed data key of this name: the one that is there, else `candidate`, which is kept.
    async fn data_key(&self, name: &'static str, candidate: Vec<u8>) -> Result<Vec<u8>>;
    /// Forgets a master key that nothing is sealed under.
    async fn forget_master_key(&self, id: [u8; 4]) -> Result<()>;
}
