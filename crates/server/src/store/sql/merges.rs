//! Merging: the transaction that makes two users one, the one that undoes it, and what goes afterwards.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{SessionId, Timestamp, UserId};

use super::connection::Connection;
use super::error::overtaken;
use super::events::{tell, write_audit};
use super::people::{by_id, by_number};
use super::sessions::{end_one, live, room_for};
use super::statement::statements;
use super::value::{id, values};
use super::{Database, operator_people, phones, roles};
use crate::store::columns::Columns;
use crate::store::merges::{
    self, ByItself, Candidate, OwnRow, elder_last, may_by_itself, merged_lines, plan, session_line, unmerged_lines,
};
use crate::store::rows::{self, user_columns};
use crate::store::{
    Actor, DataPlace, EndReason, Ends, EventKind, MergePlan, MergeRefused, MergeRole, MergeSide, Merged,
    MergedByItself, Merges, Merging, Moved, Opening, Result, Unmerged, Unmerging, UserRow,
};

statements! {
    NUMBER on users = both("SELECT number FROM users WHERE id = ?1");
    OWN_ID on users = both("SELECT id FROM users WHERE number = ?1");
    EXACT on users = both(concat!("SELECT ", user_columns!(), ", u.external_id, u.merged_into FROM users u WHERE u.id = ?1"));
    IDENTITIES on identities = both("SELECT id, platform, appid, unionid, created_at FROM identities WHERE user_number = ?1");
    HAS_PHONE on phones = both("SELECT user_number FROM phones WHERE user_number = ?1");
    HAS_PASSWORD on passwords = both("SELECT user_number FROM passwords WHERE user_number = ?1");
    ROLES_OF on user_roles = both("SELECT h.id, h.role, h.audience, r.name FROM user_roles h JOIN roles r ON r.number = h.role
        WHERE h.user_number = ?1 AND r.removed_at IS NULL");
    AUDIENCES on session_data = both("SELECT audience FROM session_data WHERE user_id = ?1");
    ALIASES on users = both("SELECT number, id FROM users WHERE merged_into = ?1");
    ALIASES_OF on users = both("SELECT a.id FROM users u JOIN users a ON a.merged_into = u.number WHERE u.id = ?1");
    MOVE_IDENTITIES on identities = both("UPDATE identities SET user_number = ?2 WHERE user_number = ?1");
    MOVE_IDENTITY on identities = both("UPDATE identities SET user_number = ?3 WHERE id = ?1 AND user_number = ?2");
    MOVE_PHONE on phones = both("UPDATE phones SET user_number = ?2 WHERE user_number = ?1");
    MOVE_PHONE_BACK on phones = both("UPDATE phones SET user_number = ?2 WHERE user_number = ?1 AND bound_at <= ?3");
    MOVE_PASSWORD on passwords = both("UPDATE passwords SET user_number = ?2 WHERE user_number = ?1");
    MOVE_PASSWORD_BACK on passwords = both("UPDATE passwords SET user_number = ?2 WHERE user_number = ?1 AND changed_at <= ?3");
    MOVE_ROLE on user_roles = both("UPDATE user_roles SET user_number = ?3 WHERE id = ?1 AND user_number = ?2");
    VOID_RESETS on password_resets = both("DELETE FROM password_resets WHERE user_number = ?1");
    MOVE_DATA on session_data = both("UPDATE session_data SET id = ?2, user_id = ?3 WHERE id = ?1");
    MOVE_ALIASES on users = both("UPDATE users SET merged_into = ?2 WHERE merged_into = ?1");
    MOVE_ALIAS_BACK on users = both("UPDATE users SET merged_into = ?3 WHERE number = ?1 AND merged_into = ?2");
    LEAVE on users = both("UPDATE users SET merged_into = ?2, external_id = ?3, phone_masked = ?4, updated_at = ?5 WHERE number = ?1");
    BACK on users = both("UPDATE users SET merged_into = NULL, external_id = ?2, phone_masked = ?3, updated_at = ?4 WHERE number = ?1");
    STAY on users = both("UPDATE users SET external_id = ?2, nickname = ?3, nickname_chosen_at = ?4, avatar_url = ?5, avatar_chosen_at = ?6,
        phone_masked = ?7, updated_at = ?8 WHERE number = ?1");
    NOTE on merges = both("INSERT INTO merges (user_number, into_number, moved, merged_at, until) VALUES (?1, ?2, ?3, ?4, ?5)");
    NOTED on merges = both("SELECT into_number, moved, merged_at, until FROM merges WHERE user_number = ?1");
    FORGET_NOTE on merges = both("DELETE FROM merges WHERE user_number = ?1");
    OVER on merges = each(
        "SELECT m.user_number, u.id FROM merges m JOIN users u ON u.number = m.user_number
        WHERE m.until < ?1 ORDER BY m.until LIMIT ?2 FOR UPDATE OF m SKIP LOCKED",
        "SELECT m.user_number, u.id FROM merges m JOIN users u ON u.number = m.user_number
        WHERE m.until < ?1 ORDER BY m.until LIMIT ?2 FOR UPDATE SKIP LOCKED",
    );
    LEFT_DATA on session_data = both("DELETE FROM session_data WHERE user_id = ?1");
    LEFT_PHONE on phones = both("DELETE FROM phones WHERE user_number = ?1");
    LEFT_PASSWORD on passwords = both("DELETE FROM passwords WHERE user_number = ?1");
    LEFT_ROLES on user_roles = both("DELETE FROM user_roles WHERE user_number = ?1");
    LEFT_PROFILE on users = both("UPDATE users SET nickname = NULL, avatar_url = NULL, nickname_chosen_at = NULL, avatar_chosen_at = NULL,
        phone_masked = NULL, updated_at = ?2 WHERE number = ?1");
}

#[async_trait]
impl Merges for Database {
    async fn merge_users(&self, merging: Merging) -> Result<Merged> {
        self.transact(&merging, |on, merging| merge(on, merging).boxed()).await
    }

    async fn unmerge_user(&self, unmerging: Unmerging) -> Result<Unmerged> {
        self.transact(&unmerging, |on, unmerging| unmerge(on, unmerging).boxed()).await
    }

    async fn own_id(&self, number: i64) -> Result<Option<UserId>> {
        self.pool.row(&OWN_ID, values![number], rows::id).await
    }

    async fn aliases_of(&self, user: UserId) -> Result<Vec<UserId>> {
        let mut aliases = self.pool.rows(&ALIASES_OF, values![&id(user)], rows::id).await?;
        aliases.sort_unstable();
        Ok(aliases)
    }
}

/// Both rows are locked, in one order: sign-ins, links and other merges of either come before or after.
async fn merge(on: &mut Connection<'_>, merging: &Merging) -> Result<Merged> {
    let refused = |why| Ok(Merged::Refused(why));
    let Merging { from, into, .. } = merging;
    for user in [from, into] {
        if by_id(on, *user).await?.is_none() {
            return refused(MergeRefused::Unknown(*user));
        }
    }
    if from == into {
        return refused(MergeRefused::Same);
    }
    phones::lock([number(on, *from).await?, number(on, *into).await?], on).await?;
    let (leaving, staying) = (candidate(on, *from).await?, candidate(on, *into).await?);
    for one in [&leaving, &staying] {
        if let Some(number) = one.merged_into {
            let of = by_number(on, number).await?.map_or(one.side.user.id, |user| user.id);
            return refused(MergeRefused::AlreadyMerged { alias: one.side.user.id, of });
        }
    }
    if let Some(why) = merges::refused(&leaving, &staying) {
        return refused(why);
    }
    if merging.rehearsal {
        let ended = live(on, &Ends::All(*from)).await?.into_iter().map(|(session, _)| session).collect();
        return Ok(Merged::Done(Box::new(MergePlan { ended, ..plan(leaving, staying) })));
    }
    Ok(Merged::Done(Box::new(carry_out(on, merging).await?)))
}

/// Two users of whom the platform says that they are one, at a sign-in that holds both. They stay two where the sign-in would be
/// refused.
pub(super) async fn by_itself(
    on: &mut Connection<'_>,
    (one, other): (UserRow, UserRow),
    opening: &Opening,
) -> Result<ByItself> {
    let (from, into) = elder_last(one, other);
    let (leaving, staying) = (candidate(on, from.id).await?, candidate(on, into.id).await?);
    if leaving.merged_into.is_some() || staying.merged_into.is_some() {
        return Err(overtaken());
    }
    if !may_by_itself(&leaving, &staying) {
        return Ok(ByItself::Not);
    }
    if room_for(on, into.number, opening).await?.is_none() {
        return Ok(ByItself::NoRoom(into));
    }
    let MergePlan { ended, roles_version, .. } = carry_out(on, &opening.merging(from.id, into.id)).await?;
    let user = by_id(on, into.id).await?.unwrap_or(into);
    Ok(ByItself::Merged(user, MergedByItself { alias: from.id, ended, roles_version }))
}

async fn number(on: &mut Connection<'_>, user: UserId) -> Result<i64> {
    NUMBER.row(on, values![&id(user)], rows::value).await?.ok_or_else(overtaken)
}

/// A user as they are, whoever's other name they may be. There is one: nobody's row ever goes.
async fn candidate(on: &mut Connection<'_>, user: UserId) -> Result<Candidate> {
    let key = id(user);
    let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get()?, it.get()?));
    let (user, external_id, merged_into) = EXACT.row(on, values![&key], read).await?.ok_or_else(overtaken)?;
    let number = user.number;
    let mut identities = IDENTITIES.rows(on, values![number], rows::identity).await?;
    identities.sort_unstable_by_key(|identity| identity.id);
    let side = MergeSide {
        external_id,
        identities,
        has_password: HAS_PASSWORD.row(on, values![number], rows::value::<i64>).await?.is_some(),
        roles: ROLES_OF.rows(on, values![number], rows::merge_role).await?,
        data: AUDIENCES.rows(on, values![&key], rows::value).await?,
        user,
    };
    Ok(Candidate {
        has_phone: HAS_PHONE.row(on, values![number], rows::value::<i64>).await?.is_some(),
        is_operators: operator_people::is_operators(on, number).await?,
        merged_into,
        aliases: aliases(on, number).await?.into_iter().map(|(number, _)| number).collect(),
        side,
    })
}

/// The other names of a user, in the caller's transaction.
pub(super) async fn aliases(on: &mut Connection<'_>, number: i64) -> Result<Vec<(i64, UserId)>> {
    ALIASES.rows(on, values![number], |it| Ok((it.get()?, it.id()?))).await
}

/// Sessions end first: data that they were about to write is there by then, or never will be.
async fn carry_out(on: &mut Connection<'_>, merging: &Merging) -> Result<MergePlan> {
    let (now, tokens_until) = (merging.now, merging.tokens_until);
    let ended = end(on, (&merging.by, merging.from), (now, tokens_until)).await?;
    let (leaving, staying) = (candidate(on, merging.from).await?, candidate(on, merging.into).await?);
    let plan = MergePlan { ended, ..plan(leaving, staying) };
    let MergePlan { from, into, moved, .. } = &plan;
    let (leaving, staying) = (from.user.number, into.user.number);
    MOVE_IDENTITIES.run(on, values![leaving, staying]).await?;
    if moved.phone {
        MOVE_PHONE.run(on, values![leaving, staying]).await?;
    }
    if moved.password {
        MOVE_PASSWORD.run(on, values![leaving, staying]).await?;
    }
    VOID_RESETS.run(on, values![leaving]).await?;
    for audience in &moved.data {
        move_data(on, audience, (merging.from, merging.into)).await?;
    }
    MOVE_ALIASES.run(on, values![leaving, staying]).await?;
    let stays = (staying, merging.into);
    let roles_version = move_roles(on, leaving, stays, &moved.roles, (now, tokens_until)).await?;
    let external_id = from.external_id.as_ref().filter(|_| !moved.external_id);
    let masked = from.user.phone_masked.as_ref().filter(|_| !moved.phone);
    let values = values![leaving, staying, external_id.map(String::as_str), masked.map(String::as_str), now];
    LEAVE.run(on, values).await?;
    stay(on, staying, &plan.stays(), now).await?;
    NOTE.run(on, values![leaving, staying, &moved.to_text()?, now, merging.until]).await?;
    for line in merged_lines(merging) {
        write_audit(on, &line, now).await?;
    }
    let (gone, reason) = (EventKind::UserNotBefore(merging.from), EndReason::UserMerged.code());
    tell(on, &gone, reason, (now, tokens_until)).await?;
    Ok(MergePlan { roles_version, ..plan })
}

/// What somebody's row says from now on.
async fn stay(on: &mut Connection<'_>, number: i64, row: &OwnRow, now: Timestamp) -> Result<()> {
    let OwnRow { external_id, nickname: (nickname, named_at), avatar: (avatar_url, shown_at), phone_masked } = row;
    let values = values![number, external_id, nickname, *named_at, avatar_url, *shown_at, phone_masked, now];
    STAY.run(on, values).await.map(drop)
}

async fn move_data(on: &mut Connection<'_>, audience: &str, (from, to): (UserId, UserId)) -> Result<()> {
    let (former, next) = (DataPlace::row_of_user(from, audience), DataPlace::row_of_user(to, audience));
    MOVE_DATA.run(on, values![&former, &next, &id(to)]).await.map(drop)
}

/// Whoever gets them has other tokens from now on, of this version.
async fn move_roles(
    on: &mut Connection<'_>,
    from: i64,
    to: (i64, UserId),
    moved: &[MergeRole],
    times: (Timestamp, Timestamp),
) -> Result<Option<i64>> {
    for role in moved {
        MOVE_ROLE.run(on, values![&role.id, from, to.0]).await?;
    }
    if moved.is_empty() { Ok(None) } else { roles::moved(on, to, times).await.map(Some) }
}

async fn end(
    on: &mut Connection<'_>,
    (by, user): (&Actor, UserId),
    (now, tokens_until): (Timestamp, Timestamp),
) -> Result<Vec<SessionId>> {
    let mut ended = Vec::new();
    for (session, _) in live(on, &Ends::All(user)).await? {
        if end_one(on, session, EndReason::UserMerged, (now, tokens_until)).await? {
            write_audit(on, &session_line(by, user, session), now).await?;
            ended.push(session);
        }
    }
    Ok(ended)
}

async fn unmerge(on: &mut Connection<'_>, unmerging: &Unmerging) -> Result<Unmerged> {
    let Unmerging { alias, by, now, tokens_until } = unmerging;
    let Some(present) = by_id(on, *alias).await? else { return Ok(Unmerged::Unknown) };
    let own = number(on, *alias).await?;
    phones::lock([own, present.number], on).await?;
    let leaver = candidate(on, *alias).await?;
    let Some(number) = leaver.merged_into else { return Ok(Unmerged::NotMerged) };
    if number != present.number {
        return Err(overtaken());
    }
    let read = |it: &mut Columns<'_>| Ok((it.get::<i64>()?, it.get::<String>()?, it.time()?, it.time()?));
    let noted = NOTED.row(on, values![own], read).await?.filter(|(.., until)| now < until);
    let Some((into, moved, merged_at, _)) = noted else { return Ok(Unmerged::TooLate) };
    if into != number {
        return Ok(Unmerged::Covered);
    }
    let moved = Moved::parse(&moved)?;
    let ended = end(on, (by, present.id), (*now, *tokens_until)).await?;
    let stayer = candidate(on, present.id).await?;
    move_back(on, (&leaver, &stayer), &moved, (merged_at, *now, *tokens_until)).await?;
    if FORGET_NOTE.run(on, values![own]).await? == 0 {
        // A sweeper whose clock is ahead made it final meanwhile.
        return Err(overtaken());
    }
    for line in unmerged_lines(unmerging, present.id) {
        write_audit(on, &line, *now).await?;
    }
    Ok(Unmerged::Done { from: present.id, ended })
}

async fn move_back(
    on: &mut Connection<'_>,
    (leaver, stayer): (&Candidate, &Candidate),
    moved: &Moved,
    (merged_at, now, tokens_until): (Timestamp, Timestamp, Timestamp),
) -> Result<()> {
    let (own, other) = (leaver.side.user.number, stayer.side.user.number);
    for identity in &moved.identities {
        MOVE_IDENTITY.run(on, values![&id(*identity), other, own]).await?;
    }
    let phone = moved.phone && MOVE_PHONE_BACK.run(on, values![other, own, merged_at]).await? > 0;
    if moved.password && !leaver.side.has_password {
        // One that was chosen since would open the account of somebody else, whichever has it.
        if MOVE_PASSWORD_BACK.run(on, values![other, own, merged_at]).await? == 0 {
            LEFT_PASSWORD.run(on, values![other]).await?;
        }
        VOID_RESETS.run(on, values![other]).await?;
    }
    for audience in &moved.data {
        move_data(on, audience, (stayer.side.user.id, leaver.side.user.id)).await?;
    }
    let times = (now, tokens_until);
    move_roles(on, other, (own, leaver.side.user.id), &moved.roles, times).await?;
    if !moved.roles.is_empty() {
        roles::moved(on, (other, stayer.side.user.id), times).await?;
    }
    for alias in &moved.aliases {
        MOVE_ALIAS_BACK.run(on, values![*alias, other, own]).await?;
    }
    let back = merges::back(leaver, stayer, moved, phone);
    stay(on, other, &back.stayer, now).await?;
    let OwnRow { external_id, phone_masked, .. } = &back.leaver;
    BACK.run(on, values![own, external_id, phone_masked, now]).await.map(drop)
}

/// Merges that can no longer be undone: what stayed behind goes. How many there were.
pub(super) async fn sweep(on: &mut Connection<'_>, (now, batch): (Timestamp, u32)) -> Result<u64> {
    let over: Vec<(i64, UserId)> = OVER.rows(on, values![now, batch], |it| Ok((it.get()?, it.id()?))).await?;
    for alias in &over {
        forget(on, *alias, now).await?;
    }
    Ok(over.len() as u64)
}

/// Nothing is left of an alias but its id and number, and what another system called it; the merge can't be undone.
pub(super) async fn forget(on: &mut Connection<'_>, (number, user): (i64, UserId), now: Timestamp) -> Result<()> {
    LEFT_DATA.run(on, values![&id(user)]).await?;
    LEFT_PHONE.run(on, values![number]).await?;
    LEFT_PASSWORD.run(on, values![number]).await?;
    LEFT_ROLES.run(on, values![number]).await?;
    LEFT_PROFILE.run(on, values![number, now]).await?;
    FORGET_NOTE.run(on, values![number]).await.map(drop)
}
