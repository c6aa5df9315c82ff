//! More roles than a token has room for: it says so, and whoever asks is told.

use super::{TestServer, define, gate, grant, guard_of, introspected, revoke, said, with_gate};
use crate::broker::until;
use crate::harness::claims;
use serde_json::json;

#[tokio::test]
async fn what_a_token_has_not_room_for_is_there_all_the_same() {
    let t = TestServer::with(with_gate()).await;
    let guard = guard_of(&t, &t);
    let mut phone = t.phone("alice").await;
    let user = phone.user_id();
    let many: Vec<String> = (0..100).map(|nth| format!("orders:a-rather-long-name-of-a-thing-{nth}:write")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    define(&t, "reader", &["stock:*"], &[]).await;
    define(&t, "clerk", &many, &["reader"]).await;
    grant(&t, &user, "clerk", Some("shop-api")).await;
    phone.refresh().await.ok(200);
    let token = phone.access_token();
    assert_eq!(said(&token), ("clerk".to_owned(), String::new()));
    assert_eq!(claims(&token)["more_roles"], true);
    assert!(token.len() < 2000, "{}", token.len());
    let (last, expected) = (many[99], json!(["clerk", "reader"]));
    assert_eq!(phone.get("/v1/me/roles").await.ok(200)["roles"], expected);
    let told = introspected(&t, "gate", &token).await;
    assert_eq!((&told["roles"], told["permissions"].as_array().unwrap().len()), (&expected, 101));
    for _ in 0..2 {
        for passes in ["role:clerk,role:reader", "perm:stock:read", &format!("perm:{last}")] {
            assert_eq!(gate(&phone, passes).await.0, 200, "{passes}");
        }
        assert_eq!(gate(&phone, "perm:orders:write").await.0, 403);
    }
    let asserted = phone.get("/auth/nginx?audience=shop-api&assertion=orders").await;
    assert_eq!(asserted.header("x-menjin-roles"), "clerk");
    assert_eq!(claims(asserted.header("x-menjin-assertion"))["more_roles"], true);
    let caller = guard.check_token(&token).await.unwrap();
    assert!(caller.has_role("reader") && caller.may("stock:read") && caller.may(last) && !caller.may("orders"));
    // What changes outdates the token, whatever was remembered for it.
    revoke(&t, &user, "clerk", Some("shop-api")).await;
    assert_eq!(gate(&phone, "role:clerk").await.1, "token_expired");
    until(async || guard.check_token(&token).await.is_err()).await;
    phone.refresh().await.ok(200);
    assert_eq!(gate(&phone, "role:clerk").await.0, 403);
    assert!(!guard.check_token(&phone.access_token()).await.unwrap().may("stock:read"));
}
