//! Each app against its platform: credentials, pushes, the open-platform account, the pages that people come back to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use menjin_server::config::{App, AppKind, Config, PlatformName};
use menjin_server::{Clock as _, Examined, ExaminedApp, SystemClock, Trial, TrialRefused, apps_of_file, push_question};
use tokio::net::lookup_host;
use url::Url;

use super::report::{Both, Report, both};
use crate::http::client_for;

/// The platform does not know the address that we ask from.
const NOT_IN_WHITELIST: i64 = 40164;

pub(super) async fn check(report: &mut Report, config: &Config, examined: Option<&Examined>) {
    let tried = match examined {
        Some(examined) => examined.apps(config).await,
        None => apps_of_file(config).await,
    };
    match tried {
        Ok(apps) => {
            for app in &apps {
                credentials(report, app);
            }
            open_accounts(report, &apps);
        }
        Err(error) => report.failure("apps", both!("{error:#}"), both!("按提示改好应用" | "mend the app as it says")),
    }
    for app in &config.app {
        push(report, app, config.server.public_url.as_ref()).await;
        pages(report, app).await;
    }
}

fn credentials(report: &mut Report, app: &ExaminedApp) {
    let (id, platform, appid) = (&app.id, app.platform, &app.appid);
    match &app.trial {
        Trial::Taken => report.ok(
            "credentials",
            both!(
                "应用 {id}：{platform} 接受 {appid} 的密钥" | "app {id}: {platform} takes the credentials of {appid}"
            ),
        ),
        Trial::Unanswered(why) => report.failure(
            "credentials",
            both!("应用 {id}：没有问到 {platform}：{why}" | "app {id}: {platform} could not be asked: {why}"),
            both!(
                "确认本机能访问平台接口（DNS、防火墙、代理），或稍后再试"
                    | "see that this machine reaches the platform (DNS, firewall, proxy), or try again in a while"
            ),
        ),
        Trial::Refused(refused) => {
            let (found, remedy) = refusal(id, platform, refused);
            report.failure("credentials", found, remedy);
        }
    }
}

fn refusal(id: &str, platform: &str, refused: &TrialRefused) -> (Both, Both) {
    let errcode = refused.errcode.unwrap_or_default();
    let errmsg = &refused.errmsg;
    if refused.errcode == Some(NOT_IN_WHITELIST) {
        let address = address_in(errmsg).map_or_else(|| "?".to_owned(), |it| it.to_string());
        return (
            both!(
                "应用 {id}：本机出口地址 {address} 不在微信的 IP 白名单中（40164）"
                    | "app {id}: this server's address, {address}, is not in WeChat's IP allow-list (40164)"
            ),
            both!(
                "在微信公众平台「开发管理 → IP 白名单」加入 {address}，每个节点的出口地址都要加"
                    | "add {address} to 开发管理 → IP 白名单 in WeChat's console, and the address of every other node"
            ),
        );
    }
    let ([cause_zh, cause_en], [remedy_zh, remedy_en]) = (refused.cause, refused.remedy);
    let found = both!(
        "应用 {id}：{platform} 拒绝（{errcode} {errmsg}）{cause_zh}"
            | "app {id}: {platform} refuses it ({errcode} {errmsg}). {cause_en}"
    );
    let remedy = if remedy_en.is_empty() {
        both!("在平台文档中查找错误码 {errcode}" | "look {errcode} up in the platform's documentation")
    } else {
        (remedy_zh.to_owned(), remedy_en.to_owned())
    };
    (found, remedy)
}

/// `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`
fn address_in(errmsg: &str) -> Option<IpAddr> {
    errmsg.split([' ', ',']).find_map(|word| word.parse::<IpAddr>().ok()).map(|address| address.to_canonical())
}

