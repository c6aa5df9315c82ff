//! `menjin app …`: apps registered in the store, beside those of `menjin.toml`; their client secrets.
//!
//! Works beside a running server, which learns of it from the feed. Does not: a rule about apps (the server's `apps`).

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow, ensure};
use menjin_server::config::{AppKind, ConfigError, PlatformName, Secret};
use menjin_server::problem::NotDone;
use menjin_server::store::Actor;
use menjin_server::{AppView, ByPassword, Menjin, NewApp, NewClientSecret};
use serde_json::json;

use crate::dev::ask_app_secret;
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
    /// Register an app; its client secret is shown once · 登记应用，密钥只显示一次
    Add(Adding),
    /// List all apps, those of menjin.toml too · 列出应用
    List,
    /// Show one app and the names of its client secrets · 查看应用
    Show {
        /// The app · 应用
        app: String,
    },
    /// Client secrets: two may live, so that one can take the other's place · 管理密钥（最多两个，便于轮换）
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Whether people sign in, and make accounts, by name and password · 密码登录与注册的开关
    Passwords {
        /// The app · 应用
        app: String,
        /// What people do there · 开关
        to: Passwords,
    },
    /// Shut an app out at once: no sign-in, no requests, its tokens are refused · 立即停用应用
    Disable {
        /// The app · 应用
        app: String,
    },
    /// Let a disabled app in again · 重新启用应用
    Enable {
        /// The app · 应用
        app: String,
    },
    /// Remove an app for good; its id is never used again · 删除应用，其 id 不再使用
    Remove {
        /// The app · 应用
        app: String,
        /// Don't ask whether it is meant · 不再询问，直接删除
        #[arg(long)]
        yes: bool,
    },
}

#[derive(clap::Subcommand)]
enum SecretCommand {
    /// Make another client secret, which is shown once · 新增密钥，只显示一次
    Add {
        /// The app · 应用
        app: String,
    },
    /// Refuse a client secret at once, with the tokens that it was traded for · 立即吊销密钥及其换取的令牌
    Revoke {
        /// The app · 应用
        app: String,
        /// The secret's name, as `menjin app show` has it · 密钥名
        secret: String,
    },
}

#[derive(clap::Args)]
struct Adding {
    /// Short id of your own: a to z, 0 to 9, - and _ · 自定的短名
    id: String,
    /// What it is · 类型
    #[arg(long, value_enum, default_value = "backend")]
    kind: Kind,
    /// What people read · 显示名称
    #[arg(long)]
    name: Option<String>,
    /// Whom its tokens are for [default: the id] · 令牌的受众
    #[arg(long)]
    audience: Option<String>,
    /// What it may ask: session-data, sessions:open, revocations:read, platform-token:APP; several with commas or by
    /// repeating it · 权限，可多个
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// The platform of a mini program: wechat, qq or douyin · 小程序的平台
    #[arg(long, value_enum, default_value = "wechat", requires = "appid")]
    platform: Platform,
    /// AppID of a mini program; its AppSecret is asked for · 小程序 AppID
    #[arg(long, value_name = "APPID")]
    appid: Option<String>,
    /// File that holds the AppSecret; instead of asking · AppSecret 所在文件
    #[arg(long, value_name = "FILE", requires = "appid")]
    app_secret_file: Option<PathBuf>,
    /// The open-platform account: apps with the same one share people by unionid · 开放平台账号
    #[arg(long, value_name = "NAME", requires = "appid")]
    open_account: Option<String>,
    /// Let people sign in by name and password · 允许密码登录
    #[arg(long)]
    passwords: bool,
    /// Let anybody make an account so · 允许自助注册
    #[arg(long)]
    register: bool,
}

/// What people do by name and password.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Passwords {
    /// Nothing; who is signed in stays
    Off,
    /// They sign in
    SignIn,
    /// They sign in, and anybody may make an account
    Register,
}

impl From<Passwords> for ByPassword {
    fn from(passwords: Passwords) -> Self {
        match passwords {
            Passwords::Off => Self { passwords: false, register: false },
            Passwords::SignIn => Self { passwords: true, register: false },
            Passwords::Register => Self { passwords: true, register: true },
        }
    }
}

