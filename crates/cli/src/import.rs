//! `menjin import`: users and identities of another system.

#![expect(clippy::doc_markdown, reason = "these comments are words for a terminal")]

use std::fmt::Write as _;
use std::io;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::error::ErrorKind;
use menjin_server::moving::import::{Columns, Import, Imported, Origin, Table};
use menjin_server::{Around, Menjin};

use crate::progress::Bar;
use crate::settings::Source;
use crate::terminal::Language;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// With a first line that names the columns
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// A system whose columns are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// `auth_user`: id, date_joined, is_active
    Django,
    /// `users`: id, open_id, nick_name, avatar_url, created_at
    Hapi,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A file of people: .csv or .jsonl · 用户文件
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<PathBuf>,
    /// The form of the file, where its name does not say · 文件格式
    #[arg(long, conflicts_with = "from")]
    format: Option<Format>,
    /// Another system's database, read directly: sqlite://FILE, postgres://… or mysql://… · 直接读取的数据库
    #[arg(long, value_name = "URL", env = "MENJIN_IMPORT_FROM", hide_env_values = true)]
    from: Option<String>,
    #[command(flatten)]
    table: TableArguments,
    /// The `[[app]]` whose openids they are · openid 所属的应用
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// What times without an offset mean, e.g. +08:00 · 无时区时间的时区
    #[arg(long, value_name = "±HH:MM", default_value = "+00:00", value_parser = minutes, allow_hyphen_values = true)]
    utc_offset: i16,
    /// Say what would happen, and write nothing · 试运行
    #[arg(long)]
    dry_run: bool,
    /// Where those who are left out are listed, and fields that are · 被拒记录与被舍弃字段的清单
    #[arg(long, value_name = "FILE", default_value = "import-rejects.csv")]
    rejects: PathBuf,
    /// Exit with 0 although some were left out · 有被拒记录也算成功
    #[arg(long)]
    allow_rejects: bool,
    #[command(flatten)]
    source: Source,
}