/// One person through several apps of a platform is one user only by the unionid of one open-platform account.
fn open_accounts(report: &mut Report, apps: &[ExaminedApp]) {
    let wechat: Vec<_> = apps.iter().filter(|app| app.platform == PlatformName::Wechat.as_str()).collect();
    let accounts: BTreeSet<_> = wechat.iter().filter_map(|app| app.open_account.as_ref()).collect();
    let without: Vec<_> = wechat.iter().filter(|app| app.open_account.is_none()).map(|app| app.id.as_str()).collect();
    if wechat.len() < 2 {
        return;
    }
    if without.is_empty() {
        let count = accounts.len();
        report.ok(
            "open_account",
            both!(
                "微信应用属于 {count} 个开放平台账号"
                    | "the apps of WeChat are bound to {count} open-platform accounts"
            ),
        );
        return;
    }
    let names = without.join(", ");
    report.warning(
        "open_account",
        both!("有多个微信应用，但 {names} 没有 `open_account`：同一个人会成为不同的用户" | "there are several apps of WeChat, and {names} have no `open_account`: one person becomes several users"),
        both!("在微信开放平台绑定这些应用，并给它们相同的 `open_account`；若本来就要分开，可忽略" | "bind them at open.weixin.qq.com, and give them the same `open_account`; ignore this if they are to be apart"),
    );
}

/// Asks as WeChat's console does when somebody saves the address for pushes.
async fn push(report: &mut Report, app: &App, url: Option<&Url>) {
    let (Some(token), Some(url)) = (app.push_token.expose(), url) else { return };
    let (query, answer) = push_question(token, SystemClock.now());
    let (id, base) = (&app.id, url.as_str().trim_end_matches('/'));
    let asked = async {
        let address = format!("{base}/v1/push/{id}?{query}");
        client_for(url).ok()?.get(address).send().await.ok()?.text().await.ok()
    };
    if asked.await.as_deref() == Some(answer) {
        report.ok(
            "push",
            both!(
                "应用 {id}：{base}/v1/push/{id} 能通过微信的校验"
                    | "app {id}: {base}/v1/push/{id} answers WeChat's question"
            ),
        );
    } else {
        report.failure(
            "push",
            both!("应用 {id}：{base}/v1/push/{id} 没有正确应答微信的校验" | "app {id}: {base}/v1/push/{id} does not answer WeChat's question"),
            both!("确认运行中的 menjin 已用新的 `push_token` 重启，且反向代理原样转发查询参数" | "see that the running menjin was started with this `push_token`, and that the proxy passes the query on as it is"),
        );
    }
}

/// The pages that people of a site come back to.
async fn pages(report: &mut Report, app: &App) {
    let id = &app.id;
    if app.kind != AppKind::Web || app.platform.is_none() {
        return;
    }
    if app.redirect_uris.is_empty() {
        report.failure(
            "redirect_uris",
            both!(
                "应用 {id}：没有 `redirect_uris`，网页登录后无处可回"
                    | "app {id}: without `redirect_uris` nobody comes back from signing in"
            ),
            both!(
                "填上登录后返回的页面，须逐字一致"
                    | "put in the pages that people come back to, spelt as they are asked for"
            ),
        );
    }
    for uri in &app.redirect_uris {
        let Some(url) = Url::parse(uri).ok() else { continue };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { continue };
        if lookup_host((host.trim_matches(['[', ']']), port)).await.is_err() {
            report.warning(
                "redirect_uris",
                both!("应用 {id}：{host} 解析不到" | "app {id}: {host} has no address"),
                both!(
                    "检查 `redirect_uris` 的拼写和域名解析"
                        | "look at how it is spelt in `redirect_uris`, and at its DNS record"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_address_is_read_from_what_wechat_says() {
        for (errmsg, address) in [
            (
                "invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 66c69111-4157f271-729ca238",
                Some("1.2.3.4"),
            ),
            ("invalid ip ::ffff:1.2.3.4, not in whitelist", Some("1.2.3.4")),
            ("invalid ip 2001:db8::7 not in whitelist", Some("2001:db8::7")),
            ("not in whitelist", None),
        ] {
            assert_eq!(address_in(errmsg).map(|it| it.to_string()).as_deref(), address, "{errmsg}");
        }
    }
}
