//! `menjin role …`: roles defined and removed, given to people and taken from them.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about roles (the server's `roles`).

use menjin_server::store::{Actor, RoleName};
use menjin_server::{HeldRoleView, HolderView, Menjin, NewRole, RoleView};
use menjin_token::UserId;
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;
use crate::user::{Whom, named};

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
    /// List all roles · 列出全部角色
    List,
    /// Show a role and who has it · 查看角色及其成员
    Show(Showing),
    /// Define a role, or define it anew; who has it has it so within a second · 定义或重新定义角色，一秒内生效
    Set(Setting),
    /// Remove a role: nobody has it any more, within a second · 删除角色，一秒内对所有人失效
    Remove(Which),
    /// Give somebody a role, on every node within a second · 授予用户角色，一秒内在所有节点生效
    Grant(Holding),
    /// Take a role from somebody, on every node within a second · 收回用户的角色，一秒内在所有节点生效
    Revoke(Holding),
    /// List the roles of a user · 列出用户的角色
    Of(Whom),
}

/// A role.
#[derive(clap::Args)]
struct Which {
    /// The role's name, e.g. clerk or shop:clerk · 角色名
    role: String,
    /// The back end that it is defined for; every one when left out · 角色所属的 audience，省略为全部
    #[arg(long)]
    audience: Option<String>,
}

#[derive(clap::Args)]
struct Showing {
    #[command(flatten)]
    which: Which,
    /// So many of the people who have it, 200 at most · 每页人数，最多 200
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// The page after this one: `next` of the page before · 从上一页的 next 继续
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

#[derive(clap::Args)]
struct Setting {
    #[command(flatten)]
    which: Which,
    /// What it allows, e.g. orders:read or orders:*; may come again · 权限，可多次给出
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// A role that it has in it; may come again · 包含的角色，可多次给出
    #[arg(long = "include", value_name = "ROLE")]
    includes: Vec<String>,
    /// What it is for, in one line · 一行说明
    #[arg(long, default_value = "")]
    description: String,
}

#[derive(clap::Args)]
struct Holding {
    /// The role's name · 角色名
    role: String,
    /// usr_…, or the user's number · 用户 id 或编号
    user: String,
    /// For this back end only; everywhere when left out · 只对该 audience 生效，省略为全部
    #[arg(long)]
    audience: Option<String>,
}

impl Which {
    fn name(self) -> RoleName {
        RoleName { name: self.role, audience: self.audience }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let (out, by) = (Out { json: arguments.json }, Actor::command());
    match arguments.command {
        Command::List => out.table(&menjin.roles().await?, HEAD, row)?,
        Command::Show(showing) => show(&out, &menjin, showing).await?,
        Command::Set(Setting { which, permissions, includes, description }) => {
            let name = which.name();
            let role = menjin.put_role(&by, &name, NewRole { description, permissions, includes }).await?;
            out.line(&serde_json::to_value(&role)?, &format!("{name} allows {}", listed(&role.all_permissions)))?;
        }
        Command::Remove(which) => {
            let name = which.name();
            menjin.remove_role(&by, &name).await?;
            let json = json!({ "role": name.name, "audience": name.audience, "removed": true });
            out.line(&json, &format!("{name} is removed: nobody has it any more"))?;
        }
        Command::Grant(holding) => {
            let user = whom(&menjin, &holding.user).await?;
            let changed = menjin.grant_role(&by, user, &holding.role, holding.audience.as_deref()).await?;
            told(&out, holding, user, (true, changed))?;
        }
        Command::Revoke(holding) => {
            let user = whom(&menjin, &holding.user).await?;
            let changed = menjin.revoke_role(&by, user, &holding.role, holding.audience.as_deref()).await?;
            told(&out, holding, user, (false, changed))?;
        }
        Command::Of(whom) => {
            let user = whom.find(&menjin).await?;
            out.table(&menjin.roles_of(user).await?, ["ROLE", "DEFINED FOR", "FOR", "SINCE"], held)?;
        }
    }
    Ok(())
}

async fn whom(menjin: &Menjin, text: &str) -> anyhow::Result<UserId> {
    menjin.user_named(&named(text)?).await.map_err(Into::into)
}

/// Says what a grant or a revocation came to.
fn told(out: &Out, holding: Holding, user: UserId, (has, changed): (bool, bool)) -> anyhow::Result<()> {
    let name = RoleName { name: holding.role, audience: holding.audience };
    let text = match (has, changed) {
        (true, true) => format!("{user} has the role {name}"),
        (true, false) => format!("{user} had the role {name} before"),
        (false, true) => format!("{user} has the role {name} no longer"),
        (false, false) => format!("{user} did not have the role {name}"),
    };
    let json = json!({ "user": user, "role": name.name, "audience": name.audience, "has": has, "changed": changed });
    Ok(out.line(&json, &text)?)
}

async fn show(out: &Out, menjin: &Menjin, showing: Showing) -> anyhow::Result<()> {
    let name = showing.which.name();
    let role = menjin.role(&name).await?;
    let holders = menjin.holders_of(&name, showing.after.as_deref(), showing.limit).await?;
    if out.json {
        return Ok(out.line(&json!({ "role": role, "holders": holders }), "")?);
    }
    let facts = [
        ("role", name.to_string()),
        ("description", role.description.clone().unwrap_or_else(|| "-".to_owned())),
        ("permissions", listed(&role.permissions)),
        ("includes", listed(&role.includes)),
        ("in all", listed(&role.all_permissions)),
        ("changed", role.changed_at.to_string()),
    ];
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
    out.line(&serde_json::Value::Null, &lines.join("\n"))?;
    out.table(&holders.items, ["USER", "NUMBER", "NICKNAME", "FOR", "SINCE"], holder)?;
    if let Some(next) = holders.next {
        out.line(&serde_json::Value::Null, &format!("more: --after {next}"))?;
    }
    Ok(())
}

const HEAD: [&str; 5] = ["ROLE", "FOR", "PERMISSIONS", "INCLUDES", "DESCRIPTION"];

fn row(role: &RoleView) -> [String; 5] {
    [
        role.name.clone(),
        everywhere(role.audience.as_ref()),
        listed(&role.permissions),
        listed(&role.includes),
        role.description.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

fn held(held: &HeldRoleView) -> [String; 4] {
    let defined_for = everywhere(held.defined_for.as_ref());
    [held.role.clone(), defined_for, everywhere(held.audience.as_ref()), held.granted_at.to_string()]
}

fn holder(holder: &HolderView) -> [String; 5] {
    // What people call themselves is anybody's text: it must not steer the terminal.
    let nickname = holder.nickname.as_ref().map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string());
    let audience = everywhere(holder.audience.as_ref());
    [holder.user.to_string(), holder.number.to_string(), nickname, audience, holder.granted_at.to_string()]
}

fn everywhere(audience: Option<&String>) -> String {
    audience.cloned().unwrap_or_else(|| "everywhere".to_owned())
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}
