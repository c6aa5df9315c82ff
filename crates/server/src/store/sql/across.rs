//! An end of a move that is a database server: one connection of its own, without the bounds that serving has.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Executor as _};
use tokio::time::Instant;

use super::Database;
use super::connection::Of;
use super::error::describe;
use super::statement::Either;
use crate::config::StorePlace;
use crate::store::across::{Cells, End, NOTES, Position};
use crate::store::columns::Row;
use crate::store::schema::OnOldSchema;
use crate::store::tables::{Cell, TABLES, Table, Type};

/// Whoever is about to stop gets so long.
const OTHERS: Duration = Duration::from_secs(5);

const UNBOUND_POSTGRES: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '5s'";
const UNBOUND_MYSQL: &str = "SET SESSION wait_timeout = 86400, SESSION lock_wait_timeout = 5";
const OTHERS_ON_POSTGRES: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'menjin' AND pid <> pg_backend_pid()";
const OTHERS_ON_MYSQL: &str =
    "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()";

pub(in crate::store) enum ServerEnd {
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Database {
    /// A database to move from: nobody writes there until the move is over.
    pub(in crate::store) async fn source(place: &StorePlace) -> anyhow::Result<ServerEnd> {
        let mut end = Self::end(place, OnOldSchema::Refuse).await?;
        end.wait_for_others().await?;
        end.lock().await.context("locking its tables: is a menjin still running on it?")?;
        Ok(end)
    }

    /// A database to move to.
    pub(in crate::store) async fn target(place: &StorePlace) -> anyhow::Result<ServerEnd> {
        Self::end(place, OnOldSchema::Migrate).await
    }

    pub(super) async fn end(place: &StorePlace, on_old_schema: OnOldSchema) -> anyhow::Result<ServerEnd> {
        let database = Self::open(place, 1, on_old_schema).await?;
        let mut end = match &database.pool.of {
            Of::Postgres(pool) => ServerEnd::Postgres(pool.acquire().await?.detach()),
            Of::MySql(pool) => ServerEnd::MySql(pool.acquire().await?.detach()),
        };
        let unbound = if end.is_postgres() { UNBOUND_POSTGRES } else { UNBOUND_MYSQL };
        end.say(unbound.to_owned()).await?;
        Ok(end)
    }
}

impl ServerEnd {
    fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    fn quote(&self) -> fn(&str) -> String {
        if self.is_postgres() { |name| format!("\"{name}\"") } else { |name| format!("`{name}`") }
    }

    pub(super) fn parameter(&self) -> fn(usize) -> String {
        if self.is_postgres() { |at| format!("${at}") } else { |_| "?".to_owned() }
    }

    pub(super) async fn say(&mut self, text: String) -> anyhow::Result<()> {
        match self {
            Self::Postgres(on) => on.execute(AssertSqlSafe(text)).await.map(drop),
            Self::MySql(on) => on.execute(AssertSqlSafe(text)).await.map(drop),
        }
        .map_err(|error| describe(&error).into())
    }

    pub(super) async fn run(&mut self, text: String, values: &[(Type, &Cell)]) -> anyhow::Result<()> {
        match self {
            Self::Postgres(on) => on.execute(sqlx::query_with(AssertSqlSafe(text), postgres(values)?)).await.map(drop),
            Self::MySql(on) => on.execute(sqlx::query_with(AssertSqlSafe(text), mysql(values)?)).await.map(drop),
        }
        .map_err(|error| describe(&error).into())
    }

    /// Rows with columns of these types.
    pub(super) async fn rows(
        &mut self,
        text: String,
        values: &[(Type, &Cell)],
        types: &[Type],
    ) -> anyhow::Result<Vec<Cells>> {
        let failed = |error: sqlx::Error| anyhow::Error::from(describe(&error));
        match self {
            Self::Postgres(on) => {
                let rows = on.fetch_all(sqlx::query_with(AssertSqlSafe(text), postgres(values)?)).await;
                rows.map_err(failed)?.into_iter().map(|row| cells(&Either::Postgres(row), types)).collect()
            }
            Self::MySql(on) => {
                let rows = on.fetch_all(sqlx::query_with(AssertSqlSafe(text), mysql(values)?)).await;
                rows.map_err(failed)?.into_iter().map(|row| cells(&Either::MySql(row), types)).collect()
            }
        }
    }

