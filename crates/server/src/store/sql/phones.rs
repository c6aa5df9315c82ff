//! Phone numbers: one of a user, one user of a number.

use menjin_token::{Timestamp, UserId};

use super::connection::Connection;
use super::error::overtaken;
use super::events::write_audit;
use super::statement::statements;
use super::value::values;
use crate::store::columns::Columns;
use crate::store::rows;
use crate::store::rules::{may_move, phone_line};
use crate::store::{IdentityName, PhoneChange, Result, UserRow};

macro_rules! holder {
    () => {
        "SELECT u.id, u.number, coalesce(u.merged_into, u.number) FROM phones p JOIN users u ON u.number = p.user_number
        WHERE p.lookup = ?1"
    };
}

statements! {
    HELD_BY on phones = both("SELECT user_number FROM phones WHERE lookup = ?1");
    OWN on identities = both("SELECT user_number FROM identities WHERE openid = ?3 AND appid = ?2 AND platform = ?1");
    LOCK on users = each(
        "SELECT number FROM users WHERE number = ?1 FOR NO KEY UPDATE",
        "SELECT number FROM users WHERE number = ?1 FOR UPDATE",
    );
    HOLDER on phones = each(
        concat!(holder!(), " FOR UPDATE OF p"),
        concat!(holder!(), " FOR UPDATE"),
    );
    RENEW on phones = both("UPDATE phones SET bound_at = ?2 WHERE user_number = ?1");
    UNBIND on phones = both("DELETE FROM phones WHERE user_number = ?1");
    BIND on phones = each(
        "INSERT INTO phones (id, user_number, lookup, sealed, bound_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        "INSERT INTO phones (id, user_number, lookup, sealed, bound_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    MASK on users = both("UPDATE users SET phone_masked = ?2, updated_at = ?3 WHERE number = ?1");
}

/// Before anything else is locked: whoever takes a number from somebody changes both people. They are locked in one order, so
/// that two who prove each other's number do not wait for each other.
pub(super) async fn line_up(on: &mut Connection<'_>, identity: &IdentityName, phone: &PhoneChange) -> Result<()> {
    let Some(holder) = HELD_BY.row(on, values![&phone.lookup], rows::value::<i64>).await? else { return Ok(()) };
    let name = values![identity.platform, &identity.appid, &identity.openid];
    let Some(own) = OWN.row(on, name, rows::value::<i64>).await? else { return Ok(()) };
    if own == holder { Ok(()) } else { lock([own, holder], on).await }
}

/// The same for a user who signed in before; they are locked in any case.
pub(super) async fn line_up_user(on: &mut Connection<'_>, own: i64, phone: &PhoneChange) -> Result<()> {
    let holder = HELD_BY.row(on, values![&phone.lookup], rows::value::<i64>).await?;
    lock([own, holder.unwrap_or(own)], on).await
}

/// Locks two people, who may be one.
pub(super) async fn lock([one, other]: [i64; 2], on: &mut Connection<'_>) -> Result<()> {
    LOCK.row(on, values![one.min(other)], rows::value::<i64>).await?;
    if one != other {
        LOCK.row(on, values![one.max(other)], rows::value::<i64>).await?;
    }
    Ok(())
}

/// Binds a proved number, in the caller's transaction; whether it is theirs then. The newest proof wins, if it is a fresh
/// one: numbers are recycled, so a former holder loses the number, never the account.
pub(super) async fn bind(on: &mut Connection<'_>, user: &UserRow, phone: &PhoneChange, now: Timestamp) -> Result<bool> {
    let read = |it: &mut Columns<'_>| Ok((it.id()?, it.get()?, it.get()?));
    let holder: Option<(UserId, i64, i64)> = HOLDER.row(on, values![&phone.lookup], read).await?;
    if let Some((former, number, holder)) = holder {
        if number == user.number {
            if phone.is_fresh {
                RENEW.run(on, values![number, now]).await?;
            }
            return Ok(true);
        }
        if !may_move(phone, user.number, holder) {
            return Ok(false);
        }
        UNBIND.run(on, values![number]).await?;
        MASK.run(on, values![number, None::<&str>, now]).await?;
        write_audit(on, &phone_line("phone.moved", former), now).await?;
    }
    UNBIND.run(on, values![user.number]).await?;
    if !BIND.add(on, values![&phone.row, user.number, &phone.lookup, &phone.sealed, now]).await? {
        return Err(overtaken());
    }
    MASK.run(on, values![user.number, phone.masked.as_str(), now]).await?;
    write_audit(on, &phone_line("phone.bound", user.id), now).await?;
    Ok(true)
}
