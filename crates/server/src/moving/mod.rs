//! Moving in and out: the store as a file (`backup`, `restore`), from one store to another (`across`), and people of
//! another system (`import`).
//!
//! Does not: SQL (`store`), asking and telling (`cli`).

mod across;
mod backup;
pub mod import;
mod part;
mod restore;

pub use across::{Moved, Stage, Told, across};
pub use backup::{BackedUp, Backup, backup};
pub use restore::{Replaced, Restore, Settle, restore, settle};

pub use crate::store::Restored;

/// Told how far it is: done, and in all.
pub type Progress<'a> = &'a dyn Fn(u64, u64);
