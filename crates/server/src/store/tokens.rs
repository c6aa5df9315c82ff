//! The platform's access token of each app: one row, moved on by compare-and-swap, and who fetches the next (design §4.7).

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

/// Somebody wants to fetch the next token.
#[derive(Debug, Clone)]
pub struct TokenClaiming {
    /// Of which app.
    pub app: String,
    /// The version that it shall replace; 0: none yet.
    pub former: i64,
    /// Names the claimer: random.
    pub claim: [u8; 16],
    /// The time.
    pub now: Timestamp,
    /// The claim lasts until then: a claimer may die.
    pub until: Timestamp,
    /// A claim that lasts longer than this was made by a clock that ran ahead, and counts for nothing.
    pub longest: Timestamp,
}

/// What became of a claim on the next token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClaim {
    /// It is the caller's: the platform may be asked.
    Ours,
    /// Somebody fetches it already, or nobody may before then.
    Held(Timestamp),
    /// The version is another one by now.
    Replaced,
}

/// Somebody wants to force a replacement, which the platform rations.
#[derive(Debug, Clone)]
pub struct Forcing {
    /// Of which app.
    pub app: String,
    /// The time.
    pub now: Timestamp,
    /// The last one must have been then or before.
    pub none_since: Timestamp,
    /// Number of the day that `now` belongs to.
    pub day: i64,
    /// So many in one day.
    pub a_day: u32,
}

/// Whether a forced replacement may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// It is counted.
    Allowed,
    /// The last one was at this time.
    TooSoon(Timestamp),
    /// The day has had all of its own.
    TooOften,
}

/// Platform tokens. A claim and the counters of forced replacements live in a table of their own, `platform_token_claims`:
/// they are there before the first token, and nothing in them is sealed.
#[async_trait]
pub trait PlatformTokens: Send + Sync {
    /// The token of an app.
    async fn platform_token(&self, app: &str) -> Result<Option<PlatformTokenRow>>;
    /// Atomic: of any number of racing callers, on any node, one gets `Ours`, as long as the version is `former` and no
    /// claim lasts beyond `now` (one that lasts beyond `longest` does not count). Asked again by the holder: `Held`.
    async fn claim_platform_token(&self, claiming: TokenClaiming) -> Result<TokenClaim>;
    /// Until when the app's next token is claimed; it may be a past time.
    async fn platform_token_claimed_until(&self, app: &str) -> Result<Option<Timestamp>>;
    /// Puts a new one in the place of version `former` (0: none yet) and ends the claim, whose ever it is; false, and
    /// nothing changes, when somebody else was first.
    async fn put_platform_token(&self, app: &str, former: i64, row: PlatformTokenRow) -> Result<bool>;
    /// The claimer comes without a token: its claim lasts until `until` now, `None`: not at all. Nothing changes once the
    /// claim is another's.
    async fn leave_platform_token(&self, app: &str, claim: [u8; 16], until: Option<Timestamp>) -> Result<()>;
    /// Atomic: counts a forced replacement, if the last one was at `none_since` or before (or after `now`, by a clock that
    /// ran ahead) and `day` has had fewer than `a_day`. Of racing callers one gets `Allowed`.
    async fn count_forced(&self, forcing: Forcing) -> Result<Forced>;
}
