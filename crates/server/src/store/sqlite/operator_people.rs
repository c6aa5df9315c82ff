//! Which person of a platform an operator is, in `SQLite`, in the caller's transaction.

use menjin_token::{IdentityId, Timestamp};
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::operators;
use super::sessions::known;
use super::sql::statements;
use crate::store::operators::{may_be, unlinked_line};
use crate::store::rows;
use crate::store::{AuditLine, IdentityName, LinkingOperator, OperatorLinked, Result};

statements! {
    OF_NAME on operator_people = "SELECT operator_people.operator, i.id FROM identities i
        JOIN operator_people ON operator_people.identity = i.id JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3
        AND u.disabled_at IS NULL AND u.deletes_at IS NULL AND u.erased_at IS NULL";
    SIGNS_IN on operator_people = "SELECT operator_people.operator FROM operator_people
        JOIN identities i ON i.id = operator_people.identity JOIN users u ON u.number = i.user_number
        WHERE operator_people.operator = ?1 AND operator_people.identity = ?2
        AND u.disabled_at IS NULL AND u.deletes_at IS NULL AND u.erased_at IS NULL";
    OF_USER on operator_people = "SELECT operator_people.operator FROM identities i
        JOIN operator_people ON operator_people.identity = i.id WHERE i.user_number = ?1";
    OF_IDENTITY on operator_people = "SELECT operator FROM operator_people WHERE identity = ?1";
    LINK on operator_people = "INSERT INTO operator_people (operator, identity, linked_at) VALUES (?1, ?2, ?3)";
    UNLINK on operator_people = "DELETE FROM operator_people WHERE operator = ?1";
}

/// Whom an identity signs in, while whoever has it may sign in themselves.
pub(super) fn of_name(connection: &Connection, name: &IdentityName) -> Result<Option<(String, IdentityId)>> {
    OF_NAME.row(connection, params![name.platform, name.appid, name.openid], rows::scanned)
}

/// Whether this identity signs this operator in.
pub(super) fn signs_in(connection: &Connection, operator: &str, identity: IdentityId) -> Result<bool> {
    Ok(SIGNS_IN.value::<String>(connection, params![operator, identity.to_bytes()])?.is_some())
}

/// Whether somebody is an operator.
pub(super) fn is_operators(connection: &Connection, number: i64) -> Result<bool> {
    Ok(OF_USER.value::<String>(connection, [number])?.is_some())
}

/// Links an identity to an operator whom there is.
pub(super) fn link(connection: &Connection, linking: &LinkingOperator) -> Result<OperatorLinked> {
    let LinkingOperator { operator, identity, now, .. } = linking;
    let found = known(connection, identity)?.filter(|(user, _)| may_be(user));
    let Some((user, identity)) = found else { return Ok(OperatorLinked::Unknown) };
    let identity = identity.id.to_bytes();
    match OF_IDENTITY.value::<String>(connection, [identity])? {
        Some(holder) if holder == *operator => return Ok(OperatorLinked::Linked),
        Some(_) => return Ok(OperatorLinked::Taken),
        None => {}
    }
    unlink(connection, operator)?;
    LINK.run(connection, params![operator, identity, now.millis()])?;
    write_audit(connection, &linking.line(user.id), *now)?;
    Ok(OperatorLinked::Linked)
}

/// No identity signs this operator in any more, and what one may have opened is over; false where none did.
pub(super) fn unlink(connection: &Connection, operator: &str) -> Result<bool> {
    let is_unlinked = UNLINK.run(connection, [operator])? > 0;
    if is_unlinked {
        operators::end_all(connection, operator)?;
    }
    Ok(is_unlinked)
}

/// An identity is about to go: it signs nobody in any more.
pub(super) fn forget(connection: &Connection, identity: IdentityId, (act, now): (&AuditLine, Timestamp)) -> Result<()> {
    let operators = OF_IDENTITY.rows(connection, [identity.to_bytes()], rows::value)?;
    unlink_all(connection, operators, (act, now))
}

/// All identities of somebody are about to go.
pub(super) fn forget_all(connection: &Connection, number: i64, (act, now): (&AuditLine, Timestamp)) -> Result<()> {
    let operators = OF_USER.rows(connection, [number], rows::value)?;
    unlink_all(connection, operators, (act, now))
}

fn unlink_all(connection: &Connection, operators: Vec<String>, (act, now): (&AuditLine, Timestamp)) -> Result<()> {
    for operator in operators {
        unlink(connection, &operator)?;
        write_audit(connection, &unlinked_line(&operator, act), now)?;
    }
    Ok(())
}
