//! Debian's and Ubuntu's packages, by apt-get: as root, or with a sudo that does not ask.

use anyhow::ensure;

use crate::process::{run, succeeds, succeeds_silently};

/// Installs them where there is an apt-get; elsewhere does nothing, as the caller says what is missing.
pub(super) fn install(packages: &[&str]) -> anyhow::Result<()> {
    if !succeeds_silently(run("apt-get").arg("--version")) {
        return Ok(());
    }
    let is_root = run("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let may_become_root = is_root || succeeds_silently(run("sudo").args(["-n", "true"]));
    let names = packages.join(" ");
    ensure!(may_become_root, "as root: apt-get install {names}");
    println!("xtask: apt-get install {names}");
    let apt_get = |arguments: &[&str]| {
        let prefix: &[&str] = if is_root { &[] } else { &["sudo", "-n"] };
        let words =
            [prefix, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"], arguments].concat();
        succeeds(run(words[0]).args(&words[1..]))
    };
    let install = [&["install", "--no-install-recommends"], packages].concat();
    let done = apt_get(&install)? || (apt_get(&["update"])? && apt_get(&install)?);
    ensure!(done, "apt-get could not install {names}");
    Ok(())
}
