//! Connections: lent by sqlx's pool, used for one reading or one transaction, and thrown away when that did not end well.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::mysql::MySqlConnection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Database as Driver, Executor as _, MySql, MySqlPool, PgPool, Postgres};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use super::Database;
use super::error::{failed, is_disconnected, is_duplicate, is_lost, is_outdated, too_slow};
use super::reach::prepare;
use super::statement::Sql;
use super::value::Value;
use crate::store::columns::{Columns, Corrupt};
use crate::store::{Load, Result};

/// A reading that takes longer is given up.
const READING: Duration = Duration::from_secs(3);
/// A transaction that takes longer is given up, with all tries: the feed counts on ten seconds at the most (design §4.5).
pub(super) const LONGEST: Duration = Duration::from_secs(8);
/// An operator's chore that takes longer is given up.
const CHORE: Duration = Duration::from_mins(10);
/// Whoever stands in line while others are served waits so long: their code may be spent already, and must not be lost to a
/// short patience.
const PATIENCE: Duration = Duration::from_secs(6);
/// A transaction that lost against others is tried so often.
const TRIES: usize = 12;
/// After a restart of the database every waiting connection is dead: so many are found out before somebody is told.
const DEAD: usize = 3;
/// After a change of the schema beside running nodes each connection has to prepare its statements anew.
const OUTDATED: usize = 100;

/// What the database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Postgres,
    MySql,
}

/// All connections, and the line before them: whoever waits because others are served waits longer than who waits for a
/// database that does not answer.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) of: Of,
    line: Arc<Semaphore>,
    /// The part of the line for those who write.
    writers: Arc<Semaphore>,
    /// How many stand in line.
    waiting: Arc<AtomicUsize>,
}

/// Somebody in line.
struct InLine<'p>(&'p AtomicUsize);

impl<'p> InLine<'p> {
    fn of(waiting: &'p AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// sqlx's own pool.
#[derive(Debug, Clone)]
pub(super) enum Of {
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// A connection in use.
pub(super) enum Connection<'c> {
    Postgres(&'c mut PgConnection),
    MySql(&'c mut MySqlConnection),
}

impl Connection<'_> {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
        }
    }

    /// Runs a statement that was put together from numbers of ours.
    pub(super) async fn say_made(&mut self, text: String) -> Result<()> {
        match self {
            Self::Postgres(on) => on.execute(AssertSqlSafe(text)).await.map(drop),
            Self::MySql(on) => on.execute(AssertSqlSafe(text)).await.map(drop),
        }
        .map_err(failed)
    }

    /// Runs a statement without values.
    pub(super) async fn say(&mut self, text: &'static str) -> Result<()> {
        match self {
            Self::Postgres(on) => on.execute(text).await.map(drop),
            Self::MySql(on) => on.execute(text).await.map(drop),
        }
        .map_err(failed)
    }
}

/// What is done in one transaction, with what it is told. It may run more than once.
pub(super) type Work<A, T> = for<'t, 'c> fn(&'t mut Connection<'c>, &'t A) -> BoxFuture<'t, Result<T>>;

/// A connection that goes back to the pool only when its work is done: one that was left in the middle is closed, and the
/// database forgets what it began.
struct Lease<D: Driver>(Option<PoolConnection<D>>);

impl<D: Driver> Drop for Lease<D> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

enum Lent {
    Postgres(Lease<Postgres>),
    MySql(Lease<MySql>),
}

impl Lent {
    fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Postgres(lease) => Connection::Postgres(lease.0.as_mut().expect("it is taken at its end only")),
            Self::MySql(lease) => Connection::MySql(lease.0.as_mut().expect("it is taken at its end only")),
        }
    }

    fn give_back(mut self) {
        match &mut self {
            Self::Postgres(lease) => drop(lease.0.take()),
            Self::MySql(lease) => drop(lease.0.take()),
        }
    }
}

impl Pool {
    pub(super) fn new(of: Of, max_connections: u32) -> Self {
        let writers = max_connections.saturating_sub(max_connections.div_ceil(8)).max(1);
        let line = |places: u32| Arc::new(Semaphore::new(places as usize));
        Self { of, line: line(max_connections), writers: line(writers), waiting: Arc::default() }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.of {
            Of::Postgres(_) => Dialect::Postgres,
            Of::MySql(_) => Dialect::MySql,
        }
    }

    /// How busy it is.
    pub(super) fn load(&self) -> Load {
        let (size, idle) = match &self.of {
            Of::Postgres(pool) => (pool.size(), pool.num_idle()),
            Of::MySql(pool) => (pool.size(), pool.num_idle()),
        };
        let in_use = (size as usize).saturating_sub(idle);
        Load { in_use, idle, waiting: self.waiting.load(Ordering::Relaxed) }
    }