    pub(super) async fn int(&mut self, text: String) -> anyhow::Result<i64> {
        let rows = self.rows(text, &[], &[Type::Int]).await?;
        Ok(rows.first().and_then(|row| if let Cell::Int(int) = row[0] { Some(int) } else { None }).unwrap_or(0))
    }

    /// A server that goes on serving would lose what it writes after the move.
    pub(super) async fn wait_for_others(&mut self) -> anyhow::Result<()> {
        let others = if self.is_postgres() { OTHERS_ON_POSTGRES } else { OTHERS_ON_MYSQL };
        let began = Instant::now();
        while self.int(others.to_owned()).await? > 0 {
            ensure!(began.elapsed() < OTHERS, "it is in use: stop every menjin on it first");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Others may read. PostgreSQL holds this until its transaction ends, which also is one snapshot; MySQL until the
    /// connection ends, where a transaction would let go of it.
    async fn lock(&mut self) -> anyhow::Result<()> {
        let quote = self.quote();
        let names = TABLES.iter().map(|table| quote(table.name));
        if self.is_postgres() {
            let names = names.collect::<Vec<_>>().join(", ");
            self.say("BEGIN ISOLATION LEVEL REPEATABLE READ".to_owned()).await?;
            return self.say(format!("LOCK TABLE {names} IN SHARE MODE")).await;
        }
        let names = names.map(|name| format!("{name} READ")).collect::<Vec<_>>().join(", ");
        self.say(format!("LOCK TABLES {names}")).await
    }

    async fn has_notes(&mut self) -> anyhow::Result<bool> {
        let schema = if self.is_postgres() { "current_schema()" } else { "database()" };
        let sql = format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_name = '{NOTES}' AND table_schema = {schema}"
        );
        Ok(self.int(sql).await? > 0)
    }
}

#[async_trait]
impl End for ServerEnd {
    async fn page(&mut self, table: &Table, after: Option<&Cell>) -> anyhow::Result<Vec<Cells>> {
        let types: Vec<Type> = table.columns.iter().map(|(_, kind)| *kind).collect();
        let parameter = self.parameter()(1);
        let text = table.page(self.quote(), after.map(|_| parameter.as_str()));
        let after = after.map(|after| (types[0], after));
        self.rows(text, after.as_slice(), &types).await.with_context(|| format!("reading {}", table.name))
    }

    async fn count(&mut self, table: &Table) -> anyhow::Result<u64> {
        let text = format!("SELECT count(*) FROM {}", self.quote()(table.name));
        Ok(self.int(text).await?.unsigned_abs())
    }