/// Which table, and what its columns are.
#[derive(clap::Args)]
struct TableArguments {
    /// A system whose names are known; single ones can be changed by the options below · 已知的表结构
    #[arg(long, requires = "from")]
    layout: Option<Layout>,
    /// The table [default: auth_user or users, as the layout has it] · 表名
    #[arg(long, requires = "from")]
    table: Option<String>,
    /// Column of the old id, which becomes `number` [default: id] · 编号列
    #[arg(long, value_name = "NAME", requires = "from")]
    number_column: Option<String>,
    /// Column of the openid · openid 列
    #[arg(long, value_name = "NAME", requires = "from")]
    openid_column: Option<String>,
    /// Column of the unionid · unionid 列
    #[arg(long, value_name = "NAME", requires = "from")]
    unionid_column: Option<String>,
    /// Column of the nickname · 昵称列
    #[arg(long, value_name = "NAME", requires = "from")]
    nickname_column: Option<String>,
    /// Column of the picture's address · 头像列
    #[arg(long, value_name = "NAME", requires = "from")]
    avatar_column: Option<String>,
    /// Column of the time when they came · 创建时间列
    #[arg(long, value_name = "NAME", requires = "from")]
    created_column: Option<String>,
    /// Column of what another system calls them · 外部编号列
    #[arg(long, value_name = "NAME", requires = "from")]
    external_id_column: Option<String>,
    /// Column of the name that they sign in by [default: Django's, where an app takes passwords] · 用户名列
    #[arg(long, value_name = "NAME", requires = "from")]
    username_column: Option<String>,
    /// Column of what was kept of the password, e.g. pbkdf2_sha256$… · 密码哈希列
    #[arg(long, value_name = "NAME", requires = "from")]
    password_column: Option<String>,
    /// Column that is true for those who may sign in · 启用列
    #[arg(long, value_name = "NAME", requires = "from", conflicts_with = "disabled_column")]
    active_column: Option<String>,
    /// Column that is true for those who may not · 停用列
    #[arg(long, value_name = "NAME", requires = "from")]
    disabled_column: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let (Some(_), Some(option)) = (&arguments.file, arguments.table.given()) {
        // The parser forgets that an option needs --from where a file stands, which excludes --from.
        let why = format!("{option} is for a database, which --from names: a file has its columns in itself\n");
        clap::Error::raw(ErrorKind::ArgumentConflict, why).exit();
    }
    let Arguments { app, utc_offset, dry_run, allow_rejects, .. } = arguments;
    let menjin = Menjin::new(arguments.source.load()?, Around::default()).await?;
    let passwords = menjin.app_views().await?.iter().any(|app| app.passwords);
    let from = match arguments.from {
        Some(url) => table(url, arguments.table, passwords)?,
        None => file(arguments.file, arguments.format)?,
    };
    let import = Import { from, app, utc_offset, dry_run, rejects: arguments.rejects };
    let bar = Bar::of(if matches!(import.from, Origin::Table(_)) { "users" } else { "bytes" });
    let done = menjin.import(&import, &|done, all| bar.set(done, all)).await?;
    drop(bar);
    io::stdout().write_all(page(&import, &done).as_bytes())?;
    Ok(if done.rejected > 0 && !allow_rejects { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(url: String, table: TableArguments, passwords: bool) -> anyhow::Result<Origin> {
    Ok(Origin::Table(Box::new(Table { url, name: table.name()?, columns: table.columns(passwords) })))
}

fn file(file: Option<PathBuf>, format: Option<Format>) -> anyhow::Result<Origin> {
    let file = file.context("name a file, or --from a database")?;
    let extension = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match (format, extension.as_str()) {
        (Some(Format::Csv), _) | (None, "csv") => Ok(Origin::Csv(file)),
        (Some(Format::Jsonl), _) | (None, "jsonl" | "ndjson") => Ok(Origin::JsonLines(file)),
        (None, _) => bail!("{}: is it CSV or JSON lines? Say --format csv or --format jsonl", file.display()),
    }
}

impl TableArguments {
    /// The first of these options that was given.
    fn given(&self) -> Option<&'static str> {
        let options = [
            ("--layout", self.layout.is_some()),
            ("--table", self.table.is_some()),
            ("--number-column", self.number_column.is_some()),
            ("--openid-column", self.openid_column.is_some()),
            ("--unionid-column", self.unionid_column.is_some()),
            ("--nickname-column", self.nickname_column.is_some()),
            ("--avatar-column", self.avatar_column.is_some()),
            ("--created-column", self.created_column.is_some()),
            ("--external-id-column", self.external_id_column.is_some()),
            ("--username-column", self.username_column.is_some()),
            ("--password-column", self.password_column.is_some()),
            ("--active-column", self.active_column.is_some()),
            ("--disabled-column", self.disabled_column.is_some()),
        ];
        options.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
    }

    fn name(&self) -> anyhow::Result<String> {
        match (&self.table, self.layout) {
            (Some(table), _) => Ok(table.clone()),
            (None, Some(Layout::Django)) => Ok("auth_user".to_owned()),
            (None, Some(Layout::Hapi)) => Ok("users".to_owned()),
            (None, None) => bail!("which table? Say --layout django, --layout hapi, or --table"),
        }
    }

    fn columns(self, passwords: bool) -> Columns {
        let usual = match self.layout {
            // A table of another name may have no such columns.
            Some(Layout::Django) if passwords && self.table.is_none() => Columns::django().with_django_passwords(),
            Some(Layout::Django) => Columns::django(),
            Some(Layout::Hapi) => Columns::hapi(),
            None => Columns { number: "id".to_owned(), ..Columns::default() },
        };
        let (disabled, active) = match (self.disabled_column, self.active_column) {
            (None, None) => (usual.disabled, usual.active),
            given => given,
        };
        let openid = self.openid_column.or(usual.openid);
        // Where Django's names are openids, nobody types them.
        let username = usual.username.filter(|column| openid.as_ref() != Some(column));
        Columns {
            number: self.number_column.unwrap_or(usual.number),
            external_id: self.external_id_column.or(usual.external_id),
            nickname: self.nickname_column.or(usual.nickname),
            avatar_url: self.avatar_column.or(usual.avatar_url),
            created_at: self.created_column.or(usual.created_at),
            disabled,
            active,
            openid,
            unionid: self.unionid_column.or(usual.unionid),
            username: self.username_column.or(username),
            password_hash: self.password_column.or(usual.password_hash),
        }
    }
}

fn minutes(text: &str) -> Result<i16, String> {
    let parse = || {
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
        (hours < 24 && minutes < 60).then(|| sign * (i16::from(hours) * 60 + i16::from(minutes)))
    };
    parse().ok_or_else(|| "it must look like +08:00".to_owned())
}

fn page(import: &Import, done: &Imported) -> String {
    let words = Language::of_this_machine();
    let head = if import.dry_run {
        words.pick("试运行，没有写入任何内容：\n", "a dry run, nothing was written:\n")
    } else {
        ""
    };
    let mut text = head.to_owned();
    for (count, chinese, english) in [
        (done.read, "已读取", "read"),
        (done.made, "新建", "new"),
        (done.completed, "已存在，补充了身份", "already there, with new identities"),
        (done.there, "已存在", "already there"),
        (done.rejected, "被拒", "left out"),
    ] {
        writeln!(text, "{count:>10}  {}", words.pick(chinese, english)).expect("writing to a string");
    }
    for (reason, count) in &done.reasons {
        writeln!(text, "{count:>12}  {reason}").expect("writing to a string");
    }
    if done.incomplete > 0 {
        let line = words.pick("有字段被舍弃，用户本身已接收", "of these without a field that can't be taken over");
        writeln!(text, "{:>10}  {line}", done.incomplete).expect("writing to a string");
        for (reason, count) in &done.left_out {
            let line = words.pick("舍弃：", "left out: ");
            writeln!(text, "{count:>12}  {line}{reason}").expect("writing to a string");
        }
    }
    if done.rejected + done.incomplete > 0 {
        let file = import.rejects.display();
        let line = words.pick("逐条原因见", "each with its reason is in").to_owned();
        writeln!(text, "{line} {file}").expect("writing to a string");
    }
    if !done.ignored.is_empty() {
        let line = words.pick("未使用的列：", "columns that nothing is made of: ");
        writeln!(text, "{line}{}", done.ignored.join(", ")).expect("writing to a string");
    }
    if let Some(next) = done.next_number {
        let line = words.pick("下一个新用户的编号：", "the next new user gets number ");
        writeln!(text, "{line}{next}").expect("writing to a string");
    }
    text
}
