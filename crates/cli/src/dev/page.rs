//! What `menjin dev` prints when it is ready: where everything is, and what to do next.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Color, Style};

use super::configuration::BACKEND;
use super::start::Running;
use super::{DEMO, DEMO_APPID, lan, others, sites};
use crate::terminal::{DIM, LINK, Language, STRONG, pad, paint};

/// Columns of the labels.
const LABEL: usize = 26;

/// Black on white, whatever the terminal's colours: what a camera expects.
const PAPER: Style = AnsiColor::Black.on_default().bg_color(Some(Color::Ansi(AnsiColor::BrightWhite)));

/// The page.
pub(super) fn of(running: &Running, took: Duration) -> anyhow::Result<String> {
    let words = Language::of_this_machine();
    let mut page = Page { words, text: String::new() };
    let version = env!("CARGO_PKG_VERSION");
    let title = paint(STRONG, format_args!("menjin {version} · {}", words.both("开发模式", "development")));
    page.line(&format!("\n{title}  {}\n", paint(DIM, format_args!("{} ms", took.as_millis()))));
    places(&mut page, running);
    credentials(&mut page, running);
    next(&mut page, running);
    if running.lan {
        network(&mut page, running)?;
    }
    page.line(&paint(DIM, words.both("按 Ctrl-C 停止", "Ctrl-C stops it")));
    Ok(page.text)
}

fn places(page: &mut Page, running: &Running) {
    let (api, here, sim) = (&running.public_url, &running.local_url, &running.simulator_url);
    page.link(("试一试", "Try it"), &format!("{here}dev"));
    page.link(("控制台", "Console"), &format!("{here}console"));
    page.link(("登录接口", "Sign in"), &format!("POST {api}v1/login/{DEMO}"));
    for app in &running.apps {
        page.link(("真实小程序", "Real app"), &format!("POST {api}v1/login/{}", app.app()));
    }
    page.link(("接口文档", "API docs"), &format!("{api}docs"));
    page.link(("公钥", "Public keys"), &format!("{api}.well-known/jwks.json"));
    page.link(("旧接口", "Old hapi form"), &format!("POST {api}users/wxLogin"));
    page.link(("模拟微信", "Simulated WeChat"), &format!("{sim}_sim/"));
    page.fact(("小程序", "Mini program"), &format!("{DEMO}  AppID {DEMO_APPID}"));
    page.fact(("网页应用", "Sites, app"), &sites::APPS.join("  "));
    let ids: Vec<_> = others::APPS.iter().map(|(id, _)| *id).collect();
    page.fact(("其他平台", "Other platforms"), &ids.join("  "));
}

fn credentials(page: &mut Page, running: &Running) {
    page.fact(("后端凭据", "Back end"), &format!("{BACKEND}  {}", running.backend_secret));
    page.fact(("令牌受众", "Audience"), DEMO);
    page.fact(("数据", "Data"), &running.data.display().to_string());
    page.line("");
}

fn next(page: &mut Page, running: &Running) {
    let here = &running.local_url;
    let title = page.words.both("下一步", "Next");
    page.line(&paint(STRONG, title));
    page.command(&format!("{} tour --url {}", program(), here.as_str().trim_end_matches('/')));
    page.command(&format!(r#"curl {here}dev/wx/login -H "content-type: application/json" -d '{{"person":"alice"}}'"#));
    page.command(&format!(r#"curl {here}v1/login/{DEMO} -H "content-type: application/json" -d '{{"code":"…"}}'"#));
    page.line("");
}

/// How to start this program once more from the same folder: as it was started, for `cargo run` puts it on no path.
fn program() -> String {
    std::env::args().next().filter(|name| !name.contains(char::is_whitespace)).unwrap_or_else(|| "menjin".to_owned())
}

fn network(page: &mut Page, running: &Running) -> anyhow::Result<()> {
    let url = running.public_url.as_str().trim_end_matches('/');
    let picture = lan::picture(url)?;
    for line in picture.lines() {
        page.line(&format!("  {}", paint(PAPER, line)));
    }
    page.line(&format!("  {}\n", paint(LINK, url)));
    let warning = page.words.pick(
        "同一局域网的设备都能访问这个地址（/dev、/metrics 和模拟微信除外）。",
        "Every device of this network reaches this address (not /dev, /metrics or the simulated WeChat).",
    );
    page.line(&format!("  {warning}\n"));
    Ok(())
}

/// A page in the making.
struct Page {
    words: Language,
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("writing to a string");
    }

    fn fact(&mut self, (chinese, english): (&str, &str), value: &str) {
        let label = pad(&self.words.both(chinese, english), LABEL);
        self.line(&format!("  {}{value}", paint(DIM, label)));
    }

    fn link(&mut self, label: (&str, &str), address: &str) {
        self.fact(label, &paint(LINK, address));
    }

    fn command(&mut self, command: &str) {
        self.line(&format!("  {}", paint(LINK, command)));
    }
}
