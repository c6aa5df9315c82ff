//! What handlers take beside a caller, and what routes ask of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRef, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use menjin_guard::testkit::TestMenjin;
use menjin_guard::{Caller, CallerOf, Guard, Loaded, Loader, Person, Refusal, Refused, Session, SessionError};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

#[derive(Clone)]
struct App {
    guard: Guard,
    customers: Loader<Customer>,
}

#[derive(Clone, Debug)]
struct Customer(i64);

impl FromRef<App> for Guard {
    fn from_ref(app: &App) -> Self {
        app.guard.clone()
    }
}

impl FromRef<App> for Loader<Customer> {
    fn from_ref(app: &App) -> Self {
        app.customers.clone()
    }
}

struct Shop {
    menjin: TestMenjin,
    router: Router,
    loads: Arc<AtomicUsize>,
}

async fn greet(caller: Option<Caller>) -> String {
    caller.map_or("a stranger".to_owned(), |caller| caller.user.to_string())
}

#[derive(Deserialize)]
struct ShopClaims {
    #[serde(rename = "userId")]
    user_id: i64,
    tier: Option<String>,
}

async fn claims(CallerOf { caller, claims }: CallerOf<ShopClaims>) -> String {
    let again: ShopClaims = caller.claims_as().unwrap();
    assert_eq!(again.user_id, claims.user_id);
    format!("{} {:?}", claims.user_id, claims.tier)
}

async fn customer(Loaded(customer): Loaded<Customer>, Loaded(again): Loaded<Customer>) -> String {
    assert_eq!(customer.0, again.0);
    customer.0.to_string()
}

async fn perhaps(customer: Option<Loaded<Customer>>) -> String {
    format!("{:?}", customer.map(|Loaded(Customer(id))| id))
}

async fn required(caller: Caller) -> Result<(), Refused> {
    caller.require_scope("orders")?;
    caller.require_role("clerk")?;
    caller.require("orders:write")
}

async fn data(session: Session) -> Result<String, SessionError> {
    Ok(format!("{:?}", session.get::<u32>("cart").await?))
}

async fn nothing() {}

async fn who(Extension(caller): Extension<Caller>) -> String {
    caller.user.to_string()
}

impl Shop {
    fn open() -> Self {
        let menjin = TestMenjin::new("shop-api");
        let loads = Arc::new(AtomicUsize::default());
        let counted = Arc::clone(&loads);
        let customers = Loader::new(move |person: Person| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match person.claims().extra.get("userId").and_then(Value::as_i64) {
                    Some(503) => Err(Refusal::Unavailable),
                    Some(401) => Err(Refusal::Missing),
                    Some(id) => Ok(Customer(id)),
                    None => Err(Refusal::Forbidden("an account of ours".to_owned())),
                }
            }
        });
        let guard = menjin.guard();
        let only = |layer| Router::new().route("/", get(nothing)).layer(layer);
        let router = Router::new()
            .route("/greet", get(greet))
            .route("/claims", get(claims))
            .route("/customer", get(customer))
            .route("/perhaps", get(perhaps))
            .route("/required", get(required))
            .route("/data", get(data))
            .nest("/permission", only(guard.layer().require("orders:write")))
            .nest("/role", only(guard.layer().require_role("clerk")))
            .nest("/scope", only(guard.layer().require_scope("orders")))
            .nest("/all", only(guard.layer().require("a:b").require("c:d").require_role("clerk")))
            .nest("/optional", Router::new().route("/", get(greet)).layer(guard.layer().optional()))
            .nest("/optional-role", only(guard.layer().optional().require_role("clerk")))
            .with_state(App { guard, customers });
        Self { menjin, router, loads }
    }

    async fn ask(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = Request::get(path).header("accept-language", "zh");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap())
    }

    async fn code(&self, path: &str, token: &str) -> String {
        let (status, body) = self.ask(path, Some(token)).await;
        if status == 200 {
            return "ok".to_owned();
        }
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status);
        let is_chinese = problem["detail"].as_str().unwrap().chars().any(|c| c > '\u{3000}');
        assert!(is_chinese, "in the caller's language: {body}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn strangers_are_served_where_a_route_says_so_and_bad_tokens_never() {
    let shop = Shop::open();
    let alice = shop.menjin.sign_in("alice");
    for path in ["/greet", "/optional"] {
        assert_eq!(shop.ask(path, None).await, (200, "a stranger".to_owned()));
        assert_eq!(shop.ask(path, Some(&alice.token())).await, (200, alice.user().to_string()));
        assert_eq!(shop.code(path, "x.y.z").await, "token_invalid");
    }
    assert_eq!(shop.ask("/optional-role", None).await.0, 401, "a stranger has no role");
    let token = alice.token();
    shop.menjin.end(alice.session(), "session_kicked");
    assert_eq!(shop.code("/greet", &token).await, "session_kicked");
}

#[tokio::test]
async fn claims_come_as_the_programs_own_type() {
    let shop = Shop::open();
    let alice = shop.menjin.sign_in("alice").claim("userId", 7);
    assert_eq!(shop.ask("/claims", Some(&alice.token())).await, (200, "7 None".to_owned()));
    let gold = alice.clone().claim("tier", "gold");
    assert_eq!(shop.ask("/claims", Some(&gold.token())).await, (200, "7 Some(\"gold\")".to_owned()));
    assert_eq!(shop.code("/claims", &alice.claim("userId", "seven").token()).await, "token_invalid");
}

