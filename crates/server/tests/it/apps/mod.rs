//! Apps as callers: they prove themselves, get tokens of their own, ask about tokens, revoke them; and are registered beside
//! running nodes.

mod callers;
mod introspect;
mod metadata;
mod registered;
mod revoke;
mod token;

use std::borrow::Cow;

use reqwest::Method;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::broker::basic;
use crate::harness::{Actor, Answer, Setup, TestServer};
pub(crate) use registered::back_end;

/// Secrets of the back ends of [`back_ends`], by id.
pub(crate) const SECRETS: [(&str, &str); 4] = [
    ("shop", "shop-secret-0123456789abcdef0123456789abcdef"),
    ("shop-api", "shop-api-secret-0123456789abcdef0123456789"),
    ("poor-api", "poor-api-secret-0123456789abcdef0123456789"),
    ("club-api", "club-api-secret-0123456789abcdef0123456789"),
];

/// `shop` has a secret of its own; `shop-api` is its back end and may do all, `poor-api` has its audience and no scope,
/// `club-api` may do all for another audience.
pub(crate) fn back_ends() -> Setup {
    let all = r#"["session-data", "sessions:open", "revocations:read", "events:read", "platform-token:shop"]"#;
    let entry = |id: &str, audience: &str, scopes: &str| {
        let secret = secret(id);
        format!(
            "[[app]]\nid = \"{id}\"\nkind = \"backend\"\naudience = \"{audience}\"\nclient_secret = \"{secret}\"\nscopes = {scopes}\n"
        )
    };
    let entries =
        [entry("shop-api", "shop-api", all), entry("poor-api", "shop-api", "[]"), entry("club-api", "club", all)];
    let shop = format!("client_secret = \"{}\"", secret("shop"));
    Setup { toml: entries.concat(), shop, ..Setup::default() }
}

pub(crate) fn secret(id: &str) -> &'static str {
    SECRETS.iter().find(|(it, _)| *it == id).unwrap().1
}

/// `Authorization` of one of the back ends.
pub(crate) fn proof(id: &str) -> String {
    basic(id, secret(id))
}

/// A form with these members, sent to an endpoint of OAuth.
pub(crate) async fn post_form(
    t: &TestServer,
    path: &str,
    authorization: Option<&str>,
    members: &[(&str, &str)],
) -> Answer {
    let body = Serializer::new(String::new()).extend_pairs(members).finish();
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(authorization.map(|value| ("authorization", value)));
    t.anon().send(Method::POST, path, Some(body), &headers).await
}

pub(crate) async fn ask_token(t: &TestServer, authorization: &str, scope: Option<&str>) -> Answer {
    let scope = scope.map(|scope| ("scope", scope));
    let members: Vec<_> = [("grant_type", "client_credentials")].into_iter().chain(scope).collect();
    post_form(t, "/oauth2/token", Some(authorization), &members).await
}

/// A token of one of the back ends, as it stands in `Authorization`.
pub(crate) async fn bearer(t: &TestServer, id: &str) -> String {
    let token = ask_token(t, &proof(id), None).await.ok(200);
    format!("Bearer {}", token["access_token"].as_str().unwrap())
}

async fn introspect(t: &TestServer, authorization: &str, token: &str) -> Value {
    let answer = post_form(t, "/oauth2/introspect", Some(authorization), &[("token", token)]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.ok(200)
}

async fn is_active(t: &TestServer, id: &str, token: &str) -> bool {
    let answer = introspect(t, &proof(id), token).await;
    let active = answer["active"].as_bool().unwrap();
    assert!(active || answer == serde_json::json!({"active": false}), "nothing is told of an inactive token: {answer}");
    active
}

async fn revoke(t: &TestServer, authorization: &str, token: &str) -> Answer {
    post_form(t, "/oauth2/revoke", Some(authorization), &[("token", token)]).await
}

/// An error as RFC 6749 has it.
#[track_caller]
pub(crate) fn oauth_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status.as_u16(), answer.json["error"].as_str()), (status, Some(error)), "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let members: Vec<_> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["error", "error_description"]);
    let challenge = answer.header("www-authenticate");
    let expected: Cow<'_, str> = match error {
        "invalid_client" => "Basic realm=\"menjin\", charset=\"UTF-8\"".into(),
        "invalid_token" => "Bearer realm=\"menjin\", error=\"invalid_token\"".into(),
        _ => "".into(),
    };
    assert_eq!(challenge, expected);
    assert_eq!(matches!(status, 429 | 503), !answer.header("retry-after").is_empty());
}

/// A token whose last character but one is another: the last one of a signature may hold bits that say nothing.
fn forged(token: &str) -> String {
    let at = token.len() - 10;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

/// Whether a person's session lives, by refreshing it.
async fn can_refresh(phone: &mut Actor<'_>) -> bool {
    phone.refresh().await.status == 200
}
