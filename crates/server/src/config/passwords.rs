//! `[passwords]`: what a password must be like, and what checking one may cost. Which apps take them, `[[app]]` says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What a person remembers may be shorter than what a program keeps (NIST SP 800-63B §3.1.1.2).
const SHORTEST: usize = 8;
/// The longest that is taken.
pub(crate) const LONGEST_PASSWORD: usize = 128;
/// KiB: the least that RFC 9106 and OWASP call safe, and as much as one check may take.
const MEMORY: std::ops::RangeInclusive<u32> = 7168..=262_144;

/// `[passwords]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passwords {
    /// A new password has so many characters at least.
    pub shortest: usize,
    /// What one hash takes of memory, in KiB (argon2id).
    pub memory: u32,
    /// How often it goes through that memory.
    pub iterations: u32,
    /// Passwords that are checked at a time.
    pub at_once: usize,
    /// So many more wait; others are told to come again.
    pub waiting: usize,
    /// A one-use code for a new password is good for so long.
    #[serde(with = "super::duration")]
    pub reset_code: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            shortest: SHORTEST,
            memory: 19_456,
            iterations: 2,
            at_once: 2,
            waiting: 64,
            reset_code: Duration::from_hours(24),
        }
    }
}

impl Passwords {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("passwords.{key}"), why));
        if !(SHORTEST..=64).contains(&self.shortest) {
            return refused("shortest", "must be 8 to 64: a shorter one is guessed, and a longer one written down");
        }
        if !MEMORY.contains(&self.memory) {
            return refused("memory", "must be 7168 to 262144 KiB: 19456 is what OWASP names, with 2 iterations");
        }
        if !(1..=20).contains(&self.iterations) || (self.memory < 19_456 && self.iterations < 2) {
            return refused("iterations", "must be 1 to 20, and 2 or more with less memory than 19456 KiB");
        }
        if !(1..=256).contains(&self.at_once) {
            return refused("at_once", "must be 1 to 256: as many cores as passwords may keep busy");
        }
        if self.waiting > 10_000 {
            return refused("waiting", "must be 10000 or less: whoever waits longer than a few seconds is gone");
        }
        if self.reset_code < Duration::from_mins(1) || self.reset_code > Duration::from_hours(24 * 30) {
            return refused("reset_code", "must be between 1m and 30d, e.g. \"24h\"");
        }
        Ok(())
    }
}
