//! The one source of randomness: a SHA-256 counter that repeats itself when it is given a seed.
//!
//! Good enough for a simulator that guards nothing; never to be used for a secret. Names that must outlive a restart (openids)
//! are derived in `people`, not drawn here.

use std::hash::{BuildHasher, RandomState};

use sha2::{Digest, Sha256};

const HEX: &[u8] = b"0123456789abcdef";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A seed from the operating system, by way of std's hash keys; short enough for a number in JSON.
pub(crate) fn any_seed() -> u64 {
    RandomState::new().hash_one(0) >> 11
}

#[derive(Debug)]
pub(crate) struct Entropy {
    seed: u64,
    drawn: u64,
}

impl Entropy {
    /// The same draws follow the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            self.drawn += 1;
            let block = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update([0; 8])
                .chain_update(self.drawn.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }

    pub(crate) fn sixteen_bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes
    }

    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text(HEX, length)
    }

    pub(crate) fn alphanumeric(&mut self, length: usize) -> String {
        self.text(ALPHANUMERIC, length)
    }

    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.text(&HEX[..10], length)
    }

    /// True in about `share` of all draws.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_be_bytes(bytes)) < share * f64::from(u32::MAX)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws() {
        let (mut one, mut other) = (Entropy::new(7), Entropy::new(7));
        assert_eq!((one.hex(40), one.alphanumeric(40)), (other.hex(40), other.alphanumeric(40)));
    }

    #[test]
    fn another_seed_and_no_seed_give_other_draws() {
        let drawn = |seed| Entropy::new(seed).hex(32);
        assert_ne!(drawn(7), drawn(8));
        assert_ne!(drawn(any_seed()), drawn(any_seed()));
    }

    #[test]
    fn a_share_of_nothing_never_strikes_and_of_one_almost_always() {
        let mut entropy = Entropy::new(1);
        assert_eq!((0..1000).filter(|_| entropy.chance(0.0)).count(), 0);
        assert_eq!((0..1000).filter(|_| entropy.chance(1.0)).count(), 1000);
        let tenth = (0..1000).filter(|_| entropy.chance(0.1)).count();
        assert!((50..200).contains(&tenth), "{tenth}");
    }
}
