//! `menjin serve`: production. Refuses what is right in development alone, and says which key.

use std::net::IpAddr;

use anyhow::ensure;
use menjin_server::config::Config;
use menjin_server::{Around, Clock as _, Listeners, Menjin, SystemClock, check_certificate};

use crate::operated::has_registered_apps;
use crate::settings::Source;
use crate::stop::Stop;
use crate::trace::Traces;
use crate::{listen, log};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Take http addresses, of this machine alone: for trying several nodes on it, with the simulator.
    #[arg(long, hide = true)]
    insecure_for_trying: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let config = arguments.source.load()?;
    if arguments.insecure_for_trying {
        check_for_trying(&config)?;
    } else {
        config.check_for_production()?;
    }
    check_certificate(&config, SystemClock.now())?;
    let traces = Traces::begin(&config.telemetry)?;
    log::to_stdout(&config.log, traces.as_ref())?;
    if let Some(missing) = config.not_filled_in(has_registered_apps(&config).await?).into_iter().next() {
        return Err(missing.into());
    }
    if arguments.insecure_for_trying {
        tracing::warn!("--insecure-for-trying: http addresses of this machine are taken; never serve people like this");
    }
    for remark in config.remarks() {
        tracing::warn!("{remark}");
    }
    let public = listen::bind(config.server.listen, "server.listen")?;
    let admin = listen::bind(config.admin.listen, "admin.listen")?;
    let (public_address, admin_address) = (public.local_addr()?, admin.local_addr()?);
    let menjin = Menjin::new(config, Around::default()).await?;
    renew_on_hangup(&menjin)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        server.listen = %public_address,
        admin.listen = %admin_address,
        "menjin serves"
    );
    let served = menjin.serve(Listeners { public, admin: Some(admin) }, stop.asked()).await;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    served
}

/// In the place of `check_for_production`, which wants https: without it nothing may leave this machine or come from another.
fn check_for_trying(config: &Config) -> anyhow::Result<()> {
    config.master_keys()?;
    for (key, address) in [("server.listen", config.server.listen), ("admin.listen", config.admin.listen)] {
        let is_ours = address.ip().is_loopback();
        ensure!(is_ours, "`{key}`: {address} is open to others, and --insecure-for-trying is for 127.0.0.1 alone");
    }
    let mut urls = vec![("server.public_url".to_owned(), config.server.public_url.as_ref())];
    urls.extend(config.platform_urls().map(|(key, url)| (key.to_owned(), Some(url))));
    let of_apps = config.app.iter().filter(|app| app.base_url.is_some());
    urls.extend(of_apps.map(|app| (format!("app.{}.base_url", app.id), app.base_url.as_ref())));
    for (key, url) in urls {
        let is_ours = url.is_some_and(|url| url.scheme() == "https" || url.host_str().is_some_and(is_loopback));
        ensure!(is_ours, "`{key}`: with --insecure-for-trying it must be https, or http://127.0.0.1 with a port");
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// SIGHUP, which programs that renew certificates like to send, means: look at them now. Without `[tls]` it ends the
/// program, as ever.
#[cfg(unix)]
fn renew_on_hangup(menjin: &Menjin) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    if !menjin.speaks_tls() {
        return Ok(());
    }
    let (mut hangups, menjin) = (signal(SignalKind::hangup())?, menjin.clone());
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            menjin.renew_certificate().await;
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn renew_on_hangup(_: &Menjin) -> anyhow::Result<()> {
    Ok(())
}
