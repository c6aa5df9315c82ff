//! Node with the packages that `clients/node` is tested with, in its own `node_modules`: `MENJIN_TEST_NODE`.

use std::fs;

use anyhow::{Context as _, ensure};

use super::{Variables, debian};
use crate::process::{root, run, succeeds, succeeds_silently};

pub(super) const VARIABLE: &str = "MENJIN_TEST_NODE";

const PACKAGE: &str = "clients/node";
const LOCK: &str = "clients/node/package-lock.json";
/// Inside `node_modules`: the lock that they were installed for. Written last, so half-installed ones have none.
const STAMP: &str = "clients/node/node_modules/.installed-for-tests";
/// What `engines` in its package.json says.
const MODERN: &str = "const [a, b] = process.versions.node.split('.').map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)";
const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

pub(crate) fn get() -> anyhow::Result<Variables> {
    if !is_installed() {
        debian::install(&DEBIAN_PACKAGES)?;
    }
    ensure!(
        is_installed(),
        "no Node.js 20.19 or newer with npm was found; install it from your system's packages or nodejs.org"
    );
    let lock = fs::read_to_string(root().join(LOCK)).with_context(|| format!("reading {LOCK}"))?;
    if fs::read_to_string(root().join(STAMP)).unwrap_or_default() != lock {
        println!("test: npm ci in {PACKAGE}");
        let quietly = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        ensure!(succeeds(run(NPM).args(quietly).current_dir(root().join(PACKAGE)))?, "npm could not install {LOCK}");
        fs::write(root().join(STAMP), lock).with_context(|| format!("writing {STAMP}"))?;
    }
    Ok(vec![(VARIABLE, "node".into())])
}

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

fn is_installed() -> bool {
    succeeds_silently(run("node").args(["-e", MODERN])) && succeeds_silently(run(NPM).arg("--version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_modern_is_what_the_package_says() {
        let package = fs::read_to_string(root().join(PACKAGE).join("package.json")).unwrap();
        assert!(package.contains(r#""node": ">=20.19""#) && MODERN.contains("b >= 19"));
    }

    #[test]
    fn every_package_is_locked() {
        let lock = fs::read_to_string(root().join(LOCK)).unwrap();
        let packages = lock.matches("\"node_modules/").count();
        assert!(packages > 0 && lock.matches("\"integrity\": \"sha512-").count() == packages);
    }
}
