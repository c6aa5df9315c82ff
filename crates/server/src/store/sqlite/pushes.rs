//! What platforms tell, in `SQLite`: the queue, and what carrying it out does to people.

use async_trait::async_trait;
use menjin_token::{IdentityId, SessionId, Timestamp, UserId};
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::sessions::end_one;
use super::sql::statements;
use super::{Sqlite, leaving, operator_people};
use crate::store::rows::{self, user_columns};
use crate::store::rules::{erasing_by_push, forgotten, pushed_line, pushed_session_line};
use crate::store::{
    CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, Emptied, EndReason, Moved, NewPush, PushAsks, PushClaim,
    Pushes, Queued, Result, UserRow,
};

statements! {
    QUEUE on pushes = "INSERT INTO pushes (digest, nonce, app, sealed, received_at, tries, due_at)
        VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5) ON CONFLICT DO NOTHING";
    SEEN on pushes = "SELECT tries FROM pushes WHERE digest = ?1";
    DUE on pushes = "SELECT digest, tries, app, sealed, received_at FROM pushes WHERE due_at <= ?1 ORDER BY due_at LIMIT 1";
    CLAIM on pushes = "UPDATE pushes SET tries = ?2, due_at = ?3 WHERE digest = ?1";
    HELD on pushes = "SELECT tries FROM pushes WHERE digest = ?1 AND tries = ?2 AND due_at IS NOT NULL";
    DONE on pushes = "UPDATE pushes SET sealed = NULL, due_at = NULL, until = ?2 WHERE digest = ?1";
    GIVE_UP on pushes = "UPDATE pushes SET due_at = NULL, until = ?3 WHERE digest = ?1 AND tries = ?2 AND due_at IS NOT NULL";
    WHOSE on identities = "SELECT ", user_columns!(), ", i.id, i.created_at FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3";
    FORGET_NICKNAME on users = "UPDATE users SET nickname = NULL, nickname_chosen_at = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_AVATAR on users = "UPDATE users SET avatar_url = NULL, avatar_chosen_at = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_MASK on users = "UPDATE users SET phone_masked = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_PHONE on phones = "DELETE FROM phones WHERE user_number = ?1 AND bound_at <= ?2";
    LIVE on sessions = "SELECT id, identity FROM sessions WHERE user_number = ?1 AND ended_at IS NULL";
    UNNAME on sessions = "UPDATE sessions SET identity = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL AND identity = ?2";
    OLD_KEYS on session_keys = "DELETE FROM session_keys WHERE identity = ?1";
    DETACH on identities = "DELETE FROM identities WHERE id = ?1";
    LEFT on identities = "SELECT id FROM identities WHERE user_number = ?1";
    HAS_PASSWORD on passwords = "SELECT user_number FROM passwords WHERE user_number = ?1";
    OTHER_NAMES on users = "SELECT ", user_columns!(), ", m.moved FROM users u CROSS JOIN merges m ON m.user_number = u.number
        WHERE u.merged_into = ?1";
}

#[async_trait]
impl Pushes for Sqlite {
    async fn queue_push(&self, push: NewPush) -> Result<Queued> {
        self.write(move |connection| {
            let NewPush { digest, nonce, app, sealed, now } = &push;
            if QUEUE.run(connection, params![digest, nonce, app, sealed, now.millis()])? == 1 {
                return Ok(Queued::Waiting);
            }
            let seen = SEEN.row(connection, [digest], rows::value::<u32>)?;
            Ok(if seen.is_some() { Queued::Repeated } else { Queued::NonceSeen })
        })
        .await
    }

    async fn claim_push(&self, claiming: ClaimingPush) -> Result<Option<ClaimedPush>> {
        self.write(move |connection| {
            let due = DUE.row(connection, [claiming.now.millis()], rows::claimed_push)?;
            if let Some(ClaimedPush { claim: PushClaim { digest, tries }, .. }) = &due {
                CLAIM.run(connection, params![digest, tries, claiming.until(*tries).millis()])?;
            }
            Ok(due)
        })
        .await
    }

    async fn empty_for_push(&self, carrying: CarryingOut) -> Result<Option<Emptied>> {
        if !matches!(carrying.asks, PushAsks::Close) {
            return Ok(None);
        }
        self.write_last(move |connection| {
            if !is_held(connection, carrying.claim)? {
                return Ok(None);
            }
            let Some(user) = whom_it_erases(connection, &carrying)? else { return Ok(None) };
            leaving::empty_part(connection, &user, (&carrying.emptied, carrying.now))
        })
        .await
    }

    async fn carry_out_push(&self, carrying: CarryingOut) -> Result<CarriedOut> {
        self.write(move |connection| carry_out(connection, &carrying)).await
    }

    async fn give_up_push(&self, claim: PushClaim, kept_until: Timestamp) -> Result<bool> {
        let values = (claim.digest, claim.tries, kept_until.millis());
        self.write(move |connection| Ok(GIVE_UP.run(connection, values)? == 1)).await
    }
}

/// Whether somebody still carries it out by this claim.
fn is_held(connection: &Connection, PushClaim { digest, tries }: PushClaim) -> Result<bool> {
    Ok(HELD.row(connection, params![digest, tries], rows::value::<u32>)?.is_some())
}

