//! Schema versions: what all back ends know of them. Running migrations is each back end's own.

use std::path::PathBuf;

/// What `open` may do about the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOldSchema {
    /// Bring it up to date.
    Migrate,
    /// Refuse to open it.
    Refuse,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file can't be read or written. Whoever tells of it names the file first.
    #[error("can't be opened: {why}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The database server can't be reached, or refuses what menjin needs.
    #[error("{why}")]
    Unreachable {
        /// The reason, without the password.
        why: String,
    },
    /// The schema is older than the program.
    #[error("the schema is at version {found}, this program needs {needed}: run `menjin migrate`")]
    OldSchema {
        /// Its version.
        found: u32,
        /// The program's.
        needed: u32,
    },
    /// The schema is newer than the program allows.
    #[error("the schema (version {found}) needs menjin {oldest} or newer")]
    NewSchema {
        /// Its version.
        found: u32,
        /// The oldest program that may use it.
        oldest: String,
    },
    /// A migration that ran has another text than the one compiled in.
    #[error(
        "migration {version} of this database is not the one this program knows: another program's, or an unreleased \
         one's; give menjin a database of its own"
    )]
    ForeignSchema {
        /// Which.
        version: u32,
    },
    /// A table that a migration would make is there, and menjin did not make it.
    #[error("there is a table `{table}` that is not menjin's: give menjin a database of its own")]
    ForeignTable {
        /// Its name.
        table: String,
    },
}

/// What tells one text from another.
pub(super) fn checksum(text: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The oldest program that a migration allows, as its first line says.
pub(super) fn oldest_program_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("-- oldest-program: ")).unwrap_or("0.1.0").trim()
}

/// Whether a schema wants a newer program than this one.
pub(super) fn newer_than_this_program(oldest: &str) -> bool {
    let parse = |text: &str| text.split('.').map(|part| part.parse::<u32>().unwrap_or(u32::MAX)).collect::<Vec<_>>();
    parse(oldest) > parse(env!("CARGO_PKG_VERSION"))
}
