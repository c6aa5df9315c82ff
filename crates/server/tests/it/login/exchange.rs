//! `POST /v1/token/exchange`, and forward-auth for tokens of an old system: `[[legacy]]`.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use menjin_server::Clock as _;
use menjin_server::config::Config;
use menjin_server::store::Actor as By;
use reqwest::Method;
use serde_json::{Value, json};

use crate::broker::until;
use crate::harness::{Actor, Answer, Setup, TestServer, claims};
use crate::rows::Rows;

const SECRET: &str = "an-old-secret-of-a-django-settings-file-that-is-long";
const ASKING: &str = "/auth/nginx?audience=shop-api";
/// Long enough for every token here, and in the past of nobody.
const UNTIL: &str = "2099-12-31";

fn entry(more: &str, until: &str) -> String {
    format!(
        "[[legacy]]\nname = \"django\"\naudience = \"shop-api\"\nalg = \"HS256\"\nsecret = \"{SECRET}\"\nuntil = \"{until}\"\n{more}"
    )
}

async fn with(more: &str) -> TestServer {
    TestServer::with(Setup { toml: entry(more, UNTIL), ..Setup::default() }).await
}

async fn by_number() -> TestServer {
    with("user_claim = \"user_id\"\nuser = \"number\"\n").await
}

fn signed(header: &Header, claims: &Value, secret: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

/// As djangorestframework-simplejwt writes them.
fn old_token(t: &TestServer, more: &Value) -> String {
    let mut claims = json!({"token_type": "access", "user_id": 1, "exp": t.clock.now().secs() + 3600, "jti": "a"});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    signed(&Header::new(Algorithm::HS256), &claims, SECRET)
}

async fn trade(t: &TestServer, token: &str) -> Answer {
    t.anon().post("/v1/token/exchange", json!({"token": token, "app": "shop"})).await
}

fn bears<'a>(t: &'a TestServer, token: &str) -> Actor<'a> {
    t.phone_with_token(token)
}

#[tokio::test]
async fn an_old_token_becomes_a_session_of_whom_it_names() {
    let t = by_number().await;
    let alice = t.phone("alice").await;
    let old = old_token(&t, &json!({}));
    let body = json!({"token": old, "app": "shop", "device": {"id": "phone-1", "class": "phone"}});
    let answer = t.anon().post("/v1/token/exchange", body).await.ok(200);
    assert_eq!((&answer["user"]["id"], &answer["is_new_user"]), (&json!(alice.user_id()), &json!(false)));
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["amr"], json!(["legacy"]));
    bears(&t, token).get("/v1/me").await.ok(200);
    let refreshed = t.anon().refresh_with(answer["refresh_token"].as_str().unwrap()).await.ok(200);
    assert_eq!(refreshed["session_id"], answer["session_id"]);
    let written =
        Rows::of(&t).await.all("SELECT actor, actor_id FROM audit WHERE action = 'session.opened' ORDER BY seq").await;
    assert_eq!(
        (written[1][0].text().as_deref(), written[1][1].text().as_deref()),
        (Some("app"), Some("legacy django"))
    );
    let metrics = t.admin_get("/metrics").await.text;
    assert!(metrics.contains("menjin_legacy_tokens_total{name=\"django\"}"), "{metrics}");
}

#[tokio::test]
async fn se_04_an_old_token_is_exchanged_once_so_what_ended_does_not_come_back() {
    let t = by_number().await;
    t.phone("alice").await;
    let old = old_token(&t, &json!({}));
    let first = trade(&t, &old).await.ok(200);
    trade(&t, &old).await.problem(401, "token_used");
    bears(&t, first["access_token"].as_str().unwrap()).post("/v1/logout", json!({})).await;
    trade(&t, &old).await.problem(401, "token_used");
    t.advance(Duration::from_mins(20));
    trade(&t, &old).await.problem(401, "token_used");
    let again = old_token(&t, &json!({"jti": "b"}));
    trade(&t, &again).await.ok(200);
}

