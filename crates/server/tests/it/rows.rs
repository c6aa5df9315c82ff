//! The rows behind a server, for tests that look into them or break them, whatever store it is on.

use rusqlite::types::ValueRef;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::harness::TestServer;
use crate::store::Folder;

/// A connection of the test's own.
pub(crate) enum Rows {
    Sqlite(rusqlite::Connection),
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
}

/// What stands in a row under a column. Names are bytes for MariaDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// A whole number.
    #[track_caller]
    pub(crate) fn int(&self) -> i64 {
        let Self::Int(int) = self else { panic!("{self:?} is no whole number") };
        *int
    }

    /// Text, or NULL.
    #[track_caller]
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.clone()),
            Self::Bytes(bytes) => Some(String::from_utf8(bytes.clone()).unwrap()),
            Self::Int(_) => panic!("{self:?} is no text"),
        }
    }

    /// Text or bytes as they are kept, or NULL.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.as_bytes().to_vec()),
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Null | Self::Int(_) => None,
        }
    }
}

impl Rows {
    /// Those of a running server.
    pub(crate) async fn of(t: &TestServer) -> Self {
        Self::at(&t.folder).await
    }

    /// Those of the store that belongs to a data folder.
    pub(crate) async fn at(folder: &Folder) -> Self {
        let url = folder.known_url();
        if let Some(file) = url.strip_prefix("sqlite://") {
            return Self::Sqlite(rusqlite::Connection::open(folder.path().join(file)).unwrap());
        }
        if url.starts_with("postgres:") {
            Self::Postgres(PgConnection::connect(url).await.unwrap())
        } else {
            Self::MariaDb(MySqlConnection::connect(url).await.unwrap())
        }
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, sql: &str) {
        let raw = || sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(on) => on.execute_batch(sql).unwrap(),
            Self::Postgres(on) => drop(raw().execute(on).await.unwrap()),
            Self::MariaDb(on) => drop(raw().execute(on).await.unwrap()),
        }
    }

    /// Runs what each of the three says in its own way.
    pub(crate) async fn run_own(&mut self, sqlite: &str, postgres: &str, mariadb: &str) {
        let sql = match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
            Self::MariaDb(_) => mariadb,
        };
        self.run(sql).await;
    }

    /// Reads all rows.
    pub(crate) async fn all(&mut self, sql: &str) -> Vec<Vec<Cell>> {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(on) => {
                let mut statement = on.prepare(sql).unwrap();
                let width = statement.column_count();
                let read = |row: &rusqlite::Row<'_>| (0..width).map(|at| of_sqlite(row.get_ref(at).unwrap())).collect();
                statement.query_map([], |row| Ok(read(row))).unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres(on) => {
                let found = sqlx::query(query).fetch_all(on).await.unwrap();
                found.iter().map(|row| (0..row.len()).map(|at| of_postgres(row, at)).collect()).collect()
            }
            Self::MariaDb(on) => {
                let found = sqlx::query(query).fetch_all(on).await.unwrap();
                found.iter().map(|row| (0..row.len()).map(|at| of_mariadb(row, at)).collect()).collect()
            }
        }
    }

    /// All text and bytes of a table, as they are kept.
    pub(crate) async fn texts(&mut self, table: &str) -> String {
        let all = self.all(&format!("SELECT * FROM {table}")).await;
        let bytes = all.iter().flatten().filter_map(Cell::bytes);
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect::<Vec<_>>().join("\n")
    }

    /// Bytes as they are written in a statement.
    pub(crate) fn literal(&self, bytes: &[u8]) -> String {
        let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if matches!(self, Self::Postgres(_)) { format!("'\\x{hex}'::bytea") } else { format!("X'{hex}'") }
    }

    /// Takes a table away, as a disk that is gone would.
    pub(crate) async fn breaks(&mut self, table: &str) {
        self.run(&format!("ALTER TABLE {table} RENAME TO {table}_gone")).await;
    }

    /// Brings it back.
    pub(crate) async fn mends(&mut self, table: &str) {
        self.run(&format!("ALTER TABLE {table}_gone RENAME TO {table}")).await;
    }

    /// Ends connections of others to a database server, by the numbers that it gave them.
    pub(crate) async fn end_connections(&mut self, numbers: &[i64]) {
        for number in numbers {
            match self {
                Self::Sqlite(_) => panic!("SQLite has no connections to end"),
                Self::Postgres(_) => self.run(&format!("SELECT pg_terminate_backend({number})")).await,
                // One that is gone by itself is an error.
                Self::MariaDb(on) => drop(sqlx::raw_sql(AssertSqlSafe(format!("KILL {number}"))).execute(on).await),
            }
        }
    }

    /// The names of all tables.
    pub(crate) async fn tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table'",
            Self::Postgres(_) => "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public'",
            Self::MariaDb(_) => "SELECT table_name FROM information_schema.tables WHERE table_schema = database()",
        };
        self.all(sql).await.iter().map(|row| row[0].text().unwrap()).collect()
    }
}

fn of_sqlite(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(int) => Cell::Int(int),
        ValueRef::Text(text) => Cell::Text(String::from_utf8(text.to_vec()).unwrap()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => panic!("no column holds a fraction"),
    }
}

fn of_postgres(row: &sqlx::postgres::PgRow, at: usize) -> Cell {
    let int = || row.try_get::<Option<i64>, _>(at).map(|it| it.map(Cell::Int));
    let text = || row.try_get::<Option<String>, _>(at).map(|it| it.map(Cell::Text));
    let bytes = || row.try_get::<Option<Vec<u8>>, _>(at).map(|it| it.map(Cell::Bytes));
    int().or_else(|_| text()).or_else(|_| bytes()).unwrap().unwrap_or(Cell::Null)
}

fn of_mariadb(row: &sqlx::mysql::MySqlRow, at: usize) -> Cell {
    let int = || row.try_get::<Option<i64>, _>(at).map(|it| it.map(Cell::Int));
    let bytes = || row.try_get::<Option<Vec<u8>>, _>(at).map(|it| it.map(Cell::Bytes));
    int().or_else(|_| bytes()).unwrap().unwrap_or(Cell::Null)
}
