//! Where the servers' programs are: in folders that the environment names, else on the PATH and where Debian hides them.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// How a server's programs are found.
pub(crate) struct Programs {
    /// Names the folders to look in first, as `PATH` does.
    pub(crate) variable: &'static str,
    /// Folders that are not on everybody's PATH.
    pub(crate) hidden: fn() -> Vec<PathBuf>,
    /// The Debian packages that bring them.
    pub(crate) packages: &'static str,
    /// What `cargo xtask test --without` calls it.
    pub(crate) need: &'static str,
}

impl Programs {
    /// The first of these names that is there, with all links followed.
    pub(crate) fn find(&self, names: &[&str]) -> anyhow::Result<PathBuf> {
        let folders = self.folders();
        let files = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        let found = files.into_iter().find(|file| file.is_file()).with_context(|| {
            let (names, packages, need) = (names.join(" or "), self.packages, self.need);
            format!("{names} was not found: apt-get install {packages}, or let `cargo xtask test` do it (`--without {need}` leaves out these tests)")
        })?;
        Ok(found)
    }

    #[expect(clippy::disallowed_methods, reason = "where programs are is the user's PATH to say, no configuration")]
    fn folders(&self) -> Vec<PathBuf> {
        let named = env::var_os(self.variable).unwrap_or_default();
        let path = env::var_os("PATH").unwrap_or_default();
        let named: Vec<PathBuf> = env::split_paths(&named).collect();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        named.into_iter().chain((self.hidden)()).chain(env::split_paths(&path)).chain(system).collect()
    }
}

/// Of PostgreSQL's folders, one a version, those that are new enough; the newest first.
pub(crate) fn postgres_folders() -> Vec<PathBuf> {
    let entries = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().filter_map(Result::ok);
    let versions = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut versions: Vec<u32> = versions.filter(|version| *version >= 15).collect();
    versions.sort_unstable_by_key(|version| std::cmp::Reverse(*version));
    versions.iter().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))).collect()
}