/// Written as in menjin.toml.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    Backend,
    Web,
    Native,
    MiniProgram,
}

impl From<Kind> for AppKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Backend => Self::Backend,
            Kind::Web => Self::Web,
            Kind::Native => Self::Native,
            Kind::MiniProgram => Self::MiniProgram,
        }
    }
}

/// Those that know an app by an AppSecret; Alipay knows it by keys, which stand in menjin.toml.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Platform {
    Wechat,
    Qq,
    Douyin,
    /// Refused, with what to do instead.
    #[value(hide = true)]
    Alipay,
}

impl From<Platform> for PlatformName {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Wechat => Self::Wechat,
            Platform::Qq => Self::Qq,
            Platform::Douyin => Self::Douyin,
            Platform::Alipay => Self::Alipay,
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::Add(adding) => add(&menjin, &out, adding).await?,
        Command::List => out.table(&menjin.app_views().await?, HEAD, row)?,
        Command::Show { app } => show(&out, &menjin.app_view(&app).await?)?,
        Command::Secret(SecretCommand::Add { app }) => {
            let NewClientSecret { id, client_secret } = menjin.add_app_secret(&Actor::command(), &app).await?;
            let text = format!("Another client secret of {app}, named {id}, shown this once:\n{client_secret}");
            out.line(&json!({ "app": app, "id": id, "client_secret": client_secret }), &text)?;
        }
        Command::Secret(SecretCommand::Revoke { app, secret }) => {
            menjin.revoke_app_secret(&Actor::command(), &app, &secret).await?;
            let text = format!("{secret} of {app} is revoked, with the tokens that it was traded for");
            out.line(&json!({ "app": app, "revoked": secret }), &text)?;
        }
        Command::Passwords { app, to } => {
            let to = ByPassword::from(to);
            menjin.change_app_passwords(&Actor::command(), &app, to).await?;
            let ByPassword { passwords, register } = to;
            let text = format!("{app}: {}", by_password(passwords, register));
            out.line(&json!({ "app": app, "passwords": passwords, "register": register }), &text)?;
        }
        Command::Disable { app } => {
            menjin.disable_app(&Actor::command(), &app).await?;
            out.line(&json!({ "disabled": app }), &format!("{app} is disabled: its tokens are refused"))?;
        }
        Command::Enable { app } => {
            menjin.enable_app(&Actor::command(), &app).await?;
            out.line(&json!({ "enabled": app }), &format!("{app} is enabled"))?;
        }
        Command::Remove { app, yes } => {
            if !yes {
                must_be_meant(&menjin, &app).await?;
            }
            menjin.remove_app(&Actor::command(), &app).await?;
            out.line(&json!({ "removed": app }), &format!("{app} is removed: its tokens are refused"))?;
        }
    }
    Ok(())
}

async fn add(menjin: &Menjin, out: &Out, adding: Adding) -> anyhow::Result<()> {
    let Adding {
        id,
        kind,
        name,
        audience,
        scopes,
        platform,
        appid,
        app_secret_file,
        open_account,
        passwords,
        register,
    } = adding;
    let name_of_platform = PlatformName::from(platform);
    ensure!(
        name_of_platform != PlatformName::Alipay,
        "--platform alipay: Alipay knows an app by keys and not by a secret: write an [[app]] into menjin.toml (docs/platforms.md)"
    );
    let with_secret = |appid: String| -> anyhow::Result<_> {
        let secret = app_secret(&appid, app_secret_file)?;
        Ok((name_of_platform, appid, secret))
    };
    let platform = appid.map(with_secret).transpose()?;
    let by_password = ByPassword { passwords, register };
    let new = NewApp { id, kind: kind.into(), name, audience, scopes, platform, open_account, by_password };
    let registered = menjin.add_app(&Actor::command(), new).await.map_err(by_option)?;
    let id = &registered.app.id;
    let text = match &registered.client_secret {
        Some(secret) => format!("{id} is registered. Its client secret, shown this once:\n{secret}"),
        None => format!("{id} is registered"),
    };
    out.line(&json!(registered), &text)?;
    Ok(())
}

