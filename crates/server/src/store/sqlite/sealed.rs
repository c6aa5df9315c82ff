//! Everything sealed, in `SQLite`: counted and moved by master key. An operator's chores: they may read whole tables.

use rusqlite::{Connection, params};

use super::sql::{Sql, statements};
use crate::store::{Result, SealedCount, SealedPlace, SealedValue, StoreError};

macro_rules! count {
    ($sealed:literal, $from:literal) => {
        concat!("SELECT substr(", $sealed, ", 2, 4), count(*) FROM ", $from, " GROUP BY 1")
    };
}

/// `$key`: what finds the row; `$name`: what the value is sealed to.
macro_rules! elsewhere {
    ($table:literal, $key:literal, $name:literal, $sealed:literal) => {
        concat!(
            "SELECT CAST(",
            $key,
            " AS BLOB), CAST(",
            $name,
            " AS BLOB), ",
            $sealed,
            " FROM ",
            $table,
            " WHERE substr(",
            $sealed,
            ", 2, 4) <> ?1 LIMIT ?2"
        )
    };
}

macro_rules! reseal {
    ($table:literal, $sealed:literal, $found:literal) => {
        concat!("UPDATE ", $table, " SET ", $sealed, " = ?3 WHERE ", $found, " AND ", $sealed, " = ?2")
    };
}

statements! {
    COUNT_DATA_KEYS on data_keys = count!("sealed", "data_keys");
    COUNT_SIGNING_KEYS on signing_keys = count!("private", "signing_keys");
    COUNT_SESSION_KEYS on session_keys = count!("sealed", "(SELECT sealed FROM session_keys
        UNION ALL SELECT session_key FROM identities WHERE session_key IS NOT NULL)");
    COUNT_PHONES on phones = count!("sealed", "phones");
    COUNT_PASSWORDS on passwords = count!("hash", "passwords");
    COUNT_GRANTS on grants = count!("secret", "grants");
    COUNT_PLATFORM_TOKENS on platform_tokens = count!("sealed", "platform_tokens");
    COUNT_APPS on apps = count!("app_secret", "apps WHERE app_secret IS NOT NULL");
    COUNT_ARRIVALS on arrivals = count!("sealed", "arrivals");
    COUNT_PUSHES on pushes = count!("sealed", "pushes WHERE sealed IS NOT NULL");
    COUNT_OPERATORS on operators = count!("sealed", "operators WHERE sealed IS NOT NULL");
    COUNT_REFRESH_TOKENS on grants = "SELECT g.master_key, count(*) FROM grants g JOIN sessions s ON s.id = g.session
        WHERE s.ended_at IS NULL GROUP BY 1";
    DATA_KEYS on data_keys = elsewhere!("data_keys", "name", "name", "sealed");
    SIGNING_KEYS on signing_keys = elsewhere!("signing_keys", "kid", "kid", "private");
    SESSION_KEYS on identities = elsewhere!("identities", "id", "session_key_row", "session_key");
    SUPERSEDED on session_keys = elsewhere!("session_keys", "id", "id", "sealed");
    PHONES on phones = elsewhere!("phones", "id", "id", "sealed");
    PASSWORDS on passwords = elsewhere!("passwords", "id", "id", "hash");
    GRANTS on grants = elsewhere!("grants", "id", "id", "secret");
    PLATFORM_TOKENS on platform_tokens = elsewhere!("platform_tokens", "app", "app", "sealed");
    APPS on apps = elsewhere!("apps", "id", "id", "app_secret");
    ARRIVALS on arrivals = elsewhere!("arrivals", "code", "code", "sealed");
    PUSHES on pushes = elsewhere!("pushes", "digest", "digest", "sealed");
    OPERATORS on operators = elsewhere!("operators", "name", "name", "sealed");
    RESEAL_DATA_KEY on data_keys = reseal!("data_keys", "sealed", "name = CAST(?1 AS TEXT)");
    RESEAL_SIGNING_KEY on signing_keys = reseal!("signing_keys", "private", "kid = CAST(?1 AS TEXT)");
    RESEAL_SESSION_KEY on identities = reseal!("identities", "session_key", "id = ?1");
    RESEAL_SUPERSEDED on session_keys = reseal!("session_keys", "sealed", "id = ?1");
    RESEAL_PHONE on phones = reseal!("phones", "sealed", "id = ?1");
    RESEAL_PASSWORD on passwords = reseal!("passwords", "hash", "id = ?1");
    RESEAL_GRANT on grants = reseal!("grants", "secret", "id = ?1");
    RESEAL_PLATFORM_TOKEN on platform_tokens = reseal!("platform_tokens", "sealed", "app = CAST(?1 AS TEXT)");
    RESEAL_APP on apps = reseal!("apps", "app_secret", "id = CAST(?1 AS TEXT)");
    RESEAL_OPERATOR on operators = reseal!("operators", "sealed", "name = CAST(?1 AS TEXT)");
    RESEAL_ARRIVAL on arrivals = reseal!("arrivals", "sealed", "code = ?1");
    RESEAL_PUSH on pushes = reseal!("pushes", "sealed", "digest = ?1");
}

