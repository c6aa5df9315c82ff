//! Read-only connections, one lent at a time; WAL lets them read while the writer writes.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::read_only;
use crate::store::Result;

pub(super) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let count = std::thread::available_parallelism().map_or(4, std::num::NonZero::get) + 2;
        let connections = (0..count).map(|_| read_only(path).map(Mutex::new)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        work(&self.lend())
    }

    /// A free one if there is one: reads are short, so waiting for the first is short too.
    fn lend(&self) -> MutexGuard<'_, Connection> {
        let start = self.next.load(Ordering::Relaxed);
        for offset in 0..self.connections.len() {
            match self.connections[(start + offset) % self.connections.len()].try_lock() {
                Ok(connection) => return connection,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => self.next.store(start + offset + 1, Ordering::Relaxed),
            }
        }
        self.connections[start % self.connections.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