    /// Stands in line; whoever holds the place may ask for one connection.
    async fn place(&self) -> Result<SemaphorePermit<'_>> {
        let _in_line = InLine::of(&self.waiting);
        let place = tokio::time::timeout(PATIENCE, self.line.acquire()).await;
        Ok(place.map_err(|_| too_slow("every connection was busy"))?.expect("the line is never closed"))
    }

    /// The same for whoever writes. Some places are left to those who read: COMMITs that stand still, as no standby confirms
    /// them, must not lock out who only shows a token, nor the feed.
    async fn place_to_write(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let _in_line = InLine::of(&self.waiting);
        let both = async { Ok((self.writers.acquire().await?, self.line.acquire().await?)) };
        let both: std::result::Result<_, AcquireError> =
            tokio::time::timeout(PATIENCE, both).await.map_err(|_| too_slow("every connection was busy"))?;
        Ok(both.expect("the line is never closed"))
    }

    async fn lend(&self) -> Result<Lent> {
        Ok(match &self.of {
            Of::Postgres(pool) => Lent::Postgres(Lease(Some(pool.acquire().await.map_err(failed)?))),
            Of::MySql(pool) => Lent::MySql(Lease(Some(pool.acquire().await.map_err(failed)?))),
        })
    }

    /// Does `work` as one transaction; answers after it is durable.
    pub(super) async fn transact<A, T>(&self, with: &A, work: Work<A, T>) -> Result<T> {
        let _place = self.place_to_write().await?;
        let (mut tries, mut outdated) = (1, 0);
        within(LONGEST, async {
            loop {
                match self.try_once(with, work).await {
                    Err(error) if is_lost(&error) && tries < TRIES => tries += 1,
                    Err(error) if is_outdated(&error) && outdated < OUTDATED => outdated += 1,
                    done => return done,
                }
            }
        })
        .await
    }

    async fn try_once<A, T>(&self, with: &A, work: Work<A, T>) -> Result<T> {
        let mut lent = self.begun().await?;
        let mut connection = lent.connection();
        let outcome = work(&mut connection, with).await;
        match &outcome {
            Ok(_) => connection.say("COMMIT").await?,
            Err(error) if is_lost(error) => connection.say("ROLLBACK").await?,
            Err(_) => return outcome,
        }
        lent.give_back();
        outcome
    }

    /// A connection in a transaction. One that died while it waited in the pool is no reason to fail: nothing was asked yet.
    async fn begun(&self) -> Result<Lent> {
        let mut dead = 0;
        loop {
            let mut lent = self.lend().await?;
            match lent.connection().say("BEGIN").await {
                Ok(()) => return Ok(lent),
                Err(error) if is_disconnected(&error) && dead < DEAD => dead += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Does `work` on a connection, each statement by itself.
    pub(super) async fn alone<A, T>(&self, with: &A, work: Work<A, T>, limit: Duration) -> Result<T> {
        let _place = self.place().await?;
        within(limit, async {
            let mut lent = self.lend().await?;
            let outcome = work(&mut lent.connection(), with).await?;
            lent.give_back();
            Ok(outcome)
        })
        .await
    }

    /// The same for an operator's chore, which may read whole tables: the database's own bound on a statement is off
    /// meanwhile.
    pub(super) async fn chore<A, T>(&self, with: &A, work: Work<A, T>) -> Result<T> {
        let _place = self.place().await?;
        within(CHORE, async {
            let mut lent = self.lend().await?;
            let mut connection = lent.connection();
            if connection.dialect() == Dialect::Postgres {
                connection.say("SET statement_timeout = 0").await?;
            }
            let outcome = work(&mut connection, with).await?;
            connection.say(prepare(connection.dialect())).await?;
            lent.give_back();
            Ok(outcome)
        })
        .await
    }

    /// Runs one statement by itself, as [`Sql::add`] does.
    pub(super) async fn add(&self, sql: &'static Sql, values: &[Value<'_>]) -> Result<bool> {
        match self.run(sql, values).await {
            Err(error) if is_duplicate(&error) => Ok(false),
            added => Ok(added? > 0),
        }
    }

    /// Runs one statement by itself; how many rows it found to change.
    pub(super) async fn run(&self, sql: &'static Sql, values: &[Value<'_>]) -> Result<u64> {
        let _place = self.place_to_write().await?;
        let (mut tries, mut outdated) = (1, 0);
        within(LONGEST, async {
            loop {
                let mut lent = self.lend().await?;
                let ran = sql.run(&mut lent.connection(), values).await;
                match &ran {
                    Err(error) if is_outdated(error) && outdated < OUTDATED => outdated += 1,
                    Err(error) if is_lost(error) && tries < TRIES => tries += 1,
                    Err(error) if !is_duplicate(error) => return ran,
                    Ok(_) | Err(_) => {
                        lent.give_back();
                        return ran;
                    }
                }
            }
        })
        .await
    }

    /// Reads the first row.
    pub(super) async fn row<T>(
        &self,
        sql: &'static Sql,
        values: &[Value<'_>],
        read: impl Fn(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Option<T>> {
        Ok(self.rows(sql, values, read).await?.into_iter().next())
    }

    /// Reads all rows.
    pub(super) async fn rows<T>(
        &self,
        sql: &'static Sql,
        values: &[Value<'_>],
        read: impl Fn(&mut Columns<'_>) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>> {
        let _place = self.place().await?;
        let (mut dead, mut outdated) = (0, 0);
        loop {
            let mut lent = self.lend().await?;
            let reading = within(READING, async {
                let rows = sql.rows(&mut lent.connection(), values, &read).await?;
                lent.give_back();
                Ok(rows)
            });
            match reading.await {
                Err(error) if is_disconnected(&error) && dead < DEAD => dead += 1,
                Err(error) if is_outdated(&error) && outdated < OUTDATED => outdated += 1,
                done => return done,
            }
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(too_slow("the work was given up")))
}

impl Database {
    pub(super) async fn transact<A, T>(&self, with: &A, work: Work<A, T>) -> Result<T> {
        self.pool.transact(with, work).await
    }
}
