//! Guessing at an operator gets slower over all nodes together.

use menjin_server::store::OperatorRole;
use menjin_testbed::Redis;

use super::{at, dump, sharing};
use crate::harness::{Setup, TestServer};
use crate::operators::hand::Hand;

const GUESS: &str = "guess guess guess";

#[tokio::test]
async fn what_was_guessed_on_one_node_counts_on_the_other() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(sharing(&redis, Setup::default())).await;
    let second = first.beside(sharing(&redis, Setup::default())).await;
    let mut thieves = [Hand::new(&first), Hand::new(&second)];
    for nth in 0..5 {
        let answer = thieves[nth % 2].try_sign_in("lin", GUESS, "000000").await;
        assert_eq!(answer.status, 422, "{nth}: {}", answer.text);
    }
    for thief in &mut thieves {
        let barred = thief.try_sign_in("lin", GUESS, "000000").await;
        assert_eq!(barred.status, 429, "{}", barred.text);
        let seconds: u64 = barred.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
        assert_eq!(thief.try_sign_in("wei", GUESS, "000000").await.status, 422, "another name is another matter");
    }
}

#[tokio::test]
async fn who_signs_in_on_one_node_begins_anew_on_all() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(sharing(&redis, Setup::default())).await;
    let second = first.beside(sharing(&redis, Setup::default())).await;
    let mut lin = Hand::of(&first, "lin", OperatorRole::Viewer).await;
    let mut clumsy = Hand::new(&second);
    for _ in 0..4 {
        assert_eq!(clumsy.try_sign_in("lin", GUESS, "000000").await.status, 422);
    }
    lin.sign_in().await;
    assert_eq!(clumsy.try_sign_in("lin", GUESS, "000000").await.status, 422, "the sixth in all, and the first since");
}

#[tokio::test]
async fn what_one_place_makes_up_counts_over_all_nodes_and_what_is_right_nowhere() {
    let redis = at(&Redis::shared().url());
    let first = TestServer::with(sharing(&redis, Setup::default())).await;
    let second = first.beside(sharing(&redis, Setup::default())).await;
    let mut lin = Hand::of(&first, "lin", OperatorRole::Viewer).await;
    for _ in 0..5 {
        lin.sign_in().await;
    }
    let mut thieves = [Hand::new(&first), Hand::new(&second)];
    let mut tried = 0;
    let barred = loop {
        let answer = thieves[tried % 2].try_sign_in(&format!("nobody-{tried}"), GUESS, "000000").await;
        match answer.status.as_u16() {
            422 => tried += 1,
            status => break status,
        }
        assert!(tried < 70, "one more for each minute that has passed meanwhile");
    };
    assert!(barred == 429 && tried >= 60, "{barred} after {tried}");
    for thief in &mut thieves {
        assert_eq!(thief.try_sign_in("another", GUESS, "000000").await.status, 429);
    }
}

#[tokio::test]
async fn redis_holds_no_name_and_nothing_for_ever() {
    let own = Redis::start().unwrap();
    let t = TestServer::with(sharing(&at(&own.url()), Setup::default())).await;
    assert_eq!(Hand::new(&t).try_sign_in("linda", GUESS, "000000").await.status, 422);
    let held = dump(&own);
    assert!(held.contains("slowed:") && held.contains("tries:"), "{held}");
    for absent in ["linda", "127.0.0.1", "FOREVER"] {
        assert!(!held.contains(absent), "{absent}: {held}");
    }
}
