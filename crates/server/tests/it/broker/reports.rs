//! A token that the platform refused: replaced, by force only where nothing else helps, and not too often.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind};
use serde_json::json;

use super::{STABLE_TOKEN, fetches, report, token, until, with_mailer};
use crate::harness::{APP_SECRET, APPID, Answer, TestServer};
use crate::log::Log;

#[track_caller]
fn limited(answer: Answer) -> u64 {
    let seconds = answer.header("retry-after").parse().unwrap();
    assert_eq!(answer.problem(429, "platform_token_limit")["action"], "retry");
    seconds
}

/// The same seconds after midnight in China, so that tests know when the day ends.
fn at_noon_in_china(t: &TestServer) {
    t.freeze();
    let (day, noon) = (24 * 60 * 60, 4 * 60 * 60);
    let since_noon = (t.sim.now() - noon).rem_euclid(day);
    t.advance(Duration::from_secs((day - since_noon).unsigned_abs()));
}

#[tokio::test]
async fn a_token_that_somebody_else_replaced_is_fetched_normally() {
    let t = TestServer::with(with_mailer()).await;
    t.freeze();
    let old = token(&t).await;
    let forced =
        json!({"grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET, "force_refresh": true});
    t.as_another_program(STABLE_TOKEN, forced).await;
    report(&t, &old).await.ok(204);
    assert_eq!(fetches(&t), 3, "theirs, and two of ours: none by force");
    assert_ne!(token(&t).await, old);
}

#[tokio::test]
async fn a_token_that_the_platform_still_gives_is_forced() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    let old = token(&first).await;
    report(&second, &old).await.ok(204);
    assert_eq!(fetches(&first), 3, "normally, which changed nothing, then by force");
    let new = token(&first).await;
    assert_ne!(new, old);
    for node in [&first, &second] {
        report(node, &old).await.ok(204);
        report(node, "never a token of ours").await.ok(204);
    }
    assert_eq!(
        (fetches(&first), token(&second).await),
        (3, new),
        "a token that is not the current one changes nothing"
    );
}

#[tokio::test]
async fn many_who_report_one_token_at_once_have_it_replaced_once() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    let old = token(&first).await;
    let reports = [&first, &second].into_iter().flat_map(|node| (0..20).map(|_| report(node, &old)));
    for answer in futures_util::future::join_all(reports).await {
        answer.ok(204);
    }
    assert_eq!(fetches(&first), 3);
}

#[tokio::test]
async fn a_token_is_forced_once_a_minute_over_all_nodes_and_restarts() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    first.freeze();
    report(&first, &token(&first).await).await.ok(204);
    let current = token(&first).await;
    let before = fetches(&first);
    assert_eq!(limited(report(&first, &current).await), 60);
    assert_eq!(limited(report(&second, &current).await), 60);
    assert_eq!(fetches(&first) - before, 1, "the platform is asked normally once, and might have had another");
    first.advance(Duration::from_secs(59));
    drop(second);
    let restarted = first.beside(with_mailer()).await;
    assert_eq!(limited(report(&restarted, &current).await), 1);
    assert_eq!(token(&restarted).await, current, "it stays readable");
    first.advance(Duration::from_secs(1));
    report(&restarted, &current).await.ok(204);
    assert_ne!(token(&first).await, current);
}

#[tokio::test]
async fn a_token_is_forced_ten_times_a_day_and_the_operator_hears_of_more() {
    let log = Log::start();
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    at_noon_in_china(&first);
    for number in 0..10 {
        let node = if number % 2 == 0 { &first } else { &second };
        report(node, &token(node).await).await.ok(204);
        first.advance(Duration::from_mins(1));
    }
    let current = token(&first).await;
    assert_eq!(limited(report(&second, &current).await), 12 * 3600 - 600, "until midnight in China");
    let restarted = first.beside(with_mailer()).await;
    assert_eq!(limited(report(&restarted, &current).await), 60, "asked normally once a minute, it may have another");
    let alarms = log.lines().into_iter().filter(|line| line["level"] == "ERROR" && line["fields"]["app.id"] == "shop");
    assert!(alarms.count() >= 1, "{}", log.text());
    assert!(!log.text().contains(&current), "a token in the log");
    first.advance(Duration::from_mins(12 * 60 - 10));
    report(&restarted, &token(&first).await).await.ok(204);
}

#[tokio::test]
async fn a_storm_of_reports_asks_the_platform_once_a_minute_and_the_token_is_read_meanwhile() {
    let first = TestServer::with(with_mailer()).await;
    let second = first.beside(with_mailer()).await;
    at_noon_in_china(&first);
    for _ in 0..10 {
        report(&first, &token(&first).await).await.ok(204);
        first.advance(Duration::from_mins(1));
    }
    let current = token(&first).await;
    for minute in 1..=3 {
        let before = fetches(&first);
        let reports = [&first, &second].into_iter().flat_map(|node| (0..20).map(|_| report(node, &current)));
        let all = futures_util::future::join_all(reports);
        let readers = futures_util::future::join_all((0..20).map(|_| token(&second)));
        let (answers, read) = tokio::join!(all, readers);
        assert!(answers.into_iter().map(limited).all(|wait| wait >= 60), "minute {minute}");
        assert!(read.iter().all(|token| *token == current));
        for node in [&first, &second] {
            limited(report(node, &current).await);
        }
        assert_eq!(fetches(&first) - before, 1, "minute {minute}");
        first.advance(Duration::from_mins(1));
    }
    let forced =
        json!({"grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET, "force_refresh": true});
    first.as_another_program(STABLE_TOKEN, forced).await;
    report(&second, &current).await.ok(204);
    assert_ne!(token(&first).await, current, "what another program made is still found");
}

#[tokio::test]
async fn a_report_that_the_platform_does_not_answer_leaves_the_token_and_may_come_again() {
    let t = TestServer::with(with_mailer()).await;
    t.freeze();
    let old = token(&t).await;
    t.sim.add_fault(Fault::once(FaultKind::Busy).on(STABLE_TOKEN));
    report(&t, &old).await.problem(503, "platform_unavailable");
    assert_eq!(token(&t).await, old);
    report(&t, &old).await.ok(204);
    until(async || token(&t).await != old).await;
}
