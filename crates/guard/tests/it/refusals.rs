//! JW-16: how a refusal is answered.

use menjin_guard::token::Invalid;
use menjin_guard::{Code, EndedBecause, Refusal};
use serde_json::{Value, json};

use crate::harness::{Local, NOW, headers, refusal};

fn ended(code: &str) -> Refusal {
    Refusal::Ended(EndedBecause { code: code.to_owned(), at: NOW })
}

fn all() -> Vec<Refusal> {
    let ends = [
        "session_ended",
        "session_replaced",
        "session_kicked",
        "session_expired",
        "user_disabled",
        "password_changed",
        "refresh_reused",
        "restored",
        "account_closed",
        "user_merged",
        "token_expired",
    ];
    ends.into_iter()
        .map(ended)
        .chain([
            Refusal::Missing,
            Refusal::Invalid(Invalid::Signature),
            Refusal::Invalid(Invalid::Claim("aud")),
            Refusal::Expired,
            Refusal::InsufficientScope("orders".to_owned()),
            Refusal::Forbidden("the role x".to_owned()),
            Refusal::KeysUnavailable,
            Refusal::FeedStale,
        ])
        .collect()
}

#[test]
fn jw_16_every_401_has_a_challenge_and_only_a_missing_token_has_one_without_error() {
    for refusal in all() {
        let response = refusal.clone().into_response_for(None);
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
        match (response.status().as_u16(), &refusal) {
            (401, Refusal::Missing) => assert_eq!(challenge, Some(r#"Bearer realm="menjin""#)),
            (401, _) => {
                let challenge = challenge.unwrap();
                assert!(
                    challenge.starts_with(r#"Bearer realm="menjin", error="invalid_token", error_description=""#),
                    "{challenge}"
                );
            }
            (403, Refusal::InsufficientScope(_)) => {
                assert_eq!(challenge, Some(r#"Bearer realm="menjin", error="insufficient_scope", scope="orders""#));
            }
            _ => assert_eq!(challenge, None),
        }
    }
}

#[tokio::test]
async fn jw_16_wrong_scheme_and_no_token_are_answered_alike() {
    let local = Local::new();
    let none = refusal(&local.guard, &headers(&[])).await.into_response_for(Some("en"));
    let basic = refusal(&local.guard, &headers(&["Basic YTpi"])).await.into_response_for(Some("en"));
    assert_eq!(none.status(), 401);
    assert_eq!((none.headers(), none.body()), (basic.headers(), basic.body()));
}

#[test]
fn jw_16_no_internals_stand_in_a_body() {
    let reasons = [
        Invalid::Signature,
        Invalid::UnknownKey,
        Invalid::Issuer,
        Invalid::Audience,
        Invalid::Claim("aud"),
        Invalid::Typ,
        Invalid::Critical,
    ];
    let bodies = reasons.map(|invalid| Refusal::Invalid(invalid).into_response_for(None).into_body());
    assert!(bodies.iter().all(|body| *body == bodies[0]), "why a token is invalid is nobody's business");
    let forbidden = Refusal::Forbidden("the role secret-role".to_owned()).into_response_for(None);
    assert!(!forbidden.body().contains("secret-role"));
}

#[test]
fn a_scope_cannot_break_out_of_the_challenge() {
    let refusal = Refusal::InsufficientScope("a\", error=\"x\r\nset-cookie: y\\".to_owned());
    let challenge = refusal.challenge().unwrap();
    assert_eq!(
        challenge.to_str().unwrap(),
        r#"Bearer realm="menjin", error="insufficient_scope", scope="a, error=xset-cookie: y""#
    );
}

#[test]
fn a_problem_says_what_happened_in_the_clients_language() {
    let answer = |language: Option<&str>| {
        let response = ended("session_replaced").into_response_for(language);
        let tag = response.headers()["content-language"].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_str(response.body()).unwrap();
        (tag, body)
    };
    let (tag, english) = answer(Some("en-GB,en;q=0.9,zh;q=0.8"));
    assert_eq!(tag, "en");
    assert_eq!(
        english,
        json!({
            "type": "/problems/session_replaced",
            "title": "Signed in elsewhere",
            "status": 401,
            "detail": "Another device has signed in to this account. Sign in again.",
            "code": "session_replaced",
            "action": "relogin",
        })
    );
    for chinese in ["zh-CN,zh;q=0.9,en;q=0.8", "en;q=0.3, zh;q=0.4"] {
        let (tag, body) = answer(Some(chinese));
        assert_eq!((tag.as_str(), &body["title"]), ("zh-CN", &json!("已在其他设备登录")), "{chinese:?}");
    }
    for nothing in [None, Some("fr"), Some("*"), Some(""), Some("zh;q=0"), Some("zh;q=x"), Some(";;,,=")] {
        let (tag, body) = answer(nothing);
        assert_eq!((tag.as_str(), &body["title"]), ("en", &json!("Signed in elsewhere")), "{nothing:?}");
    }
}

#[test]
fn every_refusal_has_its_status_action_and_headers() {
    for refusal in all() {
        let response = refusal.clone().into_response_for(Some("en"));
        let body: Value = serde_json::from_str(response.body()).unwrap();
        let status = response.status().as_u16();
        let action = match (status, refusal.code()) {
            (401, "token_expired") => "refresh",
            (401, "user_disabled") | (403, _) => "none",
            (401, _) => "relogin",
            (503, _) => "retry",
            other => panic!("{other:?}"),
        };
        assert_eq!(body["action"], action);
        assert_eq!((&body["code"], &body["status"]), (&json!(refusal.code()), &json!(status)));
        assert_eq!(body["type"], format!("/problems/{}", refusal.code()));
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers.contains_key("retry-after"), status == 503);
    }
}

#[test]
fn an_end_of_an_unknown_kind_is_a_session_ended() {
    assert_eq!(Code::of_end("whatever"), Code::SessionEnded);
    assert_eq!(ended("whatever").code(), "session_ended");
}
