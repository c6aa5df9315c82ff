//! Every route of both sides by every kind of caller (AD-01). The routes are those of the two documents, so that a new one can't be
//! forgotten.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::Value;

use super::hand::Hand;
use crate::harness::{Answer, CLIENT_SECRET, TestServer};

/// A route of a document.
struct Route {
    method: Method,
    path: String,
    /// Whether it asks who calls.
    is_guarded: bool,
    is_page: bool,
    /// The content type of its body.
    body: Option<String>,
}

impl Route {
    fn all(document: &str) -> Vec<Self> {
        let document: Value = serde_json::from_str(document).unwrap();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let content = operation["requestBody"]["content"].as_object();
                all.push(Self {
                    method: method.to_uppercase().parse().unwrap(),
                    path: filled(path),
                    is_guarded: operation["security"].as_array().is_some_and(|it| !it.is_empty()),
                    is_page: operation["tags"].as_array().unwrap().iter().any(|tag| tag == "pages"),
                    body: content.and_then(|content| content.keys().next().cloned()),
                });
            }
        }
        assert!(all.len() > 10, "{}", all.len());
        all
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Asks with these headers.
    async fn ask(&self, http: &reqwest::Client, origin: &str, headers: &[(&str, String)]) -> Answer {
        let mut request = http.request(self.method.clone(), format!("{origin}{}", self.path));
        if let Some(kind) = &self.body {
            let body = if kind.contains("json") { "{}" } else { "" };
            request = request.header("content-type", kind).body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        Answer::read(request.send().await.unwrap()).await
    }
}

/// With something in each of its places.
fn filled(path: &str) -> String {
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap();
        filled.push_str(before);
        filled.push_str(if name == "app" { "shop" } else { "1" });
        rest = after;
    }
    filled + rest
}

/// What a caller sends.
type Caller = (&'static str, Vec<(&'static str, String)>);

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

