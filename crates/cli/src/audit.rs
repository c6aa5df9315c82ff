//! `menjin audit …`: who did what, listed and exported.
//!
//! Works beside a running server. Does not: pruning, and the export before it (the server's `archive`).

use std::io::{self, Write as _};

use anyhow::{Context as _, ensure};
use menjin_server::store::{Actor, AuditOf, AuditPlace};
use menjin_server::{AuditAsked, AuditLineView, Menjin};
use menjin_token::{SessionId, Timestamp};

use crate::operated::{Out, menjin};
use crate::settings::Source;
use crate::user::named;

/// Lines that are read at once.
const PAGE: u32 = 500;

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
    /// List what was done, the newest first · 列出审计日志，最新的在前
    List {
        #[command(flatten)]
        which: Which,
        /// So many lines · 行数
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Only older ones: the number (`seq` in --json) of the last one of the list before · 只列出更早的（翻页）
        #[arg(long, value_name = "SEQ")]
        before: Option<i64>,
    },
    /// Show one line · 查看一条审计日志
    Show {
        /// Its number, `seq` in --json · 编号
        seq: i64,
    },
    /// Print all lines, one JSON object a line, the newest first; the audit notes it · 导出审计日志（每行一个 JSON），导出本身会被记录
    Export {
        #[command(flatten)]
        which: Which,
        /// Comma-separated values instead, which spreadsheets can open without harm · 输出 CSV
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
}

/// Which lines.
#[derive(clap::Args)]
struct Which {
    /// Not older than this date or time: 2026-11-01, or 2026-11-01T08:00:00Z · 起始时间
    #[arg(long, value_parser = time)]
    since: Option<Timestamp>,
    /// Older than this date or time · 截止时间
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
    /// What was done, e.g. session.kicked · 动作
    #[arg(long)]
    action: Option<String>,
    /// About this user: usr_…, or a number · 用户
    #[arg(long)]
    user: Option<String>,
    /// By this operator, program (token:NAME) or app · 操作者
    #[arg(long, value_name = "NAME", conflicts_with = "user")]
    by: Option<String>,
    /// By one of this kind · 操作者的类别
    #[arg(long, value_name = "KIND", value_parser = ["user", "operator", "app", "platform", "system"])]
    actor: Option<String>,
    /// Through this app · 应用
    #[arg(long)]
    app: Option<String>,
    /// To this session: ses_… · 会话
    #[arg(long, value_parser = session)]
    session: Option<SessionId>,
}

fn session(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|_| "must be a session's id: ses_ and 26 letters and digits".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_| "must be a date such as 2026-11-01, or a time such as 2026-11-01T08:00:00Z".to_owned())
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let menjin = menjin(&arguments.source).await?;
    let out = Out { json: arguments.json };
    match arguments.command {
        Command::List { which, limit, before } => {
            ensure!(limit > 0, "--limit: at least one line");
            let mut asked = asked(&menjin, &which, limit).await?;
            if let Some(seq) = before {
                let AuditLineView { at, seq, .. } = menjin.audit_line(seq).await?;
                asked.behind = Some(AuditPlace { at, seq });
            }
            let mut lines: Vec<AuditLineView> = Vec::new();
            loop {
                let found = menjin.audit(&asked).await?;
                lines.extend(found.items);
                lines.truncate(limit as usize);
                asked.behind = found.next;
                if asked.behind.is_none() || lines.len() == limit as usize {
                    return out.table(&lines, HEAD, row);
                }
            }
        }
        Command::Show { seq } => {
            let line = menjin.audit_line(seq).await?;
            let facts = COLUMNS.iter().zip(cells(&line)).filter(|(_, value)| !value.is_empty());
            let text: Vec<_> = facts.map(|(name, value)| format!("{name:<14}{}", value.escape_debug())).collect();
            Ok(out.line(&serde_json::to_value(&line)?, &text.join("\n"))?)
        }
        Command::Export { which, csv } => export(&menjin, asked(&menjin, &which, PAGE).await?, csv).await,
    }
}