/// Whose last account it closes, as things stand.
fn whom_it_erases(connection: &Connection, carrying: &CarryingOut) -> Result<Option<UserRow>> {
    let name = &carrying.identity;
    let whose = WHOSE.row(connection, params![name.platform, name.appid, name.openid], rows::user_and_identity)?;
    let Some((user, identity, created_at)) = whose else { return Ok(None) };
    let left: Vec<IdentityId> = LEFT.rows(connection, [user.number], rows::id)?;
    let has_password = HAS_PASSWORD.value::<i64>(connection, [user.number])?.is_some();
    let is_last = left.iter().all(|left| *left == identity) && !has_password;
    Ok((is_last && created_at <= carrying.received_at).then_some(user))
}

fn carry_out(connection: &Connection, carrying: &CarryingOut) -> Result<CarriedOut> {
    if !is_held(connection, carrying.claim)? {
        return Ok(CarriedOut::NotOurs);
    }
    DONE.run(connection, params![carrying.claim.digest, carrying.known_until.millis()])?;
    let name = &carrying.identity;
    let whose = WHOSE.row(connection, params![name.platform, name.appid, name.openid], rows::user_and_identity)?;
    let Some((user, identity, created_at)) = whose else { return Ok(CarriedOut::Nobody) };
    match carrying.asks {
        PushAsks::Forget { .. } => {
            let mut all = other_names(connection, user.number, |moved| moved.came_by(identity, &[]))?;
            all.insert(0, user.clone());
            let former_avatars = forget(connection, &all, (&user, carrying))?;
            Ok(CarriedOut::Done { user: user.id, ended: Vec::new(), former_avatars, was_last: false })
        }
        // Whoever came later is not the one that it was about.
        PushAsks::Close if created_at > carrying.received_at => Ok(CarriedOut::Nobody),
        PushAsks::Close => close(connection, &user, identity, carrying),
    }
}

/// A person's other names whose notes say so. A merge that can no longer be undone has left nothing to forget.
fn other_names(connection: &Connection, number: i64, of: impl Fn(&Moved) -> bool) -> Result<Vec<UserRow>> {
    let read = OTHER_NAMES.rows(connection, [number], |it| Ok((rows::user(it)?, it.get::<String>()?)))?;
    let mut found = Vec::new();
    for (name, moved) in read {
        if of(&Moved::parse(&moved)?) {
            found.push(name);
        }
    }
    Ok(found)
}

/// Forgets what the push asks to of all these, who are one person; the pictures that they showed.
fn forget(
    connection: &Connection,
    all: &[UserRow],
    (user, carrying): (&UserRow, &CarryingOut),
) -> Result<Vec<(UserId, String)>> {
    let (mut of_profile, mut of_phone, mut avatars) = (false, false, Vec::new());
    for one in all {
        let gone = forgotten(one, carrying);
        let values = params![one.number, carrying.now.millis()];
        if gone.nickname {
            FORGET_NICKNAME.run(connection, values)?;
        }
        if gone.avatar {
            FORGET_AVATAR.run(connection, values)?;
            avatars.extend(one.avatar_url.clone().map(|url| (one.id, url)));
        }
        of_profile |= gone.nickname || gone.avatar;
        if gone.phone && FORGET_PHONE.run(connection, params![one.number, carrying.received_at.millis()])? > 0 {
            FORGET_MASK.run(connection, values)?;
            of_phone = true;
        }
    }
    for (is_gone, action) in [(of_profile, "profile.forgotten"), (of_phone, "phone.forgotten")] {
        if is_gone {
            write_audit(connection, &pushed_line(carrying, action, user.id), carrying.now)?;
        }
    }
    Ok(avatars)
}

fn close(connection: &Connection, user: &UserRow, identity: IdentityId, carrying: &CarryingOut) -> Result<CarriedOut> {
    let own = identity.to_bytes();
    OLD_KEYS.run(connection, [own])?;
    let act = pushed_line(carrying, "identity.detached", user.id);
    operator_people::forget(connection, identity, (&act, carrying.now))?;
    DETACH.run(connection, [own])?;
    write_audit(connection, &act, carrying.now)?;
    let left = LEFT.rows(connection, [user.number], rows::id)?;
    let has_password = HAS_PASSWORD.value::<i64>(connection, [user.number])?.is_some();
    let was_last = left.is_empty() && !has_password;
    let live = LIVE.rows(connection, [user.number], |it| Ok((it.id::<_>()?, it.get::<Option<[u8; 16]>>()?)))?;
    let live = live.into_iter().filter(|(_, by)| was_last || *by == Some(own));
    let ended: Vec<SessionId> = live.map(|(session, _)| session).collect();
    for session in &ended {
        end_one(connection, *session, EndReason::AccountClosed, carrying.now, carrying.tokens_until)?;
        write_audit(connection, &pushed_session_line(carrying, user.id, *session), carrying.now)?;
    }
    UNNAME.run(connection, params![user.number, own])?;
    let former_avatars = if was_last {
        leaving::erase(connection, user, &erasing_by_push(carrying, user.id))?
    } else {
        let mut gone = other_names(connection, user.number, |it| left.is_empty() || it.came_by(identity, &left))?;
        if left.is_empty() {
            gone.insert(0, user.clone());
        }
        forget(connection, &gone, (user, carrying))?
    };
    Ok(CarriedOut::Done { user: user.id, ended, former_avatars, was_last })
}