#[tokio::test]
async fn of_racing_exchanges_of_one_token_one_gets_a_session() {
    let t = by_number().await;
    t.phone("alice").await;
    let old = old_token(&t, &json!({}));
    let answers = futures_util::future::join_all((0..8).map(|_| trade(&t, &old))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.json["code"] == "token_used").count(), 7);
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_session_until_it_has_ended() {
    let t = by_number().await;
    t.phone("alice").await;
    let body = json!({"token": old_token(&t, &json!({})), "app": "shop"}).to_string();
    let ask = async |key: &str, body: &str| {
        t.anon().send(Method::POST, "/v1/token/exchange", Some(body.to_owned()), &[("idempotency-key", key)]).await
    };
    let first = ask("k", &body).await.ok(200);
    assert_eq!(ask("k", &body).await.ok(200)["session_id"], first["session_id"]);
    ask("k", &body.replace("shop", "club")).await.problem(401, "token_invalid");
    ask("other", &body).await.problem(401, "token_used");
    bears(&t, first["access_token"].as_str().unwrap()).post("/v1/logout", json!({})).await;
    ask("k", &body).await.problem(401, "token_used");
}

#[tokio::test]
async fn who_is_unknown_or_disabled_gets_no_session_and_may_come_again() {
    let t = by_number().await;
    let old = old_token(&t, &json!({}));
    trade(&t, &old).await.problem(404, "user_unknown");
    bears(&t, &old).get(ASKING).await.problem(401, "token_invalid");
    let alice = t.phone("alice").await;
    let mut rows = Rows::of(&t).await;
    rows.run("UPDATE users SET disabled_at = 1").await;
    trade(&t, &old).await.problem(401, "user_disabled");
    bears(&t, &old).get(ASKING).await.problem(401, "user_disabled");
    rows.run("UPDATE users SET disabled_at = NULL").await;
    assert_eq!(trade(&t, &old).await.ok(200)["user"]["id"], alice.user_id());
}

