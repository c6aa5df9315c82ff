//! What only a person can check before real people come, as far as this configuration makes it needed.

use menjin_server::config::{App, AppKind, Config, Need, PlatformName, Profile, SignInBy};

use super::report::{Report, both};

/// `apps`: of the file and of the store.
pub(super) fn add(report: &mut Report, config: &Config, apps: &[App]) {
    let url = config.server.public_url.as_ref();
    let base = url.map_or_else(String::new, |url| url.as_str().trim_end_matches('/').to_owned());
    let host = url.and_then(|url| url.host_str()).unwrap_or_default();
    let site = url.map_or_else(String::new, |url| url.origin().ascii_serialization());
    report.by_hand(both!(
        "{host} 已完成 ICP 备案（服务器在中国大陆时必需）"
            | "{host} has its ICP record (needed for mini programs, and for servers in mainland China)"
    ));
    for app in apps {
        of_app(report, app, (&base, &site, host));
    }
    if apps.iter().any(|app| app.platform == Some(PlatformName::Wechat)) {
        report.by_hand(both!(
            "微信后台「IP 白名单」包含每个节点的出口地址，包括备用节点"
                | "IP 白名单 of WeChat's console has the outgoing address of every node, spare ones too"
        ));
    }
    report.by_hand(both!(
        "用户能在小程序里找到注销账号的入口（`DELETE /v1/me`），且在 15 个工作日内办完；不需要时能撤回同意（个人信息保护法 15、47 条）"
            | "people find a way to close their account (`DELETE /v1/me`), done within 15 working days, and can withdraw consent (PIPL art. 15, 47)"
    ));
    let asks_nothing = config.consent.is_empty();
    if asks_nothing && apps.iter().any(|app| app.kind != AppKind::Backend) {
        report.by_hand(both!(
            "隐私政策在收集之前展示并征得同意；menjin 可以留存同意的版本与时间（`[[consent]]`）"
                | "people agree to the privacy policy before anything is collected; menjin can keep version and time ([[consent]])"
        ));
    }
    report.by_hand(both!(
        "备份有保留期，并写进隐私政策：注销不会改写已有的备份（docs/privacy.md）"
            | "backups have an end, which the privacy policy names: an erasure does not rewrite them (docs/privacy.md)"
    ));
    report.by_hand(both!(
        "menjin 与反向代理的日志留存不少于六个月（网络安全法 21 条）"
            | "logs of menjin and of the proxy are kept for six months or more (Cybersecurity Law art. 21)"
    ));
    report.by_hand(both!(
        "主密钥另有一份备份，与数据库备份分开存放；试过一次 `menjin restore`"
            | "the master key has a copy apart from the database's backups, and `menjin restore` was tried once"
    ));
    report.by_hand(both!(
        "监控在看 /readyz 和 /metrics，证书到期与磁盘空间会告警"
            | "something watches /readyz and /metrics, the certificate's end and the disk"
    ));
}

fn of_app(report: &mut Report, app: &App, (base, site, host): (&str, &str, &str)) {
    let id = &app.id;
    match (app.platform, app.kind, app.sign_in) {
        (Some(PlatformName::Wechat), AppKind::Web, Some(SignInBy::OfficialAccount)) => report.by_hand(both!(
            "{id}：公众平台「网页授权域名」填 {host}" | "{id}: 网页授权域名 in WeChat's console is {host}"
        )),
        (Some(_), AppKind::Web, _) => report.by_hand(both!(
            "{id}：开放平台的「授权回调域」填 {host}" | "{id}: the callback domain in the platform's console is {host}"
        )),
        (Some(platform), AppKind::MiniProgram, _) => mini_program(report, app, (platform, site)),
        (Some(_) | None, AppKind::Web | AppKind::Native | AppKind::Backend | AppKind::MiniProgram, _) => {}
    }
    if !app.push_token.is_absent() {
        report.by_hand(both!(
            "{id}：公众平台「消息推送」填 {base}/v1/push/{id}，加密方式选安全模式"
                | "{id}: 消息推送 in WeChat's console is {base}/v1/push/{id}, in 安全模式"
        ));
    }
}

fn mini_program(report: &mut Report, app: &App, (platform, site): (PlatformName, &str)) {
    let (id, console) = (&app.id, platform.as_str());
    report.by_hand(both!(
        "{id}：{console} 后台「服务器域名」的 request 合法域名有 {site}"
            | "{id}: the request domains in the console of {console} have {site}"
    ));
    let keeps = app.profile == Profile::Keep;
    if keeps {
        report.by_hand(both!(
            "{id}：uploadFile 合法域名有 {site}（上传头像），downloadFile 合法域名有头像所在的域名"
                | "{id}: the uploadFile domains have {site} (avatars), and the downloadFile domains the one where avatars are"
        ));
    }
    let mut items_zh = vec!["设备信息（机型与系统，用于登录设备列表）"];
    let mut items_en = vec!["device (model and system, for the list of devices)"];
    if keeps {
        items_zh.extend(["昵称", "头像"]);
        items_en.extend(["nickname", "avatar"]);
    }
    if app.need.contains(&Need::Phone) {
        items_zh.push("手机号");
        items_en.push("phone number");
    }
    let (zh, en) = (items_zh.join("、"), items_en.join(", "));
    report.by_hand(both!(
        "{id}：「用户隐私保护指引」声明了 {zh}；没有声明的接口会在手机上失败（errno 112）"
            | "{id}: the privacy guide (用户隐私保护指引) declares {en}; what it lacks fails on phones (errno 112)"
    ));
    if app.need.contains(&Need::Phone) && platform == PlatformName::Wechat {
        report.by_hand(both!(
            "{id}：小程序已认证（手机号组件不对个人主体开放），手机号验证的付费额度足够"
                | "{id}: the mini program is verified (no phone numbers for personal ones), and its paid quota of phone numbers will do"
        ));
    }
}
