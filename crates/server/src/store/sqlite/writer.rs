//! The one writer: a thread that takes what waits, does it in one transaction and answers after COMMIT (design §4.8).
//!
//! Each intention runs in a savepoint of its own, so that one that fails takes nobody with it; when the transaction
//! itself is gone, everybody in it is told so.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::store::{Result, StoreError};

/// Intentions in one commit.
const GROUP: usize = 64;
/// A group stops growing after so long.
const GROUP_TIME: Duration = Duration::from_millis(2);
/// Intentions that may wait; more callers wait outside.
const WAITING: usize = 4096;

/// What may wait lets so many groups pass before it is taken all the same.
const PATIENCE: u32 = 64;

/// A handle to the writer's thread; dropping it lets what waits finish.
pub(super) struct Writer {
    queue: Arc<Queue>,
    room: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// Whether something may wait until nothing else does.
#[derive(Clone, Copy)]
pub(super) enum Urgency {
    Now,
    Last,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        Self::with_groups_of(connection, GROUP_TIME)
    }

    /// How many wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        WAITING.saturating_sub(self.room.available_permits())
    }

    fn with_groups_of(connection: Connection, longest: Duration) -> Self {
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("menjin-writer".into())
            .spawn(move || run(&connection, &taken, longest))
            .expect("a process that can't start one thread can't serve");
        Self { queue, room: Arc::new(Semaphore::new(WAITING)), thread: Some(thread) }
    }

    /// Does `work` in one of the next groups. Once it is queued it is done, whether or not its caller still waits.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
        urgency: Urgency,
    ) -> Result<T> {
        let gone = || StoreError::Unavailable(anyhow::anyhow!("the writer has stopped"));
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| gone())?;
        let (answer, answered) = oneshot::channel();
        self.queue.push(Box::new(Call { work: Some(work), outcome: None, answer, _room: room }), urgency);
        answered.await.map_err(|_| gone())?
    }

    /// Whether the last transaction was lost.
    pub(super) fn is_failing(&self) -> bool {
        self.queue.failing.load(Ordering::Relaxed)
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

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    failing: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    now: VecDeque<Box<dyn Intention>>,
    last: VecDeque<Box<dyn Intention>>,
    passed: u32,
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
            if let Some(intention) = waiting.next() {
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

impl Waiting {
    /// What is urgent goes first, but not for ever.
    fn next(&mut self) -> Option<Box<dyn Intention>> {
        if self.now.is_empty() || self.passed >= PATIENCE && !self.last.is_empty() {
            self.passed = 0;
            return self.last.pop_front();
        }
        self.passed += u32::from(!self.last.is_empty());
        self.now.pop_front()
    }
}

/// What waits to be written.
trait Intention: Send {
    /// Does the work; an error, in words, when its savepoint may not stand.
    fn run(&mut self, connection: &Connection) -> Result<(), String>;
    /// Answers the caller: what the work gave, or that the transaction is gone.
    fn settle(self: Box<Self>, gone: Option<&str>);
}

struct Call<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
    _room: OwnedSemaphorePermit,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Intention for Call<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), String> {
        let Some(work) = self.work.take() else { return Err("it was run before".to_owned()) };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(StoreError::Unavailable(anyhow::anyhow!("a store method panicked"))));
        let stands = match &outcome {
            Ok(_) => Ok(()),
            Err(StoreError::Unavailable(why)) => Err(format!("{why:#}")),
        };
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

fn run(connection: &Connection, queue: &Queue, longest: Duration) {
    while let Some(first) = queue.first() {
        let mut group = Vec::with_capacity(GROUP);
        let gone =
            commit_group(connection, first, (queue, longest), &mut group).err().map(|error| format!("{error:#}"));
        queue.failing.store(gone.is_some(), Ordering::Relaxed);
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
    (queue, longest): (&Queue, Duration),
    group: &mut Vec<Box<dyn Intention>>,
) -> anyhow::Result<()> {
    group.push(first);
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let began = tokio::time::Instant::now();
    let mut at = 0;
    loop {
        in_savepoint(connection, &mut *group[at])?;
        at += 1;
        if group.len() >= GROUP || began.elapsed() >= longest {
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
fn in_savepoint(connection: &Connection, intention: &mut dyn Intention) -> anyhow::Result<()> {
    connection.prepare_cached("SAVEPOINT intention")?.execute([])?;
    if let Err(why) = intention.run(connection) {
        // A full disk, for one, rolls back everything: then there is no savepoint to go back to.
        anyhow::ensure!(!connection.is_autocommit(), why);
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
        Writer::with_groups_of(connection, Duration::from_mins(1))
    }

    /// Holds the writer until all wait in line, so that they are one group.
    macro_rules! together {
        ($writer:ident, $($call:expr),+) => {{
            let (go, held) = std::sync::mpsc::channel::<()>();
            let hold = move |_: &Connection| Ok(held.recv().is_ok());
            tokio::join!(biased; $writer.write(hold, Urgency::Now), $($call),+, async { go.send(()).unwrap() })
        }};
    }

    async fn insert(writer: &Writer, n: i64) -> Result<()> {
        writer
            .write(
                move |connection| {
                    connection.execute("INSERT INTO t VALUES (?1)", [n])?;
                    Ok(())
                },
                Urgency::Now,
            )
            .await
    }

    async fn count(writer: &Writer) -> i64 {
        writer
            .write(|connection| Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?), Urgency::Now)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn an_intention_that_fails_takes_nobody_with_it() {
        let writer = writer();
        let (held, a, b, c, ()) = together!(writer, insert(&writer, 1), insert(&writer, 1), insert(&writer, 2));
        assert!(held.unwrap() && a.is_ok() && b.is_err() && c.is_ok());
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn an_intention_that_panics_fails_alone() {
        let writer = writer();
        let panicked = writer
            .write(
                |connection| {
                    connection.execute("INSERT INTO t VALUES (7)", [])?;
                    assert!(connection.is_autocommit(), "a bug");
                    Ok(())
                },
                Urgency::Now,
            )
            .await;
        assert!(panicked.is_err());
        assert_eq!(count(&writer).await, 0);
    }

    #[tokio::test]
    async fn when_the_transaction_is_gone_everybody_in_it_is_told() {
        let writer = writer();
        let rollback = |connection: &Connection| Ok(connection.execute_batch("ROLLBACK")?);
        let (held, a, b, ()) = together!(writer, insert(&writer, 1), writer.write(rollback, Urgency::Now));
        assert!(held.is_err() && a.is_err() && b.is_err(), "{held:?} {a:?} {b:?}");
        assert_eq!(count(&writer).await, 0);
        insert(&writer, 1).await.unwrap();
    }
}