    async fn position(&mut self) -> anyhow::Result<Option<Position>> {
        if !self.has_notes().await? {
            return Ok(None);
        }
        let text = format!("SELECT source, at_table, last_key FROM {NOTES}");
        let rows = self.rows(text, &[], &[Type::Bytes, Type::Text, Type::Bytes]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let [Cell::Bytes(source), Cell::Text(table), after] = &row[..] else { return Ok(None) };
        let after = if let Cell::Bytes(after) = after { Some(after.clone()) } else { None };
        Position::of_notes(source.clone(), table, after).map(Some)
    }

    async fn begin(&mut self, position: &Position) -> anyhow::Result<()> {
        let (bytes, text) = if self.is_postgres() { ("BYTEA", "TEXT") } else { ("VARBINARY(512)", "VARBINARY(64)") };
        let columns =
            format!("id BIGINT PRIMARY KEY, source {bytes} NOT NULL, at_table {text} NOT NULL, last_key {bytes}");
        self.say(format!("CREATE TABLE IF NOT EXISTS {NOTES} ({columns})")).await?;
        let [source, table] = [Cell::Bytes(position.source.to_vec()), Cell::Text(position.table_name().to_owned())];
        let after = position.after_bytes().map_or(Cell::Null, Cell::Bytes);
        let parameters: Vec<String> = (1..=3).map(self.parameter()).collect();
        let text =
            format!("INSERT INTO {NOTES} (id, source, at_table, last_key) VALUES (1, {})", parameters.join(", "));
        self.run(text, &[(Type::Bytes, &source), (Type::Text, &table), (Type::Bytes, &after)]).await
    }

    async fn put(&mut self, table: &Table, rows: &[Cells], position: &Position) -> anyhow::Result<()> {
        let writing = || format!("writing {}", table.name);
        self.say("BEGIN".to_owned()).await.with_context(writing)?;
        if !rows.is_empty() {
            let insert = table.insert(self.quote(), self.parameter(), rows.len());
            let types = table.columns.iter().map(|(_, kind)| *kind);
            let values: Vec<_> = rows.iter().flat_map(|row| types.clone().zip(row)).collect();
            self.run(insert, &values).await.with_context(writing)?;
        }
        let (at_table, after) = (Cell::Text(position.table_name().to_owned()), position.after_bytes());
        let after = after.map_or(Cell::Null, Cell::Bytes);
        let parameter = self.parameter();
        let update = format!("UPDATE {NOTES} SET at_table = {}, last_key = {}", parameter(1), parameter(2));
        self.run(update, &[(Type::Text, &at_table), (Type::Bytes, &after)]).await.with_context(writing)?;
        self.say("COMMIT".to_owned()).await.with_context(writing)
    }

    async fn finish(&mut self) -> anyhow::Result<()> {
        self.say(format!("DROP TABLE {NOTES}")).await
    }

    async fn given(&mut self, table: &Table) -> anyhow::Result<i64> {
        if self.is_postgres() {
            let sequence = format!("{}_{}_seq", table.name, table.key());
            let text = format!("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}");
            return self.int(text).await;
        }
        let made = self.rows(format!("SHOW CREATE TABLE {}", table.name), &[], &[Type::Text, Type::Text]).await?;
        let made = made.first().and_then(|row| if let Cell::Text(text) = &row[1] { Some(text.clone()) } else { None });
        let next = made.as_deref().and_then(|text| text.split_once(" AUTO_INCREMENT=")).map(|(_, rest)| rest);
        Ok(next.and_then(|rest| rest.split(' ').next()?.parse::<i64>().ok()).map_or(0, |next| next - 1))
    }

    async fn give_after(&mut self, table: &Table, number: i64) -> anyhow::Result<()> {
        let next = number + 1;
        if self.is_postgres() {
            let text = format!("SELECT setval('{}_{}_seq', {next}, false)", table.name, table.key());
            return self.int(text).await.map(drop);
        }
        self.say(format!("ALTER TABLE {} AUTO_INCREMENT = {next}", table.name)).await
    }
}

fn cells(row: &dyn Row, types: &[Type]) -> anyhow::Result<Cells> {
    let cell = |(at, kind): (usize, &Type)| {
        let cell = match kind {
            Type::Int => row.int(at).map(|int| int.map(Cell::Int)),
            Type::Text => row.text(at).map(|text| text.map(Cell::Text)),
            Type::Bytes => row.bytes(at).map(|bytes| bytes.map(Cell::Bytes)),
        };
        Ok(cell.map_err(|why| anyhow::anyhow!("{}: {why}", row.name(at)))?.unwrap_or(Cell::Null))
    };
    types.iter().enumerate().map(cell).collect()
}

/// PostgreSQL wants to know of what type a NULL is.
fn postgres(values: &[(Type, &Cell)]) -> anyhow::Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            (_, Cell::Int(int)) => arguments.add(*int),
            (_, Cell::Text(text)) => arguments.add(text.as_str()),
            (_, Cell::Bytes(bytes)) => arguments.add(bytes.as_slice()),
            (Type::Int, Cell::Null) => arguments.add(None::<i64>),
            (Type::Text, Cell::Null) => arguments.add(None::<&str>),
            (Type::Bytes, Cell::Null) => arguments.add(None::<&[u8]>),
        };
        added.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(arguments)
}

/// Text goes as bytes: the columns of names are bytes, those of text hold the same bytes.
fn mysql(values: &[(Type, &Cell)]) -> anyhow::Result<MySqlArguments> {
    let mut arguments = MySqlArguments::default();
    for (_, value) in values {
        let added = match value {
            Cell::Null => arguments.add(None::<&[u8]>),
            Cell::Int(int) => arguments.add(*int),
            Cell::Text(text) => arguments.add(text.as_bytes()),
            Cell::Bytes(bytes) => arguments.add(bytes.as_slice()),
        };
        added.map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use menjin_token::Timestamp;

    use super::*;
    use crate::store::{Audit as _, AuditLine, Upkeep as _};

    /// Tables that help a server alone, and hold nothing that outlives a transaction.
    const OWN: [&str; 4] = ["_migrations", "_migration_steps", "unionid_turns", "signing_key_turns"];

    async fn every_table_and_column_moves(url: &str) {
        let place = StorePlace::parse(url, std::path::Path::new("")).unwrap();
        let mut end = Database::target(&place).await.unwrap();
        let schema = if end.is_postgres() { "current_schema()" } else { "database()" };
        let sql = format!(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = {schema} ORDER BY table_name, ordinal_position"
        );
        let found = end.columns_of(sql).await;
        let mut found: Vec<_> = found.into_iter().filter(|(table, ..)| !OWN.contains(&table.as_str())).collect();
        // Each database sorts in its own way.
        found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut known: Vec<(String, String, Type)> = Vec::new();
        for table in &TABLES {
            known.extend(table.columns.iter().map(|(name, kind)| (table.name.to_owned(), (*name).to_owned(), *kind)));
        }
        known.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let names = |all: &[(String, String, Type)]| all.iter().map(|(a, b, _)| format!("{a}.{b}")).collect::<Vec<_>>();
        let found_names: Vec<_> = found.iter().map(|(a, b, _)| format!("{a}.{b}")).collect();
        assert_eq!(
            found_names,
            names(&known),
            "a migration added something that `menjin move` must know: store/tables.rs"
        );
        for ((table, column, found), (.., known)) in found.iter().zip(&known) {
            // MySQL keeps names as bytes.
            let fits = match known {
                Type::Int => found == "bigint",
                Type::Text => matches!(found.as_str(), "text" | "mediumtext" | "varbinary"),
                Type::Bytes => matches!(found.as_str(), "bytea" | "varbinary" | "mediumblob"),
            };
            assert!(fits, "{table}.{column} is {found}");
        }
    }

    /// A server that has it open is noticed, also one that only waits; and when it has gone nobody else can write.
    async fn what_is_in_use_is_no_source(url: &str) {
        let place = StorePlace::parse(url, std::path::Path::new("")).unwrap();
        let server = Database::open(&place, 2, OnOldSchema::Migrate).await.unwrap();
        server.ready().await.unwrap();
        let refused = Database::source(&place).await.err().unwrap();
        assert!(format!("{refused:#}").contains("in use"), "{refused:#}");
        drop(server);
        let source = Database::source(&place).await.unwrap();
        let late = Database::open(&place, 2, OnOldSchema::Refuse).await.unwrap();
        let line = || AuditLine { action: "test", actor: "system", ..AuditLine::default() };
        assert!(late.audit(line(), Timestamp::from_secs(1)).await.is_err(), "it is locked");
        drop(source);
        late.audit(line(), Timestamp::from_secs(1)).await.unwrap();
    }

    impl ServerEnd {
        async fn columns_of(&mut self, sql: String) -> Vec<(String, String, String)> {
            let sql = if self.is_postgres() {
                sql.replace(
                    "table_name, column_name, data_type",
                    "table_name::text, column_name::text, data_type::text",
                )
            } else {
                sql
            };
            let rows = self.rows(sql, &[], &[Type::Text; 3]).await.unwrap();
            let text = |cell: &Cell| if let Cell::Text(text) = cell { text.clone() } else { String::new() };
            rows.iter().map(|row| (text(&row[0]), text(&row[1]), text(&row[2]))).collect()
        }
    }

    mod on_postgres {
        #[tokio::test]
        async fn every_table_and_column_moves() {
            let database = tokio::task::spawn_blocking(|| menjin_testbed::Postgres::shared().database());
            super::every_table_and_column_moves(&database.await.unwrap()).await;
        }

        #[tokio::test]
        async fn what_is_in_use_is_no_source() {
            let database = tokio::task::spawn_blocking(|| menjin_testbed::Postgres::shared().database());
            super::what_is_in_use_is_no_source(&database.await.unwrap()).await;
        }
    }

    mod on_mariadb {
        #[tokio::test]
        async fn every_table_and_column_moves() {
            let database = tokio::task::spawn_blocking(|| menjin_testbed::MariaDb::shared().database());
            super::every_table_and_column_moves(&database.await.unwrap()).await;
        }

        #[tokio::test]
        async fn what_is_in_use_is_no_source() {
            let database = tokio::task::spawn_blocking(|| menjin_testbed::MariaDb::shared().database());
            super::what_is_in_use_is_no_source(&database.await.unwrap()).await;
        }
    }
}
