//! `menjin`, the one executable: reads the arguments and hands each subcommand to its file.
//!
//! Does not: a rule of its own; what menjin does is in `menjin-server`.

mod admin;
mod app;
mod audit;
mod backup;
mod config;
mod dev;
mod doctor;
mod generated;
mod http;
mod identities;
mod import;
mod init;
mod key;
mod leaving;
mod listen;
mod log;
mod migrate;
mod moving;
mod operated;
mod private_file;
mod progress;
mod restore;
mod role;
mod serve;
mod session;
mod settings;
mod sim;
mod span_fields;
mod stop;
mod terminal;
mod token;
mod tour;
#[cfg_attr(not(feature = "otel"), path = "no_trace.rs")]
mod trace;
mod user;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Begin here 从这里开始:
  menjin dev             a server and a simulated WeChat, no AppID and no phone needed
  menjin tour            (in another terminal) watch one sign-in, step by step

Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

/// The login system for mini programs · 门禁：小程序登录系统
#[derive(Parser)]
#[command(name = "menjin", version, after_help = EXAMPLES, propagate_version = false)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine, with nothing to configure · 本地开发，一条命令
    Dev(dev::Arguments),
    /// Walk one sign-in against a `menjin dev`, printing each request · 走一遍登录流程
    Tour(tour::Arguments),
    /// Write menjin.toml and a master key · 生成配置和主密钥
    Init(init::Arguments),
    /// Serve in production · 正式运行
    Serve(serve::Arguments),
    /// Run the simulated WeChat alone · 只运行微信模拟器
    Sim(sim::Arguments),
    /// Bring the schema of the store up to date · 升级表结构
    Migrate(settings::Source),
    /// Copy the database into one file, beside a running server · 在线备份
    Backup(backup::Arguments),
    /// Put a backup in the place of the database; no server may run on it · 恢复备份
    Restore(restore::Arguments),
    /// Move everything to another store, from SQLite to PostgreSQL or any other way; no server may run · 更换数据库
    Move(moving::Arguments),
    /// Take in users of another system: CSV, JSON lines, or its database · 导入用户
    Import(Box<import::Arguments>),
    /// Look at the configuration · 查看配置
    #[command(subcommand)]
    Config(config::Command),
    /// Check everything that can be checked, and say what to do · 体检
    Doctor(doctor::Arguments),
    /// Operators of the console and of /admin/v1, and tokens of programs · 运维人员与令牌
    Admin(admin::Arguments),
    /// Register apps, give them client secrets, shut them out · 应用管理
    App(app::Arguments),
    /// Find people, ban them, sign them out · 用户管理
    User(user::Arguments),
    /// Who did what: list, export · 审计日志
    Audit(audit::Arguments),
    /// Roles and permissions, and who has them · 角色与权限
    Role(role::Arguments),
    /// Sign-ins: list, show, end · 会话管理
    Session(session::Arguments),
    /// Signing keys and what is sealed under master keys · 密钥管理
    Key(key::Arguments),
    /// Read and verify access tokens · 查看和验证令牌
    #[command(subcommand)]
    Token(token::Command),
    /// Print the OpenAPI document.
    #[command(hide = true)]
    Openapi {
        /// That of the operator's side.
        #[arg(long)]
        admin: bool,
    },
    /// Print the catalogue of errors.
    #[command(hide = true)]
    Errors,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Runtime::new()
        .context("starting threads")
        .and_then(|runtime| runtime.block_on(run(arguments.command)));
    match outcome {
        Ok(code) => code,
        // Whoever read the output has seen enough, as `head` does.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev(arguments) => dev::run(arguments).await?,
        Command::Tour(arguments) => tour::run(arguments).await?,
        Command::Init(arguments) => init::run(&arguments)?,
        Command::Serve(arguments) => serve::run(&arguments).await?,
        Command::Sim(arguments) => sim::run(arguments).await?,
        Command::Migrate(source) => migrate::run(&source).await?,
        Command::Backup(arguments) => backup::run(&arguments)?,
        Command::Restore(arguments) => restore::run(&arguments).await?,
        Command::Move(arguments) => moving::run(arguments).await?,
        Command::Import(arguments) => return import::run(*arguments).await,
        Command::Config(command) => config::run(&command).await?,
        Command::Doctor(arguments) => return doctor::run(&arguments).await,
        Command::Admin(arguments) => admin::run(arguments).await?,
        Command::App(arguments) => app::run(arguments).await?,
        Command::User(arguments) => user::run(arguments).await?,
        Command::Audit(arguments) => audit::run(arguments).await?,
        Command::Role(arguments) => role::run(arguments).await?,
        Command::Session(arguments) => session::run(arguments).await?,
        Command::Key(arguments) => key::run(arguments).await?,
        Command::Token(command) => return token::run(command).await,
        Command::Openapi { admin: false } => generated::openapi()?,
        Command::Openapi { admin: true } => generated::admin_openapi()?,
        Command::Errors => generated::errors()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One line on standard error: what, where, and what to do.
fn complain(error: &anyhow::Error) {
    let text = format!("{error:#}");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Nobody is left to be told if standard error is closed.
    writeln!(io::stderr(), "menjin: {line}").ok();
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