fn basic() -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(format!("office:{CLIENT_SECRET}"))))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// People and apps, with what they hold: good, over, expired, and in other places than they should be.
async fn people_and_apps(t: &TestServer) -> Vec<Caller> {
    let expired = t.phone("early").await.access_token();
    t.advance(Duration::from_mins(20));
    let ended = t.phone("gone").await;
    ended.post("/v1/logout", serde_json::json!({})).await;
    let person = t.phone("alice").await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("authorization", &basic().1)];
    let body = Some("grant_type=client_credentials".to_owned());
    let granted = t.anon().send(Method::POST, "/oauth2/token", body, &form).await.ok(200);
    let app = granted["access_token"].as_str().unwrap().to_owned();
    let (token, refresh) = (person.access_token(), person.refresh_token());
    let own_form = || [("x-menjin-console", "1".to_owned()), ("origin", t.admin_url.clone())];
    vec![
        ("nobody", vec![]),
        ("a person", vec![bearer(&token)]),
        ("a person, by the old word", vec![("authorization", format!("JWT {token}"))]),
        ("a person, as the console", [&[bearer(&token)][..], &own_form()].concat()),
        ("a person's refresh token", vec![bearer(&refresh)]),
        (
            "a person's token in the cookie",
            [&[("cookie", format!("menjin-operator={token}"))][..], &own_form()].concat(),
        ),
        ("a person who is signed out", vec![bearer(&ended.access_token())]),
        ("a person whose token has expired", vec![bearer(&expired)]),
        ("an app's secret", vec![basic()]),
        ("an app's token", vec![bearer(&app)]),
        ("a made-up token", vec![bearer("mjo_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]),
        ("a made-up cookie", [&[("cookie", "menjin-operator=AAAA".to_owned())][..], &own_form()].concat()),
    ]
}

/// Who was let in once, and is not any more.
async fn former_operators(t: &TestServer) -> Vec<Caller> {
    let by = Actor::command();
    let make = |name: &'static str, days: u64| {
        t.menjin.create_operator_token(&by, name, OperatorRole::Admin, Some(Duration::from_secs(days * 86_400)))
    };
    let over = make("over", 1).await.unwrap().token;
    let removed = Hand::of(t, "removed", OperatorRole::Admin).await.cookie.unwrap();
    let idle = Hand::of(t, "idle", OperatorRole::Admin).await.cookie.unwrap();
    let revoked = make("revoked", 30).await.unwrap().token;
    t.menjin.revoke_operator_token(&by, "revoked").await.unwrap();
    t.menjin.remove_operator(&by, "removed").await.unwrap();
    t.advance(Duration::from_hours(24));
    let own_form = || [("x-menjin-console", "1".to_owned()), ("origin", t.admin_url.clone())];
    vec![
        ("a token that is over", vec![bearer(&over)]),
        ("a revoked token", vec![bearer(&revoked)]),
        ("a removed operator", [&[("cookie", removed)][..], &own_form()].concat()),
        ("an operator who was idle", [&[("cookie", idle)][..], &own_form()].concat()),
    ]
}

/// Operators who may, each with the cookie and with a token.
async fn operators(t: &TestServer) -> Vec<(OperatorRole, Caller)> {
    let mut all = Vec::new();
    for role in OperatorRole::ALL {
        let name = role.as_str();
        let cookie = Hand::of(t, name, role).await.cookie.unwrap();
        let token = t.menjin.create_operator_token(&Actor::command(), name, role, None).await.unwrap().token;
        let own = [("x-menjin-console", "1".to_owned()), ("origin", t.admin_url.clone())];
        all.push((role, (name, [&[("cookie", cookie)][..], &own].concat())));
        all.push((role, (name, vec![bearer(&token)])));
    }
    all
}

/// Where operators sign in: open to everybody.
fn is_open(route: &Route) -> bool {
    matches!(route.path.as_str(), "/admin/sign-in" | "/admin/welcome" | "/admin/scan" | "/admin/scan/done")
}

#[tokio::test]
async fn ad_01_nobody_but_operators_gets_to_a_route_of_the_operators_side() {
    let t = TestServer::start().await;
    let mut callers = former_operators(&t).await;
    callers.extend(people_and_apps(&t).await);
    let http = client();
    let routes = Route::all(&menjin_server::admin_openapi());
    for route in routes.iter().filter(|route| !is_open(route)) {
        for (who, headers) in &callers {
            let answer = route.ask(&http, &t.admin_url, headers).await;
            let what = format!("{who}: {}: {} {}", route.name(), answer.status, answer.text);
            if route.is_page && route.method == Method::GET {
                assert_eq!(answer.status, 303, "{what}");
                assert!(answer.header("location").starts_with("/admin/sign-in?next="), "{what}");
            } else {
                assert_eq!(answer.status, 401, "{what}");
                assert!(answer.text.contains("operator_required"), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn ad_01_operators_open_nothing_on_the_public_side() {
    let t = TestServer::start().await;
    let operators = operators(&t).await;
    let http = client();
    for route in Route::all(&menjin_server::openapi()) {
        let nobody = route.ask(&http, &t.url, &[]).await;
        let unknown = route.ask(&http, &t.url, &[bearer("eyJhbGciOiJub25lIn0.e30.")]).await;
        if route.is_guarded {
            // Forward-auth calls a proxy's mistake its own, with 500.
            assert!(!nobody.status.is_success(), "nobody: {}: {}", route.name(), nobody.status);
        }
        for (role, (_, headers)) in &operators {
            let answer = route.ask(&http, &t.url, headers).await;
            let what = format!("{}: {}: {} {}", role.as_str(), route.name(), answer.status, answer.text);
            let by_cookie = headers[0].0 == "cookie";
            let same = if by_cookie { &nobody } else { &unknown };
            assert_eq!((answer.status, &answer.json["code"]), (same.status, &same.json["code"]), "{what}");
        }
    }
}

#[tokio::test]
async fn ad_01_neither_side_has_the_routes_of_the_other() {
    let t = TestServer::start().await;
    let http = client();
    let root = operators(&t).await.pop().unwrap().1.1;
    let person = vec![bearer(&t.phone("alice").await.access_token())];
    for route in Route::all(&menjin_server::admin_openapi()) {
        for headers in [&[][..], &root, &person] {
            let answer = route.ask(&http, &t.url, headers).await;
            assert_eq!(answer.status, 404, "{} on the public side: {}", route.name(), answer.text);
        }
    }
    for route in Route::all(&menjin_server::openapi()) {
        for headers in [&[][..], &root, &person] {
            let answer = route.ask(&http, &t.admin_url, headers).await;
            assert_eq!(answer.status, 404, "{} on the operator's side: {}", route.name(), answer.text);
        }
    }
}
