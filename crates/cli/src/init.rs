//! `menjin init`: a commented `menjin.toml` and a master key of its own, never over anything that is there.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_server::config::DEFAULT_TOML;
use menjin_server::entropy::{Entropy, SystemEntropy};

use crate::settings::FILE;
use crate::{private_file, terminal};

const KEY_FILE: &str = "secret.key";

/// Lines of the commented default that an installation needs; where several begin so, the first.
const NEEDED: [&str; 2] = ["#secret_key_file = ", "#public_url = "];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder to write into · 目标文件夹
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (config, key) = (arguments.dir.join(FILE), arguments.dir.join(KEY_FILE));
    for file in [&config, &key] {
        ensure!(!file.exists(), "{} exists: `menjin init` overwrites nothing; choose another --dir", file.display());
    }
    std::fs::create_dir_all(&arguments.dir)
        .with_context(|| format!("{} can't be made (--dir)", arguments.dir.display()))?;
    write(&key, &format!("{}\n", secret()))?;
    write(&config, &filled_in())?;
    say_what_is_next(&config, &key)?;
    Ok(())
}

/// 32 random bytes in base64.
pub(crate) fn secret() -> String {
    let entropy: &dyn Entropy = &SystemEntropy::default();
    STANDARD.encode(entropy.bytes::<32>())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    private_file::write_new(path, text).with_context(|| format!("{} can't be written (--dir)", path.display()))
}

/// The commented default, with what an installation needs uncommented.
fn filled_in() -> String {
    let mut needed = NEEDED.to_vec();
    let lines = DEFAULT_TOML.lines().map(|line| {
        let Some(at) = needed.iter().position(|start| line.starts_with(start)) else { return line };
        needed.swap_remove(at);
        line.trim_start_matches('#')
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn say_what_is_next(config: &Path, key: &Path) -> io::Result<()> {
    let words = terminal::Language::of_this_machine();
    let (config, key) = (config.display(), key.display());
    let chinese = format!(
        "已写入 {config} 和 {key}（只有你能读；请单独备份，丢了它数据库就废了）\n\n下一步：\n  \
         1. 在 {config} 里填 server.public_url 和你的 [[app]]（AppID、AppSecret）\n  \
         2. menjin config check --config {config}\n  3. menjin serve --config {config}\n"
    );
    let english = format!(
        "wrote {config} and {key} (yours alone to read; back the key up by itself: without it the database is worth \
         nothing)\n\nnext:\n  1. in {config}, set server.public_url and your [[app]] (AppID, AppSecret)\n  \
         2. menjin config check --config {config}\n  3. menjin serve --config {config}\n"
    );
    io::stdout().write_all(words.pick(&chinese, &english).as_bytes())
}
