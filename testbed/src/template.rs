//! Fresh data folders, copied: making one takes a server seconds, so it is done once a version and kept in `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use anyhow::Context as _;

use crate::home::output;

/// Raised when templates are made in another way.
const FORMAT: u32 = 1;

/// Fills `data` from the template of that name, or by `make`, which becomes the template.
pub(crate) fn fill(data: &Path, name: &str, make: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let name: String =
        name.trim().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools");
    let template = tools.join(format!("{name}-{FORMAT}"));
    if template.is_dir() {
        return copy(&template, data);
    }
    make()?;
    fs::create_dir_all(&tools).with_context(|| format!("making {}", tools.display()))?;
    let half = half_made(&tools, data);
    copy(data, &half)?;
    // Where another test was faster its template is as good: the rename fails, as that folder is not empty.
    if fs::rename(&half, &template).is_err() {
        fs::remove_dir_all(&half).ok();
    }
    Ok(())
}

/// A name that no other process and no other server of this one uses.
fn half_made(tools: &Path, data: &Path) -> PathBuf {
    let home = data.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    tools.join(format!(".{home}-{}", process::id()))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    output(Command::new("cp").arg("-a").arg(from).arg(to)).map(drop)
}
