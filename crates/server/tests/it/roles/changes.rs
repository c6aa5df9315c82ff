//! A change of roles holds at once on every node and in every guard, exactly, and signs nobody out.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use menjin_server::store::Actor;
use reqwest::Method;
use serde_json::json;

use super::{Phone, TestServer, define, grant, guard_of, new, revoke, role, said, with_gate};
use crate::broker::{basic, until};
use crate::guarding::SECRET;

/// Refreshes again and again until told to stop; all access tokens that it got. A refresh that fails fails the test.
async fn refreshing(phone: &mut Phone<'_>, got: &AtomicUsize, stop: &AtomicBool) -> Vec<String> {
    let mut tokens = vec![phone.access_token()];
    while !stop.load(Ordering::SeqCst) {
        phone.refresh().await.ok(200);
        tokens.push(phone.access_token());
        got.fetch_add(1, Ordering::SeqCst);
    }
    tokens
}

/// The code that a guard refuses with, or what the token says of roles.
async fn outcome(guard: &menjin_guard::Guard, token: &str) -> Result<Vec<String>, String> {
    guard.check_token(token).await.map(|caller| caller.roles).map_err(|refusal| refusal.code().to_owned())
}

#[tokio::test]
async fn after_a_revocation_no_token_that_is_taken_holds_the_role_whoever_refreshed_meanwhile() {
    let a = TestServer::with(with_gate()).await;
    let b = a.beside(with_gate()).await;
    let guards = [guard_of(&a, &a), guard_of(&a, &b)];
    define(&a, "clerk", &["orders:*"], &[]).await;
    let user = a.phone("alice").await.user_id();
    let mut phones = Vec::new();
    for nth in 0..6 {
        let node = if nth % 2 == 0 { &a } else { &b };
        let mut phone = node.phone_of("alice");
        phone.login(json!({"device": {"id": format!("device {nth}")}})).await.ok(200);
        phones.push(phone);
    }
    for round in 0..4 {
        grant(&a, &user, "clerk", Some("shop-api")).await;
        for phone in &mut phones {
            phone.refresh().await.ok(200);
        }
        let before = phones[0].access_token();
        for guard in &guards {
            assert_eq!(outcome(guard, &before).await, Ok(vec!["clerk".to_owned()]), "round {round}");
        }
        let (got, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let phones_count = phones.len();
        let changing = async {
            // Amid refreshes, on one node and on the other.
            until(async || got.load(Ordering::SeqCst) > phones_count).await;
            let node = if round % 2 == 0 { &a } else { &b };
            assert!(revoke(node, &user, "clerk", Some("shop-api")).await);
            // And some after it, which must be good.
            let seen = got.load(Ordering::SeqCst);
            until(async || got.load(Ordering::SeqCst) > seen + phones_count).await;
            stop.store(true, Ordering::SeqCst);
        };
        let refreshed = join_all(phones.iter_mut().map(|phone| refreshing(phone, &got, &stop)));
        let ((), tokens) = tokio::join!(changing, refreshed);
        for guard in &guards {
            until(async || outcome(guard, &before).await == Err("token_expired".to_owned())).await;
            for token in tokens.iter().flatten() {
                match outcome(guard, token).await {
                    Ok(roles) => assert!(roles.is_empty(), "round {round}: {roles:?}"),
                    Err(code) => assert_eq!(code, "token_expired", "round {round}"),
                }
            }
        }
        let with_role = tokens.iter().flatten().filter(|token| said(token).0 == "clerk").count();
        let without = tokens.iter().flatten().count() - with_role;
        assert!(
            with_role > phones_count && without > 0,
            "some were issued before, and some after: {with_role} {without}"
        );
        for phone in &mut phones {
            // Nobody was signed out, and one refresh is enough.
            phone.refresh().await.ok(200);
            let token = phone.access_token();
            for guard in &guards {
                assert_eq!(outcome(guard, &token).await, Ok(Vec::new()));
            }
            phone.get("/v1/me").await.ok(200);
        }
    }
}

#[tokio::test]
async fn a_change_is_told_to_both_nodes_and_a_refresh_is_all_that_it_costs() {
    let a = TestServer::with(with_gate()).await;
    let b = a.beside(with_gate()).await;
    define(&a, "reader", &["orders:read"], &[]).await;
    define(&a, "clerk", &[], &["reader"]).await;
    let mut phone = b.phone("alice").await;
    let bob = b.phone("bob").await;
    let (user, session) = (phone.user_id(), phone.session_id());
    grant(&a, &user, "clerk", None).await;
    until(async || b.phone_with_token(&phone.access_token()).get("/v1/me").await.status == 401).await;
    let problem = phone.get("/v1/me").await.problem(401, "token_expired");
    assert_eq!(problem["action"], "refresh");
    phone.refresh().await.ok(200);
    // A role that stands in theirs becomes another one.
    a.menjin.put_role(&Actor::command(), &role("reader", None), new(&["orders:list"], &[])).await.unwrap();
    a.phone_with_token(&phone.access_token()).get("/v1/me").await.problem(401, "token_expired");
    until(async || phone.get("/v1/me").await.status == 401).await;
    let answer = phone.refresh().await.ok(200);
    assert_eq!(answer["session_id"], session.as_str(), "the same session");
    assert_eq!(said(&phone.access_token()).1, "orders:list");
    phone.get("/v1/me").await.ok(200);
    bob.get("/v1/me").await.ok(200);
    let proof = basic("gate", SECRET);
    let mut kinds: Vec<serde_json::Value> = Vec::new();
    until(async || {
        let told = a.anon().send(Method::GET, "/v1/revocations", None, &[("authorization", &proof)]).await.ok(200);
        kinds = told["events"].as_array().unwrap().clone();
        kinds.retain(|event| !event["version"].is_null());
        kinds.len() == 5
    })
    .await;
    let of_user = kinds.iter().find(|event| event["kind"] == "roles_of_user").unwrap();
    assert_eq!((&of_user["user"], &of_user["reason"]), (&user.into(), &"token_expired".into()));
    let changed: Vec<_> = kinds.iter().filter(|event| event["kind"] == "role_changed").collect();
    let names: Vec<_> = changed.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["reader", "clerk", "clerk", "reader"], "as they were defined, and what changed with one");
    assert!(changed[3]["version"].as_i64() > of_user["version"].as_i64());
}

