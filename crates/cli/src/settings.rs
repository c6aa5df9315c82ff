//! Where a subcommand finds its configuration: `--config`, else `menjin.toml` here, else the environment alone.

use std::path::{Path, PathBuf};

use menjin_server::config::Config;

/// The name that is looked for in the working directory.
pub(crate) const FILE: &str = "menjin.toml";

/// Where the configuration is.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// The configuration file [default: menjin.toml] · 配置文件
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Source {
    /// Whether there is no file at all.
    pub(crate) fn has_no_file(&self) -> bool {
        self.config.is_none() && !Path::new(FILE).exists()
    }

    /// The file, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| Some(PathBuf::from(FILE))).filter(|file| file.exists())
    }

    /// Reads and checks it. Without a file, `.env` and `MENJIN__…` must say all.
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let file = match &self.config {
            Some(file) if !file.exists() => {
                anyhow::bail!("{} does not exist (--config): `menjin init` writes one", file.display())
            }
            Some(file) if file.is_dir() => {
                anyhow::bail!("{} is a folder (--config): name the file in it", file.display())
            }
            Some(file) => Some(file.as_path()),
            None => Some(Path::new(FILE)).filter(|file| file.exists()),
        };
        Ok(Config::load(file)?)
    }
}
