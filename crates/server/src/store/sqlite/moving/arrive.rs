//! Users and identities of another system, in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, params};

use crate::store::across::NOTES;
use crate::store::moving::{Found, Verdict};
use crate::store::sqlite::sql::statements;
use crate::store::sqlite::{Sqlite, passwords};
use crate::store::{MovedIn, MovingIn, NewIdentity, Newcomer, Result};

statements! {
    NOTES_OF_A_MOVE on sqlite_schema = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
    HAS_NUMBER on users = "SELECT coalesce(merged_into, number) FROM users WHERE number = ?1";
    HAS_EXTERNAL_ID on users = "SELECT number FROM users WHERE external_id = ?1";
    HAS_IDENTITY on identities = "SELECT user_number FROM identities WHERE platform = ?1 AND appid = ?2 AND openid = ?3";
    USER on users = "INSERT INTO users (number, id, external_id, nickname, avatar_url, created_at, updated_at, disabled_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    IDENTITY on identities = "INSERT INTO identities (id, user_number, platform, appid, openid, open_account, unionid, created_at)
        VALUES (?1, (SELECT coalesce(merged_into, number) FROM users WHERE number = ?2), ?3, ?4, ?5, ?6, ?7, ?8)";
}

#[async_trait]
impl MovingIn for Sqlite {
    async fn move_in(&self, newcomers: Vec<Newcomer>, now: Timestamp, rehearsal: bool) -> Result<Vec<MovedIn>> {
        self.write_last(move |connection| {
            let one = |newcomer: &Newcomer| -> Result<MovedIn> {
                let verdict = find(connection, newcomer)?.verdict(newcomer);
                if !rehearsal {
                    carry_out(connection, newcomer, &verdict, now)?;
                }
                Ok(verdict.into())
            };
            newcomers.iter().map(one).collect()
        })
        .await
    }

    async fn is_half_moved(&self) -> Result<bool> {
        self.read(|connection| Ok(NOTES_OF_A_MOVE.value::<i64>(connection, [NOTES])?.is_some()))
    }

    async fn number_from(&self, above: i64) -> Result<i64> {
        self.write_last(move |connection| Ok(raise_sequence(connection, "users", above)? + 1)).await
    }
}

/// The sequence of a table stands at least at `least` from now on; returns where it stands.
pub(super) fn raise_sequence(connection: &Connection, table: &str, least: i64) -> rusqlite::Result<i64> {
    // `SQLite` keeps no row for a table that never had one.
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
        [table],
    )?;
    connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1", params![table, least])?;
    connection.query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
}

fn carry_out(connection: &Connection, newcomer: &Newcomer, verdict: &Verdict, now: Timestamp) -> Result<()> {
    match verdict {
        Verdict::Refuse(_) => Ok(()),
        Verdict::Make => {
            insert_user(connection, newcomer, now)?;
            newcomer.identities.iter().try_for_each(|identity| insert_identity(connection, newcomer, identity))?;
            insert_password(connection, newcomer, true, now)
        }
        Verdict::Add(places, password) => {
            places.iter().try_for_each(|at| insert_identity(connection, newcomer, &newcomer.identities[*at]))?;
            insert_password(connection, newcomer, *password, now)
        }
    }
}

fn find(connection: &Connection, newcomer: &Newcomer) -> Result<Found> {
    let holder = |identity: &NewIdentity| {
        let name = &identity.name;
        HAS_IDENTITY.value(connection, params![name.platform, name.appid, name.openid])
    };
    let stays = HAS_NUMBER.value::<i64>(connection, [newcomer.number])?;
    let found = Found {
        number: stays.is_some(),
        external_id: match &newcomer.external_id {
            Some(external_id) => HAS_EXTERNAL_ID.value(connection, [external_id])?,
            None => None,
        },
        identities: newcomer.identities.iter().map(holder).collect::<Result<_>>()?,
        username: match &newcomer.password {
            Some(new) => passwords::holder(connection, &new.lookup)?,
            None => None,
        },
        password: newcomer.password.is_some() && passwords::chosen(connection, newcomer.number)?.is_some(),
    };
    Ok(found.by_name_of(newcomer.number, stays))
}

/// The name is nobody else's: the verdict was found in the same transaction.
fn insert_password(connection: &Connection, newcomer: &Newcomer, wanted: bool, now: Timestamp) -> Result<()> {
    match newcomer.password.as_ref().filter(|_| wanted) {
        Some(new) => passwords::add(connection, newcomer.number, new, now).map(drop),
        None => Ok(()),
    }
}

fn insert_user(connection: &Connection, newcomer: &Newcomer, now: Timestamp) -> Result<()> {
    let Newcomer { id, number, external_id, nickname, avatar_url, created_at, disabled, .. } = newcomer;
    let disabled_at = disabled.then(|| now.millis());
    USER.run(
        connection,
        params![
            number,
            id.to_bytes(),
            external_id,
            nickname,
            avatar_url,
            created_at.millis(),
            now.millis(),
            disabled_at
        ],
    )
    .map(drop)
}

fn insert_identity(connection: &Connection, newcomer: &Newcomer, identity: &NewIdentity) -> Result<()> {
    let NewIdentity { id, name, unionid } = identity;
    let (unionid, account) = unionid.as_ref().map(|(unionid, account)| (unionid, account)).unzip();
    IDENTITY
        .run(
            connection,
            params![
                id.to_bytes(),
                newcomer.number,
                name.platform,
                name.appid,
                name.openid,
                account,
                unionid,
                newcomer.created_at.millis(),
            ],
        )
        .map(drop)
}
