//! Merging in `SQLite`: the transaction that makes two users one, the one that undoes it, and what goes afterwards.

use async_trait::async_trait;
use menjin_token::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::events::{tell, write_audit};
use super::people::{by_id, by_number};
use super::sessions::{end_one, live, room_for};
use super::sql::statements;
use super::{Sqlite, operator_people, roles};
use crate::store::merges::{
    self, ByItself, Candidate, OwnRow, elder_last, may_by_itself, merged_lines, plan, session_line, unmerged_lines,
};
use crate::store::rows::{self, user_columns};
use crate::store::{
    Actor, DataPlace, EndReason, Ends, EventKind, MergePlan, MergeRefused, MergeRole, MergeSide, Merged,
    MergedByItself, Merges, Merging, Moved, Opening, Result, Unmerged, Unmerging, UserRow,
};

statements! {
    OWN_ID on users = "SELECT id FROM users WHERE number = ?1";
    EXACT on users = "SELECT ", user_columns!(), ", u.external_id, u.merged_into FROM users u WHERE u.id = ?1";
    IDENTITIES on identities = "SELECT id, platform, appid, unionid, created_at FROM identities WHERE user_number = ?1";
    HAS_PHONE on phones = "SELECT user_number FROM phones WHERE user_number = ?1";
    HAS_PASSWORD on passwords = "SELECT user_number FROM passwords WHERE user_number = ?1";
    ROLES_OF on user_roles = "SELECT h.id, h.role, h.audience, r.name FROM user_roles h JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL";
    AUDIENCES on session_data = "SELECT audience FROM session_data WHERE user_id = ?1";
    ALIASES on users = "SELECT number, id FROM users WHERE merged_into = ?1";
    ALIASES_OF on users = "SELECT a.id FROM users u JOIN users a ON a.merged_into = u.number WHERE u.id = ?1";
    MOVE_IDENTITIES on identities = "UPDATE identities SET user_number = ?2 WHERE user_number = ?1";
    MOVE_IDENTITY on identities = "UPDATE identities SET user_number = ?3 WHERE id = ?1 AND user_number = ?2";
    MOVE_PHONE on phones = "UPDATE phones SET user_number = ?2 WHERE user_number = ?1";
    MOVE_PHONE_BACK on phones = "UPDATE phones SET user_number = ?2 WHERE user_number = ?1 AND bound_at <= ?3";
    MOVE_PASSWORD on passwords = "UPDATE passwords SET user_number = ?2 WHERE user_number = ?1";
    MOVE_PASSWORD_BACK on passwords = "UPDATE passwords SET user_number = ?2 WHERE user_number = ?1 AND changed_at <= ?3";
    MOVE_ROLE on user_roles = "UPDATE user_roles SET user_number = ?3 WHERE id = ?1 AND user_number = ?2";
    VOID_RESETS on password_resets = "DELETE FROM password_resets WHERE user_number = ?1";
    MOVE_DATA on session_data = "UPDATE session_data SET id = ?2, user_id = ?3 WHERE id = ?1";
    MOVE_ALIASES on users = "UPDATE users SET merged_into = ?2 WHERE merged_into = ?1";
    MOVE_ALIAS_BACK on users = "UPDATE users SET merged_into = ?3 WHERE number = ?1 AND merged_into = ?2";
    LEAVE on users = "UPDATE users SET merged_into = ?2, external_id = ?3, phone_masked = ?4, updated_at = ?5 WHERE number = ?1";
    STAY on users = "UPDATE users SET external_id = ?2, nickname = ?3, nickname_chosen_at = ?4, avatar_url = ?5, avatar_chosen_at = ?6,
        phone_masked = ?7, updated_at = ?8 WHERE number = ?1";
    NOTE on merges = "INSERT INTO merges (user_number, into_number, moved, merged_at, until) VALUES (?1, ?2, ?3, ?4, ?5)";
    NOTED on merges = "SELECT into_number, moved, merged_at, until FROM merges WHERE user_number = ?1";
    FORGET_NOTE on merges = "DELETE FROM merges WHERE user_number = ?1";
    OVER on merges = "SELECT m.user_number, u.id FROM merges m JOIN users u ON u.number = m.user_number
        WHERE m.until < ?1 ORDER BY m.until LIMIT ?2";
    LEFT_DATA on session_data = "DELETE FROM session_data WHERE user_id = ?1";
    LEFT_PHONE on phones = "DELETE FROM phones WHERE user_number = ?1";
    LEFT_PASSWORD on passwords = "DELETE FROM passwords WHERE user_number = ?1";
    LEFT_ROLES on user_roles = "DELETE FROM user_roles WHERE user_number = ?1";
    LEFT_PROFILE on users = "UPDATE users SET nickname = NULL, avatar_url = NULL, nickname_chosen_at = NULL, avatar_chosen_at = NULL,
        phone_masked = NULL, updated_at = ?2 WHERE number = ?1";
}

