//! The store, the master key that opens it, the disk below it, and Redis beside it.

use std::path::Path;

use menjin_server::config::{Config, Migrate, StorePlace};
use menjin_server::{Examined, old_schema, redis_is_up};

use super::report::{Report, both};
use crate::terminal::size;

/// Below it, people's sign-ins may soon be refused.
const SCARCE: u64 = 1 << 30;
const NOTHING: u64 = 64 << 20;

/// Gives the store, if it can be worked with.
pub(super) async fn check(report: &mut Report, config: &Config) -> Option<Examined> {
    let place = config.store.place();
    let missing = match place {
        StorePlace::Sqlite(file) => {
            disk(report, file);
            !file.exists()
        }
        StorePlace::Postgres(_) | StorePlace::MySql(_) => false,
    };
    redis(report, config).await;
    if missing {
        report.warning(
            "store",
            both!("{place} 还不存在" | "{place} does not exist yet"),
            both!(
                "第一次 `menjin serve` 会创建它；如果它本该存在，请检查 `store.url`"
                    | "the first `menjin serve` makes it; if it should be there, look at `store.url`"
            ),
        );
        return None;
    }
    if config.master_keys().is_err() {
        // Told by the configuration.
        return None;
    }
    let examined = match Examined::open(config).await {
        Ok(examined) => examined,
        Err(error) => {
            unopened(report, config, &error);
            return None;
        }
    };
    if let Err(error) = examined.is_ready().await {
        report.failure(
            "store",
            both!("{place} 打开了，但不能读写：{error:#}" | "{place} opens, and can't be read or written: {error:#}"),
            both!("查看数据库的日志、权限与磁盘空间" | "look at the database's log, its rights and its disk"),
        );
        return None;
    }
    report.ok(
        "store",
        both!("{place} 可读写，表结构是最新的" | "{place} can be read and written, its schema is up to date"),
    );
    master_key(report, &examined).await.then_some(examined)
}

fn unopened(report: &mut Report, config: &Config, error: &anyhow::Error) {
    match old_schema(error) {
        Some((found, needed)) if config.store.migrate() == Migrate::Auto => report.warning(
            "store",
            both!(
                "表结构是版本 {found}，本程序需要 {needed}"
                    | "the schema is at version {found}, this program needs {needed}"
            ),
            both!(
                "下次 `menjin serve` 会自动升级；先备份：`menjin backup`"
                    | "the next `menjin serve` brings it up to date; `menjin backup` first"
            ),
        ),
        Some((found, needed)) => report.failure(
            "store",
            both!(
                "表结构是版本 {found}，本程序需要 {needed}"
                    | "the schema is at version {found}, this program needs {needed}"
            ),
            both!("备份后运行 `menjin migrate`" | "run `menjin migrate`, after a backup"),
        ),
        None => report.failure(
            "store",
            both!("{error:#}"),
            both!(
                "检查 `store.url`、数据库是否在运行、网络与账号"
                    | "look at `store.url`, whether the database runs, the network and the account"
            ),
        ),
    }
}

/// Whether what is sealed in the store can be opened.
async fn master_key(report: &mut Report, examined: &Examined) -> bool {
    match examined.unopened().await {
        Ok(unopened) if unopened.is_empty() => {
            report.ok("master_key", both!("主密钥能打开这个数据库" | "the master key opens this database"));
            true
        }
        Ok(unopened) => {
            let names = unopened.join(", ");
            report.failure(
                "master_key",
                both!("数据库由另一把主密钥加密，打不开：{names}" | "the database is sealed under another master key, these can't be opened: {names}"),
                both!("找回原来的 `secret_key`；如果是有意更换，把旧的放进 `old_secret_keys` 再运行 `menjin key rewrap`" | "bring back the `secret_key` that it had; if you changed it on purpose, put the former one into `old_secret_keys` and run `menjin key rewrap`"),
            );
            false
        }
        Err(error) => {
            report.failure(
                "master_key",
                both!("数据库读不出：{error:#}" | "the database can't be read: {error:#}"),
                both!("查看数据库的日志" | "look at the database's log"),
            );
            false
        }
    }
}

async fn redis(report: &mut Report, config: &Config) {
    let remedy = both!(
        "检查 `redis.url`、Redis 是否在运行、是否只读或已满；没有它也能服务，只是各节点各自限流、下线通知慢一点"
            | "look at `redis.url`, whether Redis runs, and whether it takes writes; menjin serves without it, with limits on each node by itself and slower news of ends"
    );
    match redis_is_up(config).await {
        Ok(None) => {}
        Ok(Some(true)) => report.ok("redis", both!("可以连接和写入" | "takes writes")),
        Ok(Some(false)) => {
            report.warning("redis", both!("连不上或不能写入" | "can't be reached, or takes no writes"), remedy);
        }
        Err(error) => report.warning("redis", both!("{error:#}"), remedy),
    }
}

fn disk(report: &mut Report, file: &Path) {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Some(free) = free_bytes(folder) {
        room(report, folder, free);
    }
}

fn room(report: &mut Report, folder: &Path, free: u64) {
    let (left, folder) = (size(free), folder.display());
    let remedy = both!(
        "清理磁盘或换一块更大的；写满后所有登录都会失败"
            | "make room, or take a larger disk: once it is full every sign-in fails"
    );
    let found = both!("{folder} 所在磁盘剩余 {left}" | "{left} are free on the disk of {folder}");
    if free < NOTHING {
        report.failure("disk", found, remedy);
    } else if free < SCARCE {
        report.warning("disk", found, remedy);
    } else {
        report.ok("disk", found);
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Language;

    #[test]
    fn a_disk_is_judged_by_what_is_left_on_it() {
        for (free, sum) in [
            (0, "1 of these are failures, 0 are warnings."),
            (NOTHING - 1, "1 of these are failures, 0 are warnings."),
            (NOTHING, "0 of these are failures, 1 are warnings."),
            (SCARCE - 1, "0 of these are failures, 1 are warnings."),
            (SCARCE, "0 of these are failures, 0 are warnings."),
        ] {
            let mut report = Report::new(Language::English, false);
            room(&mut report, Path::new("/data"), free);
            let page = report.page();
            assert!(page.contains(sum) && page.contains("are free on the disk of /data"), "{free}: {page}");
            assert_eq!(page.contains("→ make room"), free < SCARCE, "{free}: {page}");
        }
    }
}
