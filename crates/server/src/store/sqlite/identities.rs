//! Identities in `SQLite`: listed, proved once more, linked and unlinked.

use async_trait::async_trait;
use menjin_token::UserId;
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::people::by_id;
use super::sessions::{end_one, insert_identity, keep_key, known, other_holder};
use super::sql::statements;
use super::{Sqlite, operator_people};
use crate::store::rows;
use crate::store::rules::is_there;
use crate::store::{EndReason, Identities, IdentityRow, Linked, Linking, ProvedIdentity, Result, Unlinked, Unlinking};

statements! {
    OWN on identities = "SELECT id, platform, appid, unionid, created_at FROM identities WHERE user_number = ?1";
    HAS_PASSWORD on passwords = "SELECT user_number FROM passwords WHERE user_number = ?1";
    NOTE_UNIONID on identities = "UPDATE identities SET unionid = ?2, open_account = ?3 WHERE id = ?1";
    BY_IT on sessions = "SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL AND identity = ?2";
    OLD_KEYS on session_keys = "DELETE FROM session_keys WHERE identity = ?1";
    UNLINK on identities = "DELETE FROM identities WHERE id = ?1";
}

#[async_trait]
impl Identities for Sqlite {
    async fn identities_of(&self, user: UserId) -> Result<Vec<IdentityRow>> {
        self.read(|connection| match by_id(connection, user)? {
            Some(user) => own(connection, user.number),
            None => Ok(Vec::new()),
        })
    }

    async fn prove_identity(&self, proved: ProvedIdentity) -> Result<Option<UserId>> {
        self.write(move |connection| {
            let Some((user, identity)) = known(connection, &proved.name)? else { return Ok(None) };
            keep_key(connection, &identity, proved.session_key.as_ref(), (proved.now, proved.superseded_until))?;
            Ok(Some(user.id))
        })
        .await
    }

    async fn link_identity(&self, linking: Linking) -> Result<Linked> {
        self.write(move |connection| link(connection, &linking)).await
    }

    async fn unlink_identity(&self, unlinking: Unlinking) -> Result<Unlinked> {
        self.write(move |connection| unlink(connection, &unlinking)).await
    }
}

fn own(connection: &Connection, number: i64) -> Result<Vec<IdentityRow>> {
    let mut own = OWN.rows(connection, [number], rows::identity)?;
    own.sort_unstable_by_key(|identity| identity.id);
    Ok(own)
}

fn link(connection: &Connection, linking: &Linking) -> Result<Linked> {
    let Linking { user, proved, new_identity, .. } = linking;
    let ProvedIdentity { name, unionid, session_key, superseded_until, now } = proved;
    let user = by_id(connection, *user)?.filter(|user| user.disabled_at.is_none() && is_there(user));
    let Some(user) = user else { return Ok(Linked::Gone) };
    let elsewhere = match unionid {
        Some((unionid, account)) => other_holder(connection, user.number, (name, unionid, account))?,
        None => None,
    };
    if let Some((holder, identity)) = known(connection, name)? {
        keep_key(connection, &identity, session_key.as_ref(), (*now, *superseded_until))?;
        if holder.number != user.number {
            return Ok(Linked::Taken);
        }
        if let Some((unionid, account)) = unionid.as_ref().filter(|_| elsewhere.is_none()) {
            NOTE_UNIONID.run(connection, params![identity.id.to_bytes(), unionid, account])?;
        }
        let row = own(connection, user.number)?.into_iter().find(|row| row.id == identity.id);
        return Ok(row.map_or(Linked::Taken, Linked::Already));
    }
    if elsewhere.is_some() {
        return Ok(Linked::Taken);
    }
    let (who, what) = ((*new_identity, user.number), (name, unionid.as_ref()));
    insert_identity(connection, who, what, session_key.as_ref(), *now)?;
    write_audit(connection, &linking.line(user.id), *now)?;
    Ok(Linked::Linked(linking.row()))
}

fn unlink(connection: &Connection, unlinking: &Unlinking) -> Result<Unlinked> {
    let Unlinking { user, identity, now, tokens_until, .. } = unlinking;
    let Some(user) = by_id(connection, *user)? else { return Ok(Unlinked::Unknown) };
    let all = own(connection, user.number)?;
    let Some(row) = all.iter().find(|row| row.id == *identity) else { return Ok(Unlinked::Unknown) };
    let has_password = HAS_PASSWORD.value::<i64>(connection, [user.number])?.is_some();
    if unlinking.locks_out(&all, has_password) {
        return Ok(Unlinked::Last);
    }
    let id = identity.to_bytes();
    OLD_KEYS.run(connection, [id])?;
    let line = unlinking.line(row);
    operator_people::forget(connection, *identity, (&line, *now))?;
    UNLINK.run(connection, [id])?;
    write_audit(connection, &line, *now)?;
    let ended = BY_IT.rows(connection, params![user.number, id], rows::id)?;
    for session in &ended {
        end_one(connection, *session, EndReason::Kicked, *now, *tokens_until)?;
        write_audit(connection, &unlinking.session_line(*session), *now)?;
    }
    Ok(Unlinked::Unlinked(ended))
}
