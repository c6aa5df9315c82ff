//! `menjin dev`: server, simulated WeChat and database in one, with nothing to configure.
//!
//! Lives here: the arguments and the order of things. Does not: how the server behaves in development (`menjin_server::Dev`).

mod configuration;
mod folder;
mod lan;
mod others;
mod page;
mod real_app;
mod sites;
mod start;

use std::path::PathBuf;

use tokio::time::Instant;

use crate::stop::Stop;
use crate::{log, terminal};
use real_app::RealAppId;
pub(crate) use real_app::ask_app_secret;
pub(crate) use start::{Options, start};

/// The app that people of the simulator sign in from.
pub(crate) const DEMO: &str = "demo";
/// Its AppID: of the form that WeChat's have, and nobody's.
pub(crate) const DEMO_APPID: &str = "wxde30de30de30de30";
/// The same, on one phone of each person at a time.
const DEMO_ONE: &str = "demo-one";
const DEMO_ONE_APPID: &str = "wxde30de30de30de34";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The server's port; 0 takes any free one · 服务端口
    #[arg(long, default_value_t = 7600)]
    port: u16,
    /// The simulated WeChat's port on 127.0.0.1; 0 takes any free one · 模拟微信端口
    #[arg(long, value_name = "PORT", default_value_t = 7601)]
    sim_port: u16,
    /// Where database and secrets are kept; delete it to begin anew · 数据文件夹
    #[arg(long, value_name = "FOLDER", default_value = "menjin-dev")]
    data: PathBuf,
    /// A real mini program, which speaks to WeChat itself. Its AppSecret is asked for once (or read from standard input) and
    /// kept in the data folder · 真实小程序的 AppID
    #[arg(long = "app", value_name = "APPID")]
    apps: Vec<RealAppId>,
    /// Open the server to the local network, for a phone: with limits, and without /dev and /metrics · 对局域网开放
    #[arg(long)]
    lan: bool,
    /// Log what happens, not only what fails · 显示更多日志
    #[arg(long)]
    verbose: bool,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let stop = Stop::listen()?;
    log::to_stderr(if arguments.verbose { "info" } else { "warn" })?;
    let Arguments { port, sim_port, data, apps, lan, verbose: _ } = arguments;
    let running = start(Options { port, sim_port, data, apps, lan }).await?;
    terminal::print(&page::of(&running, began.elapsed())?)?;
    running.serve(stop.asked()).await
}
