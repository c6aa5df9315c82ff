//! `menjin backup`: the database of a running server as one checked file.

use std::io::{self, Write as _};
use std::path::PathBuf;

use menjin_server::moving::{self, BackedUp, Backup};

use crate::progress::Bar;
use crate::settings::Source;
use crate::terminal::{Language, size};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to write · 备份文件
    file: PathBuf,
    /// Overwrite the file if it exists · 覆盖已有文件
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = arguments.source.load()?;
    let bar = Bar::of("pages");
    let backup = Backup { file: &arguments.file, overwrite: arguments.force };
    let done = moving::backup(&config, &backup, &|done, all| bar.set(done, all))?;
    drop(bar);
    let file = arguments.file.display();
    let BackedUp { bytes, users, identities, live_sessions, master_keys } = done;
    let (size, keys) = (size(bytes), master_keys.join(", "));
    let (first, second) = Language::of_this_machine().order(
        format!(
            "{file}：{size}，{users} 个用户，{identities} 个身份，{live_sessions} 个有效会话，已校验。\n\
             备份里没有主密钥（{keys}）：请把 secret_key 另存他处，没有它这份备份毫无用处。配置、密钥文件和用户上传的头像（avatars.folder）也不在其中。\n"
        ),
        format!(
            "{file}: {size}, {users} users, {identities} identities, {live_sessions} live sessions; checked.\n\
             The master key ({keys}) is not in it: keep secret_key somewhere else, without it this backup is worth \
             nothing. Neither are menjin.toml, the files of other secrets, and people's pictures (avatars.folder).\n"
        ),
    );
    write!(io::stdout(), "{first}{second}")?;
    Ok(())
}
