//! Redis dies, forgets and hangs while people sign in, refresh and sign out on two nodes: nobody notices.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use futures_util::future::join_all;
use menjin_testbed::Redis;
use reqwest::StatusCode;
use serde_json::json;

use super::{at, sharing};
use crate::broker::until;
use crate::harness::{Answer, Setup, TestServer};
use crate::log::Log;

/// A whole life of a session, over both nodes; gives its access token, which is over.
pub(super) async fn a_life(one: &TestServer, two: &TestServer, person: &str) -> String {
    let login = json!({"code": one.code(person)});
    let (here, there) = (one.anon(), two.anon());
    let (at_one, at_two) =
        tokio::join!(here.post("/v1/login/shop", login.clone()), there.post("/v1/login/shop", login));
    let (won, lost): (Vec<Answer>, Vec<Answer>) =
        [at_one, at_two].into_iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((won.len(), lost.len()), (1, 1), "a code is used once: {won:?} {lost:?}");
    lost[0].clone().problem(401, "code_used");
    let refresh = json!({"refresh_token": won[0].json["refresh_token"]});
    let pair = two.anon().post("/v1/token/refresh", refresh).await.ok(200);
    let token = pair["access_token"].as_str().unwrap().to_owned();
    two.phone_with_token(&token).get("/v1/me").await.ok(200);
    one.phone_with_token(&token).post("/v1/logout", json!({})).await.ok(204);
    for node in [one, two] {
        node.phone_with_token(&token).get("/v1/me").await.problem(401, "session_ended");
        let refresh = json!({"refresh_token": pair["refresh_token"]});
        node.anon().post("/v1/token/refresh", refresh).await.problem(401, "session_ended");
    }
    token
}

async fn meanwhile(redis: &Arc<Redis>, what: fn(&Redis) -> anyhow::Result<()>) {
    let redis = Arc::clone(redis);
    tokio::task::spawn_blocking(move || what(&redis)).await.unwrap().unwrap();
}

#[tokio::test]
async fn cl_03_redis_killed_emptied_and_hanging_under_load_costs_no_login_and_brings_no_session_back() {
    let log = Log::start();
    let redis = Arc::new(Redis::start().unwrap());
    // The usual timeout: what hangs shall cost nobody more.
    let shared = at(&redis.url()).replace("timeout = \"5s\"", "");
    let server = r#"request_timeout = "60s""#.to_owned();
    let setup = || Setup {
        limits: "enabled = true\nper_address = 1000000\nfailures_per_address = 100000\nfailures_per_app = 100000"
            .to_owned(),
        server: server.clone(),
        deadline: "20s",
        ..Setup::default()
    };
    let one = TestServer::with(sharing(&shared, setup())).await;
    let two = one.beside(sharing(&shared, setup())).await;
    let (over, ended) = (Cell::new(false), RefCell::new(Vec::new()));
    let lives = |worker: usize| {
        let (one, two, over, ended) = (&one, &two, &over, &ended);
        async move {
            for number in 0.. {
                if over.get() {
                    break;
                }
                let (here, there) = if number % 2 == 0 { (one, two) } else { (two, one) };
                let token = a_life(here, there, &format!("person-{worker}-{number}")).await;
                ended.borrow_mut().push(token);
            }
        }
    };
    let further = async |more: usize| {
        let before = ended.borrow().len();
        until(async || ended.borrow().len() >= before + more).await;
    };
    // Until so many nodes have said it: lives go on meanwhile.
    let told = async |words: &str, times: usize| {
        let has_told = || log.text().matches(words).count() >= times;
        for _ in 0..200 {
            if has_told() {
                break;
            }
            further(4).await;
        }
        assert!(has_told(), "{words}");
        further(8).await;
    };
    let misfortunes = async {
        further(8).await;
        meanwhile(&redis, Redis::flush).await;
        further(8).await;
        meanwhile(&redis, Redis::kill).await;
        told("Redis is lost", 2).await;
        meanwhile(&redis, Redis::start_again).await;
        told("Redis is back", 2).await;
        meanwhile(&redis, Redis::pause).await;
        told("Redis is lost", 4).await;
        meanwhile(&redis, Redis::resume).await;
        told("Redis is back", 4).await;
        meanwhile(&redis, Redis::restart).await;
        meanwhile(&redis, Redis::flush).await;
        told("Redis is back", 6).await;
        over.set(true);
    };
    tokio::join!(join_all((0..4).map(lives)), misfortunes);
    let failures =
        |node: &TestServer| node.answers().into_iter().filter(|answer| answer.status.is_server_error()).count();
    assert_eq!((failures(&one), failures(&two)), (0, 0));
    for token in ended.into_inner() {
        for node in [&one, &two] {
            let phone = node.phone_with_token(&token);
            until(async || phone.get("/v1/me/sessions").await.status == 401).await;
        }
    }
}
