//! The guard as a layer and as an extractor, in a real router.

use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::extract::FromRef;
use axum::routing::get;
use axum::{Extension, Router};
use http::{Request, Response, StatusCode};
use menjin_guard::{Caller, Guard, Refusal, Refused};
use serde_json::Value;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::harness::{Local, token, user};

#[derive(Clone)]
struct App {
    guard: Guard,
}

impl FromRef<App> for Guard {
    fn from_ref(app: &App) -> Self {
        app.guard.clone()
    }
}

async fn who(caller: Caller) -> Result<String, Refusal> {
    caller.require("orders:read")?;
    Ok(caller.user.to_string())
}

async fn admin(caller: Caller) -> Result<(), Refused> {
    caller.require_role("admin")
}

async fn behind_the_layer(Extension(caller): Extension<Caller>) -> String {
    caller.user.to_string()
}

async fn open() -> &'static str {
    "open"
}

async fn bare(request: Request<()>) -> Result<Response<String>, Infallible> {
    let caller = request.extensions().get::<Caller>().unwrap();
    Ok(Response::new(caller.user.to_string()))
}

fn router(guard: Guard) -> Router {
    let nested = Router::new().route("/who", get(behind_the_layer)).layer(guard.layer());
    Router::new()
        .route("/who", get(who))
        .route("/admin", get(admin))
        .route("/open", get(open))
        .nest("/layered", nested)
        .with_state(App { guard })
}

async fn ask(path: &str, authorization: Option<String>) -> (StatusCode, String) {
    let mut request = Request::get(path).header("accept-language", "en");
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router(Local::new().guard).oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn bearer() -> String {
    format!("Bearer {}", token())
}

#[tokio::test]
async fn a_signed_in_person_reaches_the_handler() {
    for path in ["/who", "/layered/who"] {
        assert_eq!(ask(path, Some(bearer())).await, (StatusCode::OK, user().to_string()));
    }
}

#[tokio::test]
async fn anybody_else_gets_a_problem_and_open_routes_stay_open() {
    for path in ["/who", "/layered/who"] {
        for (authorization, code) in [(None, "token_missing"), (Some("Bearer x".to_owned()), "token_invalid")] {
            let (status, body) = ask(path, authorization).await;
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status.as_u16(), &body["code"]), (401, &Value::from(code)));
            assert!(body["detail"].as_str().unwrap().ends_with("gain.") || code == "token_missing", "in English");
        }
    }
    assert_eq!(ask("/open", None).await.0, StatusCode::OK);
    assert_eq!(ask("/admin", Some(bearer())).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_layer_works_over_any_http_service() {
    let service = ServiceBuilder::new().layer(Local::new().guard.layer()).service(service_fn(bare));
    let request = Request::get("/").header("authorization", format!("JWT {}", token())).body(()).unwrap();
    assert_eq!(service.clone().oneshot(request).await.unwrap().body(), &user().to_string());
    let refused = service.oneshot(Request::get("/").body(()).unwrap()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().contains_key("www-authenticate"));
}
