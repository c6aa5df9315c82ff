//! Columns become domain values at the door; a value that no version of menjin wrote is named with its table.

use menjin_token::{Id, Timestamp};
use rusqlite::Row;
use rusqlite::types::FromSqlError;

use crate::store::UserRow;

/// The columns that [`user`] reads, of `users AS u`, from column `0` on.
pub(super) const USER: &str = "u.id, u.number, u.nickname, u.avatar_url, u.phone_masked, u.created_at, u.disabled_at";
/// How many they are.
pub(super) const USER_COLUMNS: usize = 7;

pub(super) fn user(row: &Row<'_>, from: usize) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        id: id(row, from)?,
        number: row.get(from + 1)?,
        nickname: row.get(from + 2)?,
        avatar_url: row.get(from + 3)?,
        phone_masked: row.get(from + 4)?,
        created_at: time(row, from + 5)?,
        disabled_at: time_or_null(row, from + 6)?,
    })
}

pub(super) fn id<K: menjin_token::Kind>(row: &Row<'_>, column: usize) -> rusqlite::Result<Id<K>> {
    Ok(Id::from_bytes(bytes::<16>(row, column)?))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(super) fn time_or_null(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub(super) fn bytes<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; N]> {
    row.get_ref(column)?.as_blob()?.try_into().map_err(|_| impossible(column, "a blob of another length"))
}

/// A value that can't be: an error naming the column.
pub(super) fn impossible(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Blob,
        Box::new(FromSqlError::Other(what.into())),
    )
}
