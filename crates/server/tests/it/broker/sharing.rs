//! However many callers on however many nodes: the platform is asked once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use menjin_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{STABLE_TOKEN, fetches, read, token, until, with_mailer};
use crate::harness::{APPID, Answer, Setup, TestServer};

/// Reads the token so often on each node, and signs in so many people whose number the platform gives for it; the tokens.
/// A database that is too busy for all of them at once is asked again, as clients do.
pub(crate) async fn storm(nodes: [&TestServer; 2], name: &str, each: usize) -> BTreeSet<String> {
    let readers = nodes.into_iter().flat_map(|node| (0..each).map(move |_| patiently(async || read(node).await)));
    let phones = nodes.into_iter().enumerate().flat_map(|(at, node)| {
        (0..each).map(move |number| {
            patiently(async move || {
                let person = format!("{name}-{at}-{number}");
                let body = json!({"phone_code": node.sim.phone_code(APPID, &person)});
                node.phone_of(&person).login(body).await
            })
        })
    });
    let (tokens, logins) = tokio::join!(join_all(readers), join_all(phones));
    assert!(logins.iter().all(|login| login["user"]["phone_masked"].is_string()), "{logins:?}");
    tokens.iter().map(|token| token["access_token"].as_str().unwrap().to_owned()).collect()
}

/// Asks until the store is there, for a while.
async fn patiently(mut ask: impl AsyncFnMut() -> Answer) -> Value {
    for _ in 0..10 {
        let answer = ask().await;
        if answer.json["code"] != "store_unavailable" {
            return answer.ok(200);
        }
    }
    panic!("the store never was there");
}

#[tokio::test]
async fn wx_08_five_hundred_callers_on_two_nodes_ask_the_platform_once_for_each_token() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    let early = storm([&first, &second], "early", 125).await;
    assert_eq!((early.len(), fetches(&first)), (1, 1));
    first.advance(Duration::from_mins(116));
    let late = storm([&second, &first], "late", 125).await;
    assert_eq!(fetches(&first), 2, "replaced ahead of its end, once");
    let next = token(&second).await;
    assert!(!early.contains(&next) && late.iter().all(|token| early.contains(token) || *token == next));
    first.advance(Duration::from_hours(3));
    let after = storm([&first, &second], "after its end", 125).await;
    assert_eq!((after.len(), fetches(&first)), (1, 3));
    assert!(!after.contains(&next));
}

#[tokio::test]
async fn the_old_token_serves_everybody_else_while_the_next_one_is_fetched() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    let old = token(&first).await;
    first.advance(Duration::from_mins(116));
    first.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_secs(3))).on(STABLE_TOKEN));
    let slow = read(&first);
    let others = async {
        until(async || fetches(&first) == 2).await;
        token(&second).await
    };
    let (slow, other) = tokio::join!(slow, others);
    assert_eq!(other, old);
    assert_ne!(slow.ok(200)["access_token"], json!(old));
}

#[tokio::test]
async fn the_claim_of_a_node_that_died_runs_out_and_another_node_asks() {
    let survivor = TestServer::with(with_mailer()).await;
    survivor.freeze();
    survivor.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_mins(10))).on(STABLE_TOKEN));
    let mortal = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let impatient = survivor.beside(Setup { deadline: "1s", ..with_mailer() }).await;
    let setup = survivor.for_another(with_mailer());
    let doomed = mortal.spawn(TestServer::with(setup)).await.unwrap();
    let asking = mortal.spawn(async move { read(&doomed).await });
    until(async || fetches(&survivor) == 1).await;
    mortal.shutdown_background();
    assert!(asking.await.is_err(), "the node is dead");
    let refused = read(&impatient).await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.problem(503, "platform_unavailable")["action"], "retry");
    assert_eq!(fetches(&survivor), 1, "the claim stands");
    survivor.advance(Duration::from_secs(46));
    storm([&survivor, &survivor], "after", 20).await;
    assert_eq!(fetches(&survivor), 2);
}

#[tokio::test]
async fn a_platform_that_fails_is_asked_once_by_all_who_wait_and_anew_by_those_who_come_later() {
    let setup = || Setup { deadline: "3s", ..with_mailer() };
    let first = TestServer::with(setup()).await;
    let second = first.beside(setup()).await;
    first.freeze();
    first.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_mins(1))).on(STABLE_TOKEN));
    let waiting = join_all([&first, &second].into_iter().flat_map(|node| (0..10).map(move |_| read(node)))).await;
    assert!(waiting.iter().all(|answer| answer.status == 503), "{waiting:?}");
    assert_eq!(fetches(&first), 1, "one asked for all of them");
    assert_eq!(token(&second).await, token(&first).await);
    assert_eq!(fetches(&first), 2);
}

#[tokio::test]
async fn while_the_old_token_is_good_a_platform_that_fails_is_left_alone_for_a_while() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    let old = token(&first).await;
    first.advance(Duration::from_mins(116));
    first.sim.add_fault(Fault::once(FaultKind::Busy).on(STABLE_TOKEN));
    for node in [&first, &second, &first, &second] {
        assert_eq!(token(node).await, old);
    }
    assert_eq!(fetches(&first), 2, "it failed once");
    first.advance(Duration::from_secs(10));
    assert_ne!(token(&second).await, old);
    assert_eq!(fetches(&first), 3);
}
