//! Which person of a platform an operator is, in the caller's transaction.

use menjin_token::{IdentityId, Timestamp};

use super::connection::Connection;
use super::events::write_audit;
use super::sessions::known;
use super::statement::statements;
use super::value::{id, values};
use super::{Database, operators};
use crate::store::operators::{may_be, unlinked_line};
use crate::store::rows;
use crate::store::{AuditLine, IdentityName, LinkingOperator, OperatorLinked, Result};

statements! {
    OF_NAME on operator_people = both("SELECT operator_people.operator, i.id FROM identities i
        JOIN operator_people ON operator_people.identity = i.id JOIN users u ON u.number = i.user_number
        WHERE i.openid = ?3 AND i.appid = ?2 AND i.platform = ?1
        AND u.disabled_at IS NULL AND u.deletes_at IS NULL AND u.erased_at IS NULL");
    SIGNS_IN on operator_people = both("SELECT operator_people.operator FROM operator_people
        JOIN identities i ON i.id = operator_people.identity JOIN users u ON u.number = i.user_number
        WHERE operator_people.operator = ?1 AND operator_people.identity = ?2
        AND u.disabled_at IS NULL AND u.deletes_at IS NULL AND u.erased_at IS NULL");
    OF_OPERATORS on operator_people = both("SELECT operator_people.operator FROM identities i
        JOIN operator_people ON operator_people.identity = i.id WHERE i.user_number = ?1");
    OF_IDENTITY on operator_people = both("SELECT operator FROM operator_people WHERE identity = ?1");
    LINK on operator_people = both("INSERT INTO operator_people (operator, identity, linked_at) VALUES (?1, ?2, ?3)");
    UNLINK on operator_people = both("DELETE FROM operator_people WHERE operator = ?1");
}

/// Whom an identity signs in, while whoever has it may sign in themselves.
pub(super) async fn of_name(database: &Database, name: &IdentityName) -> Result<Option<(String, IdentityId)>> {
    let values = values![name.platform, &name.appid, &name.openid];
    database.pool.row(&OF_NAME, values, rows::scanned).await
}

/// Whether this identity signs this operator in.
pub(super) async fn signs_in(on: &mut Connection<'_>, operator: &str, identity: IdentityId) -> Result<bool> {
    let found = SIGNS_IN.row(on, values![operator, &id(identity)], rows::value::<String>).await?;
    Ok(found.is_some())
}

/// Whether somebody is an operator.
pub(super) async fn is_operators(on: &mut Connection<'_>, number: i64) -> Result<bool> {
    Ok(OF_OPERATORS.row(on, values![number], rows::value::<String>).await?.is_some())
}

/// The user and the identity are locked, then the operator: whoever erases, unlinks or removes one of them comes before or after.
pub(super) async fn link(on: &mut Connection<'_>, linking: &LinkingOperator) -> Result<OperatorLinked> {
    let LinkingOperator { operator, identity, now, .. } = linking;
    let found = known(on, identity).await?.filter(|(user, _)| may_be(user));
    let Some((user, identity)) = found else { return Ok(OperatorLinked::Unknown) };
    if !operators::is_there(on, operator).await? {
        return Ok(OperatorLinked::Unknown);
    }
    let identity = id(identity.id);
    match OF_IDENTITY.row(on, values![&identity], rows::value::<String>).await? {
        Some(holder) if holder == *operator => return Ok(OperatorLinked::Linked),
        Some(_) => return Ok(OperatorLinked::Taken),
        None => {}
    }
    unlink(on, operator).await?;
    LINK.run(on, values![operator, &identity, *now]).await?;
    write_audit(on, &linking.line(user.id), *now).await?;
    Ok(OperatorLinked::Linked)
}

/// No identity signs this operator in any more, and what one may have opened is over; false where none did.
pub(super) async fn unlink(on: &mut Connection<'_>, operator: &str) -> Result<bool> {
    let is_unlinked = UNLINK.run(on, values![operator]).await? > 0;
    if is_unlinked {
        operators::end_all(on, operator).await?;
    }
    Ok(is_unlinked)
}

/// An identity is about to go: it signs nobody in any more.
pub(super) async fn forget(on: &mut Connection<'_>, identity: IdentityId, act: (&AuditLine, Timestamp)) -> Result<()> {
    let operators = OF_IDENTITY.rows(on, values![&id(identity)], rows::value).await?;
    unlink_all(on, operators, act).await
}

/// All identities of somebody are about to go.
pub(super) async fn forget_all(on: &mut Connection<'_>, number: i64, act: (&AuditLine, Timestamp)) -> Result<()> {
    let operators = OF_OPERATORS.rows(on, values![number], rows::value).await?;
    unlink_all(on, operators, act).await
}

async fn unlink_all(
    on: &mut Connection<'_>,
    operators: Vec<String>,
    (act, now): (&AuditLine, Timestamp),
) -> Result<()> {
    for operator in operators {
        // Whoever signs in by it now has done so before, and is signed out, or comes too late.
        operators::is_there(on, &operator).await?;
        unlink(on, &operator).await?;
        write_audit(on, &unlinked_line(&operator, act), now).await?;
    }
    Ok(())
}
