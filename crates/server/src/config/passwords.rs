//! `[passwords]`: what a password must be like, and what checking one may cost. Which apps take them, `[[app]]` says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What a person remembers may be shorter than what a program keeps (NIST SP 800-63B §3.1.1.2).
const SHORTEST: usize = 8;
/// The longest that is taken.
pub(crate) const LONGEST_PASSWORD: usize = 128;
/// KiB: the least that OWASP's Password Storage Cheat Sheet calls safe, and as much as one check may take.
const MEMORY: std::ops::RangeInclusive<u32> = 7168..=262_144;
/// As that sheet has them for argon2id: with so much memory, so many iterations at least.
const SAFE: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9216, 4), (7168, 5)];
const MOST_ITERATIONS: u32 = 20;

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
        let safe = SAFE.into_iter().find(|(memory, _)| self.memory >= *memory);
        let least = safe.map_or(MOST_ITERATIONS, |(_, iterations)| iterations);
        if !(least..=MOST_ITERATIONS).contains(&self.iterations) {
            let memory = self.memory;
            let why =
                format!("must be {least} to {MOST_ITERATIONS} with {memory} KiB of memory: fewer are guessed too fast");
            return refused("iterations", &why);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_memory_asks_for_more_iterations_as_owasp_has_them() {
        for (memory, least) in [
            (7168, 5),
            (9215, 5),
            (9216, 4),
            (12_288, 3),
            (19_455, 3),
            (19_456, 2),
            (47_103, 2),
            (47_104, 1),
            (262_144, 1),
        ] {
            let with = |iterations| Passwords { memory, iterations, ..Passwords::default() }.check();
            assert!(with(least).is_ok() && with(MOST_ITERATIONS).is_ok(), "{memory}");
            let refused = with(least - 1).unwrap_err().to_string();
            assert!(
                refused.contains("passwords.iterations") && refused.contains(&format!("must be {least} to")),
                "{refused}"
            );
            assert!(with(MOST_ITERATIONS + 1).is_err(), "{memory}");
        }
        assert!(Passwords { memory: 7167, iterations: 20, ..Passwords::default() }.check().is_err());
        assert!(Passwords::default().check().is_ok());
    }
}
