//! `menjin sim`: the simulated platforms alone, for systems that bring their own server. Loopback only.

mod surroundings;

use std::collections::HashSet;
use std::fs;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use menjin_sim::{App, Authority, Options, Platform, Scenario, Sim};

use crate::dev::DEMO_APPID;
use crate::listen;
use crate::sim::surroundings::Surroundings;
use crate::stop::Stop;
use crate::terminal::{self, DIM, LINK, Language, STRONG, paint};

/// Of the app that is there when none is named. Worth nothing: the simulator gives it to anybody.
const DEMO_SECRET: &str = "0123456789abcdef0123456789abcdef";

const EXAMPLES: &str = "\
Examples 用法:
  menjin sim                                     one mini program; http://127.0.0.1:7601/_sim/ lists all that can be asked
  menjin sim --app wx0123456789abcdef:s3cret     with your own AppID (never with its real AppSecret)
  menjin sim --app qq:1100000001:s3cret          of another platform: qq, douyin, alipay
  menjin sim --tls                               for SDKs that know no other address than api.weixin.qq.com:
                                                 . menjin-sim-tls/env.sh in the other terminal, then run your back end
  curl -o day.json http://127.0.0.1:7601/_sim/scenario/record
  menjin sim --scenario day.json                 all of it again, to the last token";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The port on 127.0.0.1; 0 takes any free one · 端口
    #[arg(long, default_value_t = 7601)]
    port: u16,
    /// The same requests get the same codes, keys and tokens · 随机种子
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A mini program and its AppSecret; more than once for several · 小程序
    #[arg(long = "app", value_name = "[PLATFORM:]APPID:SECRET", value_parser = app)]
    apps: Vec<App>,
    /// Let what is in this file happen first: apps, people, policies, faults, time · 先执行一份场景文件
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Answer at the platforms' own hosts too, by a proxy and a CA of this start, kept in a folder · 用平台真实域名 (HTTPS)
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "menjin-sim-tls")]
    tls: Option<PathBuf>,
    /// The proxy's port on 127.0.0.1, with --tls; 0 takes any free one · 代理端口
    #[arg(long, default_value_t = 7602, requires = "tls")]
    proxy_port: u16,
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut appids = HashSet::new();
    for app in &arguments.apps {
        ensure!(appids.insert(&app.appid), "{} is given twice (--app): an AppID has one AppSecret", app.appid);
    }
    let scenario = arguments.scenario.as_deref().map(read).transpose()?;
    let stop = Stop::listen()?;
    let listener = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)), "--port")?;
    let address = listener.local_addr()?;
    let mut apps = arguments.apps;
    if apps.is_empty() && !scenario.as_ref().is_some_and(Scenario::makes_apps) {
        apps.push(App::mini_program(DEMO_APPID, DEMO_SECRET));
    }
    let seed = arguments.seed.or(scenario.as_ref().and_then(|scenario| scenario.seed));
    let sim = Sim::new(Options { seed, apps, ..Options::default() });
    if let Some(scenario) = &scenario {
        sim.replay(scenario).await?;
    }
    let Some(folder) = arguments.tls else {
        terminal::print(&page(&sim, address, None))?;
        return sim.serve(listen::asynchronous(listener)?, stop.asked()).await;
    };
    let proxy = listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.proxy_port)), "--proxy-port")?;
    let authority = Authority::new()?;
    let surroundings = Surroundings::write(&folder, &authority, proxy.local_addr()?)?;
    terminal::print(&page(&sim, address, Some(&surroundings)))?;
    tokio::select! {
        served = sim.clone().serve_as_platforms(listen::asynchronous(proxy)?, authority, pending()) => served,
        served = sim.serve(listen::asynchronous(listener)?, stop.asked()) => served,
    }
}

fn read(file: &Path) -> anyhow::Result<Scenario> {
    let text = fs::read_to_string(file).with_context(|| format!("{} can't be read (--scenario)", file.display()))?;
    Scenario::read(&text).with_context(|| format!("{} (--scenario)", file.display()))
}

fn page(sim: &Sim, address: SocketAddr, surroundings: Option<&Surroundings>) -> String {
    let words = Language::of_this_machine();
    let title = paint(STRONG, words.both("模拟微信", "simulated WeChat"));
    let mut lines = vec![format!("{title}  {}", paint(LINK, format_args!("http://{address}")))];
    lines.extend(sim.apps().iter().map(|app| format!("  AppID {}  AppSecret {}", app.appid, app.secret)));
    if let Some(surroundings) = surroundings {
        let known = Sim::hosts().collect::<Vec<_>>().join(" ");
        lines.push(format!("  {} {known}", words.both("代理应答的域名", "the proxy answers for")));
        lines.extend(surroundings.lines.iter().map(|line| format!("    {}", paint(DIM, line))));
        let script = paint(LINK, format_args!(". {}", surroundings.script.display()));
        lines.push(format!("  {} {script}", words.both("在另一个终端里设置环境", "sets them, in another terminal:")));
    }
    lines.push(format!("  {} http://{address}/_sim/\n", words.both("控制接口", "control API")));
    lines.join("\n")
}

fn app(text: &str) -> Result<App, String> {
    const FORM: &str = "an AppID and an AppSecret with a colon between, e.g. wx0123456789abcdef:s3cret, and before them, \
                        where it is not WeChat's, qq:, douyin: or alipay:";
    let (platform, rest) = match text.split_once(':') {
        Some(("wechat", rest)) => (Platform::WeChat, rest),
        Some(("qq", rest)) => (Platform::Qq, rest),
        Some(("douyin", rest)) => (Platform::Douyin, rest),
        Some(("alipay", rest)) => (Platform::Alipay, rest),
        Some(_) | None => (Platform::WeChat, text),
    };
    match rest.split_once(':') {
        Some((appid, secret)) if !appid.is_empty() && !secret.is_empty() => Ok(App::of(platform, appid, secret)),
        Some(_) | None => Err(FORM.to_owned()),
    }
}
