//! `menjin sim`: the simulated WeChat alone, for systems that bring their own server. Loopback only.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::ensure;
use menjin_sim::{App, Options, Sim};

use crate::dev::DEMO_APPID;
use crate::listen;
use crate::stop::Stop;
use crate::terminal::{self, LINK, Language, STRONG, paint};

/// Of the app that is there when none is named. Worth nothing: the simulator gives it to anybody.
const DEMO_SECRET: &str = "0123456789abcdef0123456789abcdef";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The port on 127.0.0.1; 0 takes any free one · 端口
    #[arg(long, default_value_t = 7601)]
    port: u16,
    /// The same requests get the same codes, keys and tokens · 随机种子
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A mini program and its AppSecret; more than once for several · 小程序
    #[arg(long = "app", value_name = "APPID:SECRET", value_parser = app)]
    apps: Vec<App>,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut appids = HashSet::new();
    for app in &arguments.apps {
        ensure!(appids.insert(&app.appid), "{} is given twice (--app): an AppID has one AppSecret", app.appid);
    }
    let stop = Stop::listen()?;
    let listener = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)), "--port")?;
    let address = listener.local_addr()?;
    let mut apps = arguments.apps;
    if apps.is_empty() {
        apps.push(App::mini_program(DEMO_APPID, DEMO_SECRET));
    }
    let sim = Sim::new(Options { seed: arguments.seed, apps, ..Options::default() });
    terminal::print(&page(&sim, address))?;
    sim.serve(listen::asynchronous(listener)?, stop.asked()).await
}

fn page(sim: &Sim, address: SocketAddr) -> String {
    let words = Language::of_this_machine();
    let title = paint(STRONG, words.both("模拟微信", "simulated WeChat"));
    let mut lines = vec![format!("{title}  {}", paint(LINK, format_args!("http://{address}")))];
    lines.extend(sim.apps().iter().map(|app| format!("  AppID {}  AppSecret {}", app.appid, app.secret)));
    lines.push(format!("  {} http://{address}/_sim/\n", words.both("控制接口", "control API")));
    lines.join("\n")
}

fn app(text: &str) -> Result<App, String> {
    match text.split_once(':') {
        Some((appid, secret)) if !appid.is_empty() && !secret.is_empty() => Ok(App::mini_program(appid, secret)),
        Some(_) | None => {
            Err("an AppID and an AppSecret with a colon between, e.g. wx0123456789abcdef:s3cret".to_owned())
        }
    }
}
