//! The example as its README has it: in process with `testkit`, and over the wire with a whole menjin.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod by_itself;
mod with_menjin;
