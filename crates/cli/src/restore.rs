//! `menjin restore`: a backup becomes the database again, while no server runs.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use menjin_server::moving::{self, Replaced, Restore, Restored, Settle};
use menjin_server::{Clock as _, SystemClock};

use crate::progress::Bar;
use crate::settings::Source;
use crate::terminal::Language;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The backup, as `menjin backup` wrote it · 备份文件
    #[arg(required_unless_present = "already_restored", conflicts_with = "already_restored")]
    file: Option<PathBuf>,
    /// The database's own tool (`pg_restore`, `mariadb`) has restored it; do the rest · 数据库已用自带工具恢复，完成其余步骤
    #[arg(long, conflicts_with = "force")]
    already_restored: bool,
    /// Put a database that is there aside, under another name · 把现有数据库改名保留
    #[arg(long)]
    force: bool,
    /// Let people stay signed in; otherwise all sessions end · 保留登录状态（默认全部下线）
    #[arg(long)]
    keep_sessions: bool,
    /// So many `number`s are left out: they may have been given after the backup · 跳过的用户编号数
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    number_gap: u32,
    #[command(flatten)]
    source: Source,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = arguments.source.load()?;
    let now = SystemClock.now();
    let &Arguments { keep_sessions, number_gap, .. } = arguments;
    let (chinese, english) = if let Some(file) = &arguments.file {
        let bar = Bar::of("pages");
        let restore = Restore { file, overwrite: arguments.force, keep_sessions, number_gap, now };
        let done = moving::restore(&config, &restore, &|done, all| bar.set(done, all))?;
        let Replaced { path, users, aside, restored } = done;
        let mut chinese = format!("{} 已恢复：{users} 个用户。\n", path.display());
        let counted = if users == 1 { "1 user".to_owned() } else { format!("{users} users") };
        let mut english = format!("{} is restored: {counted}.\n", path.display());
        if let Some(aside) = aside {
            writeln!(chinese, "原数据库保留为 {}。", aside.display())?;
            writeln!(english, "The one before is now {}.", aside.display())?;
        }
        (chinese + &in_chinese(&restored, arguments), english + &in_english(&restored, arguments))
    } else {
        let bar = Bar::of("sessions");
        let settle = Settle { keep_sessions, number_gap, now };
        let restored = moving::settle(&config, &settle, &|done, all| bar.set(done, all)).await?;
        let place = config.store.place();
        let (chinese, english) = (format!("{place}：可以启动。\n"), format!("{place} may be served again.\n"));
        (chinese + &in_chinese(&restored, arguments), english + &in_english(&restored, arguments))
    };
    let (first, second) = Language::of_this_machine().order(chinese, english);
    io::stdout().write_all([first, second].concat().as_bytes())?;
    Ok(())
}

fn in_english(restored: &Restored, arguments: &Arguments) -> String {
    let mut text = Vec::new();
    text.push(if arguments.keep_sessions {
        "Sessions live on; a client that refreshed after the backup has to sign in again.\n".to_owned()
    } else {
        let ended = restored.ended;
        let sessions = if ended == 1 { "1 session is".to_owned() } else { format!("{ended} sessions are") };
        format!("{sessions} ended: people get `restored` and sign in again.\n")
    });
    text.push(match restored.carried {
        Some(carried) => format!("{carried} ends, revoked keys and disabled users of the one before still hold.\n"),
        None => "What was ended, revoked or disabled after the backup is forgotten: revoke keys again (`menjin key \
                 revoke`) if you had, and look whether `menjin admin list` has whom you had removed.\n"
            .to_owned(),
    });
    if restored.tokens > 0 {
        let tokens = if restored.tokens == 1 { "1 token".to_owned() } else { format!("{} tokens", restored.tokens) };
        text.push(format!(
            "{tokens} of operators' programs no longer work: `menjin admin token create` makes new ones.\n"
        ));
    }
    text.push(format!(
        "The next new user gets number {}, {} or more after the backup's last.\n",
        restored.next_number, arguments.number_gap
    ));
    text.concat()
}

fn in_chinese(restored: &Restored, arguments: &Arguments) -> String {
    let mut text = Vec::new();
    text.push(if arguments.keep_sessions {
        "登录状态保留；备份之后刷新过令牌的客户端需要重新登录。\n".to_owned()
    } else {
        format!("已结束 {} 个会话：用户会收到 restored 并重新登录。\n", restored.ended)
    });
    text.push(match restored.carried {
        Some(carried) => format!("原数据库里的 {carried} 条注销、吊销和停用仍然有效。\n"),
        None => "备份之后的注销、吊销和停用已丢失：吊销过的密钥请重新吊销（menjin key revoke），并用 menjin admin list 检查已移除的运维人员。\n"
            .to_owned(),
    });
    if restored.tokens > 0 {
        text.push(format!("{} 个程序令牌已失效：请用 menjin admin token create 重新生成。\n", restored.tokens));
    }
    text.push(format!("下一个新用户的编号是 {}（至少跳过 {} 个）。\n", restored.next_number, arguments.number_gap));
    text.concat()
}
