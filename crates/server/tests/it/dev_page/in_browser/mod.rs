//! The pages as people see them, in a real browser. `cargo xtask test --without chromium` leaves out this folder, by its name.

pub(crate) mod browser;
mod docs;
mod looks;
mod network;
mod page;
mod phones;
