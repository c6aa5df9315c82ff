//! A table of a `MySQL` or `MariaDB` database.

use anyhow::anyhow;
use futures_util::StreamExt as _;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};

use super::{ForeignRows, ForeignTable, send};
use crate::store::sql::reach::plainly;

pub(super) async fn read(table: &ForeignTable<'_>, options: MySqlConnectOptions) -> anyhow::Result<ForeignRows> {
    let connected = MySqlConnection::connect_with(&options).await;
    let mut connection = connected.map_err(|error| anyhow!("--from: {}", plainly(&error)))?;
    // One snapshot for everything; timestamps are shown in the connection's zone.
    for setting in ["SET time_zone = '+00:00'", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"] {
        sqlx::raw_sql(setting).execute(&mut connection).await?;
    }
    let (schema, name) = table.name.split_once('.').map_or((None, table.name), |(schema, name)| (Some(schema), name));
    let names = "SELECT CAST(column_name AS CHAR) FROM information_schema.columns WHERE table_schema = coalesce(?, database()) AND table_name = ? ORDER BY ordinal_position";
    let names = sqlx::query(names).bind(schema).bind(name).fetch_all(&mut connection).await?;
    table.check(&names.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?)?;
    let count = sqlx::query(AssertSqlSafe(table.count(quote))).fetch_one(&mut connection).await?.try_get(0)?;
    let (rows, pages) = ForeignRows::new(count);
    let select = table.select(quote, |column| format!("CAST({column} AS CHAR CHARACTER SET utf8mb4)"));
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

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
