//! What operators do by command: keys shown, rotated, revoked, and what is sealed moved to another master key.

use anyhow::Context as _;
use menjin_token::Timestamp;
use serde::Serialize;

use crate::keys;
use crate::seal::hex;
use crate::state::Menjin;
use crate::store::{AuditLine, KeyRow};

/// A signing key as operators see it.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// Its name.
    pub kid: String,
    /// Its algorithm.
    pub alg: String,
    /// `next`, `active`, `retired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub active_at: Timestamp,
    /// When its successor began to sign.
    pub retired_at: Option<Timestamp>,
    /// When it was revoked.
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
    pub async fn rotate_key(&self) -> anyhow::Result<String> {
        let kids = self.ring.rotate(self.key_tools(), self.clock.now()).await?.join(", ");
        self.fast.wake.tell_now().await;
        self.audit("key.rotated", &kids).await?;
        Ok(kids)
    }

    /// Refuses every token that this key signed, on every node.
    pub async fn revoke_key(&self, kid: &str) -> anyhow::Result<()> {
        let revoked = self.ring.revoke(self.key_tools(), kid, self.clock.now()).await?;
        self.fast.wake.tell_now().await;
        anyhow::ensure!(revoked, "no live signing key is called {kid}: `menjin key list` shows all");
        self.audit("key.revoked", kid).await
    }

    /// Seals everything anew under the present master key; returns how many values moved.
    pub async fn rewrap(&self) -> anyhow::Result<u64> {
        let moved = keys::rewrap(self.key_tools()).await?;
        self.audit("master_key.rewrapped", &moved.to_string()).await?;
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

    async fn audit(&self, action: &'static str, detail: &str) -> anyhow::Result<()> {
        let line = AuditLine { action, actor: "operator", detail: Some(detail.to_owned()), ..AuditLine::default() };
        self.store.audit(line, self.clock.now()).await.context("writing the audit")
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
