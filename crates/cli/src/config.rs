//! `menjin config check`: what holds, with secrets hidden, and whether `menjin serve` would take it.

use std::io::{self, Write as _};

use anyhow::Context as _;
use menjin_server::config::Config;

use crate::log;
use crate::settings::Source;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print the effective configuration and say whether `menjin serve` takes it · 检查配置
    Check(Source),
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check(source) => check(&source.load()?),
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let shown = toml::to_string_pretty(config).context("showing the configuration")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{shown}")?;
    config.check_for_production()?;
    log::check(&config.log)?;
    if let Some(hint) = placeholder(config) {
        writeln!(out, "# {hint}")?;
    }
    writeln!(out, "ok")?;
    Ok(())
}

/// What is well-formed and yet can't be meant.
pub(crate) fn placeholder(config: &Config) -> Option<&'static str> {
    let host = config.server.public_url.as_ref()?.host_str()?;
    let is_example = host == "example.com" || host.ends_with(".example.com");
    is_example.then_some("`server.public_url` is still the example: put in the address that your clients call")
}
