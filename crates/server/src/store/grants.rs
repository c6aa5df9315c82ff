//! Grants as they stand, for who asks about a refresh token without presenting it.

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};

use super::Result;

/// A grant that lives: so do its session and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivingGrant {
    /// The app that holds it.
    pub app: String,
    /// Counter of its current refresh token.
    pub counter: u32,
    /// When that one was issued.
    pub rotated_at: Timestamp,
    /// That one dies then.
    pub until: Timestamp,
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: UserId,
}

/// Looking at grants.
#[async_trait]
pub trait Grants: Send + Sync {
    /// The grant, while it lives. Changes nothing.
    async fn living_grant(&self, grant: GrantId, now: Timestamp) -> Result<Option<LivingGrant>>;
}
