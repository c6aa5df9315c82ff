//! The console in a real browser. `cargo xtask test --without chromium` leaves out this folder, by its name.

mod acts;
mod desk;
mod hostile;
mod looks;
