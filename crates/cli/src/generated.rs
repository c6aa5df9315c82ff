//! What `cargo xtask gen` writes into `docs/`. Does not: its content, which is the server's.

use std::io::{self, Write as _};

/// `docs/openapi.json`.
pub(crate) fn openapi() -> io::Result<()> {
    io::stdout().write_all(menjin_server::openapi().as_bytes())
}

/// `docs/admin-openapi.json`.
pub(crate) fn admin_openapi() -> io::Result<()> {
    io::stdout().write_all(menjin_server::admin_openapi().as_bytes())
}

/// `docs/errors.md`.
pub(crate) fn errors() -> io::Result<()> {
    io::stdout().write_all(menjin_server::problem::markdown().as_bytes())
}
