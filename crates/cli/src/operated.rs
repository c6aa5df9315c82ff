//! Commands that work on the configured store, beside a running server: how they open it, and how they answer.

use std::io::{self, Write as _};

use anyhow::{bail, ensure};
use menjin_server::config::{Config, StorePlace};
use menjin_server::{Around, Examined, Menjin, old_schema};
use serde::Serialize;

use crate::settings::{FILE, Source};
use crate::terminal::pad;

/// A menjin that serves nobody. A store that does not exist is not made.
pub(crate) async fn menjin(source: &Source) -> anyhow::Result<Menjin> {
    let config = source.load()?;
    if let StorePlace::Sqlite(file) = config.store.place() {
        if !file.exists() && source.has_no_file() {
            let file = file.display();
            bail!("{FILE} is missing here, and so is {file}: go to the folder of {FILE}, or name it with --config");
        }
        let missing = "does not exist (`store.url`): is this the right --config? If it is, start `menjin serve` once, which makes it";
        ensure!(file.exists(), "{} {missing}", file.display());
    }
    Menjin::for_commands(config, Around::default()).await
}

/// Whether apps may be registered in the store, and it matters.
fn must_be_asked_for_apps(config: &Config) -> bool {
    let is_missing = matches!(config.store.place(), StorePlace::Sqlite(file) if !file.exists());
    config.app.is_empty() && !is_missing
}

/// The same as [`has_registered_apps`] of a store that is left as it is. One that can't be opened has none; one of an older
/// schema may have some.
pub(crate) async fn may_have_registered_apps(config: &Config) -> bool {
    if !must_be_asked_for_apps(config) {
        return false;
    }
    match Examined::open(config).await {
        Ok(store) => store.has_apps().await.unwrap_or(false),
        Err(error) => old_schema(&error).is_some_and(|(found, _)| found > 0),
    }
}

/// Whether apps are registered in the store; asked only where the file has none.
pub(crate) async fn has_registered_apps(config: &Config) -> anyhow::Result<bool> {
    if !must_be_asked_for_apps(config) {
        return Ok(false);
    }
    let menjin = Menjin::for_commands(config.clone(), Around::default()).await?;
    Ok(!menjin.app_views().await?.is_empty())
}

/// How a command answers.
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    /// One thing, for machines and for people.
    pub(crate) fn line(&self, json: &serde_json::Value, text: &str) -> io::Result<()> {
        if self.json { writeln!(io::stdout(), "{json}") } else { writeln!(io::stdout(), "{text}") }
    }

    /// Many things of a kind.
    pub(crate) fn table<T: Serialize, const N: usize>(
        &self,
        rows: &[T],
        head: [&str; N],
        cells: fn(&T) -> [String; N],
    ) -> anyhow::Result<()> {
        if self.json {
            writeln!(io::stdout(), "{}", serde_json::to_string_pretty(rows)?)?;
            return Ok(());
        }
        let mut lines = vec![head.map(str::to_owned)];
        lines.extend(rows.iter().map(cells));
        let widths: [usize; N] =
            std::array::from_fn(|column| lines.iter().map(|line| line[column].len()).max().unwrap_or(0));
        for line in lines {
            let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| pad(cell, width)).collect();
            writeln!(io::stdout(), "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}
