//! What platforms tell, in `SQLite`: the queue, and what carrying it out does to people.

use async_trait::async_trait;
use menjin_token::{IdentityId, SessionId, Timestamp};
use rusqlite::{Connection, params};

use super::Sqlite;
use super::events::{tell, write_audit};
use super::sessions::end_one;
use super::sql::statements;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{forgotten, pushed_line, pushed_session_line};
use crate::store::{
    CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, EndReason, EventKind, NewPush, PushAsks, PushClaim, Pushes,
    Queued, Result, UserRow,
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
    FORGET_NICKNAME on users = "UPDATE users SET nickname = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_AVATAR on users = "UPDATE users SET avatar_url = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_MASK on users = "UPDATE users SET phone_masked = NULL, updated_at = ?2 WHERE number = ?1";
    FORGET_PHONE on phones = "DELETE FROM phones WHERE user_number = ?1 AND bound_at <= ?2";
    LIVE on sessions = "SELECT id, identity FROM sessions WHERE user_number = ?1 AND ended_at IS NULL";
    UNNAME on sessions = "UPDATE sessions SET identity = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL AND identity = ?2";
    OLD_KEYS on session_keys = "DELETE FROM session_keys WHERE identity = ?1";
    DETACH on identities = "DELETE FROM identities WHERE id = ?1";
    OTHER on identities = "SELECT id FROM identities WHERE user_number = ?1 LIMIT 1";
    PHONE on phones = "DELETE FROM phones WHERE user_number = ?1";
    DATA_OF_USER on session_data = "DELETE FROM session_data WHERE user_id = ?1";
    DATA_OF_SESSIONS on session_data = "DELETE FROM session_data WHERE session IN
        (SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NOT NULL)";
    STRIP on sessions = "UPDATE sessions SET device_id = NULL, device_name = NULL, device_system = NULL, ip = NULL, user_agent = NULL,
        claims = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL";
    EMPTY on users = "UPDATE users SET external_id = NULL, nickname = NULL, avatar_url = NULL, phone_masked = NULL, updated_at = ?2
        WHERE number = ?1";
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

    async fn carry_out_push(&self, carrying: CarryingOut) -> Result<CarriedOut> {
        self.write(move |connection| carry_out(connection, &carrying)).await
    }

    async fn give_up_push(&self, claim: PushClaim, kept_until: Timestamp) -> Result<bool> {
        let values = (claim.digest, claim.tries, kept_until.millis());
        self.write(move |connection| Ok(GIVE_UP.run(connection, values)? == 1)).await
    }
}

fn carry_out(connection: &Connection, carrying: &CarryingOut) -> Result<CarriedOut> {
    let PushClaim { digest, tries } = carrying.claim;
    if HELD.row(connection, params![digest, tries], rows::value::<u32>)?.is_none() {
        return Ok(CarriedOut::NotOurs);
    }
    DONE.run(connection, params![digest, carrying.known_until.millis()])?;
    let name = &carrying.identity;
    let whose = WHOSE.row(connection, params![name.platform, name.appid, name.openid], rows::user_and_identity)?;
    let Some((user, identity, created_at)) = whose else { return Ok(CarriedOut::Nobody) };
    match carrying.asks {
        PushAsks::Forget { .. } => forget(connection, user, carrying),
        // Whoever came later is not the one that it was about.
        PushAsks::Close if created_at > carrying.received_at => Ok(CarriedOut::Nobody),
        PushAsks::Close => close(connection, user, identity, carrying),
    }
}

fn forget(connection: &Connection, user: UserRow, carrying: &CarryingOut) -> Result<CarriedOut> {
    let gone = forgotten(&user, carrying.asks);
    let values = params![user.number, carrying.now.millis()];
    if gone.nickname {
        FORGET_NICKNAME.run(connection, values)?;
    }
    if gone.avatar {
        FORGET_AVATAR.run(connection, values)?;
    }
    if gone.nickname || gone.avatar {
        write_audit(connection, &pushed_line(carrying, "profile.forgotten", user.id), carrying.now)?;
    }
    if gone.phone && FORGET_PHONE.run(connection, params![user.number, carrying.received_at.millis()])? > 0 {
        FORGET_MASK.run(connection, values)?;
        write_audit(connection, &pushed_line(carrying, "phone.forgotten", user.id), carrying.now)?;
    }
    let former_avatar = user.avatar_url.filter(|_| gone.avatar);
    Ok(CarriedOut::Done { user: user.id, ended: Vec::new(), former_avatar, was_last: false })
}

fn close(connection: &Connection, user: UserRow, identity: IdentityId, carrying: &CarryingOut) -> Result<CarriedOut> {
    let own = identity.to_bytes();
    OLD_KEYS.run(connection, [own])?;
    DETACH.run(connection, [own])?;
    write_audit(connection, &pushed_line(carrying, "identity.detached", user.id), carrying.now)?;
    let was_last = OTHER.row(connection, [user.number], rows::value::<[u8; 16]>)?.is_none();
    let live = LIVE.rows(connection, [user.number], |it| Ok((it.id::<_>()?, it.get::<Option<[u8; 16]>>()?)))?;
    let live = live.into_iter().filter(|(_, by)| was_last || *by == Some(own));
    let ended: Vec<SessionId> = live.map(|(session, _)| session).collect();
    for session in &ended {
        end_one(connection, *session, EndReason::AccountClosed, carrying.now, carrying.tokens_until)?;
        write_audit(connection, &pushed_session_line(carrying, user.id, *session), carrying.now)?;
    }
    UNNAME.run(connection, params![user.number, own])?;
    if was_last {
        erase(connection, &user, carrying)?;
    }
    let former_avatar = user.avatar_url.filter(|_| was_last);
    Ok(CarriedOut::Done { user: user.id, ended, former_avatar, was_last })
}

/// Nothing is left but id and number, and that there were sessions: all of them are over by now.
fn erase(connection: &Connection, user: &UserRow, carrying: &CarryingOut) -> Result<()> {
    PHONE.run(connection, [user.number])?;
    DATA_OF_USER.run(connection, [user.id.to_bytes()])?;
    DATA_OF_SESSIONS.run(connection, [user.number])?;
    STRIP.run(connection, [user.number])?;
    EMPTY.run(connection, params![user.number, carrying.now.millis()])?;
    let reason = EndReason::AccountClosed.code();
    tell(connection, &EventKind::UserNotBefore(user.id), reason, carrying.now, carrying.tokens_until)?;
    write_audit(connection, &pushed_line(carrying, "user.erased", user.id), carrying.now)
}
