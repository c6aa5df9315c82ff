//! Who may read and report a platform's token, and what is kept of it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{READ, REPORT, SECRET, basic, fetches, read, report, token, with_mailer};
use crate::harness::{Answer, CLIENT_SECRET, Setup, TestServer};
use crate::log::Log;
use crate::rows::{Cell, Rows};

async fn with(t: &TestServer, path: &str, authorization: Option<&str>) -> Answer {
    let headers: Vec<_> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    let (method, body) = if path.ends_with("report-invalid") {
        (Method::POST, Some(json!({"token": "x"}).to_string()))
    } else {
        (Method::GET, None)
    };
    t.anon().send(method, path, body, &headers).await
}

#[tokio::test]
async fn a_back_end_reads_the_token_with_its_time() {
    let t = TestServer::with(with_mailer()).await;
    t.freeze();
    let answer = read(&t).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.ok(200);
    assert_eq!(body["expires_in"], 7200);
    let members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_at", "expires_in"]);
    let used = json!({"code": t.sim.phone_code(crate::harness::APPID, "alice")});
    let path = format!("/wxa/business/getuserphonenumber?access_token={}", body["access_token"].as_str().unwrap());
    assert_eq!(t.as_another_program(&path, used).await["errcode"], 0, "it is good at the platform");
    t.advance(std::time::Duration::from_mins(30));
    let later = read(&t).await.ok(200);
    assert_eq!((&later["access_token"], &later["expires_in"]), (&body["access_token"], &json!(5400)));
}

#[tokio::test]
async fn whoever_is_no_app_with_a_secret_is_asked_for_it() {
    let t = TestServer::with(with_mailer()).await;
    let user = t.phone("alice").await;
    let wrong = [
        None,
        Some("Basic".to_owned()),
        Some("Basic %%%".to_owned()),
        Some(basic("mailer", "")),
        Some(basic("mailer", CLIENT_SECRET)),
        Some(basic("mailer", &SECRET[1..])),
        Some(basic("shop", "")),
        Some(basic("nobody", SECRET)),
        Some(basic("Mailer", SECRET)),
    ];
    let person = format!("Bearer {}", user.access_token());
    for path in [READ, REPORT, "/v1/apps/nowhere/platform-token"] {
        for proof in &wrong {
            with(&t, path, proof.as_deref()).await.problem(401, "client_invalid");
        }
        with(&t, path, Some(&person)).await.problem(403, "backend_only");
    }
    assert_eq!(fetches(&t), 0);
}

#[tokio::test]
async fn a_secret_may_be_escaped_as_the_rfc_says_or_stand_as_it_is() {
    let odd = "a+b%c&d=e f:g/0123456789abcdef0123456789";
    let setup = with_mailer();
    let t = TestServer::with(Setup { toml: setup.toml.replace(SECRET, odd), ..setup }).await;
    let escaped = "a%2Bb%25c%26d%3De+f%3Ag%2F0123456789abcdef0123456789";
    for secret in [odd, escaped] {
        with(&t, READ, Some(&basic("mailer", secret))).await.ok(200);
    }
    with(&t, READ, Some(&basic("mailer", "a+b"))).await.problem(401, "client_invalid");
}

#[tokio::test]
async fn without_the_scope_of_this_very_app_nothing_is_told_not_even_which_apps_there_are() {
    let t = TestServer::with(with_mailer()).await;
    let (office, mailer) = (basic("office", CLIENT_SECRET), basic("mailer", SECRET));
    let cases = [
        (&office, "shop"),
        (&office, "club"),
        (&office, "nowhere"),
        (&mailer, "club"),
        (&mailer, "office"),
        (&mailer, "nowhere"),
        (&mailer, "SHOP"),
    ];
    for (proof, app) in cases {
        for path in [format!("/v1/apps/{app}/platform-token"), format!("/v1/apps/{app}/platform-token/report-invalid")]
        {
            let answer = with(&t, &path, Some(proof)).await;
            let challenge = answer.header("www-authenticate").to_owned();
            assert_eq!(challenge, "Basic realm=\"menjin\", charset=\"UTF-8\"", "it came by Basic");
            assert_eq!((answer.status.as_u16(), &answer.json["code"]), (403, &json!("insufficient_scope")));
        }
    }
    assert_eq!(fetches(&t), 0);
}

#[tokio::test]
async fn ht_10_wrong_secrets_are_counted_by_app_and_address_and_bar_neither_others_nor_elsewhere() {
    let limits = "enabled = true\nfailures_per_app = 3".to_owned();
    let setup = with_mailer();
    let server = format!("{}\ntrusted_proxies = [\"127.0.0.1\"]", setup.server);
    let t = TestServer::with(Setup { server, limits, ..setup }).await;
    let ask = async |id: &str, secret: &str, hop: &str| {
        let proof = basic(id, secret);
        t.anon().send(Method::GET, READ, None, &[("authorization", &proof), ("x-forwarded-for", hop)]).await
    };
    for _ in 0..4 {
        ask("mailer", "guess", "198.51.100.1").await.problem(401, "client_invalid");
    }
    let barred = ask("mailer", SECRET, "198.51.100.1").await;
    assert!((1..=60).contains(&barred.header("retry-after").parse::<u64>().unwrap()));
    barred.problem(429, "too_many_requests");
    ask("mailer", SECRET, "198.51.100.2").await.ok(200);
    ask("office", CLIENT_SECRET, "198.51.100.1").await;
    assert_eq!(ask("office", CLIENT_SECRET, "198.51.100.1").await.status, 403, "another app is not barred");
    let login = json!({"code": t.code("alice")}).to_string();
    let headers = [("x-forwarded-for", "198.51.100.1")];
    t.anon().send(Method::POST, "/v1/login/shop", Some(login), &headers).await.ok(200);
}

#[tokio::test]
async fn every_reading_and_every_report_leaves_its_line_and_no_token() {
    let log = Log::start();
    let t = TestServer::with(with_mailer()).await;
    t.freeze();
    let old = token(&t).await;
    report(&t, &old).await.ok(204);
    report(&t, "mistaken").await.ok(204);
    let new = token(&t).await;
    with(&t, READ, Some(&basic("office", CLIENT_SECRET))).await;
    let sql = "SELECT action, actor, app, ip, detail FROM audit WHERE app = 'mailer' ORDER BY seq";
    let rows = Rows::of(&t).await.all(sql).await;
    let texts = |row: &Vec<Cell>| row.iter().map(|cell| cell.text().unwrap()).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = rows.iter().map(texts).collect();
    let line = |what: &str| format!("platform_token.{what} app mailer 127.0.0.1 shop");
    assert_eq!(lines, [line("read"), line("reported"), line("reported"), line("read")]);
    for secret in [old.as_str(), &new, SECRET, &basic("mailer", SECRET)["Basic ".len()..], "mistaken"] {
        assert!(!log.text().contains(secret), "{secret}");
    }
    assert!(log.text().contains("platform-token"), "the log was read");
}

#[tokio::test]
async fn what_is_no_report_is_refused_by_name() {
    let t = TestServer::with(with_mailer()).await;
    let proof = basic("mailer", SECRET);
    let send = async |body: Value| {
        t.anon().send(Method::POST, REPORT, Some(body.to_string()), &[("authorization", &proof)]).await
    };
    assert_eq!(send(json!({})).await.problem(400, "field_invalid")["field"], "token");
    assert_eq!(send(json!({"token": 1})).await.problem(400, "field_invalid")["field"], "token");
    send(json!({"token": ""})).await.ok(204);
}
