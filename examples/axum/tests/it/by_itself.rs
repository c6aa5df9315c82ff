//! How a guarded program is tested without a menjin: `menjin_guard::testkit`.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use menjin_guard::testkit::TestMenjin;
use menjin_guard::token::{Algorithm, SigningKey, sign};
use menjin_guard::{Guard, Legacy};
use orders::{App, Customers, router};
use serde_json::json;
use tower::ServiceExt;

const OLD_SECRET: &[u8] = b"the SECRET_KEY of the old Django project, 50 bytes";

struct Running {
    menjin: TestMenjin,
    app: App,
}

impl Running {
    fn new() -> Self {
        Self::with(TestMenjin::guard)
    }

    fn with(guard: impl FnOnce(&TestMenjin) -> Guard) -> Self {
        let menjin = TestMenjin::new("demo");
        let app = App { guard: guard(&menjin), customers: Customers::default() };
        Self { menjin, app }
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
async fn health_is_open_and_strangers_are_greeted() {
    let orders = Running::new();
    assert_eq!(orders.get("/health", None).await, (200, "ok".to_owned()));
    assert_eq!(orders.get("/greeting", None).await, (200, "hello, stranger".to_owned()));
    let alice = orders.menjin.sign_in("alice");
    assert_eq!(orders.get("/greeting", Some(&alice.token())).await, (200, format!("hello, {}", alice.user())));
    assert_eq!(orders.get("/greeting", Some("x.y.z")).await.0, 401);
}

#[tokio::test]
async fn orders_are_for_signed_in_people() {
    let orders = Running::new();
    for path in ["/orders", "/staff/orders", "/account", "/cart", "/who", "/number", "/invoices/7"] {
        let (status, body) = orders.get(path, None).await;
        assert_eq!(status, 401);
        assert!(body.contains("token_missing"));
        assert_eq!(orders.get(path, Some("x.y.z")).await.0, 401);
    }
    let alice = orders.menjin.sign_in("alice");
    let (status, body) = orders.get("/orders", Some(&alice.token())).await;
    assert_eq!(status, 200);
    assert!(body.contains(&alice.user().to_string()));
    let token = alice.token();
    orders.menjin.end(alice.session(), "session_replaced");
    let (status, body) = orders.get("/orders", Some(&token)).await;
    assert!(status == 401 && body.contains("session_replaced"), "{body}");
}

#[tokio::test]
async fn everybodys_orders_need_the_permission() {
    let orders = Running::new();
    let token = |permission| orders.menjin.sign_in("alice").permission(permission).token();
    assert_eq!(orders.get("/staff/orders", Some(&token("stock:*"))).await.0, 403);
    assert_eq!(orders.get("/staff/orders", Some(&token("orders:*"))).await.0, 200);
}

#[tokio::test]
async fn a_customer_is_made_once_and_may_be_refused() {
    let orders = Running::new();
    let (alice, bob) = (orders.menjin.sign_in("alice"), orders.menjin.sign_in("bob"));
    for (person, id) in [(&alice, 1), (&bob, 2), (&alice, 1)] {
        let (status, body) = orders.get("/account", Some(&person.token())).await;
        assert_eq!((status, body), (200, format!(r#"{{"id":{id},"user":"{}"}}"#, person.user())));
    }
    orders.app.customers.ban(1);
    assert_eq!(orders.get("/account", Some(&alice.token())).await.0, 403);
    assert_eq!(orders.get("/account", Some(&bob.token())).await.0, 200);
}

#[tokio::test]
async fn claims_of_the_audience_have_a_type() {
    let orders = Running::new();
    let alice = orders.menjin.sign_in("alice");
    assert_eq!(orders.get("/number", Some(&alice.token())).await.0, 401, "menjin.toml adds no userId");
    assert_eq!(orders.get("/number", Some(&alice.claim("userId", 7).token())).await, (200, "7".to_owned()));
}

#[tokio::test]
async fn a_download_may_have_its_token_in_the_address() {
    let orders = Running::new();
    let alice = orders.menjin.sign_in("alice");
    let token = alice.token();
    let (status, body) = orders.get(&format!("/invoices/7?token={token}"), None).await;
    assert_eq!((status, body), (200, format!("invoice 7 of {}", alice.user())));
    assert_eq!(orders.get(&format!("/invoices/7?token={token}"), Some(&token)).await.0, 400);
    assert_eq!(orders.get(&format!("/orders?token={token}"), None).await.0, 401);
}

#[tokio::test]
async fn the_old_systems_tokens_open_what_says_so_until_the_date() {
    let day = std::time::Duration::from_hours(24);
    let orders = Running::with(|menjin| {
        let old = Legacy::hs256("old-shop", OLD_SECRET, menjin.now().plus(day)).number_in("user_id").kid("old");
        menjin.builder().legacy(old).build().unwrap()
    });
    let key = SigningKey::from_private(Algorithm::Hs256, "old".to_owned(), OLD_SECRET).unwrap();
    let claims = json!({ "user_id": 7, "username": "alice", "exp": orders.menjin.now().plus(2 * day).secs() });
    let token = sign(&key, "JWT", &claims).unwrap();
    let (status, body) = orders.get("/who", Some(&token)).await;
    assert_eq!((status, body.as_str()), (200, r#"{"system":"old-shop","user":"Number(7)"}"#));
    for path in ["/orders", "/cart", "/staff/orders"] {
        assert_eq!(orders.get(path, Some(&token)).await.0, 401, "{path}");
    }
    assert_eq!(orders.get("/account", Some(&token)).await.0, 403);
    orders.menjin.advance(day);
    assert_eq!(orders.get("/who", Some(&token)).await.0, 401);
}
