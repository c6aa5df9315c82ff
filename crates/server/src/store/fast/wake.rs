//! Wake-ups between nodes: after a commit that others should learn of, and heard before their next look at the store.
//!
//! A wake-up says "read", and nothing else; one that is lost costs the time until the next tick.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

/// Of all that is told within this time, the others hear once.
const TOGETHER: Duration = Duration::from_millis(20);
/// After a line that broke.
const AGAIN: Duration = Duration::from_secs(1);

/// How one node reaches the others: a channel of Redis or of the database.
#[async_trait]
pub trait Bell: Send + Sync + std::fmt::Debug {
    /// Tells the other nodes to read. Called after a commit, never within a transaction, at most once each 20 ms.
    async fn ring(&self);
    /// Calls `heard` for every wake-up of another node, and once at the beginning: some may have been missed. Returns when
    /// the line breaks, and is called again after a second.
    async fn listen(&self, heard: &(dyn Fn() + Send + Sync));
}

/// The wake-ups of this node.
#[derive(Debug)]
pub(crate) struct Wake {
    bell: Option<Arc<dyn Bell>>,
    told: Notify,
    heard: watch::Sender<()>,
}

impl Wake {
    /// Wake-ups over `bell`; without one there is one node alone, or nodes that look by themselves.
    pub(crate) fn new(bell: Option<Arc<dyn Bell>>) -> Self {
        Self { bell, told: Notify::new(), heard: watch::Sender::new(()) }
    }

    /// After a commit: the others should read. Waits for nothing.
    pub(crate) fn tell(&self) {
        self.told.notify_one();
    }

    /// The same, from a program that is about to end.
    pub(crate) async fn tell_now(&self) {
        if let Some(bell) = &self.bell {
            bell.ring().await;
        }
    }

    /// Changes with every wake-up of another node from now on.
    pub(crate) fn listener(&self) -> watch::Receiver<()> {
        self.heard.subscribe()
    }

    /// Rings and listens for as long as the server runs.
    pub(super) async fn carry(&self) {
        let Some(bell) = &self.bell else { return };
        let ring = async {
            loop {
                self.told.notified().await;
                bell.ring().await;
                tokio::time::sleep(TOGETHER).await;
            }
        };
        let listen = async {
            loop {
                bell.listen(&|| self.heard.send_replace(())).await;
                tokio::time::sleep(AGAIN).await;
            }
        };
        tokio::join!(ring, listen);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Counting {
        rung: AtomicUsize,
        again: Notify,
    }

    #[async_trait]
    impl Bell for Counting {
        async fn ring(&self) {
            self.rung.fetch_add(1, Ordering::SeqCst);
            self.again.notify_one();
        }

        async fn listen(&self, heard: &(dyn Fn() + Send + Sync)) {
            heard();
            self.again.notified().await;
        }
    }

    /// Moves the time, and lets everybody do what they do then.
    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_together_rings_once_and_what_comes_later_rings_again() {
        let bell = Arc::new(Counting::default());
        let wake = Arc::new(Wake::new(Some(Arc::clone(&bell) as Arc<dyn Bell>)));
        let mut heard = wake.listener();
        let carrying = tokio::spawn({
            let wake = Arc::clone(&wake);
            async move { wake.carry().await }
        });
        for _ in 0..100 {
            wake.tell();
        }
        heard.changed().await.unwrap();
        pass(TOGETHER / 2).await;
        assert_eq!(bell.rung.load(Ordering::SeqCst), 1);
        wake.tell();
        wake.tell();
        pass(TOGETHER / 4).await;
        assert_eq!(bell.rung.load(Ordering::SeqCst), 1, "not yet");
        pass(TOGETHER).await;
        assert_eq!(bell.rung.load(Ordering::SeqCst), 2);
        pass(AGAIN * 3).await;
        assert_eq!(bell.rung.load(Ordering::SeqCst), 2, "nothing was told since");
        heard.changed().await.unwrap();
        carrying.abort();
    }
}