#[async_trait]
impl Merges for Sqlite {
    async fn merge_users(&self, merging: Merging) -> Result<Merged> {
        self.write(move |connection| merge(connection, &merging)).await
    }

    async fn unmerge_user(&self, unmerging: Unmerging) -> Result<Unmerged> {
        self.write(move |connection| unmerge(connection, &unmerging)).await
    }

    async fn own_id(&self, number: i64) -> Result<Option<UserId>> {
        self.read(|connection| OWN_ID.row(connection, [number], rows::id))
    }

    async fn aliases_of(&self, user: UserId) -> Result<Vec<UserId>> {
        self.read(|connection| {
            let mut aliases = ALIASES_OF.rows(connection, [user.to_bytes()], rows::id)?;
            aliases.sort_unstable();
            Ok(aliases)
        })
    }
}

fn merge(connection: &Connection, merging: &Merging) -> Result<Merged> {
    let refused = |why| Ok(Merged::Refused(why));
    let Merging { from, into, .. } = merging;
    let (Some(leaving), Some(staying)) = (candidate(connection, *from)?, candidate(connection, *into)?) else {
        let is_from = by_id(connection, *from)?.is_none();
        return refused(MergeRefused::Unknown(if is_from { *from } else { *into }));
    };
    if from == into {
        return refused(MergeRefused::Same);
    }
    for one in [&leaving, &staying] {
        if let Some(number) = one.merged_into {
            let of = by_number(connection, number)?.map_or(one.side.user.id, |user| user.id);
            return refused(MergeRefused::AlreadyMerged { alias: one.side.user.id, of });
        }
    }
    if let Some(why) = merges::refused(&leaving, &staying) {
        return refused(why);
    }
    Ok(Merged::Done(Box::new(carry_out(connection, plan(leaving, staying), merging)?)))
}

/// Two users of whom the platform says that they are one, at a sign-in. They stay two where the sign-in would be refused.
pub(super) fn by_itself(
    connection: &Connection,
    (one, other): (UserRow, UserRow),
    opening: &Opening,
) -> Result<ByItself> {
    let (from, into) = elder_last(one, other);
    let (Some(leaving), Some(staying)) = (candidate(connection, from.id)?, candidate(connection, into.id)?) else {
        return Ok(ByItself::Not);
    };
    if !may_by_itself(&leaving, &staying) {
        return Ok(ByItself::Not);
    }
    if room_for(connection, into.number, opening)?.is_none() {
        return Ok(ByItself::NoRoom(into));
    }
    let MergePlan { ended, roles_version, .. } =
        carry_out(connection, plan(leaving, staying), &opening.merging(from.id, into.id))?;
    let user = by_id(connection, into.id)?.unwrap_or(into);
    Ok(ByItself::Merged(user, MergedByItself { alias: from.id, ended, roles_version }))
}

/// A user as they are, whoever's other name they may be.
fn candidate(connection: &Connection, user: UserId) -> Result<Option<Candidate>> {
    let read = EXACT.row(connection, [user.to_bytes()], |it| Ok((rows::user(it)?, it.get()?, it.get()?)))?;
    let Some((user, external_id, merged_into)) = read else { return Ok(None) };
    let number = user.number;
    let mut identities = IDENTITIES.rows(connection, [number], rows::identity)?;
    identities.sort_unstable_by_key(|identity| identity.id);
    let side = MergeSide {
        external_id,
        identities,
        has_password: HAS_PASSWORD.value::<i64>(connection, [number])?.is_some(),
        roles: ROLES_OF.rows(connection, [number], rows::merge_role)?,
        data: AUDIENCES.rows(connection, [user.id.to_bytes()], rows::value)?,
        user,
    };
    Ok(Some(Candidate {
        has_phone: HAS_PHONE.value::<i64>(connection, [number])?.is_some(),
        is_operators: operator_people::is_operators(connection, number)?,
        merged_into,
        aliases: aliases(connection, number)?.into_iter().map(|(number, _)| number).collect(),
        side,
    }))
}

