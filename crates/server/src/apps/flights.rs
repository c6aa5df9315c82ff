//! Work that many ask for at once and that is done once: those who come while it is under way join it.
//!
//! Lives here: joining, and making room again however the work ends. Does not: what the work is (`broker`).

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

type Flight<T> = Shared<BoxFuture<'static, Result<T, String>>>;

/// What is under way, by name.
pub(super) struct Flights<K, T>(Arc<Mutex<HashMap<K, Flight<T>>>>);

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The outcome of the work with this name, which begins unless it is under way. It goes on without its passengers; `Err`
    /// when it panicked, and then whoever comes next begins anew.
    pub(super) async fn join<W>(&self, name: K, work: impl FnOnce() -> W) -> Result<T, String>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let flight = lock(&self.0).entry(name.clone()).or_insert_with(|| self.take_off(name, work())).clone();
        flight.await
    }

    fn take_off(&self, name: K, work: impl Future<Output = T> + Send + 'static) -> Flight<T> {
        let flights = Arc::clone(&self.0);
        let flying = tokio::spawn(async move {
            let _landing = Landing { flights, name };
            work.await
        });
        flying.map(|flown| flown.map_err(|error| error.to_string())).boxed().shared()
    }
}

/// Takes a flight off the list when its work is over, by a panic too.
struct Landing<K: Eq + Hash, T> {
    flights: Arc<Mutex<HashMap<K, Flight<T>>>>,
    name: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.name);
    }
}

fn lock<K, T>(flights: &Mutex<HashMap<K, Flight<T>>>) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_at_once_have_it_done_once_and_who_comes_later_anew() {
        let (flights, done) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let work = || {
            let done = Arc::clone(&done);
            async move {
                tokio::task::yield_now().await;
                done.fetch_add(1, Ordering::SeqCst) + 1
            }
        };
        let together = futures_util::future::join_all((0..10).map(|_| flights.join("shop", work))).await;
        assert_eq!(together, vec![Ok(1); 10]);
        assert_eq!(flights.join("shop", work).await, Ok(2));
    }

    #[tokio::test]
    async fn after_a_panic_the_next_who_comes_begins_anew() {
        let flights = Flights::default();
        let panics = || async { panic!("as a defect would") };
        let together = futures_util::future::join_all((0..3).map(|_| flights.join("shop", panics))).await;
        assert!(together.iter().all(Result::is_err), "{together:?}");
        assert_eq!(flights.join("shop", || async { 7 }).await, Ok(7));
    }
}
