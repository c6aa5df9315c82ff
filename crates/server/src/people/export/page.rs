//! An export as a page for people: it stands by itself, runs nothing and loads nothing. Whatever somebody is called stays text.

use std::sync::LazyLock;

use anyhow::Context as _;
use askama::Template;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_token::Timestamp;

use super::view::{
    Export, ExportedAct, ExportedConsent, ExportedData, ExportedIdentity, ExportedOther, ExportedRole, ExportedSession,
};
use super::words::{self, Said};
use crate::entropy::sha256;
use crate::problem::Language;
use crate::store::DeviceClass;

const STYLE: &str = include_str!("export.css");

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(sha256(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a policy of plain words")
});

/// What a browser may do with the page.
pub(super) fn policy() -> HeaderValue {
    POLICY.clone()
}

#[derive(Template)]
#[template(path = "export.html")]
struct Page<'e> {
    tag: &'static str,
    style: &'static str,
    title: &'static str,
    about: String,
    none: &'static str,
    sections: Vec<Section>,
    issuer: &'e str,
}

/// A part of the page.
struct Section {
    title: &'static str,
    about: &'static str,
    /// That some are left out.
    note: Option<String>,
    /// Each thing as what it has, by name.
    records: Vec<Vec<(&'static str, String)>>,
}

/// The page in one language.
pub(super) fn page(export: &Export, language: Language) -> anyhow::Result<String> {
    let say = |chinese, english| Said(chinese, english).to(language);
    let at = moment(export.exported_at);
    let about = match language {
        Language::Chinese => {
            format!("这是 {at}（UTC）保存的关于你的全部数据。密码与密钥无法读取，不在其中。请妥善保管本文件。")
        }
        Language::English => {
            format!(
                "This is everything that was kept of you at {at} (UTC). Passwords and keys can't be read, and are not in it. Keep this file safe."
            )
        }
    };
    let page = Page {
        tag: language.tag(),
        style: STYLE,
        title: say("你的个人信息", "Your data"),
        about,
        none: say("没有", "none"),
        sections: sections(export, language),
        issuer: &export.issuer,
    };
    page.render().context("writing the page")
}

fn sections(export: &Export, language: Language) -> Vec<Section> {
    let noted = |list: Option<&str>, title: Said, about: Said, records| {
        let shortened = export.shortened.iter().find(|it| Some(it.list) == list);
        let note = shortened.map(|it| shortened_to(it.newest, language));
        Section { title: title.to(language), about: about.to(language), note, records }
    };
    let section = |title, about, records| noted(None, title, about, records);
    let each = |list: Vec<Record>| list.into_iter().map(|record| record.shown(language)).collect();
    vec![
        section(Said("账号", "Account"), Said("你是谁", "Who you are"), each(vec![account(export)])),
        section(
            Said("合并进来的账号", "Accounts merged into it"),
            Said("它们的 id 现在都指向这个账号", "Their ids lead to this account now"),
            each(export.account.other_accounts.iter().map(other).collect()),
        ),
        section(
            Said("手机号", "Phone number"),
            Said("加密保存，平时只显示一部分", "Kept encrypted; elsewhere only a part of it is shown"),
            each(
                export.phones.iter().map(|it| Record::new().text(NUMBER, &it.number).time(PROVED, it.since)).collect(),
            ),
        ),
        section(
            Said("用户名", "Username"),
            Said("用于密码登录；密码本身无法读取", "For signing in with a password, which nobody can read"),
            each(
                export
                    .usernames
                    .iter()
                    .map(|it| {
                        Record::new()
                            .text(Said("用户名", "Username"), &it.username)
                            .time(Said("密码设置时间", "Password chosen"), it.password_changed_at)
                    })
                    .collect(),
            ),
        ),
        section(
            Said("平台账号", "Platform accounts"),
            Said("平台告诉应用的、你的代号", "What platforms call you in the app"),
            each(export.identities.iter().map(|it| identity(it, language)).collect()),
        ),
        noted(
            Some("sessions"),
            Said("登录记录", "Sign-ins"),
            Said(
                "在哪些设备上登录过；已结束的只保留一段时间",
                "Where you signed in; those that are over are kept for a while only",
            ),
            each(export.sessions.iter().map(|it| session(it, language)).collect()),
        ),
        section(
            Said("应用保存的数据", "Data of apps"),
            Said("应用的服务器为你保存的内容", "What the servers of apps keep for you"),
            each(export.data.iter().map(data).collect()),
        ),
        section(
            Said("同意记录", "Consents"),
            Said("你同意过的文件", "What you agreed to"),
            each(export.consents.iter().map(consent).collect()),
        ),
        section(
            Said("角色", "Roles"),
            Said("你的权限", "What you may do"),
            each(export.roles.iter().map(role).collect()),
        ),
        noted(
            Some("history"),
            Said("操作记录", "History"),
            Said("账号上发生过的事", "What happened to your account"),
            each(export.history.iter().map(|it| act(it, language)).collect()),
        ),
    ]
}

fn shortened_to(newest: u32, language: Language) -> String {
    match language {
        Language::Chinese => format!("记录太多：过去的只列出最近 {newest} 条，其余可向运营者索取。"),
        Language::English => {
            format!(
                "There are too many: of the past the newest {newest} are here; ask whoever runs the service for the rest."
            )
        }
    }
}

const USER_ID: Said = Said("用户 id", "User id");
const USER_NUMBER: Said = Said("用户编号", "User number");
const EXTERNAL_ID: Said = Said("外部系统中的 id", "Id in another system");
const NICKNAME: Said = Said("昵称", "Nickname");
const PICTURE: Said = Said("头像地址", "Picture");
const FIRST: Said = Said("首次登录", "First sign-in");
const NUMBER: Said = Said("号码", "Number");
const SINCE: Said = Said("开始时间", "Since");
const PROVED: Said = Said("最近验证", "Last proved");
const APP: Said = Said("应用", "App");
const ADDRESS: Said = Said("网络地址", "Address");
const CLIENT: Said = Said("客户端", "Client");
const ENDS: Said = Said("到期时间", "Ends");

/// One thing, before it is said in a language. What is empty is left out.
struct Record(Vec<(Said, String)>);

impl Record {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn text(mut self, name: Said, text: &str) -> Self {
        if !text.is_empty() {
            self.0.push((name, text.to_owned()));
        }
        self
    }

