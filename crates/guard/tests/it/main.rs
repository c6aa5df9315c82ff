//! What a guarded program sees: callers, refusals, keys that change, sessions that end. One file a concern.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod callers;
mod ended;
mod endings;
mod extractors;
mod feed;
mod harness;
mod http_layer;
mod introspection;
mod keys;
mod kit;
mod legacy;
mod places;
mod refusals;
mod remembered;
mod sources;
mod stand_in;
