//! The one writer: a thread that takes what waits, does it in one transaction and answers after COMMIT (design §4.8).
//!
//! Each intention runs in a savepoint of its own, so that one that fails takes nobody with it; when the transaction
//! itself is gone, everybody in it is told so.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use crate::store::{Result, StoreError};

/// Intentions in one commit.
const GROUP: usize = 64;
/// A group stops growing after so long.
const GROUP_TIME: Duration = Duration::from_millis(2);
/// Intentions that may wait; more callers wait outside.
const WAITING: usize = 4096;

/// A handle to the writer's thread; dropping it lets what waits finish.
pub(super) struct Writer {
    queue: Arc<Queue>,
    room: Semaphore,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("menjin-writer".into())
            .spawn(move || run(&connection, &taken))
            .expect("a process that can't start one thread can't serve");
        Self { queue, room: Semaphore::new(WAITING), thread: Some(thread) }
    }

    /// Does `work` in the next group.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.enqueue(work, Urgency::Now).await
    }

    /// Does `work` when nothing else waits.
    pub(super) async fn write_last<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.enqueue(work, Urgency::Last).await
    }

    async fn enqueue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
        urgency: Urgency,
    ) -> Result<T> {
        let gone = || StoreError::Unavailable(anyhow::anyhow!("the writer has stopped"));
        let _room = self.room.acquire().await.map_err(|_| gone())?;
        let (answer, answered) = oneshot::channel();
        self.queue.push(Box::new(Call { work: Some(work), outcome: None, answer }), urgency);
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[derive(Clone, Copy)]
enum Urgency {
    Now,
    Last,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    now: VecDeque<Box<dyn Intention>>,
    last: VecDeque<Box<dyn Intention>>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, intention: Box<dyn Intention>, urgency: Urgency) {
        let mut waiting = self.lock();
        match urgency {
            Urgency::Now => waiting.now.push_back(intention),
            Urgency::Last => waiting.last.push_back(intention),
        }
        drop(waiting);
        self.wake.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// The next intention, waiting for one; `None` when the queue is closed and empty.
    fn first(&self) -> Option<Box<dyn Intention>> {
        let mut waiting = self.lock();
        loop {
            if let Some(intention) = waiting.now.pop_front() {
                return Some(intention);
            }
            if let Some(intention) = waiting.last.pop_front() {
                return Some(intention);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Another urgent one, if it is there already.
    fn another(&self) -> Option<Box<dyn Intention>> {
        self.lock().now.pop_front()
    }
}

/// What waits to be written.
trait Intention: Send {
    /// Does the work; true when its savepoint may stand.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers the caller: what the work gave, or that the transaction is gone.
    fn settle(self: Box<Self>, gone: Option<&str>);
}

struct Call<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Intention for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(StoreError::Unavailable(anyhow::anyhow!("a store method panicked"))));
        let stands = outcome.is_ok();
        self.outcome = Some(outcome);
        stands
    }

    fn settle(self: Box<Self>, gone: Option<&str>) {
        let outcome = match (gone, self.outcome) {
            (None, Some(outcome)) => outcome,
            (Some(why), _) => Err(StoreError::Unavailable(anyhow::anyhow!("the transaction is gone: {why}"))),
            (None, None) => Err(StoreError::Unavailable(anyhow::anyhow!("the work was never run"))),
        };
        // A caller that hung up doesn't need its answer; the work stands all the same.
        drop(self.answer.send(outcome));
    }
}

fn run(connection: &Connection, queue: &Queue) {
    while let Some(first) = queue.first() {
        let mut group = Vec::with_capacity(GROUP);
        let gone = commit_group(connection, first, queue, &mut group).err().map(|error| error.to_string());
        if let Some(why) = &gone {
            tracing::error!(error = %why, group.size = group.len(), "a group of writes failed");
            if !connection.is_autocommit() {
                drop(connection.execute_batch("ROLLBACK"));
            }
        }
        for intention in group {
            intention.settle(gone.as_deref());
        }
    }
}

fn commit_group(
    connection: &Connection,
    first: Box<dyn Intention>,
    queue: &Queue,
    group: &mut Vec<Box<dyn Intention>>,
) -> rusqlite::Result<()> {
    group.push(first);
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let began = tokio::time::Instant::now();
    let mut at = 0;
    loop {
        in_savepoint(connection, &mut *group[at])?;
        at += 1;
        if group.len() >= GROUP || began.elapsed() >= GROUP_TIME {
            break;
        }
        match queue.another() {
            Some(next) => group.push(next),
            None => break,
        }
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// An error here means that the whole transaction is gone.
fn in_savepoint(connection: &Connection, intention: &mut dyn Intention) -> rusqlite::Result<()> {
    connection.prepare_cached("SAVEPOINT intention")?.execute([])?;
    if !intention.run(connection) {
        connection.prepare_cached("ROLLBACK TO intention")?.execute([])?;
    }
    connection.prepare_cached("RELEASE intention")?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        Writer::start(connection)
    }

    async fn insert(writer: &Writer, n: i64) -> Result<()> {
        writer
            .write(move |connection| {
                connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                Ok(())
            })
            .await
    }

    async fn count(writer: &Writer) -> i64 {
        writer
            .write(|connection| Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_intention_that_fails_takes_nobody_with_it() {
        let writer = writer();
        let (a, b, c) = tokio::join!(insert(&writer, 1), insert(&writer, 1), insert(&writer, 2));
        assert!(a.is_ok() && b.is_err() && c.is_ok());
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn an_intention_that_panics_fails_alone() {
        let writer = writer();
        let panicked = writer
            .write(|connection| {
                connection.execute("INSERT INTO t VALUES (7)", [])?;
                assert!(connection.is_autocommit(), "a bug");
                Ok(())
            })
            .await;
        assert!(panicked.is_err());
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn when_the_transaction_is_gone_everybody_in_it_is_told() {
        let writer = writer();
        let (a, b) =
            tokio::join!(insert(&writer, 1), writer.write(|connection| Ok(connection.execute_batch("ROLLBACK")?)));
        assert!(a.is_err() && b.is_err(), "{a:?} {b:?}");
        assert_eq!(count(&writer).await, 0);
        insert(&writer, 1).await.unwrap();
    }
}
