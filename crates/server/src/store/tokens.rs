//! The platform's access token of each app: one row, moved on by compare-and-swap (design §4.7).

use async_trait::async_trait;
use menjin_token::Timestamp;

use super::Result;

/// An app's platform token.
#[derive(Debug, Clone)]
pub struct PlatformTokenRow {
    /// Counts the replacements.
    pub version: i64,
    /// The token, sealed to the app.
    pub sealed: Vec<u8>,
    /// When it dies.
    pub expires_at: Timestamp,
}

/// Platform tokens.
#[async_trait]
pub trait PlatformTokens: Send + Sync {
    /// The token of an app.
    async fn platform_token(&self, app: &str) -> Result<Option<PlatformTokenRow>>;
    /// Puts a new one in the place of version `former` (0: none yet); false when somebody else was first.
    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool>;
}
