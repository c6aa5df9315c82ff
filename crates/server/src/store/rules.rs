//! What every back end decides alike, from rows it has read: which sessions give way, what a presented counter means,
//! what the audit says. No statement, no transaction.

use std::time::Duration;

use menjin_token::{SessionId, Timestamp, UserId};

use super::consents::holding;
use super::{
    Actor, AuditLine, Ban, CarryingOut, ConsentRow, Consenting, Departure, DeviceClass, EndReason, Erased, Erasing,
    Limit, MergedByItself, NewConsent, Opened, Opening, PhoneChange, Presented, ProfileChange, PushAsks, Refused,
    SettingPassword, Standing, Stayed, UserRow,
};

/// A key that signs at once is told for so long all the same: every node reads the feed before it is swept.
pub(super) const KEY_TOLD: Duration = Duration::from_mins(1);

/// A change of the apps is told for so long: a node reads all of them when it starts.
pub(super) const APPS_TOLD: Duration = KEY_TOLD;

/// What late requests hear when the tokens of an app are cut: the sessions live on, should the app come back.
pub(super) const CUT_REASON: &str = "token_expired";

/// The platforms that identities may be of.
pub(super) const PLATFORMS: [&str; 4] = ["wechat", "qq", "douyin", "alipay"];

/// A live session beside a new one.
pub(super) struct Beside {
    pub(super) id: SessionId,
    pub(super) app: String,
    pub(super) device: Option<String>,
    pub(super) class: DeviceClass,
}

/// Which of the live sessions, the oldest first, give way to the new one; `None`: none does, and it is refused.
pub(super) fn to_replace(beside: &[Beside], opening: &Opening) -> Option<Vec<SessionId>> {
    let same_app = |it: &&Beside| it.app == opening.app;
    let mut replaced: Vec<SessionId> = if let Some(device) = &opening.device.id {
        beside.iter().filter(same_app).filter(|it| it.device.as_ref() == Some(device)).map(|it| it.id).collect()
    } else {
        let without: Vec<_> = beside.iter().filter(same_app).filter(|it| it.device.is_none()).map(|it| it.id).collect();
        let over = (without.len() + 1).saturating_sub(opening.limit.without_device as usize);
        without.into_iter().take(over).collect()
    };
    let of_class = |it: &&Beside| it.app == opening.app && it.class == opening.device.class;
    let Limit { on_class, in_all, refuses_newest, .. } = opening.limit;
    for (most, only_class) in [(on_class, true), (Some(in_all), false)] {
        let counted = beside.iter().filter(|it| !only_class || of_class(it));
        let left: Vec<_> = counted.map(|it| it.id).filter(|id| !replaced.contains(id)).collect();
        let over = most.map_or(0, |most| (left.len() + 1).saturating_sub(most as usize));
        if over > 0 && refuses_newest {
            return None;
        }
        replaced.extend(left.into_iter().take(over));
    }
    Some(replaced)
}

/// Why nobody was let in, as a repeated request is told.
pub(super) fn refused(outcome: &Opened) -> Option<Refused> {
    let code = match outcome {
        Opened::Disabled => EndReason::UserDisabled.code(),
        Opened::Full => "sessions_full",
        Opened::Open { .. } | Opened::Unknown | Opened::NameTaken => return None,
    };
    Some(Refused(code.to_owned()))
}

/// A grant and what decides about it.
pub(super) struct Found {
    pub(super) standing: Standing,
    pub(super) expires_at: Timestamp,
    pub(super) ended: Option<EndReason>,
    pub(super) spent: Option<u32>,
    pub(super) rotated_at: Timestamp,
}

/// What a presented counter means (a pure function of the row).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Current,
    LostAnswer,
    LostSuccessor,
    Theft,
    Restored,
}

impl Found {
    /// Why it was over before.
    pub(super) fn ended(&self) -> Option<EndReason> {
        self.ended.map(|reason| reason.now_of(&self.standing.user))
    }

