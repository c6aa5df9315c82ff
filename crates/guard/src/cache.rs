//! Tokens that were verified before: bounded by bytes, found by SHA-256, so that a token is verified once and not each time.
//!
//! Does not: vouch for anything. Times, audience, key and endings are asked again on every request (`check.rs`).

use std::sync::Arc;

use aws_lc_rs::digest;
use menjin_token::{Claims, Invalid};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::Caller;

/// What an entry takes beside its strings: keys of maps, allocations, the claims' and caller's own fields.
pub(crate) const OVERHEAD: usize = 1500;
/// SHA-256 has so many bytes.
pub(crate) const DIGEST: usize = 32;

/// A token that was verified, and what that rests on.
pub(crate) struct Verified {
    pub(crate) claims: Arc<Claims>,
    /// The person it names; a token of an app itself names none.
    pub(crate) caller: Result<Caller, Invalid>,
    pub(crate) kid: String,
    pub(crate) generation: u64,
    /// The token's length, by which an entry is weighed.
    pub(crate) len: usize,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<[u8; DIGEST], Arc<Verified>> for Bytes {
    fn weight(&self, _: &[u8; DIGEST], verified: &Arc<Verified>) -> u64 {
        // Each claim is held twice (claims and caller), and a token is a third longer than its claims.
        (verified.len * 2 + OVERHEAD) as u64
    }
}

/// The verified tokens of one guard.
pub(crate) struct Remembered(Cache<[u8; DIGEST], Arc<Verified>, Bytes>);

/// What a token is known by; the token itself is not kept.
#[derive(Clone, Copy)]
pub(crate) struct TokenDigest([u8; DIGEST]);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    pub(crate) fn bytes(&self) -> &[u8; DIGEST] {
        &self.0
    }
}

impl Remembered {
    pub(crate) fn new(bytes: usize) -> Self {
        let typical = OVERHEAD + 1024;
        Self(Cache::with_weighter(bytes / typical + 1, bytes as u64, Bytes))
    }

    pub(crate) fn get(&self, token: TokenDigest) -> Option<Arc<Verified>> {
        self.0.get(&token.0)
    }

    pub(crate) fn put(&self, token: TokenDigest, verified: Arc<Verified>) {
        self.0.insert(token.0, verified);
    }

    pub(crate) fn forget(&self, token: TokenDigest) {
        self.0.remove(&token.0);
    }
}
