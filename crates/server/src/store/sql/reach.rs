//! Reaching the database: where it is, what a connection is told first, and why there is none.
//!
//! Not here: what the address says of TLS (`config`), using connections (`connection`).

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Database as Driver, Executor as _, Row as _};
use tokio::time::Instant;
use url::Url;

use super::connection::{Dialect, Of, Pool};
use super::error::describe;
use crate::config::StorePlace;

/// A caller whose turn it is, and who gets no connection in so long, is told so: the database does not answer.
pub(super) const WAIT: Duration = Duration::from_secs(2);
/// At a start the database may be starting too.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
/// A connection that waited longer is asked whether it lives before it is lent.
const TRUSTED: Duration = Duration::from_millis(500);
/// A connection that nobody needed for so long is closed; sooner than the database would.
const IDLE: Duration = Duration::from_secs(20);
/// Then a fresh one takes its place, maybe on another machine.
const LIFE: Duration = Duration::from_mins(30);
/// More statements than menjin has.
const STATEMENTS: usize = 200;

/// What each connection is told first. Its longest statement and its longest silence in a transaction are bounded by the
/// database, so that nothing is committed by somebody who has been given up.
const PREPARE_POSTGRES: &str = "SET statement_timeout = '5s'; SET lock_timeout = '4s'; \
    SET idle_in_transaction_session_timeout = '9s'; SET default_transaction_isolation = 'read committed'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')";
const PREPARE_MYSQL: &str = "SET SESSION autocommit = 1, SESSION completion_type = 'NO_CHAIN', \
    SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', \
    SESSION innodb_lock_wait_timeout = 4, SESSION lock_wait_timeout = 4, SESSION wait_timeout = 60; \
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

pub(super) fn prepare(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => PREPARE_POSTGRES,
        Dialect::MySql => PREPARE_MYSQL,
    }
}

/// Meets the database once, then makes the pool. The failure says what helps, and no password.
pub(super) async fn reach(place: &StorePlace, max_connections: u32) -> Result<Pool, String> {
    let checked = place.wants_checked_tls();
    let reached = match place {
        StorePlace::Postgres(url) => postgres(url, checked, max_connections).await,
        StorePlace::MySql(url) => mysql(url, checked, max_connections).await,
        StorePlace::Sqlite(_) => Err(refused("SQLite is no server")),
    };
    reached.map_err(|error| plainly(&error))
}

/// How PostgreSQL is connected to; `checked`: its certificate must be its own.
pub(in crate::store) fn postgres_options(url: &Url, checked: bool) -> sqlx::Result<PgConnectOptions> {
    let mut options = PgConnectOptions::from_url(url)?.application_name("menjin").statement_cache_capacity(STATEMENTS);
    if let Some(host) = bare(url) {
        options = options.host(host);
    }
    if checked {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    Ok(options.disable_statement_logging())
}

/// The same for MySQL.
pub(in crate::store) fn mysql_options(url: &Url, checked: bool) -> sqlx::Result<MySqlConnectOptions> {
    let mut options = MySqlConnectOptions::from_url(url)?.statement_cache_capacity(STATEMENTS).charset("utf8mb4");
    if let Some(host) = bare(url) {
        options = options.host(host);
    }
    if checked {
        options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
    }
    Ok(options.disable_statement_logging())
}

async fn postgres(url: &Url, checked: bool, max_connections: u32) -> sqlx::Result<Pool> {
    let options = postgres_options(url, checked)?;
    meet::<sqlx::Postgres>(&options, |on| first_of_postgres(on).boxed()).await?;
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(WAIT)
        .idle_timeout(IDLE)
        .max_lifetime(LIFE)
        .test_before_acquire(false)
        .before_acquire(|on, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED || Connection::ping(on).await.is_ok()) })
        })
        .after_connect(|on, _| Box::pin(prepare_postgres(on)));
    Ok(Pool::new(Of::Postgres(pool.connect_lazy_with(options)), max_connections))
}

async fn mysql(url: &Url, checked: bool, max_connections: u32) -> sqlx::Result<Pool> {
    let options = mysql_options(url, checked)?;
    meet::<sqlx::MySql>(&options, |on| first_of_mysql(on).boxed()).await?;
    let pool = MySqlPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(WAIT)
        .idle_timeout(IDLE)
        .max_lifetime(LIFE)
        .test_before_acquire(false)
        .before_acquire(|on, meta| {
            Box::pin(async move { Ok(meta.idle_for < TRUSTED || Connection::ping(on).await.is_ok()) })
        })
        .after_connect(|on, _| Box::pin(prepare_mysql(on)));
    Ok(Pool::new(Of::MySql(pool.connect_lazy_with(options)), max_connections))
}