async fn asked(menjin: &Menjin, which: &Which, limit: u32) -> anyhow::Result<AuditAsked> {
    let of = match (&which.user, &which.by) {
        (Some(user), _) => AuditOf::User(menjin.user_named(&named(user)?).await?),
        (None, Some(name)) => AuditOf::Actor(name.clone()),
        (None, None) => AuditOf::All,
    };
    let (since, until) = (which.since, which.until);
    let (action, app) = (which.action.clone(), which.app.clone());
    let (actor, session) = (which.actor.clone(), which.session);
    Ok(AuditAsked { of, action, actor, app, session, since, until, behind: None, limit })
}

async fn export(menjin: &Menjin, mut asked: AuditAsked, csv: bool) -> anyhow::Result<()> {
    menjin.note_audit_export(&Actor::command(), told(&asked)).await?;
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    if csv {
        writeln!(stdout, "{}", COLUMNS.join(","))?;
    }
    loop {
        let found = menjin.audit(&asked).await?;
        for line in &found.items {
            if csv {
                writeln!(stdout, "{}", cells(line).map(|cell| quoted(&cell)).join(","))?;
            } else {
                writeln!(stdout, "{}", serde_json::to_string(line).context("a line of the audit")?)?;
            }
        }
        asked.behind = found.next;
        if asked.behind.is_none() {
            return Ok(stdout.flush()?);
        }
    }
}

/// What the audit says of an export.
fn told(asked: &AuditAsked) -> String {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    let (mut user, mut by) = ("-".to_owned(), "-".to_owned());
    match &asked.of {
        AuditOf::User(one) => user = one.to_string(),
        AuditOf::Actor(one) => by.clone_from(one),
        AuditOf::All => {}
    }
    let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
    let (since, until, action, app) = (time(asked.since), time(asked.until), word(&asked.action), word(&asked.app));
    let actor = asked.actor.as_ref().map(|actor| format!(" actor {actor}")).unwrap_or_default();
    let session = asked.session.map(|session| format!(" session {session}")).unwrap_or_default();
    let told = format!("since {since} until {until} user {user} by {by} action {action} app {app}{actor}{session}");
    told.chars().take(400).collect()
}

const HEAD: [&str; 7] = ["AT", "ACTION", "BY", "USER", "SESSION", "APP", "DETAIL"];

/// What was noted may be anybody's text: it must not steer the terminal.
fn row(line: &AuditLineView) -> [String; 7] {
    let shown = |text: Option<&String>| text.map_or_else(|| "-".to_owned(), |text| text.escape_debug().to_string());
    let by = line.actor_id.as_ref().map(|by| format!(" {}", by.escape_debug())).unwrap_or_default();
    [
        line.at.to_string(),
        line.action.clone(),
        format!("{}{by}", line.actor),
        line.user.map_or_else(|| "-".to_owned(), |user| user.to_string()),
        line.session.map_or_else(|| "-".to_owned(), |session| session.to_string()),
        shown(line.app.as_ref()),
        shown(line.detail.as_ref()),
    ]
}

const COLUMNS: [&str; 10] = ["seq", "at", "action", "actor", "actor_id", "user", "session", "app", "ip", "detail"];

fn cells(line: &AuditLineView) -> [String; 10] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        line.seq.to_string(),
        line.at.to_string(),
        line.action.clone(),
        line.actor.clone(),
        text(&line.actor_id),
        line.user.map(|user| user.to_string()).unwrap_or_default(),
        line.session.map(|session| session.to_string()).unwrap_or_default(),
        text(&line.app),
        text(&line.ip),
        text(&line.detail),
    ]
}

/// A spreadsheet takes what begins so for a formula, and would carry it out (CWE-1236).
fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ad_05_a_cell_is_no_formula_and_no_second_cell() {
        for (cell, shown) in [
            ("plain", "\"plain\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("a,b\n=c", "\"a,b\n=c\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(cell), shown);
        }
    }

    #[test]
    fn a_time_may_be_a_date() {
        assert_eq!(time("2026-11-01").unwrap(), time("2026-11-01T00:00:00Z").unwrap());
        assert!(time("yesterday").is_err());
    }
}
