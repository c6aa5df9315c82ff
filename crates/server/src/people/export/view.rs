//! What an export holds, as programs read it. Members are named for people: whoever gets one knows nothing of tables.

use std::iter::once;

use anyhow::Context as _;
use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;
use serde_json::Value;

use crate::problem::NotDone;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{
    Act, ConsentRow, DeviceClass, Everything, KnownAs, MOST_ACTS, MOST_OVER, OwnData, PastSession, UserRow,
};

/// Everything that is kept of somebody.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Export {
    /// Which menjin kept it.
    pub issuer: String,
    /// When it was copied.
    #[schema(value_type = String, format = DateTime)]
    pub exported_at: Timestamp,
    /// Who they are.
    pub account: ExportedAccount,
    /// Their phone number, whole.
    pub phones: Vec<ExportedPhone>,
    /// The names that they sign in by with a password. The password itself can't be read by anybody.
    pub usernames: Vec<ExportedName>,
    /// How they are known at platforms.
    pub identities: Vec<ExportedIdentity>,
    /// Where they signed in, the newest first.
    pub sessions: Vec<ExportedSession>,
    /// What back ends keep of them.
    pub data: Vec<ExportedData>,
    /// What they agreed to.
    pub consents: Vec<ExportedConsent>,
    /// What they may do.
    pub roles: Vec<ExportedRole>,
    /// What happened to their account, the newest first.
    pub history: Vec<ExportedAct>,
    /// The lists that are too long to be here whole; empty for almost everybody. Whoever runs the service has the rest.
    pub shortened: Vec<ShortenedList>,
}

/// A list of which only the newest are here.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShortenedList {
    /// Which: `sessions`, of which all that live are here, and of those that are over the newest; `history`.
    #[schema(example = "history")]
    pub list: &'static str,
    /// So many.
    #[schema(example = 10_000)]
    pub newest: u32,
}

/// An account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedAccount {
    /// The public name.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: UserId,
    /// The number beside it.
    #[schema(example = 1)]
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves.
    pub nickname: Option<String>,
    /// Where their picture is.
    pub avatar_url: Option<String>,
    /// When they chose this nickname; nothing, if a platform told it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub nickname_chosen_at: Option<Timestamp>,
    /// When they chose this picture; nothing, if a platform told it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub avatar_chosen_at: Option<Timestamp>,
    /// Accounts that were merged into this one: its other names, and for as long as that can be undone what they had.
    pub other_accounts: Vec<ExportedOther>,
    /// When they first signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the account last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Since when they may not sign in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// From when on the account is deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deletes_at: Option<Timestamp>,
}

/// An account that was merged into another one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedOther {
    /// Its id, which leads to the account now.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: UserId,
    /// The number beside it.
    #[schema(example = 2)]
    pub number: i64,
    /// What another system called it, which leads to the account now.
    pub external_id: Option<String>,
    /// What it was called.
    pub nickname: Option<String>,
    /// Where its picture is.
    pub avatar_url: Option<String>,
    /// When it was first signed in to.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A phone number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedPhone {
    /// The number, with its country code.
    #[schema(example = "+8613800000000")]
    pub number: String,
    /// When they last proved that it is theirs.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A name to sign in by.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedName {
    /// The name.
    pub username: String,
    /// When its password was chosen.
    #[schema(value_type = String, format = DateTime)]
    pub password_changed_at: Timestamp,
}

/// What a platform calls somebody.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedIdentity {
    /// The platform.
    #[schema(example = "wechat")]
    pub platform: String,
    /// The platform's name for the app.
    pub appid: String,
    /// The platform's name for the person in that app.
    pub openid: String,
    /// The platform's name for the person in all apps of one company.
    pub unionid: Option<String>,
    /// Since when it is known.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A sign-in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedSession {
    /// Its id.
    #[schema(value_type = String, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: SessionId,
    /// The app.
    pub app: String,
    /// How they proved who they are.
    #[schema(example = "wechat")]
    pub by: String,
    /// What the device calls itself.
    pub device_id: Option<String>,
    /// What kind of device.
    pub device_class: DeviceClass,
    /// Its model.
    pub device_name: Option<String>,
    /// Its system.
    pub device_system: Option<String>,
    /// From where.
    pub ip: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// What a back end said of them for this sign-in.
    #[schema(value_type = Option<Object>)]
    pub claims: Option<Value>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why: a code of docs/errors.md.
    pub end_reason: Option<&'static str>,
}

/// Something that a back end keeps.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedData {
    /// The back end.
    pub audience: String,
    /// The sign-in that it belongs to; otherwise it is the person's.
    #[schema(value_type = Option<String>)]
    pub session: Option<SessionId>,
    /// Its name.
    pub key: String,
    /// What it holds.
    pub value: Value,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// What somebody agreed to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedConsent {
    /// The document.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The app in which it was said.
    pub app: String,
    /// From where.
    pub ip: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// When it was withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
}

/// A role.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedRole {
    /// Its name.
    pub role: String,
    /// The back end that it counts at; none for all.
    pub audience: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ExportedAct {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    #[schema(example = "session.opened")]
    pub action: String,
    /// Who did it: `user`, `operator`, `app`, `platform`, `system`.
    #[schema(example = "user")]
    pub by: String,
    /// Through which app.
    pub app: Option<String>,
    /// From where, if the person did it themselves: else it would be somebody else's address.
    pub ip: Option<String>,
    /// What else was noted.
    pub detail: Option<String>,
}

