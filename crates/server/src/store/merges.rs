//! Two users that turn out to be one: what goes over, what stays behind, and how it is undone (design §4.6, decision 017).
//!
//! Lives here: the trait, and the plan that every back end makes of what it has read. Not here: statements.

use async_trait::async_trait;
use menjin_token::{IdentityId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::{Actor, AuditLine, IdentityRow, MOST_HELD, Result, StoreError, UserRow};

/// Two users to make one.
#[derive(Debug, Clone)]
pub struct Merging {
    /// Whose id becomes another name of the other's.
    pub from: UserId,
    /// Who stays.
    pub into: UserId,
    /// Who wants it.
    pub by: Actor,
    /// Tells what would be done, and does nothing.
    pub rehearsal: bool,
    /// The time.
    pub now: Timestamp,
    /// It can be undone until then.
    pub until: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// It is done, or would be.
    Done(Box<MergePlan>),
    /// It can't be done.
    Refused(MergeRefused),
}

/// Why two users can't be made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeRefused {
    /// There is no such user.
    Unknown(UserId),
    /// Both are the same.
    Same,
    /// This one is another name of somebody since an earlier merge.
    AlreadyMerged {
        /// Which one.
        alias: UserId,
        /// Of whom.
        of: UserId,
    },
    /// An operator disabled this one.
    Disabled(UserId),
    /// This one is about to be deleted.
    Deleting(UserId),
}

/// What goes from one user to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePlan {
    /// The one who is no more: as they were.
    pub from: MergeSide,
    /// The one who stays: as they were.
    pub into: MergeSide,
    /// What goes over. All else of `from` stays behind, and goes when the merge can no longer be undone.
    pub moved: Moved,
    /// Sessions of `from` that end.
    pub ended: Vec<SessionId>,
    /// Where roles went over: older tokens of the one who stays are outdated by this version.
    pub roles_version: Option<i64>,
}

/// What a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeSide {
    /// Who they are.
    pub user: UserRow,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// How they sign in by platforms, the oldest first.
    pub identities: Vec<IdentityRow>,
    /// Whether they have a password.
    pub has_password: bool,
    /// Their roles.
    pub roles: Vec<MergeRole>,
    /// The audiences that keep data about them.
    pub data: Vec<String>,
}

/// A role that a user has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRole {
    /// The row's name: it goes back, and not one of the same role that came since.
    pub id: [u8; 16],
    /// The role, by number.
    pub role: i64,
    /// For which back end; empty for every one.
    pub audience: String,
    /// What it is called.
    pub name: String,
}

/// What went over; kept until it can no longer be undone. Names rows, and holds nothing personal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether it went over")]
pub struct Moved {
    /// Their identities.
    pub identities: Vec<IdentityId>,
    /// Their phone number: the other one had none.
    pub phone: bool,
    /// What another system calls them: the other one was called nothing. Else it stays, and leads to the other one.
    pub external_id: bool,
    /// Their nickname: the other one had none.
    pub nickname: bool,
    /// Their picture: the other one had none.
    pub avatar: bool,
    /// Their password: the other one had none.
    pub password: bool,
    /// The audiences whose data about them went over: about the other one they kept none.
    pub data: Vec<String>,
    /// The roles that the other one did not have, unless these were more than one may have.
    pub roles: Vec<MergeRole>,
    /// By number: other names that they had themselves.
    pub aliases: Vec<i64>,
}

impl Moved {
    pub(super) fn to_text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| StoreError::Unavailable(error.into()))
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| StoreError::Unavailable(error.into()))
    }

    /// Whether what stayed behind came by this identity, and by none of those that are `left`.
    pub(super) fn came_by(&self, identity: IdentityId, left: &[IdentityId]) -> bool {
        self.identities.contains(&identity) && !self.identities.iter().any(|it| left.contains(it))
    }
}

/// A merge to undo.
#[derive(Debug, Clone)]
pub struct Unmerging {
    /// Who shall be themselves again.
    pub alias: UserId,
    /// Who wants it.
    pub by: Actor,
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmerged {
    /// They are two again. All sessions are over: nobody can tell whose they were.
    Done {
        /// The one whom they were merged into.
        from: UserId,
        /// The sessions that ended.
        ended: Vec<SessionId>,
    },
    /// There is no such user.
    Unknown,
    /// They were not merged into anybody.
    NotMerged,
    /// The one whom they were merged into was merged since: that is undone first, or what went over could not be told from
    /// what others had.
    Covered,
    /// It was too long ago, or the other one is gone.
    TooLate,
}

/// A merge that a sign-in brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedByItself {
    /// Who is no more.
    pub alias: UserId,
    /// Their sessions, which ended.
    pub ended: Vec<SessionId>,
    /// Where roles went over: older tokens of the one who stays are outdated by this version.
    pub roles_version: Option<i64>,
}

