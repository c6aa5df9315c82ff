//! What a line of the audit is to others: its type, and ids; never what a person is called, or where they were.

use menjin_token::{SessionId, UserId};
use serde::Serialize;

use crate::seal::Digester;
use crate::store::AuditRow;

/// What an event is about. Members that do not belong to its type are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct About {
    /// The person: `sub` of their tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) user: Option<UserId>,
    /// `user.merged`: who they are from now on. `user.unmerged`: whom they were merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) other_user: Option<String>,
    /// The session: `sid` of its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub(crate) session: Option<SessionId>,
    /// The app where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "shop")]
    pub(crate) app: Option<String>,
    /// `session.ended`: why, as the code of a late request's 401.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "session_kicked")]
    pub(crate) reason: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Event {
    /// Its own: the same event, told again, has the same.
    #[schema(example = "evt_5f0c2a9be4d1738855aa01c3d2e4f607")]
    pub(crate) id: String,
    /// What happened. Types that you do not know are nothing to you.
    #[serde(rename = "type")]
    #[schema(example = "user.created")]
    pub(crate) kind: &'static str,
    /// When.
    #[schema(format = DateTime)]
    pub(crate) timestamp: String,
    /// To whom.
    pub(crate) data: About,
}

/// The type that a line has for others; `None` for what is nobody else's business.
pub(super) fn kind(line: &AuditRow) -> Option<&'static str> {
    Some(match line.action.as_str() {
        "session.opened" if line.detail.as_deref().is_some_and(|detail| detail.starts_with("new user")) => {
            "user.created"
        }
        "user.became_alias" => "user.merged",
        "user.was_alias" => "user.unmerged",
        "user.erased" => "user.deleted",
        "user.disabled" => "user.disabled",
        "user.enabled" => "user.enabled",
        "identity.linked" => "identity.linked",
        "identity.unlinked" | "identity.detached" => "identity.unlinked",
        "phone.bound" | "phone.moved" | "phone.forgotten" => "phone.changed",
        "password.set" | "password.changed" => "password.changed",
        "role.granted" | "role.revoked" => "roles.changed",
        "consent.given" => "consent.given",
        "session.logout" | "session.ended" | "session.kicked" | "session.replaced" | "session.revoked"
        | "session_expired" | "refresh_reused" | "restored" => "session.ended",
        _ => return None,
    })
}

/// Who hears of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The audience of the app where it happened.
    App,
    /// That of the app that the session belongs to.
    Session,
    /// Those of all apps where the person signed in.
    Person,
}

pub(super) fn reach(kind: &str) -> Reach {
    match kind {
        "user.created" => Reach::App,
        "session.ended" => Reach::Session,
        _ => Reach::Person,
    }
}

/// The other user that a line of a merge names.
pub(super) fn other_user(line: &AuditRow) -> Option<String> {
    let id = line.detail.as_deref()?.strip_prefix("alias of ")?;
    id.parse::<UserId>().ok().map(|id| id.to_string())
}

/// A place of the audit is given again after a backup was restored; its line is another one then, and so is this.
pub(super) fn id(line: &AuditRow, digester: &Digester) -> String {
    let whole = format!("{}\n{}\n{}\n{:?}\n{:?}", line.seq, line.at.millis(), line.action, line.user, line.session);
    let digest = digester.digest("event", whole.as_bytes());
    let half = digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    format!("evt_{half:032x}")
}

#[cfg(test)]
mod tests {
    use menjin_token::Timestamp;

    use super::*;
    use crate::config::EVENT_TYPES;

    fn line(action: &str, detail: Option<&str>) -> AuditRow {
        AuditRow {
            seq: 7,
            at: Timestamp::from_secs(1_800_000_000),
            action: action.to_owned(),
            actor: "user".to_owned(),
            by: None,
            user: Some(UserId::from_bytes([1; 16])),
            session: None,
            app: None,
            ip: Some("192.0.2.1".to_owned()),
            detail: detail.map(str::to_owned),
        }
    }

    #[test]
    fn a_sign_in_is_told_only_when_it_made_somebody() {
        assert_eq!(kind(&line("session.opened", None)), None);
        assert_eq!(kind(&line("session.opened", Some("new user"))), Some("user.created"));
        for own in [
            "app.added",
            "app.refused",
            "key.rotated",
            "operator.signed_in",
            "operator.denied",
            "login.refused",
            "refresh_recovered",
            "audit.exported",
        ] {
            assert_eq!(kind(&line(own, None)), None, "{own}");
        }
    }

    #[test]
    fn every_type_is_one_that_webhooks_may_ask_for() {
        let actions = [
            "user.became_alias",
            "user.was_alias",
            "user.erased",
            "user.disabled",
            "user.enabled",
            "identity.linked",
            "identity.detached",
            "phone.bound",
            "password.set",
            "role.granted",
            "consent.given",
            "session.kicked",
        ];
        let mut kinds: Vec<_> = actions.iter().map(|action| kind(&line(action, None)).unwrap()).collect();
        kinds.push("user.created");
        kinds.sort_unstable();
        let mut all = EVENT_TYPES.to_vec();
        all.sort_unstable();
        assert_eq!(kinds, all);
    }

    #[test]
    fn an_id_is_that_of_the_line_and_not_of_its_place() {
        let digester = Digester::new(&[7; 32]);
        let first = id(&line("user.erased", None), &digester);
        assert_eq!(first, id(&line("user.erased", Some("another word")), &digester));
        let later = AuditRow { at: Timestamp::from_secs(1_800_000_001), ..line("user.erased", None) };
        assert_ne!(first, id(&later, &digester));
    }

    #[test]
    fn a_merge_names_the_other_user() {
        let other = UserId::from_bytes([2; 16]);
        assert_eq!(other_user(&line("user.became_alias", Some(&format!("alias of {other}")))), Some(other.to_string()));
        assert_eq!(other_user(&line("user.became_alias", None)), None);
        assert_eq!(other_user(&line("user.erased", Some("alias of nobody"))), None);
    }
}