#[tokio::test]
async fn a_merge_and_its_undoing_change_at_once_what_both_may_do() {
    let t = TestServer::with(with_gate()).await;
    let by = Actor::command();
    let (mut alice, mut bob) = (t.phone("alice").await, t.phone("bob").await);
    let (into, from) = (alice.user_id(), bob.user_id());
    for role in ["clerk", "reader"] {
        define(&t, role, &[], &[]).await;
    }
    grant(&t, &from, "clerk", Some("shop-api")).await;
    bob.refresh().await.ok(200);
    t.menjin.merge_users(&by, (from.parse().unwrap(), into.parse().unwrap()), false).await.unwrap();
    alice.get("/v1/me").await.problem(401, "token_expired");
    bob.get("/v1/me").await.problem(401, "user_merged");
    alice.refresh().await.ok(200);
    assert_eq!(said(&alice.access_token()).0, "clerk");
    alice.get("/v1/me").await.ok(200);
    // The former name names who stays.
    grant(&t, &from, "reader", None).await;
    alice.get("/v1/me").await.problem(401, "token_expired");
    alice.refresh().await.ok(200);
    let both = alice.access_token();
    assert_eq!(said(&both).0, "clerk reader");
    let guard = guard_of(&t, &t);
    assert_eq!(outcome(&guard, &both).await, Ok(vec!["clerk".to_owned(), "reader".to_owned()]));

    t.menjin.unmerge_user(&by, from.parse().unwrap()).await.unwrap();
    t.phone_with_token(&both).get("/v1/me").await.problem(401, "user_merged");
    until(async || outcome(&guard, &both).await == Err("user_merged".to_owned())).await;
    for (phone, user, has) in [(&mut alice, &into, "reader"), (&mut bob, &from, "clerk")] {
        phone.login(json!({})).await.ok(200);
        assert_eq!((phone.user_id(), said(&phone.access_token()).0.as_str()), (user.clone(), has));
        assert_eq!(outcome(&guard, &phone.access_token()).await, Ok(vec![has.to_owned()]));
    }
}

#[tokio::test]
async fn a_sign_out_needs_no_good_access_token() {
    let t = TestServer::with(with_gate()).await;
    let mut phone = t.phone("alice").await;
    define(&t, "clerk", &[], &[]).await;
    grant(&t, &phone.user_id(), "clerk", None).await;
    phone.post("/v1/logout", json!({})).await.problem(401, "token_expired");
    t.anon().post("/v1/logout", json!({"refresh_token": phone.refresh_token()})).await.ok(204);
    phone.refresh().await.problem(401, "session_ended");
}
