//! Apps that are registered by command: rows, their client secrets, and what operators do to them.
//!
//! Not here: apps of `menjin.toml`, which are never stored, and what an app may be (`config`).

use async_trait::async_trait;
use menjin_token::Timestamp;
use tokio::time::Instant;

use super::{AuditLine, Result};

/// So many client secrets of an app live at once: the one in use and the one that takes its place.
pub const LIVE_SECRETS: i64 = 2;

/// An app. What it is stands in words, as another version of the program may know others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What people read.
    pub name: Option<String>,
    /// Whom its tokens are for.
    pub audience: String,
    /// What it may ask, with spaces between.
    pub scopes: String,
    /// Its platform, and its name there.
    pub platform: Option<(String, String)>,
    /// The open-platform account.
    pub open_account: Option<String>,
    /// The platform's `AppSecret`, sealed to the id.
    pub app_secret: Option<Vec<u8>>,
    /// Whether people sign in by name and password.
    pub passwords: bool,
    /// Whether anybody may make an account with a name and a password.
    pub register: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Its client secrets, the oldest first.
    pub secrets: Vec<ClientSecretRow>,
}

/// A client secret: only its digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecretRow {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppAdded {
    /// It is registered.
    Added,
    /// The id is another app's.
    IdTaken,
    /// The id was another app's once: old tokens may name it.
    IdUsedBefore,
    /// The platform's appid belongs to another app.
    AppidTaken,
}

/// What is done to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppChange {
    /// It gets another client secret, if fewer than [`LIVE_SECRETS`] live.
    AddSecret([u8; 32]),
    /// A client secret is worth nothing any more.
    RevokeSecret([u8; 32]),
    /// Whether people sign in by name and password, and whether anybody may make an account so, from now on.
    Passwords {
        /// The one.
        passwords: bool,
        /// The other.
        register: bool,
    },
    /// Nobody signs in from it, it proves itself to nobody, and its tokens are cut.
    Disable,
    /// It works again.
    Enable,
    /// It is gone, with its secrets, and its tokens are cut. Nobody gets its id again.
    Remove,
}

impl AppChange {
    /// Whether the tokens that were issued to the app are over.
    pub(super) fn cuts_tokens(self) -> bool {
        matches!(self, Self::Disable | Self::Remove)
    }
}

/// A change to carry out.
#[derive(Debug, Clone)]
pub struct ChangingApp {
    /// Which app.
    pub app: String,
    /// What is done.
    pub change: AppChange,
    /// The time.
    pub now: Timestamp,
    /// When that was, on the clock that nobody sets: other nodes issue tokens while the change waits for its turn.
    pub began: Instant,
    /// Tokens that are cut were issued up to then: other nodes issue some until they have heard of it.
    pub cut_at: Timestamp,
    /// Every token that is cut is dead by then.
    pub tokens_until: Timestamp,
    /// What the audit says of it.
    pub audit: AuditLine,
}

impl ChangingApp {
    /// `cut_at` and `tokens_until`, later by as long as the change had to wait.
    pub(super) fn cut(&self) -> (Timestamp, Timestamp) {
        let waited = self.began.elapsed();
        (self.cut_at.plus(waited), self.tokens_until.plus(waited))
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppChanged {
    /// It is carried out, and told.
    Changed,
    /// It was so before.
    Unchanged,
    /// The store has no such app.
    AppUnknown,
    /// The app has no such client secret.
    SecretUnknown,
    /// As many client secrets live as may.
    TooManySecrets,
}

/// Apps that are registered by command.
#[async_trait]
pub trait Apps: Send + Sync {
    /// All of them with their client secrets, by id.
    async fn apps(&self) -> Result<Vec<AppRow>>;
    /// Registers an app with its client secrets, tells the feed and writes the audit. Atomic: of two racing callers with
    /// one id, or one appid, one gets `Added`.
    async fn add_app(&self, row: AppRow, audit: AuditLine) -> Result<AppAdded>;
    /// Changes an app, tells the feed and writes the audit. Atomic: racing callers never leave more than [`LIVE_SECRETS`].
    async fn change_app(&self, changing: ChangingApp) -> Result<AppChanged>;
}

/// An app and one of its client secrets, as one row of a join gives them; those of one app follow each other.
pub(super) type AppAndSecret = (AppRow, Option<ClientSecretRow>);

/// Each app once, with all of its secrets, in order.
pub(super) fn gathered(rows: Vec<AppAndSecret>) -> Vec<AppRow> {
    let mut apps: std::collections::BTreeMap<String, AppRow> = std::collections::BTreeMap::new();
    for (app, secret) in rows {
        apps.entry(app.id.clone()).or_insert(app).secrets.extend(secret);
    }
    for app in apps.values_mut() {
        app.secrets.sort_by_key(|secret| (secret.created_at, secret.digest));
    }
    apps.into_values().collect()
}