/// An IPv6 address without its brackets, which are no part of the name in a certificate.
fn bare(url: &Url) -> Option<&str> {
    url.host_str()?.strip_prefix('[')?.strip_suffix(']')
}

async fn prepare_postgres(on: &mut PgConnection) -> sqlx::Result<()> {
    on.execute(PREPARE_POSTGRES).await?;
    let standby: bool = on.fetch_one("SELECT pg_is_in_recovery()").await?.try_get(0)?;
    if standby { Err(refused("it is a standby, which can only be read: name the primary")) } else { Ok(()) }
}

/// A database that is read-only for a while may still be read by those who have it; nobody begins with one.
async fn first_of_postgres(on: &mut PgConnection) -> sqlx::Result<()> {
    prepare_postgres(on).await?;
    let setting: String = on.fetch_one("SHOW transaction_read_only").await?.try_get(0)?;
    if setting == "on" {
        return Err(refused("it can only be read: name the primary, or set default_transaction_read_only to off"));
    }
    Ok(())
}

async fn first_of_mysql(on: &mut MySqlConnection) -> sqlx::Result<()> {
    prepare_mysql(on).await?;
    let flushed = on.fetch_one("SELECT CAST(@@global.innodb_flush_log_at_trx_commit AS SIGNED)").await?;
    if flushed.try_get::<i64, _>(0)? != 1 {
        tracing::warn!(
            "`store.url`: the server's innodb_flush_log_at_trx_commit is not 1: a loss of power may undo what was answered"
        );
    }
    Ok(())
}

async fn prepare_mysql(on: &mut MySqlConnection) -> sqlx::Result<()> {
    on.execute(PREPARE_MYSQL).await?;
    let read_only = on.fetch_one("SELECT CAST(@@global.read_only AS CHAR) NOT IN ('0', 'OFF')").await?;
    if read_only.try_get::<i64, _>(0)? != 0 {
        return Err(refused("it can only be read (read_only): name the primary"));
    }
    Ok(())
}

/// What is done on a fresh connection.
type Greeting<D> = for<'c> fn(&'c mut <D as Driver>::Connection) -> BoxFuture<'c, sqlx::Result<()>>;

/// Connects once, beside the pool, which would tell only that time is over.
async fn meet<D: Driver>(options: &<D::Connection as Connection>::Options, greeting: Greeting<D>) -> sqlx::Result<()> {
    let until = Instant::now() + FIRST_WAIT;
    loop {
        let met = tokio::time::timeout_at(until, async {
            let mut connection = D::Connection::connect_with(options).await?;
            greeting(&mut connection).await?;
            connection.close().await
        });
        match met.await {
            Ok(Err(error)) if is_starting(&error) && Instant::now() + PAUSE < until => {}
            Ok(met) => return met,
            Err(_) => return Err(sqlx::Error::PoolTimedOut),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_starting(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return error.kind() == ErrorKind::ConnectionRefused;
    }
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|state| state == "57P03")
}

fn refused(why: &str) -> sqlx::Error {
    sqlx::Error::Configuration(why.into())
}

const CERTIFICATE: &str = "its certificate is checked against the public authorities: name the CA of a private one by \
                           ?sslrootcert=ca.pem (MySQL: ?ssl-ca=ca.pem)";

/// Why there is no connection and what helps, for whoever configures it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's errors are many, and more may come")]
pub(in crate::store) fn plainly(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => {
            "the database did not answer in time: is the host right, and does the network let menjin through?"
                .to_owned()
        }
        sqlx::Error::Configuration(why) if why.to_string().starts_with("RSA ") => {
            "the user's password plugin (MySQL's caching_sha2_password) needs TLS or a socket: switch TLS on at the \
             server, and do not say ssl-mode=disabled"
                .to_owned()
        }
        sqlx::Error::Configuration(why) => why.to_string(),
        sqlx::Error::Protocol(_) => {
            "what answers speaks another language: is it such a database that listens there?".to_owned()
        }
        sqlx::Error::Tls(why) if why.to_string().contains("does not support TLS") => {
            format!("{why}: switch TLS on at the server")
        }
        sqlx::Error::Tls(why) => format!("{why}: {CERTIFICATE}"),
        sqlx::Error::Io(io) => format!("{io}: {}", way(io.kind())),
        other => describe(other).to_string(),
    }
}

/// What may be wrong with the way to the database.
fn way(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::ConnectionRefused {
        "does it run there, and is the port right?"
    } else if kind == ErrorKind::NotFound {
        "does the socket or the file that the address names exist?"
    } else if kind == ErrorKind::InvalidData {
        CERTIFICATE
    } else if matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) {
        "is it such a database that listens there?"
    } else {
        "is the host right, and can this machine reach it?"
    }
}
