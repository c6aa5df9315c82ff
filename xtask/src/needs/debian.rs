//! Debian's and Ubuntu's packages, by apt-get: as root, or with a sudo that does not ask.

use anyhow::ensure;

use crate::process::{run, succeeds, succeeds_silently};

/// Arguments: the packages.
const INSTALL: &str = r#"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get --quiet --yes install --no-install-recommends "$@"; }
install "$@" || { apt-get --quiet --yes update && install "$@"; }
"#;

/// Arguments: the services that the packages bring, in one word, then the packages. Debian would start the services now and
/// with the machine, and make PostgreSQL a cluster: here all of it is kept from happening. A service that was there before is
/// left alone.
const INSTALL_SERVERS: &str = r#"
services=$1; shift
start=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/menjin-tests.conf
made=$cluster
trap 'rm -f -- $made' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "${cluster%/*}" && echo 'create_main_cluster = false' >"$cluster" || exit 1
if ! [ -e "$start" ]; then
  made="$made $start"
  printf '#!/bin/sh\nexit 101\n' >"$start" && chmod 755 "$start" || exit 1
fi
command -v systemctl >/dev/null || services=
new=
for service in $services; do
  systemctl is-enabled --quiet "$service" 2>/dev/null || new="$new $service"
done
sh -c "$INSTALL" install "$@" || exit 1
[ -z "$new" ] || systemctl disable --quiet $new || true
"#;

/// Installs them where there is an apt-get; elsewhere does nothing, as the caller says what is missing.
pub(super) fn install(packages: &[&str]) -> anyhow::Result<()> {
    as_root(&["sh", "-c", INSTALL, "install"], packages)
}

/// As `install`, for servers: they are there to be started by tests, and by nobody else.
pub(super) fn install_servers(packages: &[&str], services: &[&str]) -> anyhow::Result<()> {
    let inner = format!("INSTALL={INSTALL}");
    as_root(&["env", &inner, "sh", "-c", INSTALL_SERVERS, "install", &services.join(" ")], packages)
}

fn as_root(script: &[&str], packages: &[&str]) -> anyhow::Result<()> {
    if !succeeds_silently(run("apt-get").arg("--version")) {
        return Ok(());
    }
    let is_root = run("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let may_become_root = is_root || succeeds_silently(run("sudo").args(["-n", "true"]));
    let names = packages.join(" ");
    ensure!(may_become_root, "as root: apt-get install {names}");
    println!("xtask: apt-get install {names}");
    let prefix: &[&str] = if is_root { &[] } else { &["sudo", "-n"] };
    let words = [prefix, script, packages].concat();
    ensure!(succeeds(run(words[0]).args(&words[1..]))?, "apt-get could not install {names}");
    Ok(())
}
