//! A table of a `PostgreSQL` database.

use anyhow::anyhow;
use futures_util::StreamExt as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::{ForeignRows, ForeignTable, in_double_quotes, send};
use crate::store::sql::reach::plainly;

pub(super) async fn read(table: &ForeignTable<'_>, options: PgConnectOptions) -> anyhow::Result<ForeignRows> {
    let connected = PgConnection::connect_with(&options).await;
    let mut connection = connected.map_err(|error| anyhow!("--from: {}", plainly(&error)))?;
    // One snapshot for everything; times without their offset would depend on the server's zone.
    for setting in ["SET TIME ZONE 'UTC'", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"] {
        sqlx::raw_sql(setting).execute(&mut connection).await?;
    }
    let names = "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let names = sqlx::query(names).bind(table.quoted(in_double_quotes)).fetch_all(&mut connection).await?;
    table.check(&names.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?)?;
    let count =
        sqlx::query(AssertSqlSafe(table.count(in_double_quotes))).fetch_one(&mut connection).await?.try_get(0)?;
    let (rows, pages) = ForeignRows::new(count);
    let select = table.select(in_double_quotes, |column| format!("{column}::text"));
    let columns = table.columns.len();
    tokio::spawn(async move {
        let found = sqlx::query(AssertSqlSafe(select)).fetch(&mut connection);
        let texts = found.map(|row| {
            let row = row?;
            let value = |at| Ok(row.try_get::<Option<String>, _>(at)?.map(String::into_bytes));
            (0..columns).map(value).collect()
        });
        send(texts, pages).await;
    });
    Ok(rows)
}
