//! Merging as operators do it: shown first, done, and undone while that is possible. What a person does by themselves goes the
//! same way.

use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::people::UserName;
use crate::problem::{NotDone, PeopleFault, Problem};
use crate::roles;
use crate::session::ended;
use crate::state::Menjin;
use crate::store::{
    Actor, EndReason, MergePlan, MergeRefused, MergeRole, MergeSide, Merged, Merging, Moved, StoreError, Unmerged,
    Unmerging,
};

/// A merge as operators see it, done or to be done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Merge)]
pub struct MergeView {
    /// Whether it is done.
    pub merged: bool,
    /// Who is no more: as they were.
    pub from: SideView,
    /// Who stays: as they were.
    pub into: SideView,
    /// What goes over. All else of `from` stays behind, and goes with the time when it can no longer be undone.
    pub moved: MergedView,
    /// How many sessions of `from` end.
    pub sessions_ended: usize,
    /// It can be undone until then.
    #[schema(value_type = String, format = DateTime)]
    pub undo_until: Timestamp,
}

/// One of the two.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MergeSide)]
pub struct SideView {
    /// The public name.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: UserId,
    /// The number beside it.
    pub number: i64,
    /// What another system calls them.
    pub external_id: Option<String>,
    /// What they call themselves; anybody's text.
    pub nickname: Option<String>,
    /// Their number, with the middle hidden.
    pub phone_masked: Option<String>,
    /// When they first signed in.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// How many identities they have.
    pub identities: usize,
    /// Whether they have a password.
    pub has_password: bool,
    /// Their roles, each with its audience behind an `@` where it has one.
    pub roles: Vec<String>,
    /// The back ends that keep data about them, by audience.
    pub data: Vec<String>,
}

impl From<MergeSide> for SideView {
    fn from(side: MergeSide) -> Self {
        let MergeSide { user, external_id, identities, has_password, roles, data } = side;
        Self {
            id: user.id,
            number: user.number,
            external_id,
            nickname: user.nickname,
            phone_masked: user.phone_masked,
            created_at: user.created_at,
            identities: identities.len(),
            has_password,
            roles: roles.iter().map(named).collect(),
            data,
        }
    }
}

/// What goes over.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Merged)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether it goes over")]
pub struct MergedView {
    /// How many identities.
    pub identities: usize,
    /// Whether the phone number does: the other had none.
    pub phone: bool,
    /// Whether the name in another system does: the other had none. Else it stays, and leads to the other.
    pub external_id: bool,
    /// Whether the nickname does: the other had none.
    pub nickname: bool,
    /// Whether the picture does: the other had none.
    pub avatar: bool,
    /// Whether name and password do: the other had none.
    pub password: bool,
    /// The roles that the other did not have.
    pub roles: Vec<String>,
    /// The audiences whose data does: about the other they kept none.
    pub data: Vec<String>,
}

impl From<Moved> for MergedView {
    fn from(moved: Moved) -> Self {
        let Moved { identities, phone, external_id, nickname, avatar, password, data, roles, aliases: _ } = moved;
        let (identities, roles) = (identities.len(), roles.iter().map(named).collect());
        Self { identities, phone, external_id, nickname, avatar, password, roles, data }
    }
}

fn named(MergeRole { name, audience, .. }: &MergeRole) -> String {
    if audience.is_empty() { name.clone() } else { format!("{name}@{audience}") }
}

/// A merge that was undone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unmerge)]
pub struct UnmergeView {
    /// Who is themselves again.
    #[schema(value_type = String)]
    pub user: UserId,
    /// From whom.
    #[schema(value_type = String)]
    pub from: UserId,
    /// How many sessions ended: all, as nobody can tell whose they were.
    pub sessions_ended: usize,
}

/// A merge that somebody wants.
pub(super) struct Wanted {
    pub(super) from: UserId,
    pub(super) into: UserId,
    pub(super) by: Actor,
    pub(super) rehearsal: bool,
}