/// What the rows of somebody say.
pub(super) fn export(menjin: &Menjin, kept: Everything, now: Timestamp) -> Result<Export, NotDone> {
    let phone = |(row, sealed, since): ([u8; 16], Vec<u8>, Timestamp)| {
        let opened = menjin.sealer.open(Sealed::Phone, &row, &sealed).context("opening a phone number")?;
        let number = String::from_utf8(opened.to_vec()).context("a phone number is no text")?;
        anyhow::Ok(ExportedPhone { number, since })
    };
    let mut data = Vec::new();
    for own in &kept.data {
        add_data(&mut data, own, now)?;
    }
    let own: Vec<UserId> = once(kept.user.id).chain(kept.merged.iter().map(|(alias, _)| alias.id)).collect();
    let shortened = [("sessions", kept.more_sessions, MOST_OVER), ("history", kept.more_history, MOST_ACTS)];
    let shortened = shortened.into_iter().filter(|(_, more, _)| *more);
    Ok(Export {
        issuer: menjin.issuer.clone(),
        exported_at: now,
        phones: kept.phones.into_iter().map(phone).collect::<anyhow::Result<_>>()?,
        usernames: kept.usernames.into_iter().map(name).collect(),
        identities: kept.identities.into_iter().map(identity).collect(),
        sessions: kept.sessions.into_iter().map(session).collect(),
        data,
        consents: kept.consents.into_iter().map(consent).collect(),
        roles: kept.roles.into_iter().map(role).collect(),
        history: kept.history.into_iter().map(|row| act(row, &own)).collect(),
        account: account(kept.user, kept.merged, (kept.external_id, kept.updated_at)),
        shortened: shortened.map(|(list, _, newest)| ShortenedList { list, newest }).collect(),
    })
}

fn account(
    user: UserRow,
    merged: Vec<(UserRow, Option<String>)>,
    (external_id, updated_at): (Option<String>, Timestamp),
) -> ExportedAccount {
    ExportedAccount {
        id: user.id,
        number: user.number,
        external_id,
        nickname: user.nickname,
        avatar_url: user.avatar_url,
        nickname_chosen_at: user.nickname_chosen_at,
        avatar_chosen_at: user.avatar_chosen_at,
        other_accounts: merged.into_iter().map(other).collect(),
        created_at: user.created_at,
        updated_at,
        disabled_at: user.disabled_at,
        deletes_at: user.deletes_at,
    }
}

fn other((alias, external_id): (UserRow, Option<String>)) -> ExportedOther {
    let UserRow { id, number, nickname, avatar_url, created_at, .. } = alias;
    ExportedOther { id, number, external_id, nickname, avatar_url, created_at }
}

fn name((username, password_changed_at): (String, Timestamp)) -> ExportedName {
    ExportedName { username, password_changed_at }
}

fn identity(row: KnownAs) -> ExportedIdentity {
    let KnownAs { platform, appid, openid, unionid, created_at } = row;
    ExportedIdentity { platform, appid, openid, unionid, since: created_at }
}

fn session(row: PastSession) -> ExportedSession {
    let device = row.device;
    ExportedSession {
        id: row.id,
        app: row.app,
        by: row.amr,
        device_id: device.id,
        device_class: device.class,
        device_name: device.name,
        device_system: device.system,
        ip: device.ip,
        user_agent: device.user_agent,
        claims: row.claims.and_then(|text| serde_json::from_str(&text).ok()),
        opened_at: row.opened_at,
        expires_at: row.expires_at,
        ended_at: row.ended.map(|(at, _)| at),
        end_reason: row.ended.map(|(_, reason)| reason.code()),
    }
}

fn add_data(all: &mut Vec<ExportedData>, own: &OwnData, now: Timestamp) -> Result<(), NotDone> {
    for entry in own.map.at(now)?.entries {
        all.push(ExportedData {
            audience: own.audience.clone(),
            session: own.session,
            key: entry.key.to_owned(),
            value: serde_json::from_str(entry.value.get()).context("reading session data")?,
            expires_at: entry.expires_at,
        });
    }
    Ok(())
}

fn consent(row: ConsentRow) -> ExportedConsent {
    ExportedConsent {
        id: row.document,
        version: row.version,
        app: row.app,
        ip: row.ip,
        user_agent: row.user_agent,
        accepted_at: row.given_at,
        withdrawn_at: row.withdrawn_at,
    }
}

fn role((role, audience): (String, String)) -> ExportedRole {
    ExportedRole { role, audience: Some(audience).filter(|audience| !audience.is_empty()) }
}

/// Address and words of a line are the person's own only where they did it themselves.
fn act(row: Act, own: &[UserId]) -> ExportedAct {
    let is_own = row.actor == "user";
    let Act { at, action, actor, app, ip, detail } = row;
    let detail = detail.filter(|_| is_own).map(|detail| without_others(&detail, own));
    ExportedAct { at, action, by: actor, app, ip: ip.filter(|_| is_own), detail }
}

/// The words of a line, where it names somebody else without the name: whoever has the same unionid, or was merged and parted.
fn without_others(detail: &str, own: &[UserId]) -> String {
    let is_other = |word: &str| word.parse().is_ok_and(|id| !own.contains(&id));
    detail.split(' ').map(|word| if is_other(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}
