//! Phone numbers in `SQLite`: one of a user, one user of a number.

use menjin_token::{Timestamp, UserId};
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::sql::statements;
use crate::store::rules::{may_move, phone_line};
use crate::store::{PhoneChange, Result, UserRow};

statements! {
    HOLDER on phones = "SELECT u.id, u.number, coalesce(u.merged_into, u.number) FROM phones p JOIN users u ON u.number = p.user_number
        WHERE p.lookup = ?1";
    RENEW on phones = "UPDATE phones SET bound_at = ?2 WHERE user_number = ?1";
    UNBIND on phones = "DELETE FROM phones WHERE user_number = ?1";
    BIND on phones = "INSERT INTO phones (id, user_number, lookup, sealed, bound_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    MASK on users = "UPDATE users SET phone_masked = ?2, updated_at = ?3 WHERE number = ?1";
}

/// Binds a proved number, in the caller's transaction; whether it is theirs then. The newest proof wins, if it is a fresh
/// one: numbers are recycled, so a former holder loses the number, never the account.
pub(super) fn bind(connection: &Connection, user: &UserRow, phone: &PhoneChange, now: Timestamp) -> Result<bool> {
    let holder: Option<(UserId, i64, i64)> =
        HOLDER.row(connection, [phone.lookup], |it| Ok((it.id()?, it.get()?, it.get()?)))?;
    if let Some((former, number, holder)) = holder {
        if number == user.number {
            if phone.is_fresh {
                RENEW.run(connection, params![number, now.millis()])?;
            }
            return Ok(true);
        }
        if !may_move(phone, user.number, holder) {
            return Ok(false);
        }
        UNBIND.run(connection, [number])?;
        MASK.run(connection, params![number, None::<String>, now.millis()])?;
        write_audit(connection, &phone_line("phone.moved", former), now)?;
    }
    UNBIND.run(connection, [user.number])?;
    BIND.run(connection, params![phone.row, user.number, phone.lookup, phone.sealed, now.millis()])?;
    MASK.run(connection, params![user.number, phone.masked, now.millis()])?;
    write_audit(connection, &phone_line("phone.bound", user.id), now)?;
    Ok(true)
}