/// Merges, or tells what that would do.
pub(super) async fn merge_now(menjin: &Menjin, wanted: Wanted) -> Result<MergePlan, Problem> {
    let Wanted { from, into, by, rehearsal } = wanted;
    let now = menjin.clock.now();
    let (until, tokens_until) = (now.plus(menjin.config.lifetimes.unmerge), menjin.tokens_until(now));
    let merging = Merging { from, into, by, rehearsal, now, until, tokens_until };
    match menjin.store.merge_users(merging).await? {
        Merged::Done(plan) => {
            if !rehearsal {
                if let Some(version) = plan.roles_version {
                    roles::changed_for(menjin, into, version);
                }
                tell(menjin, &plan.ended, now);
                tracing::info!(user.id = %into, alias = %from, "two users were merged");
            }
            Ok(*plan)
        }
        Merged::Refused(MergeRefused::Unknown(_)) => Err(Problem::UserUnknown),
        Merged::Refused(MergeRefused::AlreadyMerged { .. }) => Err(Problem::People(PeopleFault::AlreadyMerged)),
        Merged::Refused(MergeRefused::Same | MergeRefused::Disabled(_) | MergeRefused::Deleting(_)) => {
            Err(Problem::People(PeopleFault::MergeRefused))
        }
    }
}

/// What a command is told of a problem.
pub(in crate::people) fn not_done(problem: Problem) -> NotDone {
    if let Problem::People(fault) = problem {
        return NotDone::People(fault);
    }
    if let Problem::StoreUnavailable(error) = problem {
        return NotDone::Store(StoreError::Unavailable(error));
    }
    NotDone::Internal(problem.into())
}

fn tell(menjin: &Menjin, sessions: &[SessionId], now: Timestamp) {
    ended(menjin, sessions, EndReason::UserMerged, now);
}

impl Menjin {
    /// Makes two users one: `from` becomes another name of `into`. Only tells what it would do, if it is a `preview`.
    pub async fn merge_users(
        &self,
        by: &Actor,
        (from, into): (UserId, UserId),
        preview: bool,
    ) -> Result<MergeView, NotDone> {
        let wanted = Wanted { from, into, by: by.clone(), rehearsal: preview };
        let undo_until = self.clock.now().plus(self.config.lifetimes.unmerge);
        let MergePlan { from, into, moved, ended, .. } = merge_now(self, wanted).await.map_err(|problem| {
            if matches!(problem, Problem::UserUnknown) {
                return NotDone::UserUnknown(format!("the id {from} or {into}"));
            }
            not_done(problem)
        })?;
        self.fast.wake.tell_now().await;
        let sessions_ended = ended.len();
        let (from, into, moved) = (from.into(), into.into(), moved.into());
        Ok(MergeView { merged: !preview, from, into, moved, sessions_ended, undo_until })
    }

    /// Who is meant by an id or a number in a merge, or in one that is undone: somebody who was merged away is themselves, and
    /// not the one who stayed, so that a second merge is refused as one.
    pub async fn exactly_named(&self, name: &UserName) -> Result<UserId, NotDone> {
        match name {
            UserName::Id(id) => Ok(*id),
            UserName::Number(number) => {
                let unknown = || NotDone::UserUnknown(format!("the number {number}"));
                self.store.own_id(*number).await?.ok_or_else(unknown)
            }
            UserName::ExternalId(_) | UserName::Phone(_) | UserName::Username(_) | UserName::Openid { .. } => {
                self.user_named(name).await
            }
        }
    }

    /// Makes two of them again. All sessions are over.
    pub async fn unmerge_user(&self, by: &Actor, alias: UserId) -> Result<UnmergeView, NotDone> {
        let now = self.clock.now();
        let unmerging = Unmerging { alias, by: by.clone(), now, tokens_until: self.tokens_until(now) };
        let (from, sessions) = match self.store.unmerge_user(unmerging).await? {
            Unmerged::Done { from, ended } => (from, ended),
            Unmerged::Unknown => return Err(NotDone::UserUnknown(format!("the id {alias}"))),
            Unmerged::NotMerged => return Err(NotDone::People(PeopleFault::NotMerged)),
            Unmerged::Covered => return Err(NotDone::People(PeopleFault::MergeCovered)),
            Unmerged::TooLate => return Err(NotDone::People(PeopleFault::MergeFinal)),
        };
        tell(self, &sessions, now);
        self.fast.wake.tell_now().await;
        tracing::info!(user.id = %alias, from = %from, "a merge was undone");
        Ok(UnmergeView { user: alias, from, sessions_ended: sessions.len() })
    }
}
