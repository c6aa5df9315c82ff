//! The pages as people see them, in a real browser. `cargo xtask test --without chromium` leaves out this folder, by its name.

mod browser;
mod docs;
mod page;