/// What became of two users of whom the platform says at a sign-in that they are one.
pub(super) enum ByItself {
    /// One of them is left.
    Merged(UserRow, MergedByItself),
    /// Whoever would stay has as many sessions as they may, and none gives way: nothing was done.
    NoRoom(UserRow),
    /// An operator must decide, or they themselves: nothing was done.
    Not,
}

/// Two users that turn out to be one.
#[async_trait]
pub trait Merges: Send + Sync {
    /// Makes two users one: all that one transaction. The sessions of the one who is no more end, and the feed tells of each
    /// and of them. Atomic: of racing merges, links and sign-ins nothing is left with somebody who is no more.
    async fn merge_users(&self, merging: Merging) -> Result<Merged>;
    /// Makes two of them again. What they came by since stays with the one who stayed.
    async fn unmerge_user(&self, unmerging: Unmerging) -> Result<Unmerged>;
    /// The very user with a number: of somebody who was merged away their own id, and not that of the one who stayed.
    async fn own_id(&self, number: i64) -> Result<Option<UserId>>;
    /// The other names of a user, by earlier merges, the oldest first.
    async fn aliases_of(&self, user: UserId) -> Result<Vec<UserId>>;
}

/// A user with what a merge is decided by.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) side: MergeSide,
    pub(super) has_phone: bool,
    /// Whether a scan of theirs signs an operator in.
    pub(super) is_operators: bool,
    /// By number: whose other name this is.
    pub(super) merged_into: Option<i64>,
    /// By number: their other names.
    pub(super) aliases: Vec<i64>,
}

impl Candidate {
    fn refused(&self) -> Option<MergeRefused> {
        let user = &self.side.user;
        let (erased, disabled) = (user.erased_at.is_some(), user.disabled_at.is_some());
        match user.deletes_at {
            _ if erased => Some(MergeRefused::Unknown(user.id)),
            _ if disabled => Some(MergeRefused::Disabled(user.id)),
            Some(_) => Some(MergeRefused::Deleting(user.id)),
            None => None,
        }
    }

    /// Whether others rely on who this is.
    fn is_relied_on(&self) -> bool {
        let MergeSide { external_id, has_password, roles, data, .. } = &self.side;
        external_id.is_some() || *has_password || !roles.is_empty() || !data.is_empty()
    }
}

/// Why these two can't be made one; both are somebody, and neither is another's name.
pub(super) fn refused(from: &Candidate, into: &Candidate) -> Option<MergeRefused> {
    from.refused().or_else(|| into.refused())
}

/// Whether the platform's word alone is enough to make them one.
pub(super) fn may_by_itself(from: &Candidate, into: &Candidate) -> bool {
    let is_operators = from.is_operators || into.is_operators;
    refused(from, into).is_none() && !is_operators && !(from.is_relied_on() && into.is_relied_on())
}

/// What goes over. Whoever stays keeps what they have.
pub(super) fn plan(from: Candidate, into: Candidate) -> MergePlan {
    let (had, has) = (&from.side, &into.side);
    // More than anybody may have would not fit into a token.
    let free = MOST_HELD.saturating_sub(has.roles.len());
    let has_role = |role: &MergeRole| has.roles.iter().any(|it| (it.role, &it.audience) == (role.role, &role.audience));
    let moved = Moved {
        identities: had.identities.iter().map(|identity| identity.id).collect(),
        phone: from.has_phone && !into.has_phone,
        external_id: had.external_id.is_some() && has.external_id.is_none(),
        nickname: had.user.nickname.is_some() && has.user.nickname.is_none(),
        avatar: had.user.avatar_url.is_some() && has.user.avatar_url.is_none(),
        password: had.has_password && !has.has_password,
        data: had.data.iter().filter(|audience| !has.data.contains(audience)).cloned().collect(),
        roles: had.roles.iter().filter(|role| !has_role(role)).take(free).cloned().collect(),
        aliases: from.aliases,
    };
    MergePlan { from: from.side, into: into.side, moved, ended: Vec::new(), roles_version: None }
}

