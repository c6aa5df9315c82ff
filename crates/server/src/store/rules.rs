//! What every back end decides alike, from rows it has read: which sessions give way, what a presented counter means,
//! what the audit says. No statement, no transaction.

use std::time::Duration;

use menjin_token::{Id, SessionId, Timestamp, UserId};

use super::{
    AuditLine, Ban, CarryingOut, DeviceClass, EndReason, Limit, Opened, Opening, Presented, PushAsks, Refused,
    Standing, UserRow,
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
        Opened::Open { .. } | Opened::Unknown => return None,
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

/// Who opens a session, and what the audit adds to that.
fn opener(opening: &Opening) -> (&'static str, Option<String>) {
    match &opening.opened_by {
        None => ("user", None),
        Some(app) => ("app", Some(format!("by {app}"))),
    }
}

pub(super) fn opened_line(opening: &Opening, user: &UserRow, is_new_user: bool) -> AuditLine {
    let (actor, by) = opener(opening);
    let new = is_new_user.then(|| format!("new user {}", Id::to_string(&user.id)));
    AuditLine {
        action: "session.opened",
        actor,
        user: Some(user.id),
        session: Some(opening.session),
        app: Some(opening.app.clone()),
        ip: opening.device.ip.clone(),
        detail: [new, by].into_iter().flatten().reduce(|new, by| format!("{new}, {by}")),
    }
}

pub(super) fn replaced_line(opening: &Opening, user: &UserRow, replaced: SessionId) -> AuditLine {
    AuditLine {
        action: "session.replaced",
        actor: opener(opening).0,
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

pub(super) fn phone_line(action: &'static str, user: UserId) -> AuditLine {
    AuditLine { action, actor: "user", user: Some(user), ..AuditLine::default() }
}

/// What the audit says of an account that an operator changes.
pub(super) fn account_line(ban: &Ban, action: &'static str) -> AuditLine {
    AuditLine { action, actor: "operator", user: Some(ban.user), ..AuditLine::default() }
}

/// What the audit says of a session that ends with its user.
pub(super) fn banned_line(ban: &Ban, session: SessionId) -> AuditLine {
    AuditLine { session: Some(session), detail: Some("user disabled".to_owned()), ..account_line(ban, "session.ended") }
}

/// Of what a push asks to forget, what is there.
pub(super) struct Forgotten {
    pub(super) nickname: bool,
    pub(super) avatar: bool,
    pub(super) phone: bool,
}

pub(super) fn forgotten(user: &UserRow, asks: PushAsks) -> Forgotten {
    let PushAsks::Forget { nickname, avatar, phone } = asks else {
        return Forgotten { nickname: false, avatar: false, phone: false };
    };
    Forgotten {
        nickname: nickname && user.nickname.is_some(),
        avatar: avatar && user.avatar_url.is_some(),
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