    pub(super) fn meaning(&self, presented: &Presented) -> Meaning {
        if presented.counter == self.standing.counter {
            Meaning::Current
        } else if presented.counter > self.standing.counter {
            Meaning::Restored
        } else if self.spent != Some(presented.counter) {
            Meaning::Theft
        } else if presented.now <= self.rotated_at.plus(presented.grace) {
            Meaning::LostAnswer
        } else {
            Meaning::LostSuccessor
        }
    }

    /// Whether it comes too late.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.standing.idle_until || now >= self.expires_at
    }
}

/// What a sign-in leaves standing.
pub(super) fn standing(opening: &Opening, user: UserRow) -> Standing {
    Standing {
        grant: opening.grant,
        counter: 0,
        session: opening.session,
        app: opening.app.clone(),
        auth_time: opening.now,
        amr: opening.amr.to_owned(),
        idle_until: opening.idle_until,
        secret: opening.secret.clone(),
        claims: opening.claims.clone(),
        user,
    }
}

/// Whom a sign-in makes, but for the number that the store gives.
pub(super) fn newcomer(opening: &Opening) -> UserRow {
    let ProfileChange { nickname, avatar_url, is_chosen } = opening.profile.clone();
    let chosen = |given: &Option<String>| (is_chosen && given.is_some()).then_some(opening.now);
    UserRow {
        id: opening.new_user,
        number: 0,
        nickname_chosen_at: chosen(&nickname),
        avatar_chosen_at: chosen(&avatar_url),
        nickname,
        avatar_url,
        phone_masked: None,
        created_at: opening.now,
        disabled_at: None,
        roles_version: None,
        deletes_at: None,
        erased_at: None,
    }
}

/// Who opens a session, and what the audit adds to that.
fn opener(opening: &Opening) -> (&'static str, Option<String>) {
    let by = opening.opened_by.clone();
    (if by.is_some() { "app" } else { "user" }, by)
}

/// What the unionid that came with a sign-in led to.
#[derive(Debug, Clone)]
pub(super) enum Unionid {
    /// It is noted, or there is none.
    Settled,
    /// Two users were made one by it.
    Merged(MergedByItself),
    /// It is this other user's, and an operator or the person must decide.
    Taken(UserId),
}

impl Unionid {
    pub(super) fn merged(self) -> Option<MergedByItself> {
        if let Self::Merged(merged) = self { Some(merged) } else { None }
    }
}

pub(super) fn opened_line(opening: &Opening, user: &UserRow, (is_new_user, unionid): (bool, &Unionid)) -> AuditLine {
    let (actor, by) = opener(opening);
    AuditLine {
        action: "session.opened",
        actor,
        by,
        user: Some(user.id),
        session: Some(opening.session),
        app: Some(opening.app.clone()),
        ip: opening.device.ip.clone(),
        detail: match unionid {
            Unionid::Taken(other) => Some(format!("its unionid is another user's: {other}")),
            Unionid::Settled | Unionid::Merged(_) => is_new_user.then(|| "new user".to_owned()),
        },
    }
}

/// What the audit says of somebody who was shut out and tries to come in.
pub(super) fn shut_out_line(opening: &Opening, user: &UserRow) -> AuditLine {
    let detail = Some("user disabled".to_owned());
    let line = opened_line(opening, user, (false, &Unionid::Settled));
    AuditLine { action: "login.refused", session: None, detail, ..line }
}

pub(super) fn replaced_line(opening: &Opening, user: &UserRow, replaced: SessionId) -> AuditLine {
    let (actor, by) = opener(opening);
    AuditLine {
        action: "session.replaced",
        actor,
        by,
        user: Some(user.id),
        session: Some(replaced),
        app: Some(opening.app.clone()),
        ip: opening.device.ip.clone(),
        detail: Some(format!("by {}", opening.session)),
    }
}

pub(super) fn refresh_line(of: &Standing, action: &'static str, actor: &'static str) -> AuditLine {
    AuditLine {
        action,
        actor,
        user: Some(of.user.id),
        session: Some(of.session),
        app: Some(of.app.clone()),
        ..AuditLine::default()
    }
}

