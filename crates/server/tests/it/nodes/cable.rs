//! The way of one node to the database, which a test may cut or hold while other nodes keep theirs.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Connections stay, and nothing passes.
    Held,
    /// Connections are gone, and new ones end at once.
    Cut,
}

pub(super) struct Cable {
    condition: watch::Sender<Condition>,
    /// The address of the store at its end.
    pub(super) url: String,
}

impl Cable {
    /// To the server of a store with this address.
    pub(super) async fn to(store_url: &str) -> Self {
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

    pub(super) fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub(super) fn hold(&self) {
        self.condition.send_replace(Condition::Held);
    }

    pub(super) fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }
}

/// Carries one connection until either side ends it or the cable is cut.
async fn carry(mut near: TcpStream, there: &str, mut condition: watch::Receiver<Condition>) {
    let far = async { if *condition.borrow() == Condition::Cut { None } else { TcpStream::connect(there).await.ok() } };
    let Some(mut far) = far.await else { return };
    let mut copying = Box::pin(copy_bidirectional(&mut near, &mut far));
    loop {
        let now = *condition.borrow_and_update();
        if now == Condition::Cut {
            return;
        }
        tokio::select! {
            _ = &mut copying, if now == Condition::Whole => return,
            changed = condition.changed() => if changed.is_err() { return },
        }
    }
}
