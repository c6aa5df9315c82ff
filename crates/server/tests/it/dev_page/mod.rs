//! The pages that menjin serves, and the door in front of `/dev`.

mod door;
mod in_browser;
