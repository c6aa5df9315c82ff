//! People who leave: announced, called back, erased over every table.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{Timestamp, UserId};

use super::accounts::locked;
use super::connection::Connection;
use super::events::{tell, write_audit};
use super::sessions::{end_one, live};
use super::statement::statements;
use super::value::{id, values};
use super::{Database, operator_people};
use crate::store::columns::Columns;
use crate::store::leaving::{EmptiedTo, PART, bare, due, impersonal_detail, settled};
use crate::store::rules::{erased_session_line, left_line, left_session_line, stayed_line};
use crate::store::{
    Actor, AuditLine, Departed, Departure, Due, Emptied, Emptying, EndReason, Ends, Erased, Erasing, EventKind,
    Leaving, Result, Stayed, UserRow,
};
use crate::store::{rows, rules};

statements! {
    ANNOUNCE on users = both("UPDATE users SET deletes_at = ?2, updated_at = ?3 WHERE number = ?1");
    STAY on users = both("UPDATE users SET deletes_at = NULL, updated_at = ?2 WHERE number = ?1");
    DUE_TO_LEAVE on users = both("SELECT id, deletes_at, number FROM users
        WHERE deletes_at <= ?1 AND deletes_at >= ?2 AND (deletes_at > ?2 OR number > ?3) ORDER BY deletes_at, number LIMIT ?4");
    ALIASES on users = both("SELECT number, id, avatar_url FROM users WHERE merged_into = ?1");
    OLD_KEYS on session_keys = each(
        "DELETE FROM session_keys USING identities i WHERE i.id = session_keys.identity AND i.user_number = ?1",
        "DELETE k FROM identities i JOIN session_keys k ON k.identity = i.id WHERE i.user_number = ?1",
    );
    IDENTITIES on identities = both("DELETE FROM identities WHERE user_number = ?1");
    PHONE on phones = both("DELETE FROM phones WHERE user_number = ?1");
    PASSWORD on passwords = both("DELETE FROM passwords WHERE user_number = ?1");
    RESETS on password_resets = both("DELETE FROM password_resets WHERE user_number = ?1");
    ROLES on user_roles = both("DELETE FROM user_roles WHERE user_number = ?1");
    CONSENTS on consents = both("DELETE FROM consents WHERE user_number = ?1");
    MERGED on merges = both("DELETE FROM merges WHERE user_number = ?1");
    MERGED_INTO on merges = both("DELETE FROM merges WHERE into_number = ?1");
    DATA_OF_USER on session_data = both("DELETE FROM session_data WHERE user_id = ?1");
    DATA_OF_SESSIONS on session_data = each(
        "DELETE FROM session_data USING sessions s WHERE s.id = session_data.session AND s.user_number = ?1
        AND s.ended_at IS NOT NULL",
        "DELETE d FROM sessions s JOIN session_data d ON d.session = s.id WHERE s.user_number = ?1
        AND s.ended_at IS NOT NULL",
    );
    NEXT_OVER on sessions = each(
        "SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL AND id > ?2 ORDER BY id LIMIT ?3",
        // With those that live, which are few and are left alone: this index has them in order.
        "SELECT id FROM sessions FORCE INDEX (sessions_of_user) WHERE user_number = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    );
    DATA_OF_PART on session_data = each(
        "DELETE FROM session_data USING sessions s WHERE s.id = session_data.session AND s.user_number = ?1
        AND s.ended_at IS NOT NULL AND s.id >= ?2 AND s.id <= ?3",
        "DELETE d FROM sessions s JOIN session_data d ON d.session = s.id WHERE s.user_number = ?1
        AND s.ended_at IS NOT NULL AND s.id >= ?2 AND s.id <= ?3",
    );
    STRIP_PART on sessions = both(concat!("UPDATE sessions SET ", bare!(), " AND id >= ?2 AND id <= ?3"));
    STRIP on sessions = both(concat!("UPDATE sessions SET ", bare!()));
    NEXT_LINES on audit = both("SELECT seq, at FROM audit WHERE user_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
    HISTORY on audit = both(concat!("UPDATE audit SET ip = NULL, detail = ", impersonal_detail!(),
        " WHERE user_id = ?1 AND seq >= ?2 AND seq <= ?3 AND (ip IS NOT NULL OR detail IS NOT NULL)"));
    EMPTY on users = both("UPDATE users SET external_id = NULL, nickname = NULL, avatar_url = NULL, phone_masked = NULL,
        nickname_chosen_at = NULL, avatar_chosen_at = NULL, deletes_at = NULL, erased_at = ?2, updated_at = ?2 WHERE number = ?1");
}

/// Somebody who may be called back.
struct CallingBack {
    user: UserId,
    by: Actor,
    now: Timestamp,
}

#[async_trait]
impl Leaving for Database {
    async fn announce_leaving(&self, departure: Departure) -> Result<Departed> {
        self.transact(&departure, |on, departure| announce(on, departure).boxed()).await
    }

    async fn cancel_leaving(&self, user: UserId, by: Actor, now: Timestamp) -> Result<Stayed> {
        self.transact(&CallingBack { user, by, now }, |on, calling| call_back(on, calling).boxed()).await
    }

    async fn due_to_leave(&self, now: Timestamp, after: Option<Due>, most: u32) -> Result<Vec<Due>> {
        let (at, number) = after.map_or((i64::MIN, 0), |last| (last.deletes_at.millis(), last.number));
        self.pool.rows(&DUE_TO_LEAVE, values![now, at, number, most], due).await
    }

    async fn empty_user(&self, emptying: Emptying) -> Result<Option<Emptied>> {
        self.transact(&emptying, |on, emptying| empty(on, emptying).boxed()).await
    }

    async fn erase_user(&self, erasing: Erasing) -> Result<Erased> {
        self.transact(&erasing, |on, erasing| erase_one(on, erasing).boxed()).await
    }
}

async fn empty(on: &mut Connection<'_>, emptying: &Emptying) -> Result<Option<Emptied>> {
    let Some(user) = locked(on, emptying.user).await? else { return Ok(None) };
    if rules::not_to_erase(&user, (emptying.only_if_due, emptying.now)).is_some() {
        return Ok(None);
    }
    empty_part(on, &user, (&emptying.emptied, emptying.now)).await
}

/// Empties the next part of somebody whose row is locked, in the caller's transaction; up to where.
pub(super) async fn empty_part(
    on: &mut Connection<'_>,
    user: &UserRow,
    (emptied, now): (&Emptied, Timestamp),
) -> Result<Option<Emptied>> {
    for Name { number, id: of, .. } in names(on, user).await? {
        let to = emptied.of(of);
        if let Some(session) = empty_sessions(on, number, to.session).await? {
            return Ok(Some(emptied.and(of, EmptiedTo { session, ..to })));
        }
        if let Some(line) = empty_history(on, (of, to.line), now).await? {
            return Ok(Some(emptied.and(of, EmptiedTo { line, ..to })));
        }
    }
    Ok(None)
}

/// Empties the next of the sessions that are over; where it ended.
async fn empty_sessions(on: &mut Connection<'_>, number: i64, after: [u8; 16]) -> Result<Option<[u8; 16]>> {
    let next = NEXT_OVER.rows(on, values![number, &after, PART], rows::value::<[u8; 16]>).await?;
    let Some(last) = next.last() else { return Ok(None) };
    DATA_OF_PART.run(on, values![number, &after, last]).await?;
    STRIP_PART.run(on, values![number, &after, last]).await?;
    Ok(Some(*last))
}

/// The same of the audit.
async fn empty_history(on: &mut Connection<'_>, (name, after): (UserId, i64), now: Timestamp) -> Result<Option<i64>> {
    let line = |it: &mut Columns<'_>| Ok((it.get()?, it.time()?));
    let next = NEXT_LINES.rows(on, values![&id(name), after, PART], line).await?;
    let Some(last) = settled(&next, now) else { return Ok(None) };
    HISTORY.run(on, values![&id(name), after, last]).await?;
    Ok(Some(last))
}

/// One of the names of somebody: their own, or one that was merged into them.
struct Name {
    number: i64,
    id: UserId,
    avatar_url: Option<String>,
}

async fn names(on: &mut Connection<'_>, user: &UserRow) -> Result<Vec<Name>> {
    let mut names = vec![Name { number: user.number, id: user.id, avatar_url: user.avatar_url.clone() }];
    let mut looked_at = 0;
    while let Some(number) = names.get(looked_at).map(|name| name.number) {
        let read = |it: &mut Columns<'_>| Ok(Name { number: it.get()?, id: it.id()?, avatar_url: it.get()? });
        names.extend(ALIASES.rows(on, values![number], read).await?);
        looked_at += 1;
    }
    Ok(names)
}

async fn announce(on: &mut Connection<'_>, departure: &Departure) -> Result<Departed> {
    let Some(user) = locked(on, departure.user).await? else { return Ok(Departed::Unknown) };
    if user.erased_at.is_some() {
        return Ok(Departed::Gone);
    }
    let times = (departure.now, departure.tokens_until);
    let deletes_at = user.deletes_at.unwrap_or(departure.deletes_at);
    if user.deletes_at.is_none() {
        ANNOUNCE.run(on, values![user.number, deletes_at, departure.now]).await?;
        write_audit(on, &left_line(departure, user.id), departure.now).await?;
    }
    let reason = EndReason::UserDeleting;
    let mut ended = Vec::new();
    for (session, _) in live(on, &Ends::All(user.id)).await? {
        // Another node may have ended it meanwhile.
        if end_one(on, session, reason, times).await? {
            write_audit(on, &left_session_line(departure, user.id, session), departure.now).await?;
            ended.push(session);
        }
    }
    tell(on, &EventKind::UserNotBefore(user.id), reason.code(), times).await?;
    Ok(Departed::Begun { deletes_at, ended })
}

async fn call_back(on: &mut Connection<'_>, calling: &CallingBack) -> Result<Stayed> {
    let Some(user) = locked(on, calling.user).await? else { return Ok(Stayed::Unknown) };
    let stayed = rules::stays(&user);
    if let Stayed::Stays(_) = stayed {
        stay(on, &user, &stayed_line(&calling.by, user.id), calling.now).await?;
    }
    Ok(stayed)
}

/// Somebody whose row is locked is called back, in the caller's transaction.
pub(super) async fn stay(on: &mut Connection<'_>, user: &UserRow, line: &AuditLine, now: Timestamp) -> Result<()> {
    STAY.run(on, values![user.number, now]).await?;
    write_audit(on, line, now).await
}

async fn erase_one(on: &mut Connection<'_>, erasing: &Erasing) -> Result<Erased> {
    let Some(user) = locked(on, erasing.user).await? else { return Ok(Erased::Unknown) };
    if let Some(refused) = rules::not_to_erase(&user, (erasing.only_if_due, erasing.now)) {
        return Ok(refused);
    }
    let mut ended = Vec::new();
    for (session, _) in live(on, &Ends::All(user.id)).await? {
        if end_one(on, session, EndReason::AccountClosed, (erasing.now, erasing.tokens_until)).await? {
            write_audit(on, &erased_session_line(erasing, user.id, session), erasing.now).await?;
            ended.push(session);
        }
    }
    let former_avatars = erase(on, &user, erasing).await?;
    Ok(Erased::Erased { ended, former_avatars })
}

/// Erases somebody whose row is locked and all of whose sessions are over, and all that was merged into them, in the caller's
/// transaction; the pictures that they had. Whatever table gets a column about people needs its statement here.
pub(super) async fn erase(on: &mut Connection<'_>, user: &UserRow, erasing: &Erasing) -> Result<Vec<(UserId, String)>> {
    let times = (erasing.now, erasing.tokens_until);
    let mut avatars = Vec::new();
    for Name { number, id: of, avatar_url } in names(on, user).await? {
        avatars.extend(avatar_url.map(|url| (of, url)));
        operator_people::forget_all(on, number, (&erasing.line, erasing.now)).await?;
        for sql in [&OLD_KEYS, &IDENTITIES, &PHONE, &PASSWORD, &RESETS, &ROLES, &CONSENTS, &MERGED, &MERGED_INTO] {
            sql.run(on, values![number]).await?;
        }
        DATA_OF_USER.run(on, values![&id(of)]).await?;
        for sql in [&DATA_OF_SESSIONS, &STRIP] {
            sql.run(on, values![number]).await?;
        }
        HISTORY.run(on, values![&id(of), erasing.emptied.of(of).line, i64::MAX]).await?;
        EMPTY.run(on, values![number, erasing.now]).await?;
        tell(on, &EventKind::UserNotBefore(of), EndReason::AccountClosed.code(), times).await?;
    }
    write_audit(on, &AuditLine { user: Some(user.id), ..erasing.line.clone() }, erasing.now).await?;
    Ok(avatars)
}
