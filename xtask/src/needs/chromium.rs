//! Chromium and its driver, for the tests that look at pages: `MENJIN_TEST_CHROMEDRIVER` and `MENJIN_TEST_CHROMIUM`.
//!
//! Not here: fonts. The tests read text, not pixels, so Chinese need not be drawn for them.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Variables, debian};

pub(super) const DRIVER: &str = "MENJIN_TEST_CHROMEDRIVER";
const BROWSER: &str = "MENJIN_TEST_CHROMIUM";

const DEBIAN_PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];
const DRIVERS: [&str; 2] = ["chromedriver", "chromium.chromedriver"];
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Both, by absolute path.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    driver: PathBuf,
    /// Unset where browsers are not on the PATH, as on macOS and Windows: there the driver knows where to look.
    browser: Option<PathBuf>,
}

pub(crate) fn get() -> anyhow::Result<Variables> {
    if installed().is_none() {
        debian::install(&DEBIAN_PACKAGES)?;
    }
    let found = installed().context("no chromedriver with a Chromium or Chrome was found on the PATH; install both, of one version, from your system's packages or https://googlechromelabs.github.io/chrome-for-testing")?;
    let mut variables = vec![(DRIVER, found.driver.into_os_string())];
    variables.extend(found.browser.map(|browser| (BROWSER, browser.into_os_string())));
    Ok(variables)
}

#[expect(clippy::disallowed_methods, reason = "xtask reads its user's PATH, no configuration")]
fn installed() -> Option<Found> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    among(&folders, cfg!(any(windows, target_os = "macos")))
}

fn among(folders: &[PathBuf], driver_finds_browser: bool) -> Option<Found> {
    let driver = first(folders, &DRIVERS)?;
    let browser = first(folders, &BROWSERS);
    (browser.is_some() || driver_finds_browser).then_some(Found { driver, browser })
}

fn first(folders: &[PathBuf], names: &[&str]) -> Option<PathBuf> {
    let file = |folder: &Path, name: &str| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let files = names.iter().flat_map(|name| folders.iter().map(move |folder| file(folder, name)));
    files.into_iter().find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::root;

    fn folder(name: &str, programs: &[&str]) -> PathBuf {
        let folder = root().join("target/test-tools/chromium-tests").join(name);
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            fs::write(folder.join(format!("{program}{}", env::consts::EXE_SUFFIX)), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_driver_without_a_browser_is_enough_only_where_it_finds_one_by_itself() {
        let folders = [folder("driver", &["chromedriver"])];
        assert_eq!(among(&folders, false), None);
        assert!(among(&folders, true).is_some_and(|found| found.browser.is_none()));
    }

    #[test]
    fn a_browser_without_a_driver_is_not_enough() {
        assert_eq!(among(&[folder("browser", &["chromium"])], true), None);
    }

    #[test]
    fn chromium_is_preferred_and_may_be_in_another_folder_than_its_driver() {
        let folders = [folder("chrome", &["google-chrome", "chromedriver"]), folder("chromium", &["chromium"])];
        let found = among(&folders, false).unwrap();
        assert!(found.driver.starts_with(&folders[0]));
        assert!(found.browser.unwrap().starts_with(&folders[1]));
    }
}
