//! Other places than the header, where a route opts in.

use axum::body::{Body, to_bytes};
use axum::extract::FromRef;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderValue, Request};
use menjin_guard::source::{self, Places};
use menjin_guard::testkit::TestMenjin;
use menjin_guard::token::{Invalid, MAX_TOKEN};
use menjin_guard::{Caller, Guard, Refusal};
use proptest::prelude::*;
use tower::ServiceExt;

use crate::harness::headers;

fn with_cookies(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("cookie", HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn a_cookie_is_found_by_its_whole_name_and_without_its_scheme() {
    let places = Places::default().cookie("token");
    let token = |lines: &[&str]| places.token(&with_cookies(lines), None).map(std::borrow::Cow::into_owned);
    for lines in [
        &["token=a.b.c"][..],
        &["x=1; token=a.b.c; y=2"],
        &["x=1;token=a.b.c"],
        &["x=1", "token=\"a.b.c\""],
        &["token=JWT a.b.c"],
        &["token=jwt%20a.b.c; caf\u{e9}=\u{4e2d}"],
        &["token=; token=a.b.c"],
    ] {
        assert_eq!(token(lines), Ok("a.b.c".to_owned()), "{lines:?}");
    }
    let other_blanks = ["\u{a0}token=a.b.c", "x=1; \u{2000}token=a.b.c", "token\u{3000}=a.b.c"].map(|line| [line]);
    let others = [&[][..], &["Token=a.b.c"], &["tokens=a.b.c"], &["x=token=a.b.c"], &["token="]];
    for lines in others.into_iter().chain(other_blanks.iter().map(<[_; 1]>::as_slice)) {
        assert_eq!(token(lines), Err(Refusal::Missing), "{lines:?}");
    }
    assert_eq!(Places::default().token(&with_cookies(&["token=a.b.c"]), None), Err(Refusal::Missing));
}

#[test]
fn a_query_parameter_is_found_decoded() {
    let places = Places::default().query("access_token");
    let token = |query| places.token(&HeaderMap::new(), query).map(std::borrow::Cow::into_owned);
    for query in
        ["access_token=a.b.c", "x=1&access_token=JWT+a.b.c", "access_token=JWT%20a%2Eb.c&y", "access%5Ftoken=a.b.c"]
    {
        assert_eq!(token(Some(query)), Ok("a.b.c".to_owned()), "{query}");
    }
    for query in [None, Some(""), Some("access_token"), Some("access_token="), Some("token=a.b.c")] {
        assert_eq!(token(query), Err(Refusal::Missing), "{query:?}");
    }
    assert_eq!(
        token(Some(&format!("access_token={}", "x".repeat(MAX_TOKEN + 1)))),
        Err(Refusal::Invalid(Invalid::TooLarge))
    );
}

#[test]
fn two_tokens_at_once_are_refused_be_they_the_same_or_not() {
    let places = Places::default().cookie("token").query("token");
    let with_all = |authorization: &[&str], cookies: &[&str]| {
        let mut all = headers(authorization);
        all.extend(with_cookies(cookies));
        all
    };
    let cases = [
        (with_all(&["Bearer a.b.c"], &["token=a.b.c"]), None),
        (with_all(&["Bearer a.b.c"], &[]), Some("token=d.e.f")),
        (with_all(&[], &["token=a.b.c"]), Some("token=a.b.c")),
        (with_all(&[], &["token=a.b.c; token=a.b.c"]), None),
        (with_all(&[], &["token=a.b.c", "token=d.e.f"]), None),
        (with_all(&[], &[]), Some("token=a.b.c&token=a.b.c")),
    ];
    for (headers, query) in cases {
        assert_eq!(places.token(&headers, query), Err(Refusal::Twice), "{headers:?} {query:?}");
    }
    let another_scheme = with_all(&["Basic YTpi"], &["token=a.b.c"]);
    assert_eq!(places.token(&another_scheme, None).unwrap(), "a.b.c");
    let two_headers = with_all(&["Bearer a.b.c", "Bearer a.b.c"], &["token=a.b.c"]);
    assert_eq!(places.token(&two_headers, None), Err(Refusal::Invalid(Invalid::Malformed)));
}

#[test]
fn a_field_of_a_body_counts_beside_the_header() {
    let none = HeaderMap::new();
    assert_eq!(source::header_or(&none, Some("JWT a.b.c")), Ok("a.b.c"));
    assert_eq!(source::header_or(&none, Some(" a.b.c ")), Ok("a.b.c"));
    assert_eq!(source::header_or(&headers(&["Bearer a.b.c"]), None), Ok("a.b.c"));
    assert_eq!(source::header_or(&headers(&["Bearer a.b.c"]), Some("")), Ok("a.b.c"));
    assert_eq!(source::header_or(&headers(&["Bearer a.b.c"]), Some("a.b.c")), Err(Refusal::Twice));
    for field in [None, Some(""), Some("  ")] {
        assert_eq!(source::header_or(&none, field), Err(Refusal::Missing));
    }
    let long = "x".repeat(MAX_TOKEN + 1);
    assert_eq!(source::header_or(&none, Some(&long)), Err(Refusal::Invalid(Invalid::TooLarge)));
}

proptest! {
    #[test]
    fn no_place_panics(cookie: Vec<u8>, query: String) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&cookie) {
            headers.insert("cookie", value);
        }
        _ = Places::default().cookie("a").query("a").token(&headers, Some(&query));
        _ = source::header_or(&headers, Some(&query));
    }
}

#[derive(Clone)]
struct App(Guard);

impl FromRef<App> for Guard {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

/// Found by the extractor, too, as the layer has let them in.
async fn who(caller: Caller, Extension(same): Extension<Caller>) -> String {
    assert_eq!(caller.user, same.user);
    caller.user.to_string()
}

#[tokio::test]
async fn a_route_opts_in_by_its_layer_and_others_stay_as_they_were() {
    let menjin = TestMenjin::new("shop-api");
    let guard = menjin.guard();
    let inner = || Router::new().route("/", get(who));
    let router = Router::new()
        .nest("/usual", inner().layer(guard.layer()))
        .nest("/open", inner().layer(guard.layer().cookie("jwt").query("jwt")))
        .with_state(App(guard));
    let alice = menjin.sign_in("alice");
    let token = alice.token();
    let ask = async |path: String, cookie: Option<String>| {
        let mut request = Request::get(path).header("accept-language", "zh-CN");
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie);
        }
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        (status, String::from_utf8(to_bytes(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap())
    };
    let (in_query, cookie) = (format!("?jwt=JWT%20{token}"), Some(format!("jwt={token}")));
    assert_eq!(ask(format!("/open{in_query}"), None).await, (200, alice.user().to_string()));
    assert_eq!(ask("/open".to_owned(), cookie.clone()).await, (200, alice.user().to_string()));
    assert_eq!(ask(format!("/usual{in_query}"), cookie.clone()).await.0, 401);
    let (status, body) = ask(format!("/open{in_query}"), cookie).await;
    assert_eq!(status, 400);
    assert!(body.contains("token_twice") && body.contains("令牌"), "{body}");
}
