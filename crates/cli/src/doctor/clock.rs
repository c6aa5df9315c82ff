//! This machine's clock against the platform's: tokens, pushes and certificates hang on it.

use menjin_server::config::{App, Config, PlatformName};
use menjin_server::{Clock as _, SystemClock};
use menjin_token::Timestamp;
use url::Url;

use super::report::{Report, both};
use crate::http::client_for;

/// Back ends allow for so much (design of the guard).
const WRONG: u64 = 30;
const ODD: u64 = 5;

pub(super) async fn check(report: &mut Report, config: &Config, apps: &[App]) {
    let Some(platform) = platform_of(config, apps) else { return };
    let host = platform.host_str().unwrap_or_default().to_owned();
    let Some((theirs, ours)) = asked(&platform).await else {
        report.warning(
            "clock",
            both!("没能与 {host} 对时" | "{host} could not be asked for the time"),
            both!("确认本机能访问它，并用 NTP 校时" | "see that this machine reaches it, and keep the clock by NTP"),
        );
        return;
    };
    let seconds = theirs.abs_diff(ours);
    let found = both!("与 {host} 相差 {seconds} 秒" | "differs from that of {host} by {seconds} s");
    let remedy = both!(
        "用 NTP 校时（timedatectl set-ntp true）：时间不准时，令牌、推送和证书都会被误判"
            | "keep it by NTP (timedatectl set-ntp true): with a wrong clock tokens, pushes and certificates are misjudged"
    );
    if seconds > WRONG {
        report.failure("clock", found, remedy);
    } else if seconds > ODD {
        report.warning("clock", found, remedy);
    } else {
        report.ok("clock", found);
    }
}

/// Where the first app's platform is.
fn platform_of(config: &Config, apps: &[App]) -> Option<Url> {
    let app = apps.iter().find(|app| app.platform.is_some())?;
    let usual = match app.platform? {
        PlatformName::Wechat => &config.wechat.base_url,
        PlatformName::Qq => &config.qq.base_url,
        PlatformName::Douyin => &config.douyin.base_url,
        PlatformName::Alipay => &config.alipay.gateway_url,
    };
    app.base_url.clone().or_else(|| Some(usual.clone()))
}

/// The server's `Date`, and our time in the middle of asking.
async fn asked(platform: &Url) -> Option<(i64, i64)> {
    let began = SystemClock.now().secs();
    let answer = client_for(platform).ok()?.get(platform.clone()).send().await.ok()?;
    let ended = SystemClock.now().secs();
    let theirs = date(answer.headers().get("date")?.to_str().ok()?)?;
    Some((theirs.secs(), i64::midpoint(began, ended)))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|it| *it == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read() {
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), "1994-11-06T08:49:37Z".parse().ok());
        for wrong in ["", "yesterday", "Sun, 06 Nov", "Sun, 06 Mov 1994 08:49:37 GMT"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }
}
