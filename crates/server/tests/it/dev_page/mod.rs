//! The pages that menjin serves, and the door in front of `/dev`.

mod door;
pub(crate) mod in_browser;
