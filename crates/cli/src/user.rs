//! `menjin user …`: people found by any of their names, shown, disabled, enabled, signed out.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about people (the server's `people`).

use std::io;

use anyhow::Context as _;
use menjin_server::{AccountView, Menjin, UserName};
use menjin_token::UserId;
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Answer in JSON · 以 JSON 输出
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show a user; phone numbers are masked · 查看用户（手机号脱敏）
    Show(Whom),
    /// Ban: every session ends at once on every node, and signing in is refused · 封禁：立即下线并禁止登录
    Disable(Whom),
    /// Lift a ban; they sign in anew · 解除封禁
    Enable(Whom),
    /// End every session; they may sign in again · 全部下线，可重新登录
    Kick(Whom),
}

/// A user, by one of their names.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// usr_…, or the user's number · 用户 id 或编号
    user: Option<String>,
    /// What another system calls them · 外部系统中的 id
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Their phone number, e.g. +8613800000000 · 手机号
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    phone: Option<String>,
}

impl Whom {
    pub(crate) async fn find(&self, menjin: &Menjin) -> anyhow::Result<UserId> {
        menjin.user_named(&self.name()?).await
    }

    fn name(&self) -> anyhow::Result<UserName> {
        if let Some(id) = &self.external_id {
            return Ok(UserName::ExternalId(id.clone()));
        }
        if let Some(phone) = &self.phone {
            return Ok(UserName::Phone(phone.clone()));
        }
        named(self.user.as_deref().unwrap_or_default())
    }
}

/// A user's id or number.
pub(crate) fn named(text: &str) -> anyhow::Result<UserName> {
    let id = text.parse().map(UserName::Id).ok();
    id.or_else(|| text.parse().map(UserName::Number).ok())
        .with_context(|| format!("{text:?} is neither a user's id (usr_…) nor a number; see --external-id and --phone"))
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::Show(whom) => show(&out, &menjin.account(whom.find(&menjin).await?).await?)?,
        Command::Disable(whom) => {
            let user = whom.find(&menjin).await?;
            let sessions = menjin.disable_user(user).await?;
            let text = format!("{user} is disabled: {} ended, and signing in is refused", counted(sessions));
            out.line(&json!({ "user": user, "disabled": true, "sessions_ended": sessions }), &text)?;
        }
        Command::Enable(whom) => {
            let user = whom.find(&menjin).await?;
            let changed = menjin.enable_user(user).await?;
            let text = if changed { "is enabled, and may sign in again" } else { "was not disabled" };
            out.line(&json!({ "user": user, "disabled": false, "changed": changed }), &format!("{user} {text}"))?;
        }
        Command::Kick(whom) => {
            let user = whom.find(&menjin).await?;
            kicked(&out, user, menjin.kick_user(user).await?)?;
        }
    }
    Ok(())
}

/// Says that all sessions of a user have ended.
pub(crate) fn kicked(out: &Out, user: UserId, sessions: usize) -> io::Result<()> {
    let text = format!("{} of {user} ended", counted(sessions));
    out.line(&json!({ "user": user, "sessions_ended": sessions }), &text)
}

fn counted(sessions: usize) -> String {
    if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") }
}

fn show(out: &Out, user: &AccountView) -> anyhow::Result<()> {
    let or_dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string());
    let identities: Vec<_> = user.identities.iter().map(|it| format!("{} {}", it.platform, it.appid)).collect();
    let rows = [
        ("id", user.id.to_string()),
        ("number", user.number.to_string()),
        ("external id", or_dash(user.external_id.as_ref())),
        ("nickname", or_dash(user.nickname.as_ref())),
        ("phone", or_dash(user.phone_masked.as_ref())),
        ("created", user.created_at.to_string()),
        ("disabled", user.disabled_at.map_or_else(|| "-".to_owned(), |at| at.to_string())),
        ("identities", if identities.is_empty() { "-".to_owned() } else { identities.join(", ") }),
        ("sessions", user.sessions.to_string()),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, text)| format!("{name:<14}{text}")).collect();
    Ok(out.line(&serde_json::to_value(user)?, &lines.join("\n"))?)
}
