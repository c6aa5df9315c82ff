//! Everything sealed: counted and moved by master key. An operator's chores: they may read whole tables.

use super::connection::Connection;
use super::statement::{Sql, statements};
use super::value::values;
use crate::store::columns::Columns;
use crate::store::{Result, SealedCount, SealedPlace, SealedValue, StoreError};

macro_rules! count {
    ($sealed:literal, $from:literal) => {
        concat!("SELECT substr(", $sealed, ", 2, 4) AS master_key, count(*) FROM ", $from, " GROUP BY 1")
    };
}

/// `$key`: what finds the row; `$name`: what the value is sealed to; both as bytes.
macro_rules! elsewhere {
    ($table:literal, $key:literal, $name:literal, $sealed:literal) => {
        concat!(
            "SELECT ",
            $key,
            ", ",
            $name,
            ", ",
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
    COUNT_DATA_KEYS on data_keys = both(count!("sealed", "data_keys"));
    COUNT_SIGNING_KEYS on signing_keys = both(count!("private", "signing_keys"));
    COUNT_SESSION_KEYS on session_keys = both(count!("sealed", "(SELECT sealed FROM session_keys
        UNION ALL SELECT session_key FROM identities WHERE session_key IS NOT NULL) AS kept"));
    COUNT_PHONES on phones = both(count!("sealed", "phones"));
    COUNT_PASSWORDS on passwords = both(count!("hash", "passwords"));
    COUNT_GRANTS on grants = both(count!("secret", "grants"));
    COUNT_PLATFORM_TOKENS on platform_tokens = both(count!("sealed", "platform_tokens"));
    COUNT_APPS on apps = both(count!("app_secret", "apps WHERE app_secret IS NOT NULL"));
    COUNT_ARRIVALS on arrivals = both(count!("sealed", "arrivals"));
    COUNT_PUSHES on pushes = both(count!("sealed", "pushes WHERE sealed IS NOT NULL"));
    COUNT_OPERATORS on operators = both(count!("sealed", "operators WHERE sealed IS NOT NULL"));
    COUNT_REFRESH_TOKENS on grants = both("SELECT g.master_key, count(*) FROM grants g JOIN sessions s ON s.id = g.session
        WHERE s.ended_at IS NULL GROUP BY 1");
    DATA_KEYS on data_keys = each(
        elsewhere!("data_keys", "convert_to(name, 'UTF8')", "convert_to(name, 'UTF8')", "sealed"),
        elsewhere!("data_keys", "name", "name", "sealed"),
    );
    SIGNING_KEYS on signing_keys = each(
        elsewhere!("signing_keys", "convert_to(kid, 'UTF8')", "convert_to(kid, 'UTF8')", "private"),
        elsewhere!("signing_keys", "kid", "kid", "private"),
    );
    SESSION_KEYS on identities = both(elsewhere!("identities", "id", "session_key_row", "session_key"));
    SUPERSEDED on session_keys = both(elsewhere!("session_keys", "id", "id", "sealed"));
    PHONES on phones = both(elsewhere!("phones", "id", "id", "sealed"));
    PASSWORDS on passwords = both(elsewhere!("passwords", "id", "id", "hash"));
    GRANTS on grants = both(elsewhere!("grants", "id", "id", "secret"));
    PLATFORM_TOKENS on platform_tokens = each(
        elsewhere!("platform_tokens", "convert_to(app, 'UTF8')", "convert_to(app, 'UTF8')", "sealed"),
        elsewhere!("platform_tokens", "app", "app", "sealed"),
    );
    APPS on apps = each(
        elsewhere!("apps", "convert_to(id, 'UTF8')", "convert_to(id, 'UTF8')", "app_secret"),
        elsewhere!("apps", "id", "id", "app_secret"),
    );
    ARRIVALS on arrivals = both(elsewhere!("arrivals", "code", "code", "sealed"));
    PUSHES on pushes = both(elsewhere!("pushes", "digest", "digest", "sealed"));
    OPERATORS on operators = each(
        elsewhere!("operators", "convert_to(name, 'UTF8')", "convert_to(name, 'UTF8')", "sealed"),
        elsewhere!("operators", "name", "name", "sealed"),
    );
    RESEAL_DATA_KEY on data_keys = each(
        reseal!("data_keys", "sealed", "name = convert_from(?1, 'UTF8')"),
        reseal!("data_keys", "sealed", "name = ?1"),
    );
    RESEAL_SIGNING_KEY on signing_keys = each(
        reseal!("signing_keys", "private", "kid = convert_from(?1, 'UTF8')"),
        reseal!("signing_keys", "private", "kid = ?1"),
    );
    RESEAL_SESSION_KEY on identities = both(reseal!("identities", "session_key", "id = ?1"));
    RESEAL_SUPERSEDED on session_keys = both(reseal!("session_keys", "sealed", "id = ?1"));
    RESEAL_PHONE on phones = both(reseal!("phones", "sealed", "id = ?1"));
    RESEAL_PASSWORD on passwords = both(reseal!("passwords", "hash", "id = ?1"));
    RESEAL_GRANT on grants = both(reseal!("grants", "secret", "id = ?1"));
    RESEAL_PLATFORM_TOKEN on platform_tokens = each(
        reseal!("platform_tokens", "sealed", "app = convert_from(?1, 'UTF8')"),
        reseal!("platform_tokens", "sealed", "app = ?1"),
    );
    RESEAL_APP on apps = each(
        reseal!("apps", "app_secret", "id = convert_from(?1, 'UTF8')"),
        reseal!("apps", "app_secret", "id = ?1"),
    );
    RESEAL_OPERATOR on operators = each(
        reseal!("operators", "sealed", "name = convert_from(?1, 'UTF8')"),
        reseal!("operators", "sealed", "name = ?1"),
    );
    RESEAL_ARRIVAL on arrivals = both(reseal!("arrivals", "sealed", "code = ?1"));
    RESEAL_PUSH on pushes = both(reseal!("pushes", "sealed", "digest = ?1"));
}

/// How each kind is counted.
static COUNTS: [(&str, &Sql); 12] = [
    ("data_keys", &COUNT_DATA_KEYS),
    ("signing_keys", &COUNT_SIGNING_KEYS),
    ("session_keys", &COUNT_SESSION_KEYS),
    ("phones", &COUNT_PHONES),
    ("passwords", &COUNT_PASSWORDS),
    ("grants", &COUNT_GRANTS),
    ("platform_tokens", &COUNT_PLATFORM_TOKENS),
    ("apps", &COUNT_APPS),
    ("arrivals", &COUNT_ARRIVALS),
    ("pushes", &COUNT_PUSHES),
    ("operators", &COUNT_OPERATORS),
    ("refresh tokens", &COUNT_REFRESH_TOKENS),
];

/// A column that holds something sealed: the name that its kind has in [`Sealed`](crate::seal::Sealed), how values are
/// found there, and how one is replaced.
static PLACES: [(&str, &Sql, &Sql); 12] = [
    ("data_keys", &DATA_KEYS, &RESEAL_DATA_KEY),
    ("signing_keys", &SIGNING_KEYS, &RESEAL_SIGNING_KEY),
    ("session_keys", &SESSION_KEYS, &RESEAL_SESSION_KEY),
    ("session_keys", &SUPERSEDED, &RESEAL_SUPERSEDED),
    ("phones", &PHONES, &RESEAL_PHONE),
    ("passwords", &PASSWORDS, &RESEAL_PASSWORD),
    ("grants", &GRANTS, &RESEAL_GRANT),
    ("platform_tokens", &PLATFORM_TOKENS, &RESEAL_PLATFORM_TOKEN),
    ("apps", &APPS, &RESEAL_APP),
    ("arrivals", &ARRIVALS, &RESEAL_ARRIVAL),
    ("pushes", &PUSHES, &RESEAL_PUSH),
    ("operators", &OPERATORS, &RESEAL_OPERATOR),
];

pub(super) async fn counts(on: &mut Connection<'_>) -> Result<Vec<SealedCount>> {
    let mut counts = Vec::new();
    for (table, sql) in COUNTS {
        let found = sql.rows(on, &[], |it| {
            let (master_key, rows) = (it.get()?, it.get::<i64>()?);
            Ok(SealedCount { table, master_key, rows: rows.unsigned_abs() })
        });
        counts.extend(found.await?);
    }
    Ok(counts)
}

pub(super) async fn elsewhere(on: &mut Connection<'_>, id: [u8; 4], limit: u32) -> Result<Vec<SealedValue>> {
    let mut found = Vec::new();
    for (index, (table, sql, _)) in PLACES.into_iter().enumerate() {
        let left = i64::from(limit).saturating_sub_unsigned(found.len() as u64);
        if left <= 0 {
            break;
        }
        let read = |it: &mut Columns<'_>| {
            let place = SealedPlace { index, key: it.get()? };
            Ok(SealedValue { table, place, row: it.get()?, sealed: it.get()? })
        };
        found.extend(sql.rows(on, values![&id, left], read).await?);
    }
    Ok(found)
}

pub(super) async fn reseal(on: &mut Connection<'_>, values: &[(SealedValue, Vec<u8>)]) -> Result<()> {
    for (value, anew) in values {
        let (_, _, sql) = PLACES.get(value.place.index).ok_or_else(|| {
            StoreError::Unavailable(anyhow::anyhow!("{} is no place of this store", value.place.index))
        })?;
        sql.run(on, values![&value.place.key, &value.sealed, anew]).await?;
    }
    Ok(())
}
