//! The mini-program SDK's built file, which is committed so that `cargo build` needs no npm. It names the digest of its
//! sources: whether it is stale can be told without Node, and only building it anew needs that.
//!
//! Not here: how it is built (`clients/miniprogram/build.mjs`); that it is what its sources give, which its own tests check.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use crate::needs;
use crate::process::{root, run, succeeds};

const FOLDER: &str = "clients/miniprogram";
pub(crate) const BUILT: &str = "clients/miniprogram/dist/menjin.js";
/// Beside `src`, all that decides what is built.
const RECIPE: [&str; 3] = ["build.mjs", "package-lock.json", "package.json"];

/// Of the digest, so many tell sources apart: the file is counted in bytes, and nobody forges it.
const DIGEST_BYTES: usize = 8;

/// Whether the built file is that of the sources as they are now.
pub(crate) fn is_fresh() -> anyhow::Result<bool> {
    let built = fs::read_to_string(root().join(BUILT)).unwrap_or_default();
    Ok(names(&built, &digest(&root().join(FOLDER))?))
}

/// Builds it anew, if it is stale.
pub(crate) fn write() -> anyhow::Result<()> {
    if !is_fresh()? {
        needs::prepare_node(FOLDER)?;
        ensure!(succeeds(run("node").arg("build.mjs").current_dir(root().join(FOLDER)))?, "{FOLDER}/build.mjs failed");
        ensure!(is_fresh()?, "{BUILT} does not name the digest of its sources");
    }
    Ok(())
}

/// In the first line, which is a comment.
fn names(built: &str, digest: &str) -> bool {
    built.lines().next().is_some_and(|first| first.contains(&format!("; sources {digest} ")))
}

/// Of each file's name and text, in the order of the names.
fn digest(folder: &Path) -> anyhow::Result<String> {
    let mut paths: Vec<String> = RECIPE.iter().map(|&name| name.to_owned()).collect();
    sources(folder, "src", &mut paths)?;
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        let text = fs::read_to_string(folder.join(&path)).with_context(|| format!("reading {FOLDER}/{path}"))?;
        hash.update(format!("{path}\n{}\n", text.replace("\r\n", "\n")));
    }
    let bytes = hash.finalize();
    Ok(bytes.iter().take(DIGEST_BYTES).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}")))
}

fn sources(folder: &Path, below: &str, paths: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder.join(below)).with_context(|| format!("listing {FOLDER}/{below}"))? {
        let entry = entry?;
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            sources(folder, &path, paths)?;
        } else if Path::new(&path).extension().is_some_and(|it| it == "ts") {
            paths.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_fresh_when_its_first_line_names_the_digest() {
        let built = "/*! @menjin/miniprogram 0.1.0, MIT; sources 12ab */\nx";
        assert!(names(built, "12ab"));
        for other in ["", "12a", "2ab", "12abc"] {
            assert!(!names(built, other), "{other}");
        }
        assert!(!names("", "12ab") && !names("x\n; sources 12ab ", "12ab"));
    }

    #[test]
    fn whatever_changes_in_the_sources_changes_their_digest() {
        let folder = root().join("target/tmp/xtask-sdk-digest");
        let write = |path: &str, text: &str| {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let _ = fs::remove_dir_all(&folder);
        for name in RECIPE.iter().copied().chain(["src/a.ts", "src/b/c.ts", "src/notes.md"]) {
            write(name, "x\n");
        }
        let first = digest(&folder).unwrap();
        write("src/a.ts", "x\r\n");
        write("src/notes.md", "y");
        assert_eq!(digest(&folder).unwrap(), first);
        for (name, text) in [("src/b/c.ts", "y\n"), ("package-lock.json", "y\n"), ("src/d.ts", "")] {
            let before = digest(&folder).unwrap();
            write(name, text);
            assert_ne!(digest(&folder).unwrap(), before, "{name}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
