//! The servers that tests start for themselves, each in a temporary folder: from Debian's packages, found for them here.
//!
//! Not here: starting them (`testbed`). What is installed neither runs nor starts with the machine.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Variables, debian};

pub(super) const POSTGRES: Server = Server {
    variable: "MENJIN_TEST_POSTGRES",
    programs: &[&["postgres"], &["initdb"], &["psql"]],
    packages: &["postgresql"],
    services: &["postgresql"],
    least: "PostgreSQL 15",
};
pub(super) const MARIADB: Server = Server {
    variable: "MENJIN_TEST_MARIADB",
    programs: &[&["mariadbd"], &["mariadb-install-db"], &["mariadb"]],
    packages: &["mariadb-server"],
    services: &["mariadb"],
    least: "MariaDB 10.11",
};
pub(super) const REDIS: Server = Server {
    variable: "MENJIN_TEST_REDIS",
    programs: &[&["redis-server", "valkey-server"], &["redis-cli", "valkey-cli"]],
    packages: &["redis-server"],
    services: &["redis-server"],
    least: "Redis 6",
};
pub(super) const NGINX: Server = Server {
    variable: "MENJIN_TEST_NGINX",
    programs: &[&["nginx"]],
    packages: &["nginx"],
    services: &["nginx"],
    least: "nginx",
};

/// Only its tool is used, which reads rules and metrics as the server does.
pub(super) const PROMETHEUS: Server = Server {
    variable: "MENJIN_TEST_PROMETHEUS",
    programs: &[&["promtool"]],
    packages: &["prometheus"],
    services: &["prometheus"],
    least: "Prometheus 2.42",
};

pub(super) const CADDY: Server = Server {
    variable: "MENJIN_TEST_PROXIES",
    programs: &[&["caddy"]],
    packages: &["caddy"],
    services: &["caddy"],
    least: "Caddy 2.6",
};

pub(super) struct Server {
    /// Tells the tests the folders of the programs, as `PATH` does.
    pub(super) variable: &'static str,
    /// Each by the names that it may have.
    programs: &'static [&'static [&'static str]],
    packages: &'static [&'static str],
    /// What the packages would start.
    services: &'static [&'static str],
    /// What is needed, in words.
    least: &'static str,
}

impl Server {
    pub(super) fn get(&self) -> anyhow::Result<Variables> {
        if self.installed().is_none() {
            debian::install_servers(self.packages, self.services)?;
        }
        let folders = self.installed().with_context(|| {
            let (programs, least) = (self.programs.concat().join(", "), self.least);
            format!("no {least} or newer was found ({programs}); install it from your system's packages")
        })?;
        Ok(vec![(self.variable, env::join_paths(folders)?)])
    }

    #[expect(clippy::disallowed_methods, reason = "xtask reads its user's PATH, no configuration")]
    fn installed(&self) -> Option<Vec<PathBuf>> {
        let path = env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let versions = versions(Path::new("/usr/lib/postgresql"), 15);
        among(&versions.into_iter().chain(env::split_paths(&path)).chain(system).collect::<Vec<_>>(), self.programs)
    }
}

/// The folders of all programs; nothing when one is missing.
fn among(folders: &[PathBuf], programs: &[&[&str]]) -> Option<Vec<PathBuf>> {
    let mut found = Vec::new();
    for names in programs {
        let has_it = |folder: &&PathBuf| names.iter().any(|name| folder.join(name).is_file());
        let folder = folders.iter().find(has_it)?;
        if !found.contains(folder) {
            found.push(folder.clone());
        }
    }
    Some(found)
}

/// PostgreSQL's programs have a folder a version, off the PATH; the newest first.
fn versions(folder: &Path, least: u32) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().filter_map(Result::ok);
    let versions = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut versions: Vec<u32> = versions.filter(|version| *version >= least).collect();
    versions.sort_unstable_by_key(|version| std::cmp::Reverse(*version));
    versions.iter().map(|version| folder.join(version.to_string()).join("bin")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::process::root;

    fn folder(name: &str, programs: &[&str]) -> PathBuf {
        let folder = root().join("target/test-tools/servers-tests").join(name);
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            fs::write(folder.join(program), "").unwrap();
        }
        folder
    }

    #[test]
    fn all_programs_are_needed_and_each_folder_is_named_once() {
        let folders = [folder("sbin", &["mariadbd"]), folder("bin", &["mariadb", "mariadb-install-db"])];
        assert_eq!(among(&folders, MARIADB.programs).unwrap(), folders);
        assert_eq!(among(&folders[..1], MARIADB.programs), None);
    }

    #[test]
    fn valkey_is_as_good_as_redis() {
        let folders = [folder("valkey", &["valkey-server", "valkey-cli"])];
        assert_eq!(among(&folders, REDIS.programs).unwrap(), folders);
    }

    #[test]
    fn the_newest_postgres_is_taken_and_an_old_one_never() {
        let all = root().join("target/test-tools/servers-tests/postgresql");
        let bin = |version: &str| folder(&format!("postgresql/{version}/bin"), &["postgres"]);
        let (_, fifteen, seventeen, hundred) = (bin("14"), bin("15"), bin("17"), bin("100"));
        assert_eq!(versions(&all, 15), [hundred, seventeen, fifteen]);
    }
}
