//! The same thing asked of both nodes at once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use menjin_server::store::Actor;
use menjin_sim::{Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use super::two;
use crate::harness::{APPID, Answer, OTHER_APPID, Setup, TestServer};
use crate::rows::Rows;

/// So many ask each node.
const CALLERS: usize = 4;
const ROUNDS: usize = 12;

/// Each node, as often as there are callers, by turns; of known length, so that `join_all` begins with all of them at once.
fn each(nodes: &[TestServer; 2]) -> std::vec::IntoIter<&TestServer> {
    (0..CALLERS).flat_map(|_| nodes).collect::<Vec<_>>().into_iter()
}

/// The one value that all have.
#[track_caller]
fn same(values: impl IntoIterator<Item = Value>) -> Value {
    let all: Vec<Value> = values.into_iter().collect();
    assert!(all.iter().all(|value| *value == all[0]), "{all:?}");
    all[0].clone()
}

#[tokio::test]
async fn cl_01_and_rt_03_of_a_refresh_raced_over_both_nodes_there_is_one_successor_every_time() {
    let nodes = two(Setup::default).await;
    let mut token = nodes[0].phone("alice").await.refresh_token();
    let mut seen = BTreeSet::from([token.clone()]);
    for round in 0..ROUNDS {
        let asked = each(&nodes).map(async |node| node.anon().refresh_with(&token).await.ok(200));
        let pairs = join_all(asked).await;
        for (pair, node) in pairs.iter().zip(each(&nodes)) {
            let phone = node.phone_with_token(pair["access_token"].as_str().unwrap());
            phone.get("/v1/me").await.ok(200);
        }
        let next = same(pairs.into_iter().map(|pair| pair["refresh_token"].clone()));
        next.as_str().unwrap().clone_into(&mut token);
        assert!(seen.insert(token.clone()), "round {round} gave a token that was there before");
    }
    for node in &nodes {
        let late = node.anon().refresh_with(seen.first().unwrap()).await;
        assert_eq!(late.status, 401, "all but the last two have been used twice over: {}", late.text);
    }
}

#[tokio::test]
async fn wx_01_a_code_that_both_nodes_get_is_shown_the_platform_once_and_opens_one_session() {
    let nodes = two(Setup::default).await;
    for round in 0..ROUNDS {
        let code = nodes[0].code("alice");
        let body = json!({"code": code, "device": {"id": format!("d{round}")}});
        let asked = each(&nodes).map(async |node| node.anon().post("/v1/login/shop", body.clone()).await);
        let (good, bad): (Vec<_>, Vec<_>) = join_all(asked).await.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((good.len(), bad.len()), (1, 2 * CALLERS - 1));
        for refused in bad {
            refused.problem(401, "code_used");
        }
        assert_eq!(nodes[0].sim.calls_with_code(&code), 1);
    }
    assert_eq!(sessions(&nodes).await, ROUNDS);
}

async fn keyed(node: &TestServer, key: &str, body: &Value) -> Answer {
    node.anon().send(Method::POST, "/v1/login/shop", Some(body.to_string()), &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn wx_01_under_one_key_both_nodes_answer_with_the_same_session() {
    let nodes = two(Setup::default).await;
    for round in 0..ROUNDS {
        let code = nodes[0].code("alice");
        if round % 4 == 0 {
            // Then the others come while it is under way.
            let slow = Fault::once(FaultKind::Slow(Duration::from_millis(300)));
            nodes[0].sim.add_fault(slow.on("/sns/jscode2session"));
        }
        let (key, body) = (format!("key-{round}"), json!({"code": code, "device": {"id": format!("d{round}")}}));
        let pairs = join_all(each(&nodes).map(async |node| keyed(node, &key, &body).await.ok(200))).await;
        same(pairs.iter().map(|pair| pair["session_id"].clone()));
        same(pairs.iter().map(|pair| pair["refresh_token"].clone()));
        assert_eq!(nodes[0].sim.calls_with_code(&code), 1);
    }
    assert_eq!(sessions(&nodes).await, ROUNDS);
}

/// How many sessions there are.
async fn sessions(nodes: &[TestServer; 2]) -> usize {
    Rows::of(&nodes[0]).await.all("SELECT id FROM sessions").await.len()
}

async fn users(nodes: &[TestServer; 2]) -> usize {
    Rows::of(&nodes[0]).await.all("SELECT number FROM users").await.len()
}

#[tokio::test]
async fn wx_04_first_sign_ins_of_one_person_on_both_nodes_make_one_user() {
    let nodes = two(Setup::default).await;
    for round in 0..ROUNDS {
        let person = format!("person {round}");
        let asked = each(&nodes).map(async |node| node.phone_of(&person).login(json!({})).await.ok(200));
        let answers = join_all(asked).await;
        same(answers.iter().map(|answer| answer["user"].clone()));
        assert_eq!(answers.iter().filter(|answer| answer["is_new_user"] == true).count(), 1);
    }
    assert_eq!(users(&nodes).await, ROUNDS);
}

#[tokio::test]
async fn wx_04_first_sign_ins_of_one_unionid_by_two_apps_on_both_nodes_make_one_user() {
    let nodes = two(Setup::default).await;
    for round in 0..ROUNDS {
        let person = format!("person {round}");
        let apps = [("shop", APPID), ("club", OTHER_APPID)];
        let asked = each(&nodes).enumerate().map(async |(at, node)| {
            // Each app is asked of each node.
            let (app, appid) = apps[(at + at / 2) % 2];
            node.phone_of(&person).login_to(app, appid, json!({})).await.ok(200)
        });
        let answers = join_all(asked).await;
        same(answers.iter().map(|answer| answer["user"].clone()));
        assert_eq!(answers.iter().filter(|answer| answer["is_new_user"] == true).count(), 1);
    }
    assert_eq!(users(&nodes).await, ROUNDS);
    let identities = Rows::of(&nodes[0]).await.all("SELECT id FROM identities").await;
    assert_eq!(identities.len(), 2 * ROUNDS);
}

#[tokio::test]
async fn sign_ins_on_one_device_at_both_nodes_leave_one_session() {
    let nodes = two(Setup::default).await;
    nodes[0].phone("alice").await;
    for _ in 0..ROUNDS {
        let device = json!({"device": {"id": "d1"}});
        let asked = each(&nodes).map(async |node| node.phone_of("alice").login(device.clone()).await.ok(200));
        let pairs = join_all(asked).await;
        let mut live = 0;
        for pair in &pairs {
            let answer = nodes[0].phone_with_token(pair["access_token"].as_str().unwrap()).get("/v1/me").await;
            if answer.status == 200 {
                live += 1;
            } else {
                answer.problem(401, "session_replaced");
            }
        }
        assert_eq!(live, 1);
    }
}

#[tokio::test]
async fn a_logout_raced_with_a_refresh_on_the_other_node_leaves_nothing_alive() {
    let nodes = two(Setup::default).await;
    for round in 0..ROUNDS {
        let phone = nodes[0].phone(&format!("person {round}")).await;
        let refreshing = nodes[1].anon();
        let token = phone.refresh_token();
        let (out, refreshed) =
            tokio::join!(phone.post("/v1/logout", json!({})), async { refreshing.refresh_with(&token).await });
        out.ok(204);
        if refreshed.status == 200 {
            let pair = refreshed.json;
            let alive = nodes[1].phone_with_token(pair["access_token"].as_str().unwrap());
            alive.get("/v1/me").await.problem(401, "session_ended");
            let next = pair["refresh_token"].as_str().unwrap();
            nodes[0].anon().refresh_with(next).await.problem(401, "session_ended");
        } else {
            refreshed.problem(401, "session_ended");
        }
    }
}

#[tokio::test]
async fn keys_rotated_on_both_nodes_at_once_are_one_new_key() {
    let nodes = two(Setup::default).await;
    let mut seen = BTreeSet::new();
    let [a, b] = &nodes;
    for _ in 0..ROUNDS {
        // One of each: whoever asks a node again after it has answered wants another key.
        let by = Actor::command();
        let (one, two) = tokio::join!(a.menjin.rotate_key(&by), b.menjin.rotate_key(&by));
        let (kid, other) = (one.unwrap(), two.unwrap());
        assert_eq!(kid, other);
        assert!(seen.insert(kid.clone()), "{kid} is new");
        let published = join_all(nodes.iter().map(async |node| {
            let keys = node.anon().get("/.well-known/jwks.json").await.ok(200)["keys"].clone();
            assert!(keys.as_array().unwrap().iter().any(|key| key["kid"] == kid), "{keys}");
            keys
        }));
        same(published.await);
        nodes[0].advance(Duration::from_mins(30));
    }
}