/// What an `[[app]]` has as a key was said as an option here.
fn by_option(error: NotDone) -> anyhow::Error {
    let NotDone::AppRefused(ConfigError::Refused { key, why }) = &error else { return error.into() };
    let option = match key.rsplit('.').next().unwrap_or_default() {
        "id" => "the id",
        "kind" => "--kind",
        "name" => "--name",
        "audience" => "--audience",
        "scopes" => "--scope",
        "platform" => "--platform",
        "appid" => "--appid",
        "secret" => "the AppSecret (--app-secret-file)",
        "open_account" => "--open-account",
        "passwords" => "--passwords",
        "register" => "--register",
        _ => return error.into(),
    };
    anyhow!("{option}: {why}")
}

/// Removing is for good. Of an app that is not in the store, the server's rules say what is wrong.
async fn must_be_meant(menjin: &Menjin, app: &str) -> anyhow::Result<()> {
    if !menjin.app_views().await?.iter().any(|view| view.id == app && view.source == "store") {
        return Ok(());
    }
    let words = Language::of_this_machine();
    let what = words.both(
        &format!("删除 {app} 后无法恢复，其令牌立即失效，id 不再使用。"),
        &format!("Removing {app} is for good: its tokens are refused at once, and its id is never used again."),
    );
    ensure!(io::stdin().is_terminal(), "{what} {}", words.both("确认请加 --yes。", "If it is meant, say --yes."));
    write!(io::stderr(), "{what} {} [y/N] ", words.pick("确认删除？", "Is it meant?"))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("the answer can't be read")?;
    let is_meant = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes" | "是");
    ensure!(is_meant, "{}", words.both(&format!("{app} 未删除。"), &format!("{app} is not removed.")));
    Ok(())
}

fn app_secret(appid: &str, file: Option<PathBuf>) -> anyhow::Result<Secret> {
    let Some(file) = file else { return Ok(Secret::new(ask_app_secret(appid, "--appid")?)) };
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{} can't be read (--app-secret-file)", file.display()))?;
    ensure!(!text.trim().is_empty(), "{} is empty (--app-secret-file)", file.display());
    Ok(Secret::new(text.trim()))
}

/// In words.
fn by_password(passwords: bool, register: bool) -> &'static str {
    match (passwords, register) {
        (true, true) => "people sign in by password, and anybody may register",
        (true, false) => "people sign in by password",
        (false, _) => "nobody signs in by password",
    }
}

const HEAD: [&str; 6] = ["ID", "KIND", "AUDIENCE", "SCOPES", "STATE", "FROM"];

fn row(app: &AppView) -> [String; 6] {
    let state = if app.disabled_at.is_some() { "disabled" } else { "live" };
    let scopes = if app.scopes.is_empty() { "-".to_owned() } else { app.scopes.join(" ") };
    [app.id.clone(), app.kind.clone(), app.audience.clone(), scopes, state.to_owned(), app.source.to_owned()]
}

fn show(out: &Out, app: &AppView) -> io::Result<()> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let time = |at: Option<menjin_token::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let mut facts = vec![
        ("id", app.id.clone()),
        ("kind", app.kind.clone()),
        ("name", text(&app.name)),
        ("audience", app.audience.clone()),
        ("scopes", if app.scopes.is_empty() { "-".to_owned() } else { app.scopes.join(" ") }),
        ("platform", text(&app.platform)),
        ("appid", text(&app.appid)),
        ("open account", text(&app.open_account)),
        ("passwords", by_password(app.passwords, app.register).to_owned()),
        ("from", app.source.to_owned()),
        ("registered", time(app.created_at)),
        ("disabled", time(app.disabled_at)),
    ];
    facts.extend(app.secrets.iter().map(|secret| ("secret", format!("{}  {}", secret.id, time(secret.created_at)))));
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
    out.line(&json!(app), &lines.join("\n"))
}
