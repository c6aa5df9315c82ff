//! `/dev`: the page that plays a phone, in a real browser, and the door in front of it.

mod browser;
mod door;
mod page;
