//! The operator's side: who gets in, by what, and what they may there.

mod by_link;
mod dev;
mod forms;
pub(crate) mod hand;
mod in_browser;
mod managed;
mod matrix;
mod restored;
mod rights;
mod scan;
mod sign_in;
