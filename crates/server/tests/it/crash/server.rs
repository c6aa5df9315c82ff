//! The child as the test sees it: started, asked, ordered about, killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use menjin_sim::Sim;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::phone::Phone;
use super::{FOLDER, TEST};

/// The child, as the test sees it; gone when dropped.
pub(super) struct Server {
    pub(super) child: Child,
    pub(super) orders: ChildStdin,
    pub(super) says: Lines<BufReader<ChildStdout>>,
    pub(super) line: Line,
}

/// How phones reach the server, and what they know of its end.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) http: reqwest::Client,
    pub(super) url: String,
    pub(super) sim: Sim,
    pub(super) acknowledged: watch::Sender<u64>,
    pub(super) killing: Arc<AtomicBool>,
}

impl Server {
    pub(super) async fn start(folder: &Path, sim: &Sim) -> Self {
        Self::start_as(Command::new(std::env::current_exe().unwrap()), folder, sim).await
    }

    pub(super) async fn start_as(mut command: Command, folder: &Path, sim: &Sim) -> Self {
        command.args(["--exact", TEST, "--nocapture"]).env(FOLDER, folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let mut says = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let said = says.next_line().await.unwrap().expect("the child starts on what its predecessor left");
            if let Some((_, address)) = said.split_once("listens on ") {
                break format!("http://{address}");
            }
        };
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let line = Line { http, url, sim: sim.clone(), acknowledged: watch::Sender::new(0), killing: Arc::default() };
        Self { child, orders, says, line }
    }

    /// Every key that was acknowledged verifies.
    pub(super) async fn publishes(&self, kids: &BTreeSet<String>) {
        let jwks = self.line.get("/.well-known/jwks.json", None).await.unwrap().body;
        let published: BTreeSet<_> =
            jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
        assert!(kids.is_subset(&published), "{kids:?} are not all in {published:?}");
    }

    /// Rotates its signing key; gives the new one's name once that is acknowledged, and nothing when it failed.
    pub(super) async fn rotates(&mut self) -> Option<String> {
        self.orders.write_all(b"rotate\n").await.unwrap();
        let said = self.says.next_line().await.unwrap().expect("it has not been killed yet");
        Some(said.split_once("rotated ")?.1.to_owned())
    }

    /// All phones do the same at once.
    pub(super) async fn each(&self, phones: Vec<Phone>, what: impl AsyncFn(&mut Phone, Line) + Copy) -> Vec<Phone> {
        let each = phones.into_iter().map(async |mut phone| {
            what(&mut phone, self.line.clone()).await;
            phone
        });
        futures_util::future::join_all(each).await
    }

    /// Phones use it and its key is rotated, until it is killed after so many answers.
    pub(super) async fn kill_amid(
        mut self,
        phones: Vec<Phone>,
        enough: u64,
        kids: &mut BTreeSet<String>,
    ) -> Vec<Phone> {
        let working = self.works(phones, enough, kids).await;
        self.kill().await;
        working.join_all().await
    }

    /// The same, until what keeps its rows is killed by `kill`. It lives on, and refuses.
    pub(super) async fn lose_database_amid(
        &mut self,
        phones: Vec<Phone>,
        enough: u64,
        kids: &mut BTreeSet<String>,
        kill: impl Future<Output = ()>,
    ) -> Vec<Phone> {
        let working = self.works(phones, enough, kids).await;
        self.line.killing.store(true, Ordering::SeqCst);
        kill.await;
        working.join_all().await
    }

    /// Until all is well again, by itself.
    pub(super) async fn recovers(&self) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.line.get("/readyz", None).await.is_none() {
            assert!(tokio::time::Instant::now() < patience, "it does not recover");
            tokio::task::yield_now().await;
        }
        self.line.killing.store(false, Ordering::SeqCst);
    }

    /// Phones use it and its key is rotated, until there were so many answers; the phones go on.
    async fn works(&mut self, phones: Vec<Phone>, enough: u64, kids: &mut BTreeSet<String>) -> JoinSet<Phone> {
        let mut working = JoinSet::new();
        for mut phone in phones {
            let line = self.line.clone();
            working.spawn(async move {
                while phone.does_something(&line).await.is_some() {}
                phone
            });
        }
        let mut acknowledged = self.line.acknowledged.subscribe();
        let mut answers = acknowledged.clone();
        let enough = enough + *answers.borrow();
        let rotating = async {
            loop {
                kids.extend(self.rotates().await);
                let before = *acknowledged.borrow();
                acknowledged.wait_for(|now| *now > before + 20).await.unwrap();
            }
        };
        tokio::select! {
            () = rotating => {}
            _ = answers.wait_for(|answers| *answers >= enough) => {}
            Some(stopped) = working.join_next() => panic!("a phone stopped before the kill: {:?}", stopped.err()),
        }
        working
    }

    pub(super) async fn kill(mut self) {
        self.line.killing.store(true, Ordering::SeqCst);
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        #[cfg(unix)]
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
        assert!(!status.success());
    }
}

/// An answer that came whole.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("{member} of {}", self.body)).to_owned()
    }

    #[track_caller]
    pub(super) fn asks_for_another_code(&self) {
        assert!(matches!(self.status, 401 | 503) && self.body["action"] == "relogin", "{} {}", self.status, self.body);
    }

    #[track_caller]
    pub(super) fn refused(&self, code: &str) {
        assert_eq!((self.status, self.body["code"].as_str()), (401, Some(code)), "{}", self.body);
    }
}

impl Line {
    pub(super) async fn get(&self, path: &str, token: Option<&str>) -> Option<Answer> {
        self.send(self.http.get(format!("{}{path}", self.url)), token).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value, token: Option<&str>) -> Option<Answer> {
        self.send(self.http.post(format!("{}{path}", self.url)).json(body), token).await
    }

    /// `None` when the server was killed before it had answered whole, or said that it lost its database.
    pub(super) async fn send(&self, request: reqwest::RequestBuilder, token: Option<&str>) -> Option<Answer> {
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        let answered = async {
            let answer = request.send().await?;
            let (status, bytes) = (answer.status().as_u16(), answer.bytes().await?);
            Ok::<_, reqwest::Error>(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
        };
        match answered.await {
            Ok(answer) if answer.status == 503 && self.killing.load(Ordering::SeqCst) => None,
            Ok(answer) => {
                self.acknowledged.send_modify(|answers| *answers += 1);
                Some(answer)
            }
            Err(error) => {
                assert!(self.killing.load(Ordering::SeqCst), "it failed by itself: {error:?}");
                None
            }
        }
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Option<Answer> {
        self.post("/v1/token/refresh", &json!({"refresh_token": refresh_token}), None).await
    }
}