impl MergePlan {
    /// The one who stays, once it is done.
    pub(crate) fn stayed(&self) -> UserRow {
        let OwnRow { external_id: _, nickname: (nickname, nickname_chosen_at), avatar, phone_masked } = self.stays();
        let (avatar_url, avatar_chosen_at) = avatar;
        let user = self.into.user.clone();
        UserRow { nickname, avatar_url, nickname_chosen_at, avatar_chosen_at, phone_masked, ..user }
    }

    /// What stands in the row of the one who stays from now on.
    pub(super) fn stays(&self) -> OwnRow {
        let Self { from, into, moved, .. } = self;
        let of = |is_moved: bool| if is_moved { from } else { into };
        OwnRow {
            external_id: of(moved.external_id).external_id.clone(),
            nickname: nickname_of(of(moved.nickname)),
            avatar: avatar_of(of(moved.avatar)),
            phone_masked: of(moved.phone).user.phone_masked.clone(),
        }
    }
}

/// What stands in a user's own row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnRow {
    pub(super) external_id: Option<String>,
    pub(super) nickname: Shown,
    pub(super) avatar: Shown,
    pub(super) phone_masked: Option<String>,
}

/// A nickname, or a picture's address; and when it was chosen, unless a platform told it.
type Shown = (Option<String>, Option<Timestamp>);

fn nickname_of(side: &MergeSide) -> Shown {
    (side.user.nickname.clone(), side.user.nickname_chosen_at)
}

fn avatar_of(side: &MergeSide) -> Shown {
    (side.user.avatar_url.clone(), side.user.avatar_chosen_at)
}

/// The rows of two who are two again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Back {
    pub(super) leaver: OwnRow,
    pub(super) stayer: OwnRow,
}

/// What goes back. A nickname or picture that was chosen since stays with whoever chose it.
pub(super) fn back(leaver: &Candidate, stayer: &Candidate, moved: &Moved, phone: bool) -> Back {
    let (own, other) = (&leaver.side, &stayer.side);
    let kept = |is_moved: bool, other: Shown, own: Shown| if is_moved && other == own { (None, None) } else { other };
    Back {
        leaver: OwnRow {
            external_id: if moved.external_id { other.external_id.clone() } else { own.external_id.clone() },
            nickname: nickname_of(own),
            avatar: avatar_of(own),
            phone_masked: if phone { other.user.phone_masked.clone() } else { own.user.phone_masked.clone() },
        },
        stayer: OwnRow {
            external_id: other.external_id.clone().filter(|_| !moved.external_id),
            nickname: kept(moved.nickname, nickname_of(other), nickname_of(own)),
            avatar: kept(moved.avatar, avatar_of(other), avatar_of(own)),
            phone_masked: other.user.phone_masked.clone().filter(|_| !phone),
        },
    }
}

/// What the audit says of a merge, to both.
pub(super) fn merged_lines(merging: &Merging) -> [AuditLine; 2] {
    let Merging { from, into, by, .. } = merging;
    [
        AuditLine { user: Some(*into), detail: Some(format!("alias {from}")), ..by.line("user.merged") },
        AuditLine { user: Some(*from), detail: Some(format!("alias of {into}")), ..by.line("user.became_alias") },
    ]
}

/// The same of one that was undone.
pub(super) fn unmerged_lines(unmerging: &Unmerging, from: UserId) -> [AuditLine; 2] {
    let Unmerging { alias, by, .. } = unmerging;
    [
        AuditLine { user: Some(from), detail: Some(format!("alias {alias}")), ..by.line("user.unmerged") },
        AuditLine { user: Some(*alias), detail: Some(format!("alias of {from}")), ..by.line("user.was_alias") },
    ]
}

/// What the audit says of a session that ends with it.
pub(super) fn session_line(by: &Actor, user: UserId, session: SessionId) -> AuditLine {
    let detail = Some("users merged or separated".to_owned());
    AuditLine { user: Some(user), session: Some(session), detail, ..by.line("session.ended") }
}

/// Whom of two the platform's word alone keeps: the one who came first, whom others are likelier to know.
pub(super) fn elder_last(one: UserRow, other: UserRow) -> (UserRow, UserRow) {
    if one.number < other.number { (other, one) } else { (one, other) }
}