/// What the audit says of a session that nobody refreshed for too long.
pub(super) fn idle_line(session: SessionId, user: UserId, app: &str) -> AuditLine {
    AuditLine {
        action: EndReason::Expired.code(),
        actor: "system",
        user: Some(user),
        session: Some(session),
        app: Some(app.to_owned()),
        ..AuditLine::default()
    }
}

pub(super) fn phone_line(action: &'static str, user: UserId) -> AuditLine {
    AuditLine { action, actor: "user", user: Some(user), ..AuditLine::default() }
}

/// What the audit says of a password that is set.
pub(super) fn password_line(setting: &SettingPassword) -> AuditLine {
    let action = if setting.before.is_some() { "password.changed" } else { "password.set" };
    let detail = setting.reset.map(|_| "by a one-use code".to_owned());
    AuditLine { user: Some(setting.user), detail, ..setting.by.line(action) }
}

/// What the audit says of the password that a newcomer registers with.
pub(super) fn registered_line(opening: &Opening, user: &UserRow) -> AuditLine {
    let (app, ip) = (Some(opening.app.clone()), opening.device.ip.clone());
    AuditLine { user: Some(user.id), app, ..Actor::user(ip).line("password.set") }
}

/// What the audit says of a session that ends with the password that it may have been opened by.
pub(super) fn password_session_line(setting: &SettingPassword, session: SessionId) -> AuditLine {
    let detail = Some("password changed".to_owned());
    AuditLine { user: Some(setting.user), session: Some(session), detail, ..setting.by.line("session.ended") }
}

/// What the audit says of an account that an operator changes.
pub(super) fn account_line(ban: &Ban, action: &'static str) -> AuditLine {
    AuditLine { user: Some(ban.user), ..ban.by.line(action) }
}

/// What the audit says of a session that ends with its user.
pub(super) fn banned_line(ban: &Ban, session: SessionId) -> AuditLine {
    AuditLine { session: Some(session), detail: Some("user disabled".to_owned()), ..account_line(ban, "session.ended") }
}

/// Whether a platform's profile says anything new of somebody: what they chose stays as it is.
pub(super) fn tells_news(user: &UserRow, told: &ProfileChange) -> bool {
    let is_news = |new: &Option<String>, old: &Option<String>| new.is_some() && new != old;
    user.nickname_chosen_at.is_none() && is_news(&told.nickname, &user.nickname)
        || user.avatar_chosen_at.is_none() && is_news(&told.avatar_url, &user.avatar_url)
}

/// Whether a proof takes a number from whoever has it. By number: the user it was proved for, and whom the holder is now.
pub(super) fn may_move(phone: &PhoneChange, own: i64, holder: i64) -> bool {
    phone.is_fresh || holder == own
}

/// Of what a push asks to forget, what is there. A closed account leaves nothing that a platform told.
pub(super) struct Forgotten {
    pub(super) nickname: bool,
    pub(super) avatar: bool,
    pub(super) phone: bool,
}

/// What somebody chose after the push came is none of what it is about.
pub(super) fn forgotten(user: &UserRow, carrying: &CarryingOut) -> Forgotten {
    let (nickname, avatar, phone) = match carrying.asks {
        PushAsks::Forget { nickname, avatar, phone } => (nickname, avatar, phone),
        PushAsks::Close => (true, true, true),
    };
    let was_there = |chosen_at: Option<Timestamp>| chosen_at.is_none_or(|at| at <= carrying.received_at);
    Forgotten {
        nickname: nickname && user.nickname.is_some() && was_there(user.nickname_chosen_at),
        avatar: avatar && user.avatar_url.is_some() && was_there(user.avatar_chosen_at),
        phone: phone && user.phone_masked.is_some(),
    }
}

