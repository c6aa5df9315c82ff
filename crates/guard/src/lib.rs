//! What a program adds to let in only whom menjin has signed in: a verified [`Caller`] for each request.
//!
//! ```
//! use menjin_guard::{Caller, Guard};
//!
//! async fn hello(caller: Caller) -> String {
//!     format!("hello {}", caller.user)
//! }
//!
//! # fn build() -> Result<(), menjin_guard::BuildError> {
//! let guard = Guard::remote("https://login.example.com", "shop-api").as_app("shop-backend", "its secret").build()?;
//! let app: axum::Router = axum::Router::new().route("/", axum::routing::get(hello)).with_state(guard);
//! # Ok(()) }
//! ```
//!
//! Features: `axum` (on by default) adds the extractors and answers for axum 0.8; without it the crate is a tower layer
//! and functions of `http::HeaderMap`. `testkit` adds `testkit`, for a program's own tests.
//!
//! Lives here: from requests to callers, keys, remembered tokens, endings and their feed, session data, refusals, a tower
//! layer, extractors. Does not: issuing tokens, rows, asking menjin about each request.

mod builder;
mod cache;
mod caller;
mod check;
mod clock;
mod code;
mod ended;
#[cfg(feature = "axum")]
mod extract;
mod feed;
mod introspect;
mod keys;
mod language;
mod layer;
mod legacy;
mod load;
mod menjin;
mod more_roles;
mod person;
mod problem;
mod remote;
mod session;
pub mod source;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use builder::{BuildError, GuardBuilder};
pub use caller::{Caller, permits};
pub use check::Guard;
pub use clock::{Clock, ManualClock, SystemClock};
pub use code::{Action, Code};
pub use ended::{Ended, EndedBecause, Subject};
#[cfg(feature = "axum")]
pub use extract::{CallerOf, Loaded};
pub use keys::{Current, Keys};
pub use language::Language;
pub use layer::{GuardLayer, Guarded};
pub use legacy::Legacy;
pub use load::Loader;
pub use person::{LegacyCaller, LegacyUser, Person};
pub use problem::{Problem, Refusal, Refused};
pub use session::{Session, SessionError, Version, Versioned};

/// What tokens are made of, so that a guarded program names one crate only.
pub use menjin_token as token;

/// The page for readers of the manual: what it shows compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/backends/rust.md")]
struct Page;
