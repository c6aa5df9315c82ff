//! Arrivals in `SQLite`.

use async_trait::async_trait;
use menjin_token::Timestamp;
use rusqlite::{Connection, params};

use super::sql::statements;
use super::{Sqlite, codes};
use crate::store::{Arrival, Arrivals, CodeDigest, Result};

statements! {
    KEEP on arrivals = "INSERT INTO arrivals (code, sealed, until) VALUES (?1, ?2, ?3) ON CONFLICT (code) DO NOTHING";
    FIND on arrivals = "SELECT sealed, until FROM arrivals WHERE code = ?1";
    TAKE on arrivals = "DELETE FROM arrivals WHERE code = ?1";
}

#[async_trait]
impl Arrivals for Sqlite {
    async fn keep_arrival(&self, arrival: Arrival) -> Result<()> {
        self.write(move |connection| {
            KEEP.run(connection, params![arrival.code.0, arrival.sealed, arrival.until.millis()])?;
            codes::refuse(connection, arrival.spent, &arrival.told)
        })
        .await
    }

    async fn take_arrival(&self, code: CodeDigest, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.write(move |connection| take(connection, code, now)).await
    }
}

fn take(connection: &Connection, code: CodeDigest, now: Timestamp) -> Result<Option<Vec<u8>>> {
    let found = FIND.row(connection, params![code.0], |it| Ok((it.get::<Vec<u8>>()?, it.time()?)))?;
    TAKE.run(connection, params![code.0])?;
    Ok(found.filter(|(_, until)| now < *until).map(|(sealed, _)| sealed))
}