/// What the audit says of an act that a platform asked for.
pub(super) fn pushed_line(carrying: &CarryingOut, action: &'static str, user: UserId) -> AuditLine {
    let (app, detail) = (Some(carrying.app.clone()), Some(carrying.why.clone()));
    AuditLine { action, actor: "platform", user: Some(user), app, detail, ..AuditLine::default() }
}

/// What the audit says of a session that ends with its account at the platform.
pub(super) fn pushed_session_line(carrying: &CarryingOut, user: UserId, session: SessionId) -> AuditLine {
    AuditLine { session: Some(session), ..pushed_line(carrying, "session.ended", user) }
}

/// Whether something may be kept of somebody. Whoever was erased while a request was under way gets nothing more: nobody would
/// ever erase it.
pub(super) fn is_there(user: &UserRow) -> bool {
    user.erased_at.is_none()
}

/// Whether somebody who may be leaving can be called back.
pub(super) fn stays(user: &UserRow) -> Stayed {
    match (user.erased_at, user.deletes_at) {
        (Some(_), _) => Stayed::Gone,
        (None, None) => Stayed::NotLeaving,
        (None, Some(at)) => Stayed::Stays(at),
    }
}

/// Why somebody is not erased now; `None`: they are.
pub(super) fn not_to_erase(user: &UserRow, (only_if_due, now): (bool, Timestamp)) -> Option<Erased> {
    let is_due = user.deletes_at.is_some_and(|at| at <= now);
    match user.erased_at {
        Some(_) => Some(Erased::Gone),
        None if only_if_due && !is_due => Some(Erased::NotDue),
        None => None,
    }
}

/// What the audit says of somebody who wants to leave.
pub(super) fn left_line(departure: &Departure, user: UserId) -> AuditLine {
    let detail = Some(format!("erased from {} on", departure.deletes_at));
    AuditLine { user: Some(user), app: departure.app.clone(), detail, ..departure.by.line("user.deletion_requested") }
}

/// What the audit says of a session that ends with that.
pub(super) fn left_session_line(departure: &Departure, user: UserId, session: SessionId) -> AuditLine {
    let (session, detail) = (Some(session), Some("deletion requested".to_owned()));
    AuditLine { action: "session.ended", session, detail, ..left_line(departure, user) }
}

/// What the audit says of somebody who stays.
pub(super) fn stayed_line(by: &Actor, user: UserId) -> AuditLine {
    AuditLine { user: Some(user), ..by.line("user.deletion_cancelled") }
}

/// The same, where a sign-in calls them back.
pub(super) fn called_back_line(opening: &Opening, user: &UserRow) -> AuditLine {
    let detail = Some("by a sign-in".to_owned());
    AuditLine { action: "user.deletion_cancelled", detail, ..opened_line(opening, user, (false, &Unionid::Settled)) }
}

/// What the audit says of a session that ends because its user is erased.
pub(super) fn erased_session_line(erasing: &Erasing, user: UserId, session: SessionId) -> AuditLine {
    AuditLine { action: "session.ended", user: Some(user), session: Some(session), ..erasing.line.clone() }
}

/// A push that closes somebody's last account erases them as their own wish would.
pub(super) fn erasing_by_push(carrying: &CarryingOut, user: UserId) -> Erasing {
    let (line, emptied) = (pushed_line(carrying, "user.erased", user), carrying.emptied.clone());
    Erasing { user, line, only_if_due: false, emptied, now: carrying.now, tokens_until: carrying.tokens_until }
}

/// Of what somebody says they agree to, what is new: each version once.
pub(super) fn new_consents<'c>(consenting: &'c Consenting, before: &[ConsentRow]) -> Vec<&'c NewConsent> {
    let holds = |new: &NewConsent| holding(before, &new.document).any(|row| row.version == new.version);
    consenting.given.iter().filter(|new| !holds(new)).collect()
}

/// What the audit says of a document and its version.
pub(super) fn consent_line(consenting: &Consenting, user: UserId, (action, what): (&'static str, String)) -> AuditLine {
    let app = Some(consenting.app.clone());
    AuditLine { user: Some(user), app, detail: Some(what), ..consenting.by.line(action) }
}
