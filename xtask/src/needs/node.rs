//! Node with the packages that the folders of `clients` in its language are tested with, each in its own `node_modules`:
//! `MENJIN_TEST_NODE`. The same for other folders with a lock.

use std::fs;

use anyhow::{Context as _, ensure};

use super::{Variables, debian};
use crate::process::{root, run, succeeds, succeeds_silently};

pub(super) const VARIABLE: &str = "MENJIN_TEST_NODE";

const PACKAGES: [&str; 3] = ["clients/node", "clients/miniprogram", "clients/web"];
const LOCK: &str = "package-lock.json";
/// The lock that they were installed for. Written last, so half-installed ones have none.
const STAMP: &str = "node_modules/.installed-for-tests";
/// What `engines` in the package.json of those that run on it says.
const MODERN: &str = "const [a, b] = process.versions.node.split('.').map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)";
const DEBIAN_PACKAGES: [&str; 2] = ["nodejs", "npm"];

pub(crate) fn get() -> anyhow::Result<Variables> {
    PACKAGES.iter().try_for_each(|package| prepare(package))?;
    Ok(vec![(VARIABLE, "node".into())])
}

/// Installs what the lock in a folder lists.
pub(crate) fn prepare(package: &str) -> anyhow::Result<()> {
    if !is_installed() {
        debian::install(&DEBIAN_PACKAGES)?;
    }
    ensure!(
        is_installed(),
        "no Node.js 20.19 or newer with npm was found; install it from your system's packages or nodejs.org"
    );
    let folder = root().join(package);
    let lock = fs::read_to_string(folder.join(LOCK)).with_context(|| format!("reading {package}/{LOCK}"))?;
    if fs::read_to_string(folder.join(STAMP)).unwrap_or_default() != lock {
        println!("xtask: npm ci in {package}");
        let quietly = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        ensure!(succeeds(run(NPM).args(quietly).current_dir(&folder))?, "npm could not install {package}/{LOCK}");
        fs::write(folder.join(STAMP), lock).with_context(|| format!("writing {package}/{STAMP}"))?;
    }
    Ok(())
}

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

fn is_installed() -> bool {
    succeeds_silently(run("node").args(["-e", MODERN])) && succeeds_silently(run(NPM).arg("--version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_modern_is_what_the_packages_say() {
        for package in ["clients/node", "bench/peers"] {
            let package = fs::read_to_string(root().join(package).join("package.json")).unwrap();
            assert!(package.contains(r#""node": ">=20.19""#) && MODERN.contains("b >= 19"));
        }
    }

    #[test]
    fn every_package_is_locked() {
        for package in PACKAGES.into_iter().chain(["bench/peers", "crates/sim/tests/sdks"]) {
            let lock = fs::read_to_string(root().join(package).join(LOCK)).unwrap();
            let packages = lock.matches("\"node_modules/").count();
            assert!(packages > 0 && lock.matches("\"integrity\": \"sha512-").count() == packages, "{package}");
        }
    }
}