/// The other names of a user, in the caller's transaction.
pub(super) fn aliases(connection: &Connection, number: i64) -> Result<Vec<(i64, UserId)>> {
    ALIASES.rows(connection, [number], |it| Ok((it.get()?, it.id()?)))
}

fn carry_out(connection: &Connection, mut plan: MergePlan, merging: &Merging) -> Result<MergePlan> {
    plan.ended = live(connection, &Ends::All(merging.from))?.into_iter().map(|(session, _)| session).collect();
    if merging.rehearsal {
        return Ok(plan);
    }
    let MergePlan { from, into, moved, ended, .. } = &plan;
    let (leaving, staying, now) = (from.user.number, into.user.number, merging.now);
    MOVE_IDENTITIES.run(connection, [leaving, staying])?;
    if moved.phone {
        MOVE_PHONE.run(connection, [leaving, staying])?;
    }
    if moved.password {
        MOVE_PASSWORD.run(connection, [leaving, staying])?;
    }
    VOID_RESETS.run(connection, [leaving])?;
    for audience in &moved.data {
        move_data(connection, audience, (merging.from, merging.into))?;
    }
    MOVE_ALIASES.run(connection, [leaving, staying])?;
    let stays = (staying, merging.into);
    let roles_version = move_roles(connection, leaving, stays, &moved.roles, (now, merging.tokens_until))?;
    let external_id = from.external_id.as_ref().filter(|_| !moved.external_id);
    let masked = from.user.phone_masked.as_ref().filter(|_| !moved.phone);
    LEAVE.run(connection, params![leaving, staying, external_id, masked, now.millis()])?;
    stay(connection, staying, &plan.stays(), now)?;
    NOTE.run(connection, params![leaving, staying, moved.to_text()?, now.millis(), merging.until.millis()])?;
    for line in merged_lines(merging) {
        write_audit(connection, &line, now)?;
    }
    let reason = EndReason::UserMerged.code();
    tell(connection, &EventKind::UserNotBefore(merging.from), reason, now, merging.tokens_until)?;
    end(connection, (&merging.by, merging.from), ended, (now, merging.tokens_until))?;
    Ok(MergePlan { roles_version, ..plan })
}

/// What somebody's row says from now on.
fn stay(connection: &Connection, number: i64, row: &OwnRow, now: Timestamp) -> Result<()> {
    let OwnRow { external_id, nickname: (nickname, named_at), avatar: (avatar_url, shown_at), phone_masked } = row;
    let [named_at, shown_at] = [named_at, shown_at].map(|at| at.map(Timestamp::millis));
    let values = params![number, external_id, nickname, named_at, avatar_url, shown_at, phone_masked, now.millis()];
    STAY.run(connection, values).map(drop)
}

fn move_data(connection: &Connection, audience: &str, (from, to): (UserId, UserId)) -> Result<()> {
    let (former, next) = (DataPlace::row_of_user(from, audience), DataPlace::row_of_user(to, audience));
    MOVE_DATA.run(connection, params![former, next, to.to_bytes()]).map(drop)
}

/// Whoever gets them has other tokens from now on, of this version.
fn move_roles(
    connection: &Connection,
    from: i64,
    to: (i64, UserId),
    moved: &[MergeRole],
    times: (Timestamp, Timestamp),
) -> Result<Option<i64>> {
    for role in moved {
        MOVE_ROLE.run(connection, params![role.id, from, to.0])?;
    }
    if moved.is_empty() { Ok(None) } else { roles::moved(connection, to, times).map(Some) }
}

fn end(
    connection: &Connection,
    (by, user): (&Actor, UserId),
    sessions: &[SessionId],
    (now, tokens_until): (Timestamp, Timestamp),
) -> Result<()> {
    for session in sessions {
        end_one(connection, *session, EndReason::UserMerged, now, tokens_until)?;
        write_audit(connection, &session_line(by, user, *session), now)?;
    }
    Ok(())
}

