//! `menjin tour`: one sign-in from the phone's code to the refusal of a session that has ended, every request shown.
//!
//! Lives here: the arguments, and finding or starting a `menjin dev`. The walk is in `steps`, what is printed in `wire`.

mod steps;
mod wire;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::sync::oneshot;
use url::Url;

use crate::dev::{self, Options};
use crate::terminal::{self, DIM, GOOD, Language, paint};
use crate::{http, log};
use wire::Wire;

/// Where a `menjin dev` is unless somebody moved it.
const USUAL: &str = "http://127.0.0.1:7600";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A running `menjin dev` [default: the usual address, or one that is started for the tour] · 开发服务器的地址
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    log::to_stderr("warn")?;
    match arguments.url {
        Some(url) if is_dev(&url).await? => walk(&url).await,
        Some(url) => bail!("no `menjin dev` answers at {url} (--url): start one, or leave --url out"),
        None => {
            let usual = Url::parse(USUAL).context("the usual address")?;
            if is_dev(&usual).await? { walk(&usual).await } else { walk_on_our_own().await }
        }
    }
}

/// Whether a `menjin dev` answers there.
async fn is_dev(url: &Url) -> anyhow::Result<bool> {
    let asked = http::client_for(url)?.get(url.join("/dev")?).send().await;
    Ok(asked.is_ok_and(|answer| answer.status().is_success()))
}

/// On free ports, in a folder that is gone afterwards.
async fn walk_on_our_own() -> anyhow::Result<()> {
    let folder = TempDir::with_prefix("menjin-tour-").context("a folder for the tour")?;
    let data = folder.path().to_owned();
    let running = dev::start(Options { port: 0, sim_port: 0, data, apps: Vec::new(), lan: false }).await?;
    let url = running.local_url().clone();
    let words = Language::of_this_machine();
    let note = words.pick(
        "没有找到运行中的 menjin dev，已临时启动一个：",
        "No `menjin dev` is running, so the tour starts its own:",
    );
    terminal::print(&paint(DIM, format_args!("{note} {url}\n")))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(running.serve(async {
        // An error means that the walk is over too.
        stopped.await.ok();
    }));
    let walked = walk(&url).await;
    drop(stop);
    serving.await.context("the server of the tour")??;
    walked
}

async fn walk(url: &Url) -> anyhow::Result<()> {
    let words = Language::of_this_machine();
    let mut wire = Wire::new(url.clone(), words)?;
    steps::walk(&mut wire).await?;
    let end = words.pick(
        "完成。登录、验证、刷新、踢下线都走通了。",
        "Done: signed in, verified, refreshed and kicked, all as it should be.",
    );
    terminal::print(&format!("\n{}\n", paint(GOOD, end)))?;
    Ok(())
}
