//! Redis that answers, and takes its time: waited for once a request, and right.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use menjin_testbed::Redis;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::losses::a_life;
use super::{at, sharing};
use crate::broker::{read, with_mailer};
use crate::harness::{Setup, TestServer};
use crate::log::Log;

const DELAY: Duration = Duration::from_millis(150);

/// A way to Redis that is long.
struct Way {
    url: String,
    /// The names of all commands that were asked, but for those that nobody waits for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Way {
    async fn to(redis: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}/0", listener.local_addr().unwrap());
        let (there, asked) = (redis.port(), Arc::new(Mutex::default()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", there)).await else { return };
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                tokio::spawn(note(from_near, to_far, Arc::clone(&noted)));
                tokio::spawn(delay(from_far, to_near));
            }
        });
        Self { url, asked }
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Passes on what Redis is asked.
async fn note(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, noted: Arc<Mutex<Vec<String>>>) {
    let (mut bytes, mut unread) = (vec![0; 64 * 1024], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        unread.extend_from_slice(&bytes[..count]);
        while let Some(words) = command(&mut unread) {
            // Looking after the line and waking others are no request's.
            let is_own = matches!(words[0].as_str(), "PUBLISH" | "SUBSCRIBE" | "CLIENT" | "SELECT" | "PING")
                || words.get(1).is_some_and(|key| key.ends_with(":up"));
            if !is_own {
                noted.lock().unwrap().push(words[0].clone());
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Passes on what Redis answers, later.
async fn delay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((when, bytes)) = due.recv().await {
            tokio::time::sleep_until(when).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if late.send((Instant::now() + DELAY, bytes[..count].to_vec())).is_err() {
            return;
        }
    }
}

/// Takes one command, `*count`, then `$length` and so many bytes for each word; nothing until it has come whole.
fn command(unread: &mut Vec<u8>) -> Option<Vec<String>> {
    let (count, mut rest) = number(unread, b'*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let (length, after) = number(rest, b'$')?;
        let (word, after) = after.split_at_checked(length + 2)?;
        words.push(String::from_utf8_lossy(&word[..length]).into_owned());
        rest = after;
    }
    let read = unread.len() - rest.len();
    unread.drain(..read);
    Some(words)
}

fn number(bytes: &[u8], kind: u8) -> Option<(usize, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    assert_eq!(bytes[0], kind, "this is no command: {:?}", String::from_utf8_lossy(&bytes[..end]));
    Some((std::str::from_utf8(&bytes[1..end]).unwrap().parse().unwrap(), &bytes[end + 2..]))
}

/// How often each of these asks Redis, one after the other.
#[tokio::test]
async fn a_redis_that_answers_just_in_time_is_waited_for_once_a_request_and_all_answers_are_right() {
    let log = Log::start();
    let way = Way::to(Redis::shared()).await;
    let shared = at(&way.url);
    let setup = || {
        let mailer = with_mailer();
        let server = format!("{}\ntrusted_proxies = [\"127.0.0.1\"]", mailer.server);
        let limits = "enabled = true\nper_address = 40".to_owned();
        sharing(&shared, Setup { server, limits, ..mailer })
    };
    let one = TestServer::with(setup()).await;
    let two = one.beside(setup()).await;
    one.freeze();
    let ended = a_life(&one, &two, "alice").await;
    let wrong = async |code: &str| one.anon().post("/v1/login/shop", json!({"code": code})).await;
    wrong("0bad-1").await.problem(401, "code_invalid");
    read(&one).await.ok(200);
    // From now on Redis knows the scripts.
    way.asked();

    let mut phone = one.phone("bob").await;
    assert_eq!(way.asked(), ["EVALSHA"], "a sign-in");
    wrong("0bad-2").await.problem(401, "code_invalid");
    assert_eq!(way.asked(), ["EVALSHA", "EVALSHA"], "a refused one is counted, too");
    phone.refresh().await.ok(200);
    assert_eq!(way.asked(), ["EVALSHA"], "a refresh");
    phone.get("/v1/me").await.ok(200);
    assert_eq!(way.asked(), [""; 0], "who has a token");
    two.phone_with_token(&ended).get("/v1/me").await.problem(401, "session_ended");
    phone.post("/v1/logout", json!({})).await.ok(204);
    assert_eq!(way.asked(), ["EVALSHA"], "a logout");
    read(&two).await.ok(200);
    let asked = way.asked();
    assert!(matches!(asked.len(), 2 | 3) && asked[..2] == ["EVALSHA", "GET"], "a platform's token: {asked:?}");

    // One limit for both nodes; some time may have brought a few more.
    let body = json!({"refresh_token": "x"}).to_string();
    let hop = [("x-forwarded-for", "198.51.100.1")];
    let asking = (0..60).map(async |nth| {
        let node = [&one, &two][nth % 2];
        node.anon().send(Method::POST, "/v1/token/refresh", Some(body.clone()), &hop).await
    });
    let refused = join_all(asking).await.into_iter().filter(|answer| answer.status == 429).count();
    assert!((10..=20).contains(&refused), "{refused}");
    assert!(way.asked().len() <= 60);
    assert!(!log.text().contains("Redis is lost"), "{}", log.text());
}
