//! The store of a test's server: SQLite in its data folder, or as `MENJIN_TEST_STORE` says a fresh database of a throwaway
//! server for each folder.
//!
//! Not here: looking into it and breaking it (`rows`).

use std::path::Path;
use std::sync::Arc;

use menjin_testbed::{MariaDb, Postgres};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// What keeps the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Postgres,
    MariaDb,
}

impl StoreKind {
    /// What this run of the tests is on.
    #[expect(clippy::disallowed_methods, reason = "this is how a round of the tests is told its store")]
    pub(crate) fn usual() -> Self {
        match std::env::var("MENJIN_TEST_STORE").as_deref() {
            Err(_) | Ok("" | "sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok("mariadb") => Self::MariaDb,
            Ok(other) => panic!("MENJIN_TEST_STORE is {other}: it may be sqlite, postgres or mariadb"),
        }
    }
}

/// A data folder, with the address of the store that belongs to it; both are gone with it.
#[derive(Debug)]
pub(crate) struct Folder {
    files: TempDir,
    store: OnceCell<String>,
    /// A database that was made for this folder.
    is_own: bool,
}

impl Folder {
    /// An empty one, with an empty store of the usual kind.
    pub(crate) fn new() -> Self {
        Self { files: tempfile::tempdir().unwrap(), store: OnceCell::new(), is_own: true }
    }

    /// An empty one with PostgreSQL, whatever the others have.
    pub(crate) async fn with_postgres() -> Self {
        Self::with(StoreKind::Postgres).await
    }

    /// An empty one with MariaDB, whatever the others have.
    pub(crate) async fn with_mariadb() -> Self {
        Self::with(StoreKind::MariaDb).await
    }

    async fn with(kind: StoreKind) -> Self {
        let store = OnceCell::new_with(Some(new_store(kind).await));
        Self { files: tempfile::tempdir().unwrap(), store, is_own: true }
    }

    /// An empty one on a store that is there.
    pub(crate) fn on(store_url: &str) -> Self {
        let store = OnceCell::new_with(Some(store_url.to_owned()));
        Self { files: tempfile::tempdir().unwrap(), store, is_own: false }
    }

    /// An empty one with SQLite, whatever the others have.
    pub(crate) fn with_sqlite() -> Self {
        Self::on("sqlite://menjin.db")
    }

    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    /// The address of the store.
    pub(crate) async fn store_url(&self) -> &str {
        self.store.get_or_init(|| new_store(StoreKind::usual())).await
    }

    /// The address of the store of a server that has been started.
    pub(crate) fn known_url(&self) -> &str {
        self.store.get().expect("a server was started with this folder")
    }

    /// `[store]` of a server's configuration.
    pub(crate) async fn store_toml(&self) -> String {
        let url = self.store_url().await;
        if url.starts_with("sqlite:") {
            format!("[store]\nurl = \"{url}\"\n")
        } else {
            // Few, as all tests share one database server.
            format!("[store]\nurl = \"{url}\"\nmigrate = \"auto\"\nmax_connections = 8\n")
        }
    }
}

async fn new_store(kind: StoreKind) -> String {
    match kind {
        StoreKind::Sqlite => "sqlite://menjin.db".to_owned(),
        StoreKind::Postgres => made(|| Postgres::shared().database()).await,
        StoreKind::MariaDb => made(|| MariaDb::shared().database()).await,
    }
}

async fn made(make: fn() -> String) -> String {
    tokio::task::spawn_blocking(make).await.unwrap()
}

impl Drop for Folder {
    /// Hundreds of them would fill the disk.
    fn drop(&mut self) {
        let Some(url) = self.store.take().filter(|_| self.is_own) else { return };
        if url.starts_with("postgres:") {
            std::thread::spawn(move || Postgres::shared().drop_database(&url));
        } else if url.starts_with("mysql:") {
            std::thread::spawn(move || MariaDb::shared().drop_database(&url));
        }
    }
}

/// A database server of a test's own, which it may kill.
#[derive(Debug, Clone)]
pub(crate) enum DatabaseServer {
    Postgres(Arc<Postgres>),
    MariaDb(Arc<MariaDb>),
}

impl DatabaseServer {
    pub(crate) async fn postgres() -> Self {
        let started = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
        Self::Postgres(Arc::new(started.unwrap()))
    }

    pub(crate) async fn mariadb() -> Self {
        let started = tokio::task::spawn_blocking(MariaDb::start).await.unwrap();
        Self::MariaDb(Arc::new(started.unwrap()))
    }

    /// The address of a new database.
    pub(crate) async fn new_database(&self) -> String {
        self.tell(|it| Ok(it.database()), |it| Ok(it.database())).await
    }

    pub(crate) async fn kill(&self) {
        self.tell(Postgres::kill, MariaDb::kill).await;
    }

    pub(crate) async fn start_again(&self) {
        self.tell(Postgres::start_again, MariaDb::start_again).await;
    }

    async fn tell<T: Send + 'static>(
        &self,
        postgres: fn(&Postgres) -> anyhow::Result<T>,
        mariadb: fn(&MariaDb) -> anyhow::Result<T>,
    ) -> T {
        let server = self.clone();
        let told = tokio::task::spawn_blocking(move || match server {
            Self::Postgres(server) => postgres(&server),
            Self::MariaDb(server) => mariadb(&server),
        });
        told.await.unwrap().unwrap()
    }
}
