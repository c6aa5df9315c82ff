//! The configuration by itself: what `menjin config check` says, who may read its files, what strangers may ask.

use std::path::Path;
use std::time::Duration;

use menjin_server::config::{App, Config, StorePlace};
use menjin_server::{check_certificate, check_place};
use menjin_token::Timestamp;

use super::report::{Report, both};
use crate::log;
use crate::settings::Source;

/// Network logs are kept for six months at least (网络安全法 §21).
const SIX_MONTHS: Duration = Duration::from_hours(24 * 180);

/// 15 working days (个人信息保护法 §47, and what platforms ask for): three weeks.
const THREE_WEEKS: Duration = Duration::from_hours(24 * 21);

/// Whether apps are registered in the store, and all that there are.
pub(super) fn check(report: &mut Report, config: &Config, (has_registered, apps): (bool, &[App]), now: Timestamp) {
    refusals(report, config, has_registered, now);
    let is_for = |app: &&App, audience: &str| app.audience.as_deref().unwrap_or(&app.id) == audience;
    let unknown = config.unknown_audiences(|audience| apps.iter().filter(|app| is_for(app, audience)).count());
    for remark in config.remarks().into_iter().chain(unknown) {
        report.warning("configuration", both!("{remark}"), both!("按提示处理" | "do as it says"));
    }
    if config.limits.enabled {
        let per_address = config.limits.per_address;
        report.ok(
            "limits",
            both!("每个地址每分钟 {per_address} 次" | "{per_address} requests a minute from one address"),
        );
    } else {
        report.failure_when_live(
            "limits",
            both!("限流已关闭（`limits.enabled = false`）" | "limits are off (`limits.enabled = false`)"),
            both!("打开它，否则任何人都能不停地试" | "switch them on: without them anybody may try without end"),
        );
    }
    if config.lifetimes.audit < SIX_MONTHS {
        report.failure_when_live(
            "retention",
            both!(
                "审计日志只保留不到六个月（`lifetimes.audit`）"
                    | "the audit is kept for less than six months (`lifetimes.audit`)"
            ),
            both!(
                "《网络安全法》第二十一条要求网络日志留存不少于六个月：改为 \"180d\" 或更长"
                    | "China's Cybersecurity Law (art. 21) wants network logs of six months: set \"180d\" or more"
            ),
        );
    }
    people(report, config);
}

/// What people may ask of whoever keeps their data.
fn people(report: &mut Report, config: &Config) {
    if config.lifetimes.deletion_cooling_off > THREE_WEEKS {
        report.failure_when_live(
            "deletion",
            both!(
                "注销的冷静期超过三周（`lifetimes.deletion_cooling_off`）"
                    | "an account is deleted later than three weeks after it was asked for (`lifetimes.deletion_cooling_off`)"
            ),
            both!("注销应在 15 个工作日内完成：改为 \"15d\" 或更短" | "it must be done within 15 working days: set \"15d\" or less"),
        );
    }
    for document in config.consent.iter().filter(|it| it.url.scheme() != "https") {
        let id = &document.id;
        report.failure_when_live(
            "consent",
            both!("`[[consent]]` {id} 的 url 不是 https" | "the url of the [[consent]] {id} is not https"),
            both!("小程序打不开 http 网页：换成 https" | "mini programs open no page by http: use https"),
        );
    }
}

/// What `menjin serve` would refuse.
fn refusals(report: &mut Report, config: &Config, has_apps: bool, now: Timestamp) {
    let checked = [
        config.check_for_production().map_err(|error| error.to_string()),
        check_place(config).map_err(|error| format!("{error:#}")),
        log::check(&config.log).map_err(|error| format!("{error:#}")),
    ];
    let mut refused: Vec<String> = checked.into_iter().filter_map(Result::err).collect();
    refused.extend(config.not_filled_in(has_apps).iter().map(ToString::to_string));
    match check_certificate(config, now) {
        Ok(remarks) => {
            for remark in remarks {
                report.warning("certificate", both!("{remark}"), both!("按提示处理" | "do as it says"));
            }
        }
        Err(error) => refused.push(error.to_string()),
    }
    if refused.is_empty() {
        let apps = config.app.len();
        report.ok(
            "configuration",
            both!("`menjin serve` 会接受；文件中有 {apps} 个应用" | "`menjin serve` takes it; {apps} apps in the file"),
        );
    }
    for why in refused {
        report.failure(
            "configuration",
            both!("{why}"),
            both!("改好它：`menjin serve` 会拒绝这份配置" | "mend it: `menjin serve` refuses this configuration"),
        );
    }
}

/// Files that hold secrets or people's data, and whom their modes let in.
pub(super) fn files(report: &mut Report, config: &Config, source: &Source) {
    let holds_key = config.secret_key_file.is_none() && !config.secret_key.is_absent();
    let own = source.file().filter(|_| holds_key);
    let store = match config.store.place() {
        StorePlace::Sqlite(file) => Some(file.clone()),
        StorePlace::Postgres(_) | StorePlace::MySql(_) => None,
    };
    let looked_at: Vec<_> = own.into_iter().chain(store).filter(|file| file.exists()).collect();
    let open: Vec<_> = looked_at.iter().filter(|file| others_read(file)).collect();
    for file in &open {
        let file = file.display();
        report.failure_when_live(
            "files",
            both!("本机其他账号可以读取 {file}" | "other accounts of this machine may read {file}"),
            both!("chmod 600 {file}"),
        );
    }
    if open.is_empty() && !looked_at.is_empty() {
        report.ok(
            "files",
            both!("配置与数据库只有所有者可读" | "configuration and database are readable by their owner alone"),
        );
    }
}

#[cfg(unix)]
fn others_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_read(_: &Path) -> bool {
    false
}
