//! What platforms tell: the queue, and what carrying it out does to people.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{IdentityId, SessionId, Timestamp};

use super::Database;
use super::connection::Connection;
use super::events::{tell, write_audit};
use super::sessions::end_one;
use super::statement::statements;
use super::value::{id, values};
use crate::store::columns::Columns;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{forgotten, pushed_line, pushed_session_line};
use crate::store::{
    CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, EndReason, EventKind, NewPush, PushAsks, PushClaim, Pushes,
    Queued, Result, UserRow,
};

macro_rules! queue {
    () => {
        "INSERT INTO pushes (digest, nonce, app, sealed, received_at, tries, due_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5)"
    };
}

macro_rules! whose {
    ($lock:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", i.id, i.created_at FROM identities i JOIN users u ON u.number = i.user_number
            WHERE i.openid = ?3 AND i.appid = ?2 AND i.platform = ?1 ",
            $lock
        )
    };
}

statements! {
    QUEUE on pushes = each(concat!(queue!(), " ON CONFLICT DO NOTHING"), queue!());
    SEEN on pushes = both("SELECT tries FROM pushes WHERE digest = ?1");
    DUE_PUSH on pushes = both("SELECT digest, tries, app, sealed, received_at FROM pushes WHERE due_at <= ?1 ORDER BY due_at LIMIT 1
        FOR UPDATE SKIP LOCKED");
    CLAIM on pushes = both("UPDATE pushes SET tries = ?2, due_at = ?3 WHERE digest = ?1");
    HELD on pushes = both("SELECT tries FROM pushes WHERE digest = ?1 AND tries = ?2 AND due_at IS NOT NULL FOR UPDATE");
    DONE on pushes = both("UPDATE pushes SET sealed = NULL, due_at = NULL, until = ?2 WHERE digest = ?1");
    GIVE_UP on pushes = both("UPDATE pushes SET due_at = NULL, until = ?3 WHERE digest = ?1 AND tries = ?2 AND due_at IS NOT NULL");
    WHOSE on identities = each(whose!("FOR NO KEY UPDATE OF u, i"), whose!("FOR UPDATE"));
    FORGET_NICKNAME on users = both("UPDATE users SET nickname = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_AVATAR on users = both("UPDATE users SET avatar_url = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_MASK on users = both("UPDATE users SET phone_masked = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_PHONE on phones = both("DELETE FROM phones WHERE user_number = ?1 AND bound_at <= ?2");
    LIVE on sessions = both("SELECT id, identity FROM sessions WHERE user_number = ?1 AND ended_at IS NULL");
    UNNAME on sessions = both("UPDATE sessions SET identity = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL AND identity = ?2");
    OLD_KEYS on session_keys = both("DELETE FROM session_keys WHERE identity = ?1");
    DETACH on identities = both("DELETE FROM identities WHERE id = ?1");
    OTHER on identities = both("SELECT id FROM identities WHERE user_number = ?1 LIMIT 1");
    PHONE on phones = both("DELETE FROM phones WHERE user_number = ?1");
    DATA_OF_USER on session_data = both("DELETE FROM session_data WHERE user_id = ?1");
    DATA_OF_SESSIONS on session_data = each(
        "DELETE FROM session_data USING sessions s WHERE s.id = session_data.session AND s.user_number = ?1
        AND s.ended_at IS NOT NULL",
        "DELETE d FROM sessions s JOIN session_data d ON d.session = s.id WHERE s.user_number = ?1
        AND s.ended_at IS NOT NULL",
    );
    STRIP on sessions = both("UPDATE sessions SET device_id = NULL, device_name = NULL, device_system = NULL, ip = NULL,
        user_agent = NULL, claims = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL");
    EMPTY on users = both("UPDATE users SET external_id = NULL, nickname = NULL, avatar_url = NULL, phone_masked = NULL, updated_at = ?2
        WHERE number = ?1");
}

#[async_trait]
impl Pushes for Database {
    async fn queue_push(&self, push: NewPush) -> Result<Queued> {
        let NewPush { digest, nonce, app, sealed, now } = &push;
        if self.pool.add(&QUEUE, values![digest, nonce, app, sealed, *now]).await? {
            return Ok(Queued::Waiting);
        }
        let seen = self.pool.row(&SEEN, values![digest], rows::value::<u32>).await?;
        Ok(if seen.is_some() { Queued::Repeated } else { Queued::NonceSeen })
    }

    async fn claim_push(&self, claiming: ClaimingPush) -> Result<Option<ClaimedPush>> {
        self.transact(&claiming, |on, claiming| claim(on, claiming).boxed()).await
    }

    async fn carry_out_push(&self, carrying: CarryingOut) -> Result<CarriedOut> {
        self.transact(&carrying, |on, carrying| carry_out(on, carrying).boxed()).await
    }

    async fn give_up_push(&self, claim: PushClaim, kept_until: Timestamp) -> Result<bool> {
        Ok(self.pool.run(&GIVE_UP, values![&claim.digest, claim.tries, kept_until]).await? == 1)
    }
}

async fn claim(on: &mut Connection<'_>, claiming: &ClaimingPush) -> Result<Option<ClaimedPush>> {
    let due = DUE_PUSH.row(on, values![claiming.now], rows::claimed_push).await?;
    if let Some(ClaimedPush { claim: PushClaim { digest, tries }, .. }) = &due {
        CLAIM.run(on, values![digest, *tries, claiming.until(*tries)]).await?;
    }
    Ok(due)
}

/// Whoever carries it out holds its row first, then the person's.
async fn carry_out(on: &mut Connection<'_>, carrying: &CarryingOut) -> Result<CarriedOut> {
    let PushClaim { digest, tries } = &carrying.claim;
    if HELD.row(on, values![digest, *tries], rows::value::<u32>).await?.is_none() {
        return Ok(CarriedOut::NotOurs);
    }
    DONE.run(on, values![digest, carrying.known_until]).await?;
    let name = &carrying.identity;
    let whose = WHOSE.row(on, values![name.platform, &name.appid, &name.openid], rows::user_and_identity).await?;
    let Some((user, identity, created_at)) = whose else { return Ok(CarriedOut::Nobody) };
    match carrying.asks {
        PushAsks::Forget { .. } => forget(on, user, carrying).await,
        // Whoever came later is not the one that it was about.
        PushAsks::Close if created_at > carrying.received_at => Ok(CarriedOut::Nobody),
        PushAsks::Close => close(on, user, identity, carrying).await,
    }
}

async fn forget(on: &mut Connection<'_>, user: UserRow, carrying: &CarryingOut) -> Result<CarriedOut> {
    let gone = forgotten(&user, carrying.asks);
    let (number, now) = (user.number, carrying.now);
    if gone.nickname {
        FORGET_NICKNAME.run(on, values![number, now]).await?;
    }
    if gone.avatar {
        FORGET_AVATAR.run(on, values![number, now]).await?;
    }
    if gone.nickname || gone.avatar {
        write_audit(on, &pushed_line(carrying, "profile.forgotten", user.id), now).await?;
    }
    if gone.phone && FORGET_PHONE.run(on, values![number, carrying.received_at]).await? > 0 {
        FORGET_MASK.run(on, values![number, now]).await?;
        write_audit(on, &pushed_line(carrying, "phone.forgotten", user.id), now).await?;
    }
    let former_avatar = user.avatar_url.filter(|_| gone.avatar);
    Ok(CarriedOut::Done { user: user.id, ended: Vec::new(), former_avatar, was_last: false })
}

async fn close(
    on: &mut Connection<'_>,
    user: UserRow,
    identity: IdentityId,
    carrying: &CarryingOut,
) -> Result<CarriedOut> {
    let own = id(identity);
    OLD_KEYS.run(on, values![&own]).await?;
    DETACH.run(on, values![&own]).await?;
    write_audit(on, &pushed_line(carrying, "identity.detached", user.id), carrying.now).await?;
    let was_last = OTHER.row(on, values![user.number], rows::value::<[u8; 16]>).await?.is_none();
    let read = |it: &mut Columns<'_>| Ok((it.id()?, it.get::<Option<[u8; 16]>>()?));
    let mut live: Vec<(SessionId, _)> = LIVE.rows(on, values![user.number], read).await?;
    live.retain(|(_, by)| was_last || *by == Some(own));
    live.sort_unstable();
    let mut ended = Vec::new();
    for (session, _) in live {
        // Another node may have ended it meanwhile.
        if end_one(on, session, EndReason::AccountClosed, (carrying.now, carrying.tokens_until)).await? {
            write_audit(on, &pushed_session_line(carrying, user.id, session), carrying.now).await?;
            ended.push(session);
        }
    }
    UNNAME.run(on, values![user.number, &own]).await?;
    if was_last {
        erase(on, &user, carrying).await?;
    }
    let former_avatar = user.avatar_url.filter(|_| was_last);
    Ok(CarriedOut::Done { user: user.id, ended, former_avatar, was_last })
}

/// Nothing is left but id and number, and that there were sessions: all of them are over by now.
async fn erase(on: &mut Connection<'_>, user: &UserRow, carrying: &CarryingOut) -> Result<()> {
    PHONE.run(on, values![user.number]).await?;
    DATA_OF_USER.run(on, values![&id(user.id)]).await?;
    DATA_OF_SESSIONS.run(on, values![user.number]).await?;
    STRIP.run(on, values![user.number]).await?;
    EMPTY.run(on, values![user.number, carrying.now]).await?;
    let (reason, times) = (EndReason::AccountClosed.code(), (carrying.now, carrying.tokens_until));
    tell(on, &EventKind::UserNotBefore(user.id), reason, times).await?;
    write_audit(on, &pushed_line(carrying, "user.erased", user.id), carrying.now).await
}