fn unmerge(connection: &Connection, unmerging: &Unmerging) -> Result<Unmerged> {
    let Unmerging { alias, by, now, tokens_until } = unmerging;
    let Some(leaver) = candidate(connection, *alias)? else { return Ok(Unmerged::Unknown) };
    let Some(number) = leaver.merged_into else { return Ok(Unmerged::NotMerged) };
    let own = leaver.side.user.number;
    let noted: Option<(i64, String, Timestamp, Timestamp)> =
        NOTED.row(connection, [own], |it| Ok((it.get()?, it.get()?, it.time()?, it.time()?)))?;
    let noted = noted.filter(|(.., until)| now < until);
    let Some((into, moved, merged_at, _)) = noted else { return Ok(Unmerged::TooLate) };
    if into != number {
        return Ok(Unmerged::Covered);
    }
    let moved = Moved::parse(&moved)?;
    let stayer = by_number(connection, number)?.map(|user| candidate(connection, user.id)).transpose()?.flatten();
    let Some(stayer) = stayer else { return Ok(Unmerged::TooLate) };
    let from = stayer.side.user.id;
    let ended: Vec<_> = live(connection, &Ends::All(from))?.into_iter().map(|(session, _)| session).collect();
    end(connection, (by, from), &ended, (*now, *tokens_until))?;
    move_back(connection, (&leaver, &stayer), &moved, (merged_at, *now, *tokens_until))?;
    FORGET_NOTE.run(connection, [own])?;
    for line in unmerged_lines(unmerging, from) {
        write_audit(connection, &line, *now)?;
    }
    Ok(Unmerged::Done { from, ended })
}

fn move_back(
    connection: &Connection,
    (leaver, stayer): (&Candidate, &Candidate),
    moved: &Moved,
    (merged_at, now, tokens_until): (Timestamp, Timestamp, Timestamp),
) -> Result<()> {
    let (own, other) = (leaver.side.user.number, stayer.side.user.number);
    for identity in &moved.identities {
        MOVE_IDENTITY.run(connection, params![identity.to_bytes(), other, own])?;
    }
    let phone = moved.phone && MOVE_PHONE_BACK.run(connection, params![other, own, merged_at.millis()])? > 0;
    if moved.password && !leaver.side.has_password {
        // One that was chosen since would open the account of somebody else, whichever has it.
        if MOVE_PASSWORD_BACK.run(connection, params![other, own, merged_at.millis()])? == 0 {
            LEFT_PASSWORD.run(connection, [other])?;
        }
        VOID_RESETS.run(connection, [other])?;
    }
    for audience in &moved.data {
        move_data(connection, audience, (stayer.side.user.id, leaver.side.user.id))?;
    }
    let times = (now, tokens_until);
    move_roles(connection, other, (own, leaver.side.user.id), &moved.roles, times)?;
    if !moved.roles.is_empty() {
        roles::moved(connection, (other, stayer.side.user.id), times)?;
    }
    for alias in &moved.aliases {
        MOVE_ALIAS_BACK.run(connection, [*alias, other, own])?;
    }
    let back = merges::back(leaver, stayer, moved, phone);
    stay(connection, other, &back.stayer, now)?;
    let OwnRow { external_id, phone_masked, .. } = &back.leaver;
    LEAVE.run(connection, params![own, None::<i64>, external_id, phone_masked, now.millis()]).map(drop)
}

/// Merges that can no longer be undone: what stayed behind goes. How many there were.
pub(super) fn sweep(connection: &Connection, now: Timestamp, batch: u32) -> Result<usize> {
    let over: Vec<(i64, UserId)> =
        OVER.rows(connection, params![now.millis(), batch], |it| Ok((it.get()?, it.id()?)))?;
    for alias in &over {
        forget(connection, *alias, now)?;
    }
    Ok(over.len())
}

/// Nothing is left of an alias but its id and number, and what another system called it; the merge can't be undone.
pub(super) fn forget(connection: &Connection, (number, id): (i64, UserId), now: Timestamp) -> Result<()> {
    LEFT_DATA.run(connection, [id.to_bytes()])?;
    LEFT_PHONE.run(connection, [number])?;
    LEFT_PASSWORD.run(connection, [number])?;
    LEFT_ROLES.run(connection, [number])?;
    LEFT_PROFILE.run(connection, params![number, now.millis()])?;
    FORGET_NOTE.run(connection, [number]).map(drop)
}
