//! Randomness as an argument: the operating system's in the program, a seeded one in tests.

use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills all of `buffer`.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's.
#[derive(Debug, Default)]
pub struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("without randomness no id or secret may be made, so nothing can be served");
    }
}

/// The same bytes for the same seed; for tests alone.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<[u8; 32]>);

impl SeededEntropy {
    /// A source that this seed determines.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(sha256(&seed.to_be_bytes())))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in buffer.chunks_mut(32) {
            *state = sha256(&*state);
            let block = sha256(&[&*state, &b"out"[..]].concat());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// SHA-256 of `data`.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    digest(&SHA256, data).as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
