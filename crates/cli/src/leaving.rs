//! `menjin user export|delete|undelete`: a copy of everything that is kept of somebody, and their way out.
//!
//! Does not: a rule about either (the server's `people`).

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use menjin_server::store::Actor;
use menjin_server::{Deletion, Menjin, WhenToDelete};
use menjin_token::UserId;
use serde_json::json;

use crate::operated::Out;
use crate::private_file;
use crate::terminal::Language;
use crate::user::Whom;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Give everything that is kept of a user: the whole phone number and openids, too; the audit tells that it was done · 导出用户的全部数据
    Export {
        #[command(flatten)]
        whom: Whom,
        /// A page for people instead of JSON · 输出网页
        #[arg(long)]
        html: bool,
        /// The page's language; this machine's when not given · 网页的语言
        #[arg(long, value_enum, requires = "html")]
        language: Option<PageLanguage>,
        /// Write it to a new file that only its owner may read, instead of printing it · 写入新文件（仅本人可读）
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Delete a user after the cooling-off (`lifetimes.deletion_cooling_off`): they are signed out at once; a sign-in before that, or
    /// `undelete`, keeps them · 注销用户：立即下线，冷静期后删除数据，期间登录或 undelete 可取消
    Delete {
        #[command(flatten)]
        whom: Whom,
        /// Erase everything at once; nothing brings it back · 立即删除，无法恢复
        #[arg(long)]
        now: bool,
        /// With --now: don't ask whether it is meant · 不再询问
        #[arg(long, requires = "now")]
        yes: bool,
    },
    /// Keep a user who was to be deleted · 取消注销
    Undelete(Whom),
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum PageLanguage {
    Zh,
    En,
}

pub(crate) async fn run(menjin: &Menjin, out: &Out, command: Command) -> anyhow::Result<()> {
    let by = Actor::command();
    match command {
        Command::Export { whom, html, language, to } => {
            let user = whom.find(menjin).await?;
            let export = menjin.export_user(&by, user).await?;
            let in_chinese = match language {
                Some(language) => matches!(language, PageLanguage::Zh),
                None => matches!(Language::of_this_machine(), Language::Chinese),
            };
            let text = if html { export.to_html(in_chinese)? } else { serde_json::to_string_pretty(&export)? };
            give(out, user, &text, to.as_deref())
        }
        Command::Delete { whom, now, yes } => {
            let user = whom.find(menjin).await?;
            if now && !yes {
                must_be_meant(user)?;
            }
            let when = if now { WhenToDelete::Now } else { WhenToDelete::AfterCoolingOff };
            let done = menjin.delete_user(&by, user, when).await?;
            Ok(out.line(&json!(done), &told(&done))?)
        }
        Command::Undelete(whom) => {
            let user = whom.find(menjin).await?;
            let at = menjin.undelete_user(&by, user).await?;
            let text = format!("{user} stays, and may sign in again: they would have been erased from {at} on");
            Ok(out.line(&json!({ "user": user, "deletes_at": null }), &text)?)
        }
    }
}

fn give(out: &Out, user: UserId, text: &str, to: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = to else { return Ok(writeln!(io::stdout(), "{text}")?) };
    private_file::write_new(path, text)
        .with_context(|| format!("{} can't be written: is it there already?", path.display()))?;
    let path = path.display().to_string();
    Ok(out.line(&json!({ "user": user, "file": path }), &format!("everything that is kept of {user} is in {path}"))?)
}

fn told(done: &Deletion) -> String {
    let Deletion { user, deletes_at, sessions_ended, .. } = done;
    let sessions = if *sessions_ended == 1 { "1 session".to_owned() } else { format!("{sessions_ended} sessions") };
    match deletes_at {
        Some(at) => format!(
            "{user} is erased from {at} on, unless they sign in before: {sessions} ended. To keep them: menjin user undelete {user}"
        ),
        None => format!(
            "{user} is erased: {sessions} ended, and nothing is left but id and number. Backups keep what they have until they are pruned"
        ),
    }
}

/// Erasing is for good.
fn must_be_meant(user: UserId) -> anyhow::Result<()> {
    let words = Language::of_this_machine();
    let what = words.both(
        &format!("立即删除 {user} 的全部数据，无法恢复。"),
        &format!("Erasing {user} now is for good: nothing of their data is left."),
    );
    ensure!(io::stdin().is_terminal(), "{what} {}", words.both("确认请加 --yes。", "If it is meant, say --yes."));
    write!(io::stderr(), "{what} {} [y/N] ", words.pick("确认删除？", "Is it meant?"))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("the answer can't be read")?;
    let is_meant = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes" | "是");
    ensure!(is_meant, "{}", words.both(&format!("{user} 未删除。"), &format!("{user} is not erased.")));
    Ok(())
}