#[tokio::test]
async fn whatever_is_odd_about_an_old_token_is_refused() {
    let t = by_number().await;
    t.phone("alice").await;
    let good = json!({"user_id": 1, "exp": t.clock.now().secs() + 3600});
    let none =
        format!("{}.{}.", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", old_token(&t, &json!({})).split('.').nth(1).unwrap());
    let odd = [
        ("no exp", old_token(&t, &json!({"exp": null}))),
        ("a refresh token", old_token(&t, &json!({"token_type": "refresh"}))),
        ("a link in a mail", old_token(&t, &json!({"token_type": "email_verification"}))),
        ("a kind that is no word", old_token(&t, &json!({"token_type": ["access"]}))),
        ("a refresh token of flask-jwt-extended", old_token(&t, &json!({"token_type": null, "type": "refresh"}))),
        ("a refresh token of Keycloak", old_token(&t, &json!({"token_type": null, "typ": "Refresh"}))),
        ("an ID token", old_token(&t, &json!({"token_type": null, "token_use": "id"}))),
        ("nobody", old_token(&t, &json!({"user_id": null}))),
        ("no number", old_token(&t, &json!({"user_id": "one"}))),
        ("another spelling", old_token(&t, &json!({"user_id": "01"}))),
        ("a fraction", old_token(&t, &json!({"user_id": 1.5}))),
        ("another secret", signed(&Header::new(Algorithm::HS256), &good, "another-secret-another-secret-another")),
        ("another algorithm", signed(&Header::new(Algorithm::HS512), &good, SECRET)),
        (
            "another kind",
            signed(&Header { typ: Some("at+jwt".into()), ..Header::new(Algorithm::HS256) }, &good, SECRET),
        ),
        ("none", none),
        ("nothing", "x".to_owned()),
    ];
    for (what, token) in odd {
        let answer = trade(&t, &token).await;
        assert_eq!((answer.status.as_u16(), &answer.json["code"]), (401, &json!("token_invalid")), "{what}");
        let answer = bears(&t, &token).get(ASKING).await;
        assert_eq!(answer.status, 401, "{what}");
    }
    for kind in [json!({"token_type": "sliding"}), json!({"token_type": null}), json!({"type": "customer"})] {
        assert_eq!(bears(&t, &old_token(&t, &kind)).get(ASKING).await.status, 200, "{kind}");
    }
    let named = Header { kid: Some("whatever".into()), typ: None, ..Header::new(Algorithm::HS256) };
    assert_eq!(bears(&t, &signed(&named, &good, SECRET)).get(ASKING).await.status, 200);
    let own = t.phone("alice").await.access_token();
    trade(&t, &own).await.problem(401, "token_invalid");
    let missing = t.anon().post("/v1/token/exchange", json!({"token": "x", "app": "nobody"})).await;
    missing.problem(404, "app_unknown");
    let elsewhere =
        t.anon().post("/v1/token/exchange", json!({"token": old_token(&t, &json!({})), "app": "club"})).await;
    elsewhere.problem(401, "token_invalid");
}

#[tokio::test]
async fn an_old_token_passes_forward_auth_and_opens_nothing_of_menjins_own() {
    let t = by_number().await;
    let alice = t.phone("alice").await;
    let old = bears(&t, &old_token(&t, &json!({})));
    let answer = old.get(ASKING).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-menjin-user")), (200, alice.user_id().as_str()));
    for (name, value) in [("number", "1"), ("session", ""), ("client", ""), ("scope", ""), ("roles", "")] {
        assert_eq!(answer.headers[&format!("x-menjin-{name}")], value, "{name}");
    }
    old.get("/auth/nginx?audience=club").await.problem(401, "token_invalid");
    old.get(&format!("{ASKING}&require=role:admin")).await.problem(403, "forbidden");
    let assertion = old.get(&format!("{ASKING}&assertion=billing")).await;
    let said = claims(assertion.header("x-menjin-assertion"));
    assert_eq!((&said["sub"], &said["number"], said.get("sid")), (&json!(alice.user_id()), &json!(1), None));
    for path in ["/v1/me", "/v1/me/sessions", "/v1/session/data", "/v1/revocations"] {
        old.get(path).await.problem(401, "token_invalid");
    }
    old.post("/v1/logout", json!({})).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn a_ban_refuses_old_tokens_whenever_they_were_issued_and_while_the_store_is_away() {
    let t = by_number().await;
    let alice = t.phone("alice").await;
    let later = t.clock.now().secs() + 600;
    let (before, after) = (old_token(&t, &json!({})), old_token(&t, &json!({"iat": later, "jti": "b"})));
    for token in [&before, &after] {
        assert_eq!(bears(&t, token).get(ASKING).await.status, 200);
    }
    t.menjin.disable_user(&By::command(), alice.user_id().parse().unwrap()).await.unwrap();
    until(async || alice.get("/v1/me/sessions").await.status == 401).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("users").await;
    for token in [&before, &after] {
        bears(&t, token).get(ASKING).await.problem(401, "user_disabled");
    }
    rows.mends("users").await;
    trade(&t, &after).await.problem(401, "user_disabled");
}

#[tokio::test]
async fn while_the_store_is_away_nobody_comes_whose_ban_the_feed_has_forgotten() {
    let t = by_number().await;
    let alice = t.phone("alice").await;
    let old = old_token(&t, &json!({"exp": t.clock.now().secs() + 7 * 86_400}));
    assert_eq!(bears(&t, &old).get(ASKING).await.status, 200);
    let mut rows = Rows::of(&t).await;
    rows.breaks("users").await;
    assert_eq!(bears(&t, &old).get(ASKING).await.status, 200, "whom the row was read of just now");
    rows.mends("users").await;
    t.menjin.disable_user(&By::command(), alice.user_id().parse().unwrap()).await.unwrap();
    until(async || alice.get("/v1/me/sessions").await.status == 401).await;
    t.advance(Duration::from_hours(24));
    t.menjin.upkeep().await.unwrap();
    rows.breaks("users").await;
    let answer = bears(&t, &old).get(ASKING).await;
    assert!([401, 503].contains(&answer.status.as_u16()), "{answer:?}");
    assert!(answer.headers.get("x-menjin-user").is_none());
    rows.mends("users").await;
    bears(&t, &old).get(ASKING).await.problem(401, "user_disabled");
}

#[tokio::test]
async fn an_old_token_works_until_the_date_and_not_after() {
    let t = TestServer::start().await;
    let until = time::OffsetDateTime::from_unix_timestamp(t.clock.now().secs() + 600).unwrap();
    let until = until.format(&time::format_description::well_known::Rfc3339).unwrap();
    let toml = entry("user_claim = \"user_id\"\nuser = \"number\"\n", &until);
    let t = t.beside(Setup { toml, ..Setup::default() }).await;
    t.phone("alice").await;
    let (short, long) = (old_token(&t, &json!({"exp": t.clock.now().secs() + 60})), old_token(&t, &json!({})));
    assert_eq!(bears(&t, &short).get(ASKING).await.status, 200);
    t.advance(Duration::from_secs(61));
    let expired = bears(&t, &short).get(ASKING).await.problem(401, "token_expired");
    assert_eq!(expired["action"], "relogin", "it has no refresh token");
    trade(&t, &short).await.problem(401, "token_expired");
    t.advance(Duration::from_secs(530));
    assert_eq!(bears(&t, &long).get(ASKING).await.status, 200);
    t.advance(Duration::from_secs(10));
    bears(&t, &long).get(ASKING).await.problem(401, "token_invalid");
    trade(&t, &long).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn an_old_system_may_name_people_by_what_it_calls_them() {
    let t = with("user_claim = \"sub\"\nuser = \"external_id\"\n").await;
    let unknown = old_token(&t, &json!({"sub": "u-17"}));
    trade(&t, &unknown).await.problem(404, "user_unknown");
    t.phone("alice").await;
    Rows::of(&t).await.run("UPDATE users SET external_id = 'u-17'").await;
    trade(&t, &unknown).await.ok(200);
}

#[tokio::test]
async fn wrong_tokens_are_counted_against_their_address() {
    let limits = "enabled = true\nfailures_per_app = 5\nfailures_per_address = 20".to_owned();
    let toml = entry("user_claim = \"user_id\"\nuser = \"number\"\n", UNTIL);
    let t = TestServer::with(Setup { toml, limits, ..Setup::default() }).await;
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(trade(&t, "a.b.c").await.status.as_u16());
    }
    assert_eq!((codes[0], codes[7]), (401, 429), "{codes:?}");
    // Whoever shares the address, and they themselves, sign in with a code all the same.
    t.phone("alice").await.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn a_public_key_from_a_file_verifies_old_tokens() {
    let folder = std::sync::Arc::new(crate::store::Folder::new());
    let pair = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.path().join("old.pem"), pair.public_key_pem()).unwrap();
    let toml = format!(
        "[[legacy]]\nname = \"old\"\naudience = \"shop-api\"\nalg = \"ES256\"\npublic_key_file = \"old.pem\"\nuser_claim = \"user_id\"\nuser = \"number\"\nuntil = \"{UNTIL}\"\n"
    );
    let t = TestServer::with(Setup { toml, folder: Some(folder), ..Setup::default() }).await;
    let alice = t.phone("alice").await;
    let claims = json!({"user_id": 1, "exp": t.clock.now().secs() + 60});
    let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
    let old = encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap();
    assert_eq!(bears(&t, &old).get(ASKING).await.header("x-menjin-user"), alice.user_id());
    // The public key is no secret, and makes no token.
    let forged = signed(&Header::new(Algorithm::HS256), &claims, &pair.public_key_pem());
    bears(&t, &forged).get(ASKING).await.problem(401, "token_invalid");
    trade(&t, &old).await.ok(200);
}

#[test]
fn what_can_not_stand_is_refused_by_its_key() {
    let whole = entry("user_claim = \"user_id\"\nuser = \"number\"\n", UNTIL);
    let cases = [
        ("name = \"django\"", "name = \"Django\"", "`legacy[0].name`"),
        ("audience = \"shop-api\"", "audience = \"\"", "`legacy[0].audience`"),
        ("alg = \"HS256\"", "alg = \"none\"", "alg"),
        ("alg = \"HS256\"", "alg = \"RS256\"", "`legacy[0].secret`"),
        (SECRET, "short", "`legacy[0].secret`"),
        (SECRET, "-----BEGIN PUBLIC KEY----- MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", "`legacy[0].secret`"),
        ("user_claim = \"user_id\"", "user_claim = \"\"", "`legacy[0].user_claim`"),
        ("user = \"number\"", "user = \"phone\"", "legacy"),
        (UNTIL, "soon", "`legacy[0].until`"),
        (UNTIL, "2099-13-01", "`legacy[0].until`"),
        ("user = \"number\"", "user = \"number\"\npublic_key_file = \"nowhere.pem\"", "`legacy[0].public_key_file`"),
    ];
    Config::parse(&whole, Path::new("")).unwrap();
    for (old, new, expected) in cases {
        let error = Config::parse(&whole.replace(old, new), Path::new("")).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains(SECRET), "{error}");
    }
    let twice = Config::parse(&format!("{whole}{whole}"), Path::new("")).unwrap_err().to_string();
    assert!(twice.contains("`legacy[1].name`"), "{twice}");
}
