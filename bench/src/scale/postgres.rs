//! Rows into PostgreSQL, with COPY.

use std::fmt::Write as _;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::runtime::Runtime;

use super::place::Loader;
use super::rows::{Rows, Value};

pub(crate) struct IntoPostgres {
    runtime: Runtime,
    connection: PgConnection,
}

impl IntoPostgres {
    /// Foreign keys are not looked up for each row, as all hold.
    pub(crate) fn connect(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connection = runtime.block_on(async {
            let mut connection = PgConnection::connect(url).await?;
            connection.execute("SET session_replication_role = replica").await?;
            anyhow::Ok(connection)
        })?;
        Ok(Self { runtime, connection })
    }
}

impl Loader for IntoPostgres {
    fn write(&mut self, batch: &[Rows]) -> anyhow::Result<()> {
        let connection = &mut self.connection;
        self.runtime.block_on(async {
            connection.execute("BEGIN").await?;
            for Rows { table, rows } in batch {
                let mut copy = connection.copy_in_raw(&format!("COPY {} FROM STDIN", table.said())).await?;
                copy.send(text(rows).into_bytes()).await?;
                copy.finish().await?;
            }
            connection.execute("COMMIT").await?;
            Ok(())
        })
    }
}

/// The text form of COPY. No text of ours has anything in it that would need escaping.
fn text(rows: &[Vec<Value>]) -> String {
    let mut text = String::with_capacity(rows.len() * 512);
    for row in rows {
        for (place, value) in row.iter().enumerate() {
            if place > 0 {
                text.push('\t');
            }
            match value {
                Value::Null => text.push_str("\\N"),
                Value::Number(number) => _ = write!(text, "{number}"),
                Value::Id(id) => hex(&mut text, id),
                Value::Bytes(bytes) => hex(&mut text, bytes),
                Value::Text(it) => text.push_str(it),
            }
        }
        text.push('\n');
    }
    text
}

fn hex(text: &mut String, bytes: &[u8]) {
    text.push_str("\\\\x");
    super::write_hex(text, bytes);
}
