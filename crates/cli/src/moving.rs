//! `menjin move`: everything from one store to another, while no server runs.

#![expect(clippy::doc_markdown, reason = "these comments are words for a terminal")]

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use menjin_server::config::StorePlace;
use menjin_server::moving::{self, Moved, Stage};

use crate::progress::Bar;
use crate::terminal::{Language, pad};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The store to move from: sqlite://FILE, postgres://… or mysql://…; it stays as it is · 源数据库
    #[arg(long, value_name = "URL", env = "MENJIN_MOVE_FROM", hide_env_values = true)]
    from: String,
    /// The store to move to, empty · 目标数据库（空库）
    #[arg(long, value_name = "URL", env = "MENJIN_MOVE_TO", hide_env_values = true)]
    to: String,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let place = |option: &str, url: &str| {
        StorePlace::parse(url, Path::new("")).map_err(|why| anyhow::anyhow!("{option} {why}"))
    };
    let (from, to) = (place("--from", &arguments.from)?, place("--to", &arguments.to)?);
    let bars = [Bar::of("rows copied"), Bar::of("rows compared")];
    let told = |stage, done, all| match stage {
        Stage::Copying => bars[0].set(done, all),
        Stage::Comparing => bars[1].set(done, all),
    };
    let moved = moving::across(&from, &to, &told).await?;
    drop(bars);
    io::stdout().write_all(page(&from, &to, &moved).as_bytes())?;
    Ok(())
}

fn page(from: &StorePlace, to: &StorePlace, moved: &Moved) -> String {
    let mut text = String::new();
    for (table, rows, digest) in &moved.tables {
        writeln!(text, "{}  {rows:>10}  {digest}", pad(table, 21)).expect("writing to a string");
    }
    let rows: u64 = moved.tables.iter().map(|(_, rows, _)| rows).sum();
    if moved.before > 0 {
        let words = Language::of_this_machine().pick("行已由上次运行写入", "rows were there from an earlier run");
        writeln!(text, "{} {words}", moved.before).expect("writing to a string");
    }
    let migrate = if matches!(to, StorePlace::Sqlite(_)) { "auto" } else { "check" };
    let lines = format!("  url = \"{}\"\n  migrate = \"{migrate}\"\n", shown(to));
    let (first, second) = Language::of_this_machine().order(
        format!(
            "{rows} 行已从 {from} 搬到 {to}，两边逐表核对一致。请在每个节点的 menjin.toml 的 [store] 里改两行（主密钥不变）：\n{lines}"
        ),
        format!(
            "{rows} rows are moved from {from} to {to}; count and digest of every table agree. In [store] of every node's \
             menjin.toml, change two lines (the master key stays):\n{lines}"
        ),
    );
    text + &first + &second
}

/// The address as it is to be written; the password is known to whoever gave it. A file was named from the working
/// directory, and menjin.toml may stand elsewhere.
fn shown(to: &StorePlace) -> String {
    match to {
        StorePlace::Sqlite(path) => {
            let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            format!("sqlite://{}", whole.display())
        }
        StorePlace::Postgres(url) | StorePlace::MySql(url) => {
            let mut url = url.clone();
            if url.password().is_some() {
                // Only an address without a host can't have one.
                url.set_password(Some("PASSWORD")).ok();
            }
            url.to_string()
        }
    }
}
