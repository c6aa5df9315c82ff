//! What operators do, by command, over HTTP and in the console: keys shown, rotated, revoked, and what is sealed moved to another master key.

use anyhow::Context as _;
use menjin_token::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::{self, RingError};
use crate::problem::NotDone;
use crate::seal::hex;
use crate::state::Menjin;
use crate::store::{Actor, AuditLine, KeyRow};

/// A signing key as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct KeyView {
    /// Its name.
    #[schema(example = "Xv0cZ8pJ1mQe3bTn")]
    pub kid: String,
    /// Its algorithm.
    #[schema(example = "ES256")]
    pub alg: String,
    /// `next`, `active`, `retired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// From when on it signs.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Timestamp,
    /// When its successor began to sign.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retired_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// How much is sealed under a master key.
#[derive(Debug, Serialize)]
pub struct SealedView {
    /// Id of the master key.
    pub master_key: String,
    /// Whether it is the one that is sealed under now.
    pub present: bool,
    /// Whether it is configured.
    pub configured: bool,
    /// The table.
    pub table: &'static str,
    /// Rows.
    pub rows: u64,
}

impl Menjin {
    /// All signing keys, the oldest first.
    pub fn signing_keys(&self) -> Vec<KeyView> {
        let now = self.clock.now();
        let signs = |row: &KeyRow| self.ring.signing(row.alg, now).is_some_and(|key| key.kid() == row.kid);
        self.ring.rows().into_iter().map(|row| (signs(&row), row)).map(|(signs, row)| view(row, signs, now)).collect()
    }

    /// Publishes a new signing key of each algorithm in use, which signs once verifiers have had time to see it; returns
    /// the kids, with commas between.
    pub async fn rotate_key(&self, by: &Actor) -> Result<String, NotDone> {
        let rotated = self.ring.rotate(self.key_tools(), self.clock.now(), by).await;
        self.fast.wake.tell_now().await;
        Ok(rotated.map_err(failed)?.join(", "))
    }

    /// Refuses every token that this key signed, on every node.
    pub async fn revoke_key(&self, by: &Actor, kid: &str) -> Result<(), NotDone> {
        let revoked = self.ring.revoke(self.key_tools(), kid, self.clock.now(), by).await;
        self.fast.wake.tell_now().await;
        let revoked = revoked.map_err(failed)?;
        if revoked { Ok(()) } else { Err(NotDone::SigningKeyUnknown(kid.to_owned())) }
    }

    /// Seals everything anew under the present master key; returns how many values moved.
    pub async fn rewrap(&self, by: &Actor) -> anyhow::Result<u64> {
        let moved = keys::rewrap(self.key_tools()).await?;
        let line = AuditLine { detail: Some(moved.to_string()), ..by.line("master_key.rewrapped") };
        self.store.audit(line, self.clock.now()).await.context("writing the audit")?;
        Ok(moved)
    }

    /// How much is sealed under each master key.
    pub async fn sealed(&self) -> anyhow::Result<Vec<SealedView>> {
        let counts = self.store.sealed_counts().await?;
        let views = counts.into_iter().map(|count| SealedView {
            master_key: hex(count.master_key),
            present: count.master_key == self.sealer.present(),
            configured: self.sealer.knows(count.master_key),
            table: count.table,
            rows: count.rows,
        });
        Ok(views.collect())
    }
}

fn failed(error: RingError) -> NotDone {
    match error {
        RingError::Store(error) => error.into(),
        RingError::Key { .. } => NotDone::Internal(error.into()),
    }
}

fn view(row: KeyRow, signs: bool, now: Timestamp) -> KeyView {
    let state = match row.revoked_at {
        Some(_) => "revoked",
        None if signs => "active",
        None if row.active_at > now && row.retired_at.is_none_or(|retired| row.active_at < retired) => "next",
        None => "retired",
    };
    KeyView {
        kid: row.kid,
        alg: row.alg.to_string(),
        state,
        created_at: row.created_at,
        active_at: row.active_at,
        retired_at: row.retired_at,
        revoked_at: row.revoked_at,
    }
}
