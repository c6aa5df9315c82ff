//! Rows into MariaDB, a thousand with each INSERT.

use std::fmt::Write as _;

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::runtime::Runtime;

use super::place::{Loader, Loading};
use super::rows::{Rows, Value};

const AT_ONCE: usize = 1000;

pub(crate) struct IntoMariaDb {
    runtime: Runtime,
    connection: MySqlConnection,
}

impl IntoMariaDb {
    pub(crate) fn connect(url: &str, loading: Loading) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            let mut connection = MySqlConnection::connect(url).await?;
            if loading == Loading::Empty {
                let careless = "SET foreign_key_checks = 0, unique_checks = 0, sql_log_bin = 0";
                connection.execute(careless).await?;
            }
            anyhow::Ok(connection)
        })?;
        Ok(Self { runtime, connection })
    }
}

impl Loader for IntoMariaDb {
    fn write(&mut self, batch: &[Rows]) -> anyhow::Result<()> {
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            connection.execute("BEGIN").await?;
            for Rows { table, rows } in batch {
                for rows in rows.chunks(AT_ONCE) {
                    let text = format!("INSERT INTO {} VALUES {}", table.said(), literals(rows));
                    connection.execute(AssertSqlSafe(text)).await?;
                }
            }
            connection.execute("COMMIT").await?;
            Ok(())
        })
    }
}

/// No text of ours has a quote or a backslash in it.
fn literals(rows: &[Vec<Value>]) -> String {
    let mut text = String::with_capacity(rows.len() * 512);
    for (nth, row) in rows.iter().enumerate() {
        text.push_str(if nth > 0 { ",(" } else { "(" });
        for (place, value) in row.iter().enumerate() {
            if place > 0 {
                text.push(',');
            }
            match value {
                Value::Null => text.push_str("NULL"),
                Value::Number(number) => _ = write!(text, "{number}"),
                Value::Id(id) => hex(&mut text, id),
                Value::Bytes(bytes) => hex(&mut text, bytes),
                Value::Text(it) => _ = write!(text, "'{it}'"),
            }
        }
        text.push(')');
    }
    text
}

fn hex(text: &mut String, bytes: &[u8]) {
    text.push_str("x'");
    super::write_hex(text, bytes);
    text.push('\'');
}
