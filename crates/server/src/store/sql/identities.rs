//! Identities: listed, proved once more, linked and unlinked.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{SessionId, UserId};

use super::accounts::locked;
use super::connection::Connection;
use super::error::overtaken;
use super::events::write_audit;
use super::sessions::{end_one, insert_identity, keep_key, known, other_holder};
use super::statement::statements;
use super::value::{id, values};
use super::{Database, operator_people};
use crate::store::rows;
use crate::store::rules::is_there;
use crate::store::{
    EndReason, Identities, IdentityRow, Linked, Linking, People as _, ProvedIdentity, Result, Unlinked, Unlinking,
};

statements! {
    OWN_ROWS on identities = both("SELECT id, platform, appid, unionid, created_at FROM identities WHERE user_number = ?1");
    HAS_PASSWORD on passwords = both("SELECT user_number FROM passwords WHERE user_number = ?1");
    NOTE_UNIONID on identities = both("UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1");
    BY_IT on sessions = both("SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL AND identity = ?2");
    OLD_KEYS on session_keys = both("DELETE FROM session_keys WHERE identity = ?1");
    UNLINK on identities = both("DELETE FROM identities WHERE id = ?1");
}

#[async_trait]
impl Identities for Database {
    async fn identities_of(&self, user: UserId) -> Result<Vec<IdentityRow>> {
        let Some(user) = self.user(user).await? else { return Ok(Vec::new()) };
        let own = self.pool.rows(&OWN_ROWS, values![user.number], rows::identity).await?;
        Ok(in_order(own))
    }

    async fn prove_identity(&self, proved: ProvedIdentity) -> Result<Option<UserId>> {
        self.transact(&proved, |on, proved| prove(on, proved).boxed()).await
    }

    async fn link_identity(&self, linking: Linking) -> Result<Linked> {
        self.transact(&linking, |on, linking| link(on, linking).boxed()).await
    }

    async fn unlink_identity(&self, unlinking: Unlinking) -> Result<Unlinked> {
        self.transact(&unlinking, |on, unlinking| unlink(on, unlinking).boxed()).await
    }
}

async fn own(on: &mut Connection<'_>, number: i64) -> Result<Vec<IdentityRow>> {
    OWN_ROWS.rows(on, values![number], rows::identity).await.map(in_order)
}

fn in_order(mut own: Vec<IdentityRow>) -> Vec<IdentityRow> {
    own.sort_unstable_by_key(|identity| identity.id);
    own
}

async fn prove(on: &mut Connection<'_>, proved: &ProvedIdentity) -> Result<Option<UserId>> {
    let Some((user, identity)) = known(on, &proved.name).await? else { return Ok(None) };
    keep_key(on, &identity, proved.session_key.as_ref(), (proved.now, proved.superseded_until)).await?;
    Ok(Some(user.id))
}

/// The user's row is locked, then the unionid's turn is taken, then the identity's row, if there is one.
async fn link(on: &mut Connection<'_>, linking: &Linking) -> Result<Linked> {
    let Linking { user, proved, new_identity, .. } = linking;
    let ProvedIdentity { name, unionid, session_key, superseded_until, now } = proved;
    let user = locked(on, *user).await?.filter(|user| user.disabled_at.is_none() && is_there(user));
    let Some(user) = user else { return Ok(Linked::Gone) };
    let elsewhere = match unionid {
        Some((unionid, account)) => other_holder(on, user.number, (name, unionid, account)).await?,
        None => None,
    };
    if let Some((holder, identity)) = known(on, name).await? {
        keep_key(on, &identity, session_key.as_ref(), (*now, *superseded_until)).await?;
        if holder.number != user.number {
            return Ok(Linked::Taken);
        }
        if let Some((unionid, account)) = unionid.as_ref().filter(|_| elsewhere.is_none()) {
            NOTE_UNIONID.run(on, values![&id(identity.id), unionid, account]).await?;
        }
        let row = own(on, user.number).await?.into_iter().find(|row| row.id == identity.id);
        return Ok(row.map_or(Linked::Taken, Linked::Already));
    }
    if elsewhere.is_some() {
        return Ok(Linked::Taken);
    }
    let (who, what) = ((*new_identity, user.number), (name, unionid.as_ref()));
    // A sign-in may have made it meanwhile: this one begins again, and finds it.
    if !insert_identity(on, who, what, session_key.as_ref(), *now).await? {
        return Err(overtaken());
    }
    write_audit(on, &linking.line(user.id), *now).await?;
    Ok(Linked::Linked(linking.row()))
}

async fn unlink(on: &mut Connection<'_>, unlinking: &Unlinking) -> Result<Unlinked> {
    let Unlinking { user, identity, now, tokens_until, .. } = unlinking;
    let Some(user) = locked(on, *user).await? else { return Ok(Unlinked::Unknown) };
    let all = own(on, user.number).await?;
    let Some(row) = all.iter().find(|row| row.id == *identity) else { return Ok(Unlinked::Unknown) };
    let has_password = HAS_PASSWORD.row(on, values![user.number], rows::value::<i64>).await?.is_some();
    if unlinking.locks_out(&all, has_password) {
        return Ok(Unlinked::Last);
    }
    let key = id(*identity);
    OLD_KEYS.run(on, values![&key]).await?;
    let line = unlinking.line(row);
    operator_people::forget(on, *identity, (&line, *now)).await?;
    UNLINK.run(on, values![&key]).await?;
    write_audit(on, &line, *now).await?;
    let mut by_it: Vec<SessionId> = BY_IT.rows(on, values![user.number, &key], rows::id).await?;
    by_it.sort_unstable();
    let mut ended = Vec::new();
    for session in by_it {
        if end_one(on, session, EndReason::Kicked, (*now, *tokens_until)).await? {
            write_audit(on, &unlinking.session_line(session), *now).await?;
            ended.push(session);
        }
    }
    Ok(Unlinked::Unlinked(ended))
}
