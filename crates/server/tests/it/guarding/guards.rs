//! Guards in other programs, over HTTP: the feed, session data and introspection of `menjin-guard` against whole nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::FromRef;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::join_all;
use menjin_guard::{Caller, Guard, GuardBuilder, Session, SessionError};
use menjin_server::store::Actor;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use super::SECRET;
use crate::broker::until;
use crate::harness::{OTHER_APPID, Setup, TestServer};
use crate::nodes::Cable;

const PATIENCE: Duration = Duration::from_secs(20);

/// Back ends `orders`, which may do everything that guards do, and `porter`, which may do nothing.
fn with_back_ends() -> Setup {
    let toml = format!(
        r#"
[[app]]
id = "orders"
kind = "backend"
audience = "shop-api"
client_secret = "{SECRET}"
scopes = ["revocations:read", "session-data"]
[[app]]
id = "porter"
kind = "backend"
audience = "shop-api"
client_secret = "{SECRET}"
"#
    );
    Setup { toml, ..Setup::default() }
}

/// A guard for `shop-api` that asks this node. Tokens bear the name of the first.
fn guard_of(name: &TestServer, node: &TestServer) -> GuardBuilder {
    let guard = Guard::remote(&name.url, "shop-api").menjin_url(&node.url).as_app("orders", SECRET);
    // The nodes' clock stands still, so that nothing they say is newer than what they said before.
    guard.revocation_max_lag(Duration::from_mins(10))
}