#[tokio::test]
async fn the_programs_own_user_is_loaded_once_a_request_or_refused_as_the_loader_says() {
    let shop = Shop::open();
    let token = |id: i64| shop.menjin.sign_in("alice").claim("userId", id).token();
    assert_eq!(shop.ask("/customer", Some(&token(7))).await, (200, "7".to_owned()));
    assert_eq!(shop.loads.load(Ordering::SeqCst), 1);
    for (id, expected) in [(503, "store_unavailable"), (401, "token_missing")] {
        for path in ["/customer", "/perhaps"] {
            assert_eq!(shop.code(path, &token(id)).await, expected, "{path}");
        }
    }
    assert_eq!(shop.code("/customer", &shop.menjin.sign_in("bob").token()).await, "forbidden");
    assert_eq!(shop.ask("/perhaps", None).await, (200, "None".to_owned()));
    assert_eq!(shop.ask("/perhaps", Some(&token(7))).await, (200, "Some(7)".to_owned()));
    let before = shop.loads.load(Ordering::SeqCst);
    assert_eq!(shop.code("/customer", "x.y.z").await, "token_invalid");
    assert_eq!(shop.loads.load(Ordering::SeqCst), before, "nobody is loaded for a bad token");
}

#[tokio::test]
async fn layers_and_handlers_ask_for_permissions_roles_and_scopes() {
    let shop = Shop::open();
    let signed_in = || shop.menjin.sign_in("alice");
    let whole = signed_in().permission("orders:*").role("clerk").scope("orders profile");
    let nobody = signed_in().permission("orders:read").role("clerks").scope("order");
    for (path, refused) in [
        ("/permission", "forbidden"),
        ("/role", "forbidden"),
        ("/scope", "insufficient_scope"),
        ("/required", "insufficient_scope"),
    ] {
        assert_eq!(shop.code(path, &whole.token()).await, "ok", "{path}");
        assert_eq!(shop.code(path, &nobody.token()).await, refused, "{path}");
        assert_eq!(shop.ask(path, None).await.0, 401);
    }
    let all = signed_in().permission("a:*").permission("*:d").role("clerk");
    assert_eq!(shop.code("/all", &all.token()).await, "ok");
    assert_eq!(shop.code("/all", &signed_in().permission("a:*").role("clerk").token()).await, "forbidden");
    assert_eq!(shop.code("/optional-role", &whole.token()).await, "ok");
}

#[tokio::test]
async fn session_data_without_an_app_is_the_programs_mistake() {
    let shop = Shop::open();
    assert_eq!(shop.code("/data", &shop.menjin.sign_in("alice").token()).await, "internal");
    assert_eq!(shop.code("/data", "x.y.z").await, "token_invalid");
}

/// A program that serves two audiences: whoever one guard has let in is nobody to the other.
#[tokio::test]
async fn a_layer_of_one_guard_opens_nothing_of_another() {
    let (shop, bank) = (TestMenjin::new("shop-api"), TestMenjin::new("bank-api"));
    let guard = bank.guard();
    let app = App { guard, customers: Loader::new(|_| async { Err(Refusal::Missing) }) };
    let router = Router::new()
        .route("/bank", get(async |caller: Caller| caller.user.to_string()))
        .route("/shop", get(who))
        .layer(shop.guard().layer())
        .with_state(app);
    let token = shop.sign_in("alice").bearer();
    for (path, status) in [("/shop", 200), ("/bank", 401)] {
        let request = Request::get(path).header("authorization", &token).body(Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status().as_u16(), status, "{path}");
    }
}

/// A body that names its token, as old clients of Django do.
#[tokio::test]
async fn a_field_of_a_json_body_is_checked_by_an_explicit_call() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let verify = async move |request: Request, _: Next| -> Response {
        let (parts, body) = request.into_parts();
        let body: Value = serde_json::from_slice(&to_bytes(body, 100_000).await.unwrap()).unwrap();
        let token = menjin_guard::source::header_or(&parts.headers, body["token"].as_str());
        let checked = match token {
            Ok(token) => guard.check_token(token).await,
            Err(refusal) => Err(refusal),
        };
        let text = checked.map_or_else(|refusal| refusal.code().to_owned(), |caller| caller.user.to_string());
        Response::new(text.into())
    };
    let router: Router = Router::new().route("/", axum::routing::post(nothing)).layer(from_fn(move |request, next| {
        let verify = verify.clone();
        async move { verify(request, next).await }
    }));
    let alice = menjin.sign_in("alice");
    let token = alice.token();
    for (body, header, expected) in [
        (json!({"token": token}), None, alice.user().to_string()),
        (json!({"token": format!("JWT {token}")}), None, alice.user().to_string()),
        (json!({"token": token}), Some(alice.bearer()), "token_twice".to_owned()),
        (json!({"token": "x"}), None, "token_invalid".to_owned()),
        (json!({}), None, "token_missing".to_owned()),
    ] {
        let mut request = Request::post("/");
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let text = to_bytes(response.into_body(), 10_000).await.unwrap();
        assert_eq!(String::from_utf8(text.to_vec()).unwrap(), expected);
    }
}