/// How each kind is counted.
const COUNTS: [(&str, Sql); 12] = [
    ("data_keys", COUNT_DATA_KEYS),
    ("signing_keys", COUNT_SIGNING_KEYS),
    ("session_keys", COUNT_SESSION_KEYS),
    ("phones", COUNT_PHONES),
    ("passwords", COUNT_PASSWORDS),
    ("grants", COUNT_GRANTS),
    ("platform_tokens", COUNT_PLATFORM_TOKENS),
    ("apps", COUNT_APPS),
    ("arrivals", COUNT_ARRIVALS),
    ("pushes", COUNT_PUSHES),
    ("operators", COUNT_OPERATORS),
    ("refresh tokens", COUNT_REFRESH_TOKENS),
];

/// A column that holds something sealed: the name that its kind has in [`Sealed`](crate::seal::Sealed), how values are
/// found there, and how one is replaced.
const PLACES: [(&str, Sql, Sql); 12] = [
    ("data_keys", DATA_KEYS, RESEAL_DATA_KEY),
    ("signing_keys", SIGNING_KEYS, RESEAL_SIGNING_KEY),
    ("session_keys", SESSION_KEYS, RESEAL_SESSION_KEY),
    ("session_keys", SUPERSEDED, RESEAL_SUPERSEDED),
    ("phones", PHONES, RESEAL_PHONE),
    ("passwords", PASSWORDS, RESEAL_PASSWORD),
    ("grants", GRANTS, RESEAL_GRANT),
    ("platform_tokens", PLATFORM_TOKENS, RESEAL_PLATFORM_TOKEN),
    ("apps", APPS, RESEAL_APP),
    ("arrivals", ARRIVALS, RESEAL_ARRIVAL),
    ("pushes", PUSHES, RESEAL_PUSH),
    ("operators", OPERATORS, RESEAL_OPERATOR),
];

pub(super) fn counts(connection: &Connection) -> Result<Vec<SealedCount>> {
    let mut counts = Vec::new();
    for (table, sql) in COUNTS {
        counts.extend(sql.rows(connection, [], |it| {
            let (master_key, rows) = (it.get()?, it.get::<i64>()?);
            Ok(SealedCount { table, master_key, rows: rows.unsigned_abs() })
        })?);
    }
    Ok(counts)
}

pub(super) fn elsewhere(connection: &Connection, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>> {
    let mut found = Vec::new();
    for (index, (table, sql, _)) in PLACES.into_iter().enumerate() {
        let left = i64::from(limit).saturating_sub_unsigned(found.len() as u64);
        if left <= 0 {
            break;
        }
        found.extend(sql.rows(connection, params![id, left], |it| {
            let place = SealedPlace { index, key: it.get()? };
            Ok(SealedValue { table, place, row: it.get()?, sealed: it.get()? })
        })?);
    }
    Ok(found)
}

pub(super) fn reseal(connection: &Connection, values: &[(SealedValue, Vec<u8>)]) -> Result<()> {
    for (value, anew) in values {
        let (_, _, sql) = PLACES.get(value.place.index).ok_or_else(|| {
            StoreError::Unavailable(anyhow::anyhow!("{} is no place of this store", value.place.index))
        })?;
        sql.run(connection, params![value.place.key, value.sealed, anew])?;
    }
    Ok(())
}