/// A program behind a guard.
struct Program {
    url: String,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct State(Guard);

impl FromRef<State> for Guard {
    fn from_ref(state: &State) -> Self {
        state.0.clone()
    }
}

async fn who(caller: Caller) -> String {
    caller.user.to_string()
}

async fn count(session: Session) -> Result<Json<u32>, SessionError> {
    session.update("visits", |visits: Option<u32>| visits.unwrap_or_default() + 1).await.map(Json)
}

impl Program {
    async fn behind(guard: Guard) -> Self {
        let router = Router::new().route("/who", get(who)).route("/count", get(count)).with_state(State(guard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, serving }
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        ask(&client(), &format!("{}{path}", self.url), token).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

async fn ask(client: &Client, url: &str, token: &str) -> (u16, Value) {
    let answer = client.get(url).bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn a_user_who_is_banned_while_fifty_connections_use_their_token_is_refused_on_all() {
    let one = TestServer::with(with_back_ends()).await;
    let other = one.beside(with_back_ends()).await;
    let (here, there) = (guard_of(&one, &one).build().unwrap(), guard_of(&one, &other).build().unwrap());
    let programs = [Program::behind(here).await, Program::behind(there).await];
    let (alice, bob) = (one.phone("alice").await, one.phone("bob").await);
    let (token, served) = (alice.access_token(), Arc::new(AtomicUsize::new(0)));
    let mut connections = JoinSet::new();
    for nth in 0..50 {
        let url = format!("{}/who", programs[nth % 2].url);
        let (token, served) = (token.clone(), Arc::clone(&served));
        connections.spawn(async move {
            let client = client();
            loop {
                let (status, body) = ask(&client, &url, &token).await;
                if status != 200 {
                    return (status, body["code"].as_str().unwrap().to_owned());
                }
                served.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    until(async || served.load(Ordering::SeqCst) > 500).await;
    one.menjin.disable_user(&Actor::command(), alice.user_id().parse().unwrap()).await.unwrap();
    let all = tokio::time::timeout(PATIENCE, connections.join_all()).await.expect("they never heard of it");
    assert_eq!(all, vec![(401, "user_disabled".to_owned()); 50]);
    for program in &programs {
        assert_eq!(program.get("/who", &bob.access_token()).await, (200, json!(bob.user_id())));
    }
}

#[tokio::test]
async fn keys_rotated_under_load_cost_nobody_a_refusal() {
    const STEP: Duration = Duration::from_secs(20);
    const STEPS: usize = 100;
    let t = TestServer::with(with_back_ends()).await;
    let guard = guard_of(&t, &t).clock(Arc::clone(&t.clock) as Arc<_>).build().unwrap();
    let program = Program::behind(guard).await;
    let (stop, kids) = (AtomicBool::new(false), std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let answered = AtomicUsize::new(0);
    let load = async |nth: usize| {
        let client = client();
        let mut served = 0;
        while !stop.load(Ordering::SeqCst) {
            // Somebody new each time: the platform lets nobody in a hundred times a minute.
            let mut phone = t.phone_of(&format!("person {nth} {served}"));
            // A store that the load keeps waiting says so, and is asked again.
            let answer = phone.login(json!({})).await;
            if answer.status == 503 {
                answer.problem(503, "store_unavailable");
                continue;
            }
            answer.ok(200);
            let token = phone.access_token();
            kids.lock().unwrap().insert(token.split('.').next().unwrap().to_owned());
            let (status, body) = ask(&client, &format!("{}/who", program.url), &token).await;
            assert_eq!((status, &body), (200, &json!(phone.user_id())));
            served += 1;
            answered.fetch_add(1, Ordering::SeqCst);
        }
        served
    };
    let rotate = async {
        for round in 1..4 {
            until(async || kids.lock().unwrap().len() == round).await;
            until(async || t.menjin.rotate_key(&Actor::command()).await.is_ok()).await;
            // The new key is published for a while before it signs. Time goes on with the requests, however slow they are: a
            // token is shown before it has expired.
            for _ in 0..STEPS {
                let before = answered.load(Ordering::SeqCst);
                until(async || answered.load(Ordering::SeqCst) >= before + 4).await;
                t.clock.advance(STEP);
                if t.menjin.upkeep().await.is_ok() && kids.lock().unwrap().len() > round {
                    break;
                }
            }
            assert!(kids.lock().unwrap().len() > round, "the new key signs nothing in {STEPS} times {STEP:?}");
        }
        stop.store(true, Ordering::SeqCst);
    };
    let (served, ()) = tokio::join!(join_all((0..4).map(load)), rotate);
    assert!(served.iter().all(|served| *served > 3), "{served:?}");
}

#[tokio::test]
async fn session_data_is_typed_and_no_parallel_writer_is_lost() {
    let t = TestServer::with(with_back_ends()).await;
    let guard = guard_of(&t, &t).build().unwrap();
    let (phone, tablet) = (t.phone("alice").await, t.phone("alice").await);
    let session = guard.session(&phone.access_token());
    assert_eq!(session.get::<Vec<u32>>("cart").await.unwrap(), None);
    session.set("cart", &vec![1, 2]).await.unwrap();
    let first = session.get_versioned::<Vec<u32>>("cart").await.unwrap().unwrap();
    assert_eq!(first.value, [1, 2]);
    let second = session.set_if("cart", &vec![3], Some(&first.version)).await.unwrap().unwrap();
    assert_eq!(session.set_if("cart", &vec![4], Some(&first.version)).await.unwrap(), None, "somebody came first");
    assert_eq!(session.set_if("cart", &vec![4], None).await.unwrap(), None, "there is one");
    assert!(session.set_if("cart", &vec![5], Some(&second)).await.unwrap().is_some());
    assert!(matches!(session.get::<String>("cart").await, Err(SessionError::Value { key, .. }) if key == "cart"));
    session.set_for("code", &"1234", Duration::from_mins(5)).await.unwrap();
    assert_eq!(session.all().await.unwrap().into_iter().collect::<Value>(), json!({"cart": [5], "code": "1234"}));
    t.advance(Duration::from_mins(5));
    assert_eq!(session.get::<String>("code").await.unwrap(), None);
    assert_eq!(guard.session(&tablet.access_token()).get::<Value>("cart").await.unwrap(), None);
    guard.session(&tablet.access_token()).of_user().set("theme", &"dark").await.unwrap();
    assert_eq!(session.of_user().get::<String>("theme").await.unwrap().unwrap(), "dark");
    session.remove("cart").await.unwrap();
    session.remove("cart").await.unwrap();
    let program = Program::behind(guard.clone()).await;
    let token = phone.access_token();
    let answers = join_all((0..20).map(|_| program.get("/count", &token))).await;
    let mut counts: Vec<u64> = answers.iter().map(|(_, count)| count.as_u64().expect("a number")).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    session.flush().await.unwrap();
    assert_eq!(session.all().await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_menjin_refuses_of_session_data_is_told_as_a_problem() {
    let t = TestServer::with(with_back_ends()).await;
    let guard = guard_of(&t, &t).build().unwrap();
    let phone = t.phone("alice").await;
    let session = guard.session(&phone.access_token());
    let code = async |session: &Session, key: &str, value: &str| {
        session.set(key, &value).await.map_or_else(|error| error.code().to_owned(), |()| "ok".to_owned())
    };
    assert_eq!(code(&session, "k", &"x".repeat(3000)).await, "session_data_full");
    for key in ["", ".", "..", "a/b", "a b", "\u{e9}", &"k".repeat(65)] {
        assert_eq!(code(&session, key, "v").await, "internal", "{key}");
    }
    for odd in ["x.y.z", "x\ny"] {
        assert_eq!(code(&guard.session(odd), "k", "v").await, "token_invalid");
    }
    let club = async {
        let mut phone = t.phone_of("carol");
        phone.login_to("club", OTHER_APPID, json!({})).await.ok(200);
        phone.access_token()
    };
    assert_eq!(code(&guard.session(&club.await), "k", "v").await, "token_invalid", "another audience's");
    for (app, secret) in [("porter", SECRET), ("orders", "wrong-secret-wrong-secret-wrong-secret")] {
        let guard = guard_of(&t, &t).as_app(app, secret).feed(false).build().unwrap();
        assert_eq!(code(&guard.session(&phone.access_token()), "k", "v").await, "internal", "{app}");
    }
    let away = guard_of(&t, &t).menjin_url("http://127.0.0.1:9").feed(false).build().unwrap();
    assert_eq!(code(&away.session(&phone.access_token()), "k", "v").await, "store_unavailable");
    assert_eq!(code(&session, "k", "v").await, "ok");
    let program = Program::behind(guard_of(&t, &t).feed(false).build().unwrap()).await;
    phone.post("/v1/logout", json!({})).await.ok(204);
    assert_eq!(code(&session, "k", "v").await, "session_ended");
    // Where there is no feed, the guard lets them in still, and menjin says it.
    let (status, problem) = program.get("/count", &phone.access_token()).await;
    assert_eq!((status, &problem["code"], &problem["action"]), (401, &json!("session_ended"), &json!("relogin")));
}

#[tokio::test]
async fn a_guard_that_asks_hears_what_a_token_is_worth() {
    let t = TestServer::with(with_back_ends()).await;
    let asking = |audience: &str| Guard::introspecting(&t.url, audience).as_app("orders", SECRET);
    let guard = asking("shop-api").remember_for(Duration::ZERO).build().unwrap();
    let mut phone = t.phone("alice").await;
    let token = phone.access_token();
    let caller = guard.check_token(&token).await.unwrap();
    assert_eq!((caller.user.to_string(), caller.session.to_string()), (phone.user_id(), phone.session_id()));
    assert_eq!(caller.client_id, "shop");
    for odd in ["", "x.y.z", &phone.refresh_token(), &token[1..]] {
        assert_eq!(guard.check_token(odd).await.unwrap_err().code(), "token_invalid", "{odd}");
    }
    let other = asking("bank-api").build().unwrap();
    assert_eq!(other.check_token(&token).await.unwrap_err().code(), "token_invalid");
    phone.refresh().await.ok(200);
    assert!(guard.check_token(&phone.access_token()).await.is_ok());
    phone.post("/v1/logout", json!({})).await.ok(204);
    assert_eq!(guard.check_token(&token).await.unwrap_err().code(), "token_invalid");
    let unproved = asking("shop-api").as_app("orders", "wrong-secret-wrong-secret-wrong").build().unwrap();
    assert_eq!(unproved.check_token(&token).await.unwrap_err().code(), "keys_unavailable");
}

#[tokio::test]
async fn a_feed_that_a_proxy_cuts_or_holds_back_is_heard_when_it_is_back() {
    let t = TestServer::with(with_back_ends()).await;
    let cable = Cable::to(&t.url).await;
    let guard = guard_of(&t, &t).menjin_url(&cable.url).build().unwrap();
    let code = async |token: &str| guard.check_token(token).await.map_or_else(|refusal| refusal.code(), |_| "ok");
    for lose in [Cable::cut, Cable::hold] {
        let (phone, bob) = (t.phone("alice").await, t.phone("bob").await);
        assert_eq!(code(&phone.access_token()).await, "ok");
        lose(&cable);
        phone.post("/v1/logout", json!({})).await.ok(204);
        assert_eq!(code(&phone.access_token()).await, "ok", "nobody could tell");
        cable.mend();
        until(async || code(&phone.access_token()).await == "session_ended").await;
        assert_eq!(code(&bob.access_token()).await, "ok");
    }
}
