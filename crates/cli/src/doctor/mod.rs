//! `menjin doctor`: what can be checked of a configured menjin, before and after people use it. Changes nothing.
//!
//! Lives here: the arguments and the order. Each subject has its file; how it is told is in `report`.

mod address;
mod apps;
mod checklist;
mod clock;
mod configuration;
mod handshake;
mod report;
mod served;
mod store;

use std::process::ExitCode;

use menjin_server::config::{App, Config};
use menjin_server::{Clock as _, Examined, SystemClock};

use self::report::{Report, both};
use crate::settings::Source;
use crate::terminal::Language;

const EXAMPLES: &str = "\
Examples 用法:
  menjin doctor --config /etc/menjin/menjin.toml              what is wrong here, and what to do
  menjin doctor --config /etc/menjin/menjin.toml --go-live    before real people come 上线前

Run it on the machine and as the account that menjin runs on. It may run beside a server, and changes nothing.
请在运行 menjin 的机器上、以运行它的账号执行；可以在服务运行时执行，不会改动任何东西。

Exit status: 0 no failure, 1 some failure, 2 wrong usage.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Be as strict as the platforms are, and list what only a person can check · 上线检查
    #[arg(long)]
    go_live: bool,
    /// Answer in JSON · 以 JSON 输出
    #[arg(long)]
    json: bool,
}

/// Whether the store has apps; and those of file and store, as far as it can be asked: why it can't is told elsewhere.
async fn apps_of(config: &Config, examined: Option<&Examined>) -> (bool, Vec<App>) {
    let mut apps = config.app.clone();
    let Some(examined) = examined else { return (false, apps) };
    apps.extend(examined.registered().await.unwrap_or_default());
    (examined.has_apps().await.unwrap_or(false), apps)
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut report = Report::new(Language::of_this_machine(), arguments.go_live);
    match arguments.source.load() {
        Ok(config) => {
            let now = SystemClock.now();
            configuration::files(&mut report, &config, &arguments.source);
            let examined = store::check(&mut report, &config).await;
            let (has_registered, apps) = apps_of(&config, examined.as_ref()).await;
            configuration::check(&mut report, &config, (has_registered, &apps), now);
            clock::check(&mut report, &config, &apps).await;
            if let Some(url) = &config.server.public_url {
                let is_reachable = address::check(&mut report, url, now).await;
                if is_reachable {
                    served::check(&mut report, &config, url).await;
                }
            }
            apps::check(&mut report, &config, examined.as_ref()).await;
            if arguments.go_live {
                checklist::add(&mut report, &config, &apps);
            }
        }
        Err(error) => report.failure(
            "configuration",
            both!("{error:#}"),
            both!("按提示改好配置后再运行" | "mend it, then run this again"),
        ),
    }
    report.print(arguments.json)?;
    Ok(if report.has_failure() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
