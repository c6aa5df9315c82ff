//! Starting the log: to standard output in production, to standard error beside what a command prints.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use menjin_server::config::{Log, LogFormat};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::span_fields::SpanFields;
use crate::trace::Traces;

/// Whether `[log]` can be followed.
pub(crate) fn check(log: &Log) -> anyhow::Result<()> {
    filter(&log.level).map(drop)
}

/// As `[log]` says, to standard output; and to a collector, where there is one.
pub(crate) fn to_stdout(log: &Log, traces: Option<&Traces>) -> anyhow::Result<()> {
    if let Some(traces) = traces {
        return with_traces(log, traces);
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(&log.level)?)
        .with_ansi(io::stdout().is_terminal())
        .with_writer(io::stdout);
    match log.format {
        LogFormat::Text => lines.finish().try_init()?,
        LogFormat::Json => {
            lines.json().flatten_event(true).with_span_list(false).fmt_fields(SpanFields).finish().try_init()?;
        }
    }
    Ok(())
}

/// Lines as ever, whatever else is made of the spans.
fn with_traces(log: &Log, traces: &Traces) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(traces.layer());
    let lines = tracing_subscriber::fmt::layer().with_ansi(io::stdout().is_terminal()).with_writer(io::stdout);
    match log.format {
        LogFormat::Text => registry.with(lines.with_filter(filter(&log.level)?)).try_init()?,
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_span_list(false).fmt_fields(SpanFields);
            registry.with(lines.with_filter(filter(&log.level)?)).try_init()?;
        }
    }
    Ok(())
}

/// Lines for people, to standard error.
pub(crate) fn to_stderr(level: &str) -> anyhow::Result<()> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    lines.finish().try_init()?;
    Ok(())
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    // The parser's own words say the same again, at length.
    EnvFilter::try_new(level)
        .map_err(|_| anyhow!("`log.level`: {level:?} is no filter, e.g. \"info\" or \"menjin_server=debug,info\""))
}
