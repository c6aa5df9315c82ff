//! `menjin config check`: what holds, with secrets hidden, and whether `menjin serve` would take it.

use std::io::{self, Write as _};

use anyhow::{Context as _, ensure};
use menjin_server::config::Config;
use menjin_server::{Clock as _, SystemClock, check_certificate, check_place};

use crate::log;
use crate::operated::may_have_registered_apps;
use crate::settings::Source;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print the effective configuration and say whether `menjin serve` takes it · 检查配置
    Check(Source),
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(source) => check(&source.load()?).await,
    }
}

async fn check(config: &Config) -> anyhow::Result<()> {
    let has_registered_apps = may_have_registered_apps(config).await;
    let shown = toml::to_string_pretty(config).context("showing the configuration")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{shown}")?;
    config.check_for_production()?;
    check_place(config)?;
    let on_certificate = check_certificate(config, SystemClock.now())?;
    log::check(&config.log)?;
    let unknown = config.unknown_audiences(|audience| config.apps_of_audience(audience));
    for remark in config.remarks().into_iter().chain(unknown).chain(on_certificate) {
        writeln!(out, "# {remark}")?;
    }
    let missing: Vec<String> = config.not_filled_in(has_registered_apps).iter().map(ToString::to_string).collect();
    ensure!(missing.is_empty(), "{}", missing.join("; "));
    writeln!(out, "ok")?;
    Ok(())
}
