//! What a program adds to let in only whom menjin has signed in: a verified [`Caller`] for each request.
//!
//! Lives here: from request headers to a caller, keys, remembered tokens, endings, refusals, a tower layer,
//! and (feature `axum`) an extractor. Does not: issuing tokens, rows, asking menjin about each request.

mod builder;
mod cache;
mod caller;
mod check;
mod clock;
mod code;
mod ended;
#[cfg(feature = "axum")]
mod extract;
mod keys;
mod layer;
mod problem;
mod remote;
pub mod source;

pub use builder::{BuildError, GuardBuilder};
pub use caller::{Caller, permits};
pub use check::Guard;
pub use clock::{Clock, ManualClock, SystemClock};
pub use code::{Action, Code};
pub use ended::{Ended, EndedBecause, Subject};
#[cfg(feature = "axum")]
pub use extract::Refused;
pub use keys::{Current, Keys};
pub use layer::{GuardLayer, Guarded};
pub use problem::{Problem, Refusal};

/// What tokens are made of, so that a guarded program names one crate only.
pub use menjin_token as token;
