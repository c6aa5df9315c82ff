//! The way of one node to the database, or of a guard to its node, which a test may cut or hold while other nodes keep theirs.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Connections stay, and nothing passes.
    Held,
    /// A COMMIT still reaches the database, and no answer to it comes back.
    SilentAfterCommit,
    /// Connections are gone, and new ones end at once.
    Cut,
}

pub(crate) struct Cable {
    condition: watch::Sender<Condition>,
    /// The address of the store at its end.
    pub(crate) url: String,
}

impl Cable {
    /// To the server of a store with this address.
    pub(crate) async fn to(store_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut url: reqwest::Url = store_url.parse().unwrap();
        let there = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        url.set_port(Some(port)).unwrap();
        let condition = watch::Sender::new(Condition::Whole);
        let watched = condition.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (there, watched) = (there.clone(), watched.clone());
                tokio::spawn(async move { carry(near, &there, watched).await });
            }
        });
        Self { condition, url: url.to_string() }
    }

    pub(crate) fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub(crate) fn hold(&self) {
        self.condition.send_replace(Condition::Held);
    }

    pub(crate) fn answer_no_commit(&self) {
        self.condition.send_replace(Condition::SilentAfterCommit);
    }

    pub(crate) fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }
}

/// Carries one connection until either side ends it or the cable is cut.
async fn carry(near: TcpStream, there: &str, condition: watch::Receiver<Condition>) {
    let far = async { if *condition.borrow() == Condition::Cut { None } else { TcpStream::connect(there).await.ok() } };
    let Some(far) = far.await else { return };
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let is_silent = AtomicBool::new(false);
    let cut = async |mut condition: watch::Receiver<Condition>| {
        condition.wait_for(|now| *now == Condition::Cut).await.map(drop).unwrap_or_default();
    };
    tokio::select! {
        () = asked(from_near, to_far, condition.clone(), &is_silent) => {}
        () = answered(from_far, to_near, condition.clone(), &is_silent) => {}
        () = cut(condition) => {}
    }
}

/// What goes to the database.
async fn asked(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut condition: watch::Receiver<Condition>,
    is_silent: &AtomicBool,
) {
    while let Some(bytes) = read(&mut from, &mut condition).await {
        let is_commit = bytes.strip_suffix(b"\0").unwrap_or(&bytes).ends_with(b"COMMIT");
        if is_commit && *condition.borrow() == Condition::SilentAfterCommit {
            is_silent.store(true, Ordering::SeqCst);
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// What comes back.
async fn answered(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut condition: watch::Receiver<Condition>,
    is_silent: &AtomicBool,
) {
    while let Some(bytes) = read(&mut from, &mut condition).await {
        if !is_silent.load(Ordering::SeqCst) && to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// What comes next, once it may pass; nothing at the end.
async fn read(from: &mut OwnedReadHalf, condition: &mut watch::Receiver<Condition>) -> Option<Vec<u8>> {
    let mut bytes = vec![0; 16 * 1024];
    let count = from.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
    bytes.truncate(count);
    condition.wait_for(|now| *now != Condition::Held).await.ok()?;
    Some(bytes)
}