    fn maybe(self, name: Said, text: Option<&String>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    fn time(self, name: Said, at: Timestamp) -> Self {
        self.text(name, &moment(at))
    }

    fn maybe_time(self, name: Said, at: Option<Timestamp>) -> Self {
        match at {
            Some(at) => self.time(name, at),
            None => self,
        }
    }

    fn shown(self, language: Language) -> Vec<(&'static str, String)> {
        self.0.into_iter().map(|(name, text)| (name.to(language), text)).collect()
    }
}

fn account(export: &Export) -> Record {
    let it = &export.account;
    Record::new()
        .text(USER_ID, &it.id.to_string())
        .text(USER_NUMBER, &it.number.to_string())
        .maybe(EXTERNAL_ID, it.external_id.as_ref())
        .maybe(NICKNAME, it.nickname.as_ref())
        .maybe(PICTURE, it.avatar_url.as_ref())
        .maybe_time(Said("昵称由本人设置于", "Nickname chosen by themselves"), it.nickname_chosen_at)
        .maybe_time(Said("头像由本人设置于", "Picture chosen by themselves"), it.avatar_chosen_at)
        .time(FIRST, it.created_at)
        .time(Said("最近修改", "Last changed"), it.updated_at)
        .maybe_time(Said("停用时间", "Disabled since"), it.disabled_at)
        .maybe_time(Said("注销生效时间", "Deleted from"), it.deletes_at)
}

fn other(it: &ExportedOther) -> Record {
    Record::new()
        .text(USER_ID, &it.id.to_string())
        .text(USER_NUMBER, &it.number.to_string())
        .maybe(EXTERNAL_ID, it.external_id.as_ref())
        .maybe(NICKNAME, it.nickname.as_ref())
        .maybe(PICTURE, it.avatar_url.as_ref())
        .time(FIRST, it.created_at)
}

fn identity(it: &ExportedIdentity, language: Language) -> Record {
    Record::new()
        .text(Said("平台", "Platform"), &words::platform(&it.platform, language))
        .text(Said("平台中的应用", "App at the platform"), &it.appid)
        .text(Said("代号（openid）", "Name (openid)"), &it.openid)
        .maybe(Said("同一公司内的代号（unionid）", "Name within one company (unionid)"), it.unionid.as_ref())
        .time(SINCE, it.since)
}

fn session(it: &ExportedSession, language: Language) -> Record {
    let reason = it.end_reason.map(|code| words::end(code, language));
    let claims = it.claims.as_ref().map(ToString::to_string);
    Record::new()
        .text(Said("登录 id", "Sign-in"), &it.id.to_string())
        .text(APP, &it.app)
        .text(Said("方式", "By"), &words::platform(&it.by, language))
        .text(Said("设备类型", "Kind of device"), &words::device(DeviceClass::as_str(it.device_class), language))
        .maybe(Said("型号", "Model"), it.device_name.as_ref())
        .maybe(Said("系统", "System"), it.device_system.as_ref())
        .maybe(Said("设备号", "Device id"), it.device_id.as_ref())
        .maybe(ADDRESS, it.ip.as_ref())
        .maybe(CLIENT, it.user_agent.as_ref())
        .maybe(Said("应用附带的信息", "Said by the app"), claims.as_ref())
        .time(Said("登录时间", "Signed in"), it.opened_at)
        .time(ENDS, it.expires_at)
        .maybe_time(Said("结束时间", "Ended"), it.ended_at)
        .maybe(Said("结束原因", "Why"), reason.as_ref())
}

fn data(it: &ExportedData) -> Record {
    let session = it.session.map(|id| id.to_string());
    Record::new()
        .text(Said("后端", "Server"), &it.audience)
        .maybe(Said("所属登录", "Of the sign-in"), session.as_ref())
        .text(Said("名称", "Name"), &it.key)
        .text(Said("内容", "Content"), &it.value.to_string())
        .maybe_time(ENDS, it.expires_at)
}

fn consent(it: &ExportedConsent) -> Record {
    Record::new()
        .text(Said("文件", "Document"), &it.id)
        .text(Said("版本", "Version"), &it.version)
        .text(APP, &it.app)
        .time(Said("同意时间", "Agreed"), it.accepted_at)
        .maybe_time(Said("撤回时间", "Withdrawn"), it.withdrawn_at)
        .maybe(ADDRESS, it.ip.as_ref())
        .maybe(CLIENT, it.user_agent.as_ref())
}

fn role(it: &ExportedRole) -> Record {
    Record::new().text(Said("角色", "Role"), &it.role).maybe(Said("后端", "Server"), it.audience.as_ref())
}

fn act(it: &ExportedAct, language: Language) -> Record {
    Record::new()
        .time(Said("时间", "Time"), it.at)
        .text(Said("事件", "What"), &words::action(&it.action, language))
        .text(Said("操作者", "By"), &words::actor(&it.by, language))
        .maybe(APP, it.app.as_ref())
        .maybe(ADDRESS, it.ip.as_ref())
        .maybe(Said("备注", "Noted"), it.detail.as_ref())
}

/// `2026-11-21 12:44:31`, in UTC.
fn moment(at: Timestamp) -> String {
    at.to_string().replace('T', " ").trim_end_matches('Z').split('.').next().unwrap_or_default().to_owned()
}
