//! `menjin admin …`: operators, the links with which they set themselves up, and tokens of programs.
//!
//! Works beside a running server, which asks the store at each request. Does not: a rule about operators (the server's `admin`).

use std::time::Duration;

use anyhow::Context as _;
use menjin_server::store::{Actor, OperatorRole};
use menjin_server::{EndedTokens, Menjin, OperatorLink, OperatorTokenView, OperatorView};
use menjin_token::Timestamp;
use serde_json::json;

use crate::operated::{Out, menjin};
use crate::settings::Source;
use crate::terminal::Language;

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
    /// Add an operator; prints a one-use link to set password and second factor · 添加运维人员，输出一次性设置链接
    Create {
        /// a to z, 0 to 9 and . _ - · 名字
        name: String,
        /// What they may do · 角色
        #[arg(long, value_enum, default_value = "admin")]
        role: Role,
    },
    /// List operators · 列出运维人员
    List,
    /// Remove an operator; their sign-ins and the tokens that they made end at once · 删除运维人员，立即下线，其创建的令牌失效
    Remove {
        /// Who · 名字
        name: String,
    },
    /// Change what an operator may do, at once; tokens that they made and that may do more end · 调整角色，立即生效
    Role {
        /// Who · 名字
        name: String,
        /// What they may do · 角色
        #[arg(value_enum)]
        role: Role,
    },
    /// Forget password, second factor and WeChat, end their sign-ins, print a new link · 重置密码和验证器，输出新链接
    Reset {
        /// Who · 名字
        name: String,
    },
    /// No scan with WeChat signs them in any more; their sign-ins end at once · 解除微信绑定，立即下线
    Unlink {
        /// Who · 名字
        name: String,
    },
    /// Tokens with which programs call /admin/v1 · 供程序调用 /admin/v1 的令牌
    #[command(subcommand)]
    Token(TokenCommand),
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Make a token, which is shown once · 生成令牌，只显示一次
    Create {
        /// What it is called · 名字
        name: String,
        /// What it may do · 角色
        #[arg(long, value_enum, default_value = "viewer")]
        role: Role,
        /// It ends after so many days [default: never] · 有效天数
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// List tokens · 列出令牌
    List,
    /// Refuse a token at once · 立即吊销令牌
    Revoke {
        /// Which · 名字
        name: String,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    /// Look · 只能查看
    Viewer,
    /// And help people: end sessions, ban · 处理用户
    Support,
    /// Everything: apps, keys, roles, exports, operators · 全部权限
    Admin,
}

impl From<Role> for OperatorRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Support => Self::Support,
            Role::Admin => Self::Admin,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    let by = Actor::command();
    match arguments.command {
        Command::Create { name, role } => link(&out, &menjin.create_operator(&by, &name, role.into()).await?)?,
        Command::List => out.table(&menjin.operators().await?, HEAD, row)?,
        Command::Remove { name } => {
            let EndedTokens { ended_tokens } = menjin.remove_operator(&by, &name).await?;
            let text = format!("{name} is no operator any more{}", told(&ended_tokens, "they"));
            out.line(&json!({ "removed": name, "ended_tokens": ended_tokens }), &text)?;
        }
        Command::Role { name, role } => {
            let role = OperatorRole::from(role);
            let ended = menjin.set_operator_role(&by, &name, role).await?;
            let (changed, ended) = (ended.is_some(), ended.map(|it| it.ended_tokens).unwrap_or_default());
            let is = if changed { "is now" } else { "was" };
            let text = format!("{name} {is} {}{}", role.as_str(), told(&ended, "they"));
            let json = json!({ "name": name, "role": role.as_str(), "changed": changed, "ended_tokens": ended });
            out.line(&json, &text)?;
        }
        Command::Unlink { name } => {
            let changed = menjin.unlink_operator(&by, &name).await?;
            let text = if changed { "signs in by password alone now" } else { "had linked no WeChat account" };
            out.line(&json!({ "name": name, "unlinked": changed }), &format!("{name} {text}"))?;
        }
        Command::Reset { name } => link(&out, &menjin.reset_operator(&by, &name).await?)?,
        Command::Token(command) => token(&menjin, &out, &by, command).await?,
    }
    Ok(())
}

async fn token(menjin: &Menjin, out: &Out, by: &Actor, command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create { name, role, days } => {
            let life = days.map(|days| Duration::from_secs(u64::from(days) * 86_400));
            let made = menjin.create_operator_token(by, &name, role.into(), life).await?;
            let text = Language::of_this_machine().pick("只显示这一次", "shown this once");
            out.line(&serde_json::to_value(&made)?, &format!("{name} · {text}:\n{}", made.token))?;
        }
        TokenCommand::List => out.table(&menjin.operator_tokens().await?, TOKEN_HEAD, token_row)?,
        TokenCommand::Revoke { name } => {
            let EndedTokens { ended_tokens } = menjin.revoke_operator_token(by, &name).await?;
            let text = format!("{name} is refused from now on{}", told(&ended_tokens, "it"));
            out.line(&json!({ "revoked": name, "ended_tokens": ended_tokens }), &text)?;
        }
    }
    Ok(())
}

/// Names the tokens that ended with an act, as `who` made them.
fn told(ended: &[String], who: &str) -> String {
    let english = format!("refused from now on, as {who} made them:");
    let text = Language::of_this_machine().pick("其创建的令牌已失效：", &english);
    if ended.is_empty() { String::new() } else { format!("; {text} {}", ended.join(", ")) }
}

/// Tells the link, for whoever hands it on.
fn link(out: &Out, link: &OperatorLink) -> anyhow::Result<()> {
    let json = serde_json::to_value(link).context("writing a link")?;
    let (name, until) = (&link.name, link.expires_at);
    let text = Language::of_this_machine().pick(
        "请用浏览器打开（只能用一次），设置密码和验证器；有效期至",
        "to be opened in their browser (it works once), to set a password and a second factor; good until",
    );
    let text = format!("{name}: {text} {until}\n{}", link.link);
    Ok(out.line(&json, &text)?)
}

const HEAD: [&str; 5] = ["NAME", "ROLE", "SET UP", "WECHAT", "LAST SIGN-IN"];

fn row(operator: &OperatorView) -> [String; 5] {
    let OperatorView { name, role, set_up_at, linked_at, signed_in_at, .. } = operator;
    [name.clone(), (*role).to_owned(), moment(*set_up_at), moment(*linked_at), moment(*signed_in_at)]
}

const TOKEN_HEAD: [&str; 5] = ["NAME", "ROLE", "MADE", "BY", "ENDS"];

fn token_row(token: &OperatorTokenView) -> [String; 5] {
    let by = token.created_by.clone().unwrap_or_else(|| "-".to_owned());
    [token.name.clone(), token.role.to_owned(), token.created_at.to_string(), by, moment(token.expires_at)]
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}
