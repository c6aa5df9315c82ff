//! wrk, which drives the servers of the bench.

use anyhow::ensure;

use super::debian;
use crate::process::run;

pub(crate) fn get() -> anyhow::Result<()> {
    if !is_there() {
        debian::install(&["wrk"])?;
    }
    ensure!(is_there(), "wrk was not found: install it from your system's packages (Debian: apt-get install wrk)");
    Ok(())
}

/// It ends with 1 when it has told its version.
fn is_there() -> bool {
    run("wrk").arg("--version").output().is_ok()
}
