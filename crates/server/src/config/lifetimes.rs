//! How long things last (design §5.5); every one is a key of `menjin.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// A lost answer is asked for again within seconds.
const LONGEST_GRACE: Duration = Duration::from_mins(10);

/// Lifetimes, written as `"15m"`, `"30d"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// Access tokens.
    #[serde(with = "super::duration")]
    pub access_token: Duration,
    /// A session that is not refreshed for so long ends.
    #[serde(with = "super::duration")]
    pub refresh_idle: Duration,
    /// A session ends so long after it was opened, however busy.
    #[serde(with = "super::duration")]
    pub refresh_absolute: Duration,
    /// A refresh whose answer was lost may be asked again for so long.
    #[serde(with = "super::duration")]
    pub refresh_grace: Duration,
    /// A login with an `Idempotency-Key` may be asked again for so long.
    #[serde(with = "super::duration")]
    pub login_result: Duration,
    /// A used login code is remembered for so long.
    #[serde(with = "super::duration")]
    pub used_code: Duration,
    /// A superseded `session_key` still opens older data for so long.
    #[serde(with = "super::duration")]
    pub superseded_session_key: Duration,
    /// What can't be undone asks for a sign-in that is younger.
    #[serde(with = "super::duration")]
    pub fresh_sign_in: Duration,
    /// Two users that were merged can be made two again for so long.
    #[serde(with = "super::duration")]
    pub unmerge: Duration,
    /// How often each node reads the feed of ends.
    #[serde(with = "super::duration")]
    pub feed_read: Duration,
    /// How stale the feed may be before protected routes close.
    #[serde(with = "super::duration")]
    pub revocation_max_lag: Duration,
    /// Ended sessions are kept for so long, so that a late 401 can say why.
    #[serde(with = "super::duration")]
    pub ended_sessions: Duration,
    /// Signing keys are replaced this often.
    #[serde(with = "super::duration")]
    pub signing_key: Duration,
    /// How long verifiers may keep the JWKS; a new key waits as long before it signs.
    #[serde(with = "super::duration")]
    pub jwks_max_age: Duration,
    /// Whoever wants to leave is erased so long after they said so.
    #[serde(with = "super::duration")]
    pub deletion_cooling_off: Duration,
    /// Audit lines are kept for so long.
    #[serde(with = "super::duration")]
    pub audit: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: Duration::from_secs(15 * MINUTE),
            refresh_idle: Duration::from_secs(30 * DAY),
            refresh_absolute: Duration::from_secs(180 * DAY),
            refresh_grace: Duration::from_secs(30),
            login_result: Duration::from_mins(1),
            used_code: Duration::from_secs(10 * MINUTE),
            superseded_session_key: Duration::from_secs(10 * MINUTE),
            fresh_sign_in: Duration::from_secs(5 * MINUTE),
            unmerge: Duration::from_secs(30 * DAY),
            feed_read: Duration::from_millis(300),
            revocation_max_lag: Duration::from_secs(30),
            ended_sessions: Duration::from_secs(30 * DAY),
            signing_key: Duration::from_secs(90 * DAY),
            jwks_max_age: Duration::from_secs(5 * MINUTE),
            deletion_cooling_off: Duration::from_secs(15 * DAY),
            audit: Duration::from_secs(180 * DAY),
        }
    }
}

impl Lifetimes {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("access_token", self.access_token),
            ("refresh_idle", self.refresh_idle),
            ("refresh_absolute", self.refresh_absolute),
            ("used_code", self.used_code),
            ("fresh_sign_in", self.fresh_sign_in),
            ("feed_read", self.feed_read),
            ("signing_key", self.signing_key),
            ("jwks_max_age", self.jwks_max_age),
        ];
        for (key, value) in positive {
            if value.is_zero() {
                return Err(ConfigError::refused(
                    format!("lifetimes.{key}"),
                    "must be longer than nothing, e.g. \"15m\"",
                ));
            }
        }
        if self.access_token > Duration::from_secs(DAY) {
            return Err(ConfigError::refused(
                "lifetimes.access_token",
                "must be a day or less: access tokens are short-lived, sessions are long",
            ));
        }
        if self.used_code < Duration::from_secs(5 * MINUTE) {
            return Err(ConfigError::refused("lifetimes.used_code", "must be 5m or more: a WeChat code lives so long"));
        }
        if self.refresh_idle > self.refresh_absolute {
            return Err(ConfigError::refused(
                "lifetimes.refresh_idle",
                "must not be longer than lifetimes.refresh_absolute",
            ));
        }
        if self.refresh_grace > LONGEST_GRACE || self.refresh_grace > self.refresh_idle {
            return Err(ConfigError::refused(
                "lifetimes.refresh_grace",
                "must be 10m or less, and not longer than lifetimes.refresh_idle: for so long a stolen refresh token goes \
                 unnoticed",
            ));
        }
        if self.access_token.saturating_add(self.jwks_max_age) > self.signing_key {
            return Err(ConfigError::refused(
                "lifetimes.signing_key",
                "must be longer than access_token and jwks_max_age together",
            ));
        }
        Ok(())
    }
}
