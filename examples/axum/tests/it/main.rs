//! The example as its README has it: an open route, one behind the extractor, one behind the layer.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use menjin_guard::token::{Algorithm, Claims, KeySet, SessionId, SigningKey, Timestamp, UserId, sign};
use menjin_guard::{Ended, Guard, Keys, ManualClock};
use orders::{App, router};
use tower::ServiceExt;

const ISSUER: &str = "http://127.0.0.1:7600";
const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

struct Running {
    app: App,
    key: SigningKey,
}

impl Running {
    fn new() -> Self {
        let (key, _) = SigningKey::generate(Algorithm::Es256, "k".to_owned()).unwrap();
        let keys = Keys::new(KeySet::new(vec![key.verifying()]));
        let guard = Guard::local(ISSUER, "demo", keys, Arc::new(Ended::new()))
            .feed(false)
            .clock(Arc::new(ManualClock::new(NOW)))
            .build()
            .unwrap();
        Self { app: App { guard }, key }
    }

    fn token(&self, permissions: &[&str]) -> String {
        let claims = Claims {
            iss: Some(ISSUER.to_owned()),
            sub: Some(UserId::new(NOW, [1; 10]).to_string()),
            aud: vec!["demo".to_owned()],
            iat: Some(NOW),
            sid: Some(SessionId::new(NOW, [2; 10]).to_string()),
            client_id: Some("demo".to_owned()),
            permissions: permissions.iter().map(|&one| one.to_owned()).collect(),
            ..Claims::expiring(NOW.plus(Duration::from_mins(15)))
        };
        sign(&self.key, "at+jwt", &claims).unwrap()
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router(self.app.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn health_is_open() {
    assert_eq!(Running::new().get("/health", None).await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn orders_are_for_signed_in_people() {
    let orders = Running::new();
    for path in ["/orders", "/staff/orders"] {
        let (status, body) = orders.get(path, None).await;
        assert_eq!(status, 401);
        assert!(body.contains("token_missing"));
        assert_eq!(orders.get(path, Some("x.y.z")).await.0, 401);
    }
    let (status, body) = orders.get("/orders", Some(&orders.token(&[]))).await;
    assert_eq!(status, 200);
    assert!(body.contains(&UserId::new(NOW, [1; 10]).to_string()));
}

#[tokio::test]
async fn everybodys_orders_need_the_permission() {
    let orders = Running::new();
    assert_eq!(orders.get("/staff/orders", Some(&orders.token(&["stock:*"]))).await.0, 403);
    assert_eq!(orders.get("/staff/orders", Some(&orders.token(&["orders:*"]))).await.0, 200);
}
