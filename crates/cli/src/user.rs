//! `menjin user …`: people found by any of their names, shown, disabled, enabled, signed out.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about people (the server's `people`).

use std::io;

use anyhow::Context as _;
use menjin_server::store::Actor;
use menjin_server::{AccountView, ListedUserView, Menjin, UserName};
use menjin_token::{Timestamp, UserId};
use serde_json::json;

use crate::identities;
use crate::leaving;
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
    /// List people, the newest first · 列出用户，最新的在前
    List {
        /// So many people · 人数
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Only those with a lower number: the last one of the list before · 只列出编号更小的用户（翻页）
        #[arg(long, value_name = "NUMBER")]
        below: Option<i64>,
    },
    /// Find somebody by any of their names; nobody is no failure · 按任一名称查找用户
    Search(Whom),
    /// Show a user; phone numbers are masked · 查看用户（手机号脱敏）
    Show(Whom),
    /// Ban: every session ends at once on every node, and signing in is refused · 封禁：立即下线并禁止登录
    #[command(visible_alias = "ban")]
    Disable(Whom),
    /// Lift a ban; they sign in anew · 解除封禁
    #[command(visible_alias = "unban")]
    Enable(Whom),
    /// End every session; they may sign in again · 全部下线，可重新登录
    Kick(Whom),
    /// Make a one-use code by which they choose a new password; every session ends when they do · 生成一次性密码重置码
    ResetPassword {
        #[command(flatten)]
        whom: Whom,
        /// The name to sign in by, for somebody who has none · 为没有用户名的用户指定用户名
        #[arg(long, value_name = "NAME")]
        give_name: Option<String>,
    },
    #[command(flatten)]
    Identities(identities::Command),
    #[command(flatten)]
    Leaving(leaving::Command),
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
    /// The name that they sign in by with a password · 用户名
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// What a platform calls them, in any app here · 平台 openid
    #[arg(long)]
    openid: Option<String>,
}

impl Whom {
    pub(crate) async fn find(&self, menjin: &Menjin) -> anyhow::Result<UserId> {
        Ok(menjin.user_named(&self.name()?).await?)
    }

    fn name(&self) -> anyhow::Result<UserName> {
        if let Some(id) = &self.external_id {
            return Ok(UserName::ExternalId(id.clone()));
        }
        if let Some(name) = &self.username {
            return Ok(UserName::Username(name.clone()));
        }
        if let Some(phone) = &self.phone {
            return Ok(UserName::Phone(phone.clone()));
        }
        if let Some(openid) = &self.openid {
            return Ok(UserName::Openid { platform: None, appid: None, openid: openid.clone() });
        }
        named(self.user.as_deref().unwrap_or_default())
    }
}

/// A user's id or number.
pub(crate) fn named(text: &str) -> anyhow::Result<UserName> {
    let id = text.parse().map(UserName::Id).ok();
    id.or_else(|| text.parse().map(UserName::Number).ok())
        .with_context(|| format!("{text:?} is neither a user's id (usr_…) nor a number: `menjin user search` finds people by --external-id, --phone, --username and --openid, too"))
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::List { limit, below } => {
            let users = menjin.users_below(below.unwrap_or(i64::MAX), limit).await?;
            out.table(&users, HEAD, row)?;
        }
        Command::Search(whom) => out.table(&menjin.users_named(&whom.name()?).await?, HEAD, row)?,
        Command::Show(whom) => show(&out, &menjin.account(whom.find(&menjin).await?).await?)?,
        Command::ResetPassword { whom, give_name } => {
            let user = whom.find(&menjin).await?;
            let reset = menjin.reset_password(&Actor::command(), user, give_name.as_deref()).await?;
            let text = format!(
                "{}\ngood once and until {}, for the page that sends it to POST /v1/password/reset with a new password",
                reset.code, reset.expires_at
            );
            out.line(&serde_json::to_value(&reset)?, &text)?;
        }
        Command::Identities(command) => identities::run(&menjin, &out, command).await?,
        Command::Leaving(command) => leaving::run(&menjin, &out, command).await?,
        Command::Disable(whom) => {
            let user = whom.find(&menjin).await?;
            let sessions = menjin.disable_user(&Actor::command(), user).await?;
            let text = format!("{user} is disabled: {} ended, and signing in is refused", counted(sessions));
            out.line(&json!({ "user": user, "disabled": true, "sessions_ended": sessions }), &text)?;
        }
        Command::Enable(whom) => {
            let user = whom.find(&menjin).await?;
            let changed = menjin.enable_user(&Actor::command(), user).await?;
            let text = if changed { "is enabled, and may sign in again" } else { "was not disabled" };
            out.line(&json!({ "user": user, "disabled": false, "changed": changed }), &format!("{user} {text}"))?;
        }
        Command::Kick(whom) => {
            let user = whom.find(&menjin).await?;
            kicked(&out, user, menjin.kick_user(&Actor::command(), user).await?)?;
        }
    }
    Ok(())
}

const HEAD: [&str; 6] = ["ID", "NUMBER", "NICKNAME", "PHONE", "CREATED", "STATE"];

/// What people call themselves is anybody's text: it must not steer the terminal.
fn row(user: &ListedUserView) -> [String; 6] {
    let or_dash =
        |text: &Option<String>| text.as_ref().map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string());
    [
        user.id.to_string(),
        user.number.to_string(),
        or_dash(&user.nickname),
        or_dash(&user.phone_masked),
        user.created_at.to_string(),
        state([user.erased_at, user.disabled_at, user.deletes_at]).to_owned(),
    ]
}

/// In one word, by what outweighs the rest.
fn state([erased_at, disabled_at, deletes_at]: [Option<Timestamp>; 3]) -> &'static str {
    match (erased_at, disabled_at, deletes_at) {
        (Some(_), ..) => "erased",
        (None, Some(_), _) => "disabled",
        (None, None, Some(_)) => "leaving",
        (None, None, None) => "live",
    }
}

/// Says that all sessions of a user have ended.
pub(crate) fn kicked(out: &Out, user: UserId, sessions: usize) -> io::Result<()> {
    let text = format!("{} of {user} ended", counted(sessions));
    out.line(&json!({ "user": user, "sessions_ended": sessions }), &text)
}

pub(crate) fn counted(sessions: usize) -> String {
    if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") }
}

fn show(out: &Out, user: &AccountView) -> anyhow::Result<()> {
    let or_dash = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string());
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let identities: Vec<_> = user.identities.iter().map(|it| format!("{} {}", it.platform, it.appid)).collect();
    let aliases: Vec<_> = user.aliases.iter().map(ToString::to_string).collect();
    let rows = [
        ("id", user.id.to_string()),
        ("number", user.number.to_string()),
        ("external id", or_dash(user.external_id.as_ref())),
        ("username", or_dash(user.username.as_ref())),
        ("nickname", or_dash(user.nickname.as_ref())),
        ("phone", or_dash(user.phone_masked.as_ref())),
        ("created", user.created_at.to_string()),
        ("state", state([user.erased_at, user.disabled_at, user.deletes_at]).to_owned()),
        ("disabled", time(user.disabled_at)),
        ("deletes at", time(user.deletes_at)),
        ("erased", time(user.erased_at)),
        ("aliases", if aliases.is_empty() { "-".to_owned() } else { aliases.join(", ") }),
        ("identities", if identities.is_empty() { "-".to_owned() } else { identities.join(", ") }),
        ("sessions", user.sessions.to_string()),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, text)| format!("{name:<14}{text}")).collect();
    Ok(out.line(&serde_json::to_value(user)?, &lines.join("\n"))?)
}
