//! Python with the packages of `requirements.txt`, in a folder of its own below `target`: `MENJIN_TEST_PYTHON`; and one with those
//! of `drf-jwt.txt`: `MENJIN_TEST_PYTHON_DRF_JWT`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::{Variables, debian};
use crate::process::{root, run, succeeds, succeeds_silently};

pub(super) const VARIABLE: &str = "MENJIN_TEST_PYTHON";

const REQUIREMENTS: &str = "xtask/requirements.txt";
const ENVIRONMENT: &str = "target/test-tools/python";
/// Apart from the rest, as it wants a Django of its own: djangorestframework-jwt.
const OLD_DJANGO_VARIABLE: &str = "MENJIN_TEST_PYTHON_DRF_JWT";
const OLD_DJANGO_REQUIREMENTS: &str = "xtask/drf-jwt.txt";
const OLD_DJANGO: &str = "target/test-tools/drf-jwt";
/// Inside the environment: the requirements that it was made for. Written last, so a half-made one has none.
const STAMP: &str = "requirements.installed";
const MODERN: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
const DEBIAN_PACKAGES: [&str; 2] = ["python3", "python3-venv"];

pub(crate) fn get() -> anyhow::Result<Variables> {
    let old_django = prepared(OLD_DJANGO, OLD_DJANGO_REQUIREMENTS)?.into_os_string();
    Ok(vec![(VARIABLE, prepared(ENVIRONMENT, REQUIREMENTS)?.into_os_string()), (OLD_DJANGO_VARIABLE, old_django)])
}

/// The Python of an environment that has what a file of requirements lists.
pub(super) fn prepared(environment: &str, file: &str) -> anyhow::Result<PathBuf> {
    let folder = root().join(environment);
    let requirements = fs::read_to_string(root().join(file)).with_context(|| format!("reading {file}"))?;
    if !is_ready(&folder, &requirements) {
        make(&folder, file, &requirements)?;
    }
    Ok(inside(&folder))
}

fn inside(environment: &Path) -> PathBuf {
    environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

fn is_ready(environment: &Path, requirements: &str) -> bool {
    let stamp = fs::read_to_string(environment.join(STAMP)).unwrap_or_default();
    stamp == requirements && succeeds_silently(run(inside(environment)).args(["-c", ""]))
}

fn make(environment: &Path, file: &str, requirements: &str) -> anyhow::Result<()> {
    let python = installed_or_else_install()?;
    println!("test: making {} from {file}", environment.strip_prefix(root()).unwrap_or(environment).display());
    if environment.exists() {
        fs::remove_dir_all(environment).with_context(|| format!("removing the old {}", environment.display()))?;
    }
    ensure!(succeeds(run(python).args(["-m", "venv"]).arg(environment))?, "{python} -m venv failed");
    let quietly = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"];
    let mut pip = run(inside(environment));
    ensure!(succeeds(pip.args(quietly).args(["-r", file]))?, "pip could not install {file}");
    fs::write(environment.join(STAMP), requirements).context("writing the stamp")
}

fn installed_or_else_install() -> anyhow::Result<&'static str> {
    if let Some(python) = installed() {
        return Ok(python);
    }
    debian::install(&DEBIAN_PACKAGES)?;
    installed().context("no Python 3.10 or newer with venv and ensurepip was found; install it from your system's packages or python.org")
}

fn installed() -> Option<&'static str> {
    let names: &[&str] = if cfg!(windows) { &["python", "py", "python3"] } else { &["python3", "python"] };
    names.iter().copied().find(|name| succeeds_silently(run(name).args(["-c", MODERN])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_requirement_is_pinned() {
        let files = [
            include_str!("../../requirements.txt"),
            include_str!("../../proxies.txt"),
            include_str!("../../drf-jwt.txt"),
            include_str!("../../sdks/python-weixin.txt"),
            include_str!("../../sdks/weixin-python.txt"),
            include_str!("../../../bench/peers/django/requirements.txt"),
        ];
        for requirements in files {
            for line in requirements.lines().filter(|line| !line.starts_with('#')) {
                assert_eq!(line.matches("==").count(), 1, "{line}");
            }
        }
    }

    #[test]
    fn an_environment_without_a_stamp_is_not_ready() {
        assert!(!is_ready(&root().join("target/test-tools/there-is-none"), "x==1"));
    }
}
