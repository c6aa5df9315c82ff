//! What a database server says when it fails: told without people's data, and whether trying again can help.

use crate::store::StoreError;

/// A failure of the database or of the way to it. Its text holds no values of rows.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct DatabaseError {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A row, a column or an index of the same name is there.
    Duplicate,
    /// The transaction lost against another one and is gone: it may be tried again.
    Lost,
    /// The connection is gone.
    Disconnected,
    /// The connection prepared the statement for a schema that has changed since; another one has not.
    Outdated,
    Other,
}

/// The transaction found that another one was first: it may be tried again.
pub(super) fn overtaken() -> StoreError {
    let text = "another transaction was first, again and again".to_owned();
    StoreError::Unavailable(DatabaseError { text, kind: Kind::Lost }.into())
}

/// The time is over.
pub(super) fn too_slow(what: &str) -> StoreError {
    let text = format!("the database took too long: {what}");
    StoreError::Unavailable(DatabaseError { text, kind: Kind::Other }.into())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(describe(&error).into())
}

pub(super) fn describe(error: &sqlx::Error) -> DatabaseError {
    let sqlx::Error::Database(said) = error else {
        let gone = matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed
        );
        let kind = if gone { Kind::Disconnected } else { Kind::Other };
        let text = if matches!(error, sqlx::Error::PoolTimedOut) {
            "the database gave no connection in time: does it run, and can it be reached?".to_owned()
        } else {
            error.to_string()
        };
        return DatabaseError { text, kind };
    };
    let state = said.code().unwrap_or_default();
    let number =
        said.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number);
    let kind = match (number, state.as_ref()) {
        (Some(1213 | 1205), _) | (None, "40001" | "40P01" | "55P03") => Kind::Lost,
        (Some(1053 | 1927 | 4031), _) | (None, "57P01" | "57P02" | "57P03") => Kind::Disconnected,
        (None, "0A000") if said.message().starts_with("cached plan") => Kind::Outdated,
        (Some(1060 | 1061), _) => Kind::Duplicate,
        _ if said.is_unique_violation() => Kind::Duplicate,
        _ => Kind::Other,
    };
    // Classes 22 and 23 quote the values that they complain of, and so do some that have no class.
    let quotes =
        state.starts_with("22") || state.starts_with("23") || matches!(number, Some(1300 | 1366 | 1411 | 1525));
    let what = if quotes { said.constraint().unwrap_or("a value was refused") } else { said.message() };
    let remedy = remedy(number, &state).map(|remedy| format!(": {remedy}")).unwrap_or_default();
    DatabaseError { text: format!("{what} ({state}){remedy}"), kind }
}

/// What helps against what a database often says.
fn remedy(number: Option<u16>, state: &str) -> Option<&'static str> {
    Some(match (number, state) {
        (Some(1045 | 1698), _) | (None, "28P01") => {
            "check user and password, and write each of @ : / ? # in the password as `%` and two hexadecimal digits"
        }
        (Some(1130), _) | (None, "28000") => "let this user in from this machine (PostgreSQL: pg_hba.conf)",
        (Some(1049), _) | (None, "3D000") => "make the database first (CREATE DATABASE)",
        (Some(1044), _) => "make the database first, and give its user all rights in it (GRANT ALL)",
        (Some(1142 | 1143 | 1227), _) | (None, "42501") => {
            "give the user all rights in this database: let it own it (PostgreSQL), or GRANT ALL (MySQL)"
        }
        (Some(1040 | 1203 | 1226), _) | (None, "53300") => {
            "the `store.max_connections` of all nodes together are more than the server takes"
        }
        (None, "26000" | "42P05") => "a pooler in between (PgBouncer) must pool sessions: pool_mode = session",
        (Some(1290 | 1792 | 1836), _) | (None, "25006") => "it can only be read: name the primary",
        _ => return None,
    })
}

fn kind(error: &StoreError) -> Kind {
    let StoreError::Unavailable(cause) = error;
    cause.downcast_ref::<DatabaseError>().map_or(Kind::Other, |error| error.kind)
}

pub(super) fn is_duplicate(error: &StoreError) -> bool {
    kind(error) == Kind::Duplicate
}

pub(super) fn is_lost(error: &StoreError) -> bool {
    kind(error) == Kind::Lost
}

pub(super) fn is_disconnected(error: &StoreError) -> bool {
    kind(error) == Kind::Disconnected
}

pub(super) fn is_outdated(error: &StoreError) -> bool {
    kind(error) == Kind::Outdated
}
