//! What platforms tell: the queue, and what carrying it out does to people.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{IdentityId, SessionId, Timestamp, UserId};

use super::connection::Connection;
use super::error::overtaken;
use super::events::write_audit;
use super::sessions::end_one;
use super::statement::statements;
use super::value::{id, values};
use super::{Database, leaving, operator_people};
use crate::store::columns::Columns;
use crate::store::rows::{self, user_columns};
use crate::store::rules::{erasing_by_push, forgotten, pushed_line, pushed_session_line};
use crate::store::{
    CarriedOut, CarryingOut, ClaimedPush, ClaimingPush, Emptied, EndReason, Moved, NewPush, PushAsks, PushClaim,
    Pushes, Queued, Result, UserRow,
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
    IS_THERE on identities = both("SELECT id FROM identities WHERE openid = ?3 AND appid = ?2 AND platform = ?1");
    FORGET_NICKNAME on users = both("UPDATE users SET nickname = NULL, nickname_chosen_at = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_AVATAR on users = both("UPDATE users SET avatar_url = NULL, avatar_chosen_at = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_MASK on users = both("UPDATE users SET phone_masked = NULL, updated_at = ?2 WHERE number = ?1");
    FORGET_PHONE on phones = both("DELETE FROM phones WHERE user_number = ?1 AND bound_at <= ?2");
    LIVE on sessions = both("SELECT id, identity FROM sessions WHERE user_number = ?1 AND ended_at IS NULL");
    UNNAME on sessions = both("UPDATE sessions SET identity = NULL WHERE user_number = ?1 AND ended_at IS NOT NULL AND identity = ?2");
    OLD_KEYS on session_keys = both("DELETE FROM session_keys WHERE identity = ?1");
    DETACH on identities = both("DELETE FROM identities WHERE id = ?1");
    LEFT on identities = both("SELECT id FROM identities WHERE user_number = ?1");
    HAS_PASSWORD on passwords = both("SELECT user_number FROM passwords WHERE user_number = ?1");
    OTHER_NAMES on users = both(concat!("SELECT ", user_columns!(), ", m.moved FROM users u JOIN merges m ON m.user_number = u.number
        WHERE u.merged_into = ?1"));
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

    async fn empty_for_push(&self, carrying: CarryingOut) -> Result<Option<Emptied>> {
        match carrying.asks {
            PushAsks::Close => self.transact(&carrying, |on, carrying| empty(on, carrying).boxed()).await,
            PushAsks::Forget { .. } => Ok(None),
        }
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

/// Whether somebody still carries it out by this claim; its row is held then.
async fn is_held(on: &mut Connection<'_>, claim: &PushClaim) -> Result<bool> {
    Ok(HELD.row(on, values![&claim.digest, claim.tries], rows::value::<u32>).await?.is_some())
}

async fn empty(on: &mut Connection<'_>, carrying: &CarryingOut) -> Result<Option<Emptied>> {
    if !is_held(on, &carrying.claim).await? {
        return Ok(None);
    }
    let Some(user) = whom_it_erases(on, carrying).await? else { return Ok(None) };
    leaving::empty_part(on, &user, (&carrying.emptied, carrying.now)).await
}

/// Whose last account a push closes, as things stand.
async fn whom_it_erases(on: &mut Connection<'_>, carrying: &CarryingOut) -> Result<Option<UserRow>> {
    let name = &carrying.identity;
    let whose = WHOSE.row(on, values![name.platform, &name.appid, &name.openid], rows::user_and_identity).await?;
    let Some((user, identity, created_at)) = whose else { return Ok(None) };
    let left: Vec<IdentityId> = LEFT.rows(on, values![user.number], rows::id).await?;
    let has_password = HAS_PASSWORD.row(on, values![user.number], rows::value::<i64>).await?.is_some();
    let is_last = left.iter().all(|left| *left == identity) && !has_password;
    Ok((is_last && created_at <= carrying.received_at).then_some(user))
}

/// Whoever carries it out holds its row first, then the person's.
async fn carry_out(on: &mut Connection<'_>, carrying: &CarryingOut) -> Result<CarriedOut> {
    if !is_held(on, &carrying.claim).await? {
        return Ok(CarriedOut::NotOurs);
    }
    DONE.run(on, values![&carrying.claim.digest, carrying.known_until]).await?;
    let name = &carrying.identity;
    let whose = WHOSE.row(on, values![name.platform, &name.appid, &name.openid], rows::user_and_identity).await?;
    let Some((user, identity, created_at)) = whose else {
        // Somebody who was merged while the locks were waited for is found by beginning again.
        let name = values![name.platform, &name.appid, &name.openid];
        let there = IS_THERE.row(on, name, rows::value::<[u8; 16]>).await?;
        return if there.is_some() { Err(overtaken()) } else { Ok(CarriedOut::Nobody) };
    };
    match carrying.asks {
        PushAsks::Forget { .. } => {
            let mut all = other_names(on, user.number, |moved| moved.came_by(identity, &[])).await?;
            all.insert(0, user.clone());
            let former_avatars = forget(on, &all, (&user, carrying)).await?;
            Ok(CarriedOut::Done { user: user.id, ended: Vec::new(), former_avatars, was_last: false })
        }
        // Whoever came later is not the one that it was about.
        PushAsks::Close if created_at > carrying.received_at => Ok(CarriedOut::Nobody),
        PushAsks::Close => close(on, &user, identity, carrying).await,
    }
}

/// A person's other names whose notes say so. A merge that can no longer be undone has left nothing to forget.
async fn other_names(on: &mut Connection<'_>, number: i64, of: impl Fn(&Moved) -> bool) -> Result<Vec<UserRow>> {
    let read = |it: &mut Columns<'_>| Ok((rows::user(it)?, it.get::<String>()?));
    let mut found = Vec::new();
    for (name, moved) in OTHER_NAMES.rows(on, values![number], read).await? {
        if of(&Moved::parse(&moved)?) {
            found.push(name);
        }
    }
    Ok(found)
}

/// Forgets what the push asks to of all these, who are one person; the pictures that they showed.
async fn forget(
    on: &mut Connection<'_>,
    all: &[UserRow],
    (user, carrying): (&UserRow, &CarryingOut),
) -> Result<Vec<(UserId, String)>> {
    let (now, received_at) = (carrying.now, carrying.received_at);
    let (mut of_profile, mut of_phone, mut avatars) = (false, false, Vec::new());
    for one in all {
        let gone = forgotten(one, carrying);
        if gone.nickname {
            FORGET_NICKNAME.run(on, values![one.number, now]).await?;
        }
        if gone.avatar {
            FORGET_AVATAR.run(on, values![one.number, now]).await?;
            avatars.extend(one.avatar_url.clone().map(|url| (one.id, url)));
        }
        of_profile |= gone.nickname || gone.avatar;
        if gone.phone && FORGET_PHONE.run(on, values![one.number, received_at]).await? > 0 {
            FORGET_MASK.run(on, values![one.number, now]).await?;
            of_phone = true;
        }
    }
    for (is_gone, action) in [(of_profile, "profile.forgotten"), (of_phone, "phone.forgotten")] {
        if is_gone {
            write_audit(on, &pushed_line(carrying, action, user.id), now).await?;
        }
    }
    Ok(avatars)
}

async fn close(
    on: &mut Connection<'_>,
    user: &UserRow,
    identity: IdentityId,
    carrying: &CarryingOut,
) -> Result<CarriedOut> {
    let own = id(identity);
    OLD_KEYS.run(on, values![&own]).await?;
    let act = pushed_line(carrying, "identity.detached", user.id);
    operator_people::forget(on, identity, (&act, carrying.now)).await?;
    DETACH.run(on, values![&own]).await?;
    write_audit(on, &act, carrying.now).await?;
    let left = LEFT.rows(on, values![user.number], rows::id).await?;
    let has_password = HAS_PASSWORD.row(on, values![user.number], rows::value::<i64>).await?.is_some();
    let was_last = left.is_empty() && !has_password;
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
    let former_avatars = if was_last {
        leaving::erase(on, user, &erasing_by_push(carrying, user.id)).await?
    } else {
        let mut gone = other_names(on, user.number, |it| left.is_empty() || it.came_by(identity, &left)).await?;
        if left.is_empty() {
            gone.insert(0, user.clone());
        }
        forget(on, &gone, (user, carrying)).await?
    };
    Ok(CarriedOut::Done { user: user.id, ended, former_avatars, was_last })
}
