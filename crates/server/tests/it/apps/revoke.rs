//! `POST /oauth2/revoke`: an app gives up its own tokens, and nobody else's.

use serde_json::json;

use super::{back_ends, bearer, can_refresh, forged, is_active, oauth_error, post_form, proof, revoke};
use crate::harness::TestServer;
use crate::rows::Rows;

#[tokio::test]
async fn a_revoked_token_takes_its_session_along_on_every_node() {
    let a = TestServer::with(back_ends()).await;
    let b = a.beside(back_ends()).await;
    for by_refresh_token in [false, true] {
        let phone = a.phone("alice").await;
        let other_device = a.phone("alice").await;
        let token = if by_refresh_token { phone.refresh_token() } else { phone.access_token() };
        let answer = revoke(&a, &proof("shop"), &token).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
        phone.get("/v1/me").await.problem(401, "session_ended");
        b.phone_with_token(&phone.access_token()).get("/v1/me").await.problem(401, "session_ended");
        for node in [&a, &b] {
            node.anon().refresh_with(&phone.refresh_token()).await.problem(401, "session_ended");
            assert!(!is_active(node, "shop", &phone.access_token()).await);
            assert!(!is_active(node, "shop", &phone.refresh_token()).await);
        }
        other_device.get("/v1/me").await.ok(200);
    }
}

#[tokio::test]
async fn oa_09_what_is_no_token_any_more_is_revoked_already() {
    let t = TestServer::with(back_ends()).await;
    let mut phone = t.phone("alice").await;
    let (access, refresh) = (phone.access_token(), phone.refresh_token());
    for token in ["x", "mjr_x", "a.b.c", &forged(&access), &forged(&refresh)] {
        assert_eq!(revoke(&t, &proof("shop"), token).await.status, 200, "{token:.40}");
    }
    phone.get("/v1/me").await.ok(200);
    assert!(can_refresh(&mut phone).await, "none of them was this one");
    for _ in 0..2 {
        assert_eq!(revoke(&t, &proof("shop"), &access).await.status, 200);
        assert_eq!(revoke(&t, &proof("shop"), &refresh).await.status, 200);
    }
    phone.get("/v1/me").await.problem(401, "session_ended");
    let hinted = [("token", access.as_str()), ("token_type_hint", "unheard_of")];
    post_form(&t, "/oauth2/revoke", Some(&proof("shop")), &hinted).await.ok(200);
}

#[tokio::test]
async fn oa_10_nobody_revokes_another_apps_tokens() {
    let t = TestServer::with(back_ends()).await;
    let mut phone = t.phone("alice").await;
    let of_shop_api = bearer(&t, "shop-api").await["Bearer ".len()..].to_owned();
    for other in ["shop-api", "poor-api", "club-api"] {
        for token in [phone.access_token(), phone.refresh_token()] {
            oauth_error(&revoke(&t, &proof(other), &token).await, 400, "invalid_grant");
        }
    }
    oauth_error(&revoke(&t, &proof("shop"), &of_shop_api).await, 400, "invalid_grant");
    phone.get("/v1/me").await.ok(200);
    assert!(can_refresh(&mut phone).await);
}

#[tokio::test]
async fn an_apps_own_token_is_not_revoked_by_itself() {
    let t = TestServer::with(back_ends()).await;
    let token = bearer(&t, "shop-api").await["Bearer ".len()..].to_owned();
    oauth_error(&revoke(&t, &proof("shop-api"), &token).await, 400, "unsupported_token_type");
    assert!(is_active(&t, "shop-api", &token).await);
}

#[tokio::test]
async fn a_revocation_is_in_the_audit() {
    let t = TestServer::with(back_ends()).await;
    let phone = t.phone("alice").await;
    revoke(&t, &proof("shop"), &phone.refresh_token()).await.ok(200);
    let sql = "SELECT action, actor, app, ip FROM audit WHERE action = 'session.revoked'";
    let rows = Rows::of(&t).await.all(sql).await;
    let lines: Vec<_> = rows.iter().map(|row| row.iter().map(|it| it.text().unwrap()).collect::<Vec<_>>()).collect();
    assert_eq!(json!(lines), json!([["session.revoked", "app", "shop", "127.0.0.1"]]));
}
