//! Arrivals.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::Timestamp;

use super::connection::Connection;
use super::statement::statements;
use super::value::values;
use super::{Database, codes};
use crate::store::{Arrival, Arrivals, CodeDigest, Result};

statements! {
    KEEP on arrivals = each(
        "INSERT INTO arrivals (code, sealed, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        "INSERT INTO arrivals (code, sealed, until) VALUES (?1, ?2, ?3)",
    );
    FIND on arrivals = both("SELECT sealed, until FROM arrivals WHERE code = ?1 FOR UPDATE");
    TAKE on arrivals = both("DELETE FROM arrivals WHERE code = ?1");
}

#[async_trait]
impl Arrivals for Database {
    async fn keep_arrival(&self, arrival: Arrival) -> Result<()> {
        self.transact(&arrival, |on, arrival| keep(on, arrival).boxed()).await
    }

    async fn take_arrival(&self, code: CodeDigest, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.transact(&(code, now), |on, (code, now)| take(on, *code, *now).boxed()).await
    }
}

async fn keep(on: &mut Connection<'_>, arrival: &Arrival) -> Result<()> {
    KEEP.add(on, values![&arrival.code.0, &arrival.sealed, arrival.until]).await?;
    codes::refuse(on, arrival.spent, &arrival.told).await
}

async fn take(on: &mut Connection<'_>, code: CodeDigest, now: Timestamp) -> Result<Option<Vec<u8>>> {
    let found = FIND.row(on, values![&code.0], |it| Ok((it.get::<Vec<u8>>()?, it.time()?))).await?;
    TAKE.run(on, values![&code.0]).await?;
    Ok(found.filter(|(_, until)| now < *until).map(|(sealed, _)| sealed))
}
