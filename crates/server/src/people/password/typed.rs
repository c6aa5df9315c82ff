//! A password as somebody typed it, and as it is compared; and what a new one must be like.

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::Name;
use super::guessed::is_common;
use crate::config::LONGEST_PASSWORD;
use crate::problem::Fault;

/// Another system may have let people choose longer ones; nobody types more.
const MOST_BYTES: usize = 4096;

/// A password, both as it came and as all keyboards write it alike (NFKC, as NIST SP 800-63B §3.1.1.2 asks).
#[derive(Clone)]
pub(crate) struct Typed {
    came: SecretString,
    folded: Zeroizing<String>,
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed([REDACTED])")
    }
}

impl Typed {
    /// One that is to be compared.
    pub(crate) fn of(password: &SecretString) -> Result<Self, Fault> {
        let came = password.expose_secret();
        if came.is_empty() {
            return Err(Fault::Empty);
        }
        if came.len() > MOST_BYTES {
            return Err(Fault::TooLong(MOST_BYTES));
        }
        Ok(Self { came: password.clone(), folded: Zeroizing::new(came.nfkc().collect()) })
    }

    /// One that somebody wants to have from now on: no rules of composition, but none that is guessed at once.
    pub(crate) fn chosen(password: &SecretString, name: &Name, shortest: usize) -> Result<Self, Fault> {
        let typed = Self::of(password)?;
        let folded = typed.folded();
        let length = folded.chars().count();
        if length < shortest {
            return Err(Fault::TooShort(shortest));
        }
        if length > LONGEST_PASSWORD {
            return Err(Fault::TooLong(LONGEST_PASSWORD));
        }
        let lower = Zeroizing::new(folded.to_lowercase());
        if *lower == name.lookup {
            return Err(Fault::IsTheName);
        }
        if is_common(&lower) { Err(Fault::TooCommon) } else { Ok(typed) }
    }

    /// As it came.
    pub(super) fn came(&self) -> &str {
        self.came.expose_secret()
    }

    /// As it is compared.
    pub(super) fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether the two differ.
    pub(super) fn is_folded_otherwise(&self) -> bool {
        self.came() != self.folded()
    }
}
