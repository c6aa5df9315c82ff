//! `[[compat]] kind = "drf_jwt"` beside the real package: the same requests to both, and the same status and shape from both.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::django::{Django, SECRET};
use super::{import, login};
use crate::harness::{Setup, TestServer, claims, header};

const OBTAIN: &str = "/api-token-auth/";
const REFRESH: &str = "/api-token-refresh/";
const VERIFY: &str = "/api-token-verify/";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=line";

#[expect(clippy::disallowed_methods, reason = "where the test's Python is")]
fn django() -> Django {
    // Of the need that sets MENJIN_TEST_PYTHON.
    let python = std::env::var("MENJIN_TEST_PYTHON_DRF_JWT");
    Django::start(
        &python.expect("MENJIN_TEST_PYTHON_DRF_JWT is unset: `cargo xtask test` installs the package and sets it"),
    )
}

fn setup(more: &str) -> Setup {
    let toml = format!("[[compat]]\nkind = \"drf_jwt\"\napp = \"shop\"\nsecret = \"{SECRET}\"\n{more}");
    Setup { toml, shop: "passwords = true".to_owned(), ..Setup::default() }
}

async fn menjin(more: &str) -> TestServer {
    TestServer::with(setup(more)).await
}

/// Alice in both, with the number 7, moved over by the hash that Django keeps.
async fn both() -> (Django, TestServer) {
    both_with("").await
}

async fn both_with(more: &str) -> (Django, TestServer) {
    let (mut django, t) = (django(), menjin(more).await);
    let alice = django.make(7, "alice", Some("s3cret-of-alice"), &json!({}));
    let gone = django.make(8, "gone", Some("s3cret-of-gone"), &json!({"active": false}));
    let rows = [format!("7,alice,{alice},1"), format!("8,gone,{gone},0")];
    let imported = import(&t, "number,username,password_hash,active", &rows).await;
    assert_eq!((imported.made, imported.rejected), (2, 0), "{:?}", imported.reasons);
    (django, t)
}

async fn ours(t: &TestServer, method: &str, path: &str, (kind, body): (&str, &str)) -> (u16, Value) {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let answer = t.anon().send(method, path, Some(body.to_owned()), &[("content-type", kind)]).await;
    assert!(answer.header("content-type").starts_with(JSON), "{path} {body}: {}", answer.text);
    (answer.status.as_u16(), answer.json)
}

/// A body of parts: each with its name, what stands behind that in its head, and its content.
fn parts(parts: &[(&str, &str, &str)]) -> String {
    let part = |(name, more, content): &(&str, &str, &str)| {
        format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
    };
    format!("{}--line--\r\n", parts.iter().map(part).collect::<String>())
}

/// The answer with every token told only by what it says, and a parser's place left out.
fn shape((status, mut json): (u16, Value)) -> (u16, Value) {
    if let Some(token) = json.get("token").and_then(Value::as_str) {
        let said = claims(token);
        let mut names: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
        names.retain(|name| *name != "sid");
        names.sort_unstable();
        let (typ, alg) = (&header(token)["typ"], &header(token)["alg"]);
        json["token"] =
            json!({"claims": names, "user_id": said["user_id"], "username": said["username"], "typ": typ, "alg": alg});
    }
    for parser in ["JSON parse error - ", "Multipart form parse error - "] {
        if json.get("detail").and_then(Value::as_str).is_some_and(|it| it.starts_with(parser)) {
            json["detail"] = parser.into();
        }
    }
    (status, json)
}

fn token_of(answer: &(u16, Value)) -> String {
    assert_eq!(answer.0, 200, "{}", answer.1);
    answer.1["token"].as_str().unwrap().to_owned()
}

const RIGHT: &str = r#"{"username": "alice", "password": "s3cret-of-alice"}"#;

#[tokio::test]
async fn obtain_answers_as_the_package_does() {
    let (mut django, t) = both().await;
    let asked = [
        ("POST", JSON, RIGHT),
        ("POST", FORM, "username=alice&password=s3cret-of-alice"),
        ("POST", JSON, r#"{"username": " alice ", "password": " s3cret-of-alice "}"#),
        ("POST", JSON, r#"{"username": "alice", "password": "wrong"}"#),
        ("POST", JSON, r#"{"username": "nobody", "password": "s3cret-of-alice"}"#),
        ("POST", JSON, r#"{"username": "gone", "password": "s3cret-of-gone"}"#),
        ("POST", JSON, r#"{"username": "gone", "password": "wrong"}"#),
        ("POST", JSON, r#"{"username": "alice"}"#),
        ("POST", JSON, r#"{"password": "x"}"#),
        ("POST", JSON, "{}"),
        ("POST", JSON, ""),
        ("POST", FORM, ""),
        ("POST", FORM, "username=alice"),
        ("POST", FORM, "username=&password="),
        ("POST", FORM, "username=nobody&username=alice&password=s3cret-of-alice"),
        ("POST", JSON, r#"{"username": "", "password": "  "}"#),
        ("POST", JSON, r#"{"username": null, "password": null}"#),
        ("POST", JSON, r#"{"username": ["alice"], "password": {"a": 1}}"#),
        ("POST", JSON, r#"{"username": true, "password": 12345678}"#),
        ("POST", JSON, r#"{"username": 7, "password": 12345678}"#),
        ("POST", JSON, r#"{"username": "a\u0000b", "password": "x"}"#),
        ("POST", JSON, "[]"),
        ("POST", JSON, "7"),
        ("POST", JSON, "1.5"),
        ("POST", JSON, "true"),
        ("POST", JSON, "\"alice\""),
        ("POST", JSON, "null"),
        ("POST", JSON, "{nonsense"),
        ("POST", "text/plain", "username=alice"),
        ("GET", JSON, ""),
        ("PUT", JSON, RIGHT),
        ("DELETE", JSON, ""),
        ("PATCH", JSON, RIGHT),
    ];
    for (method, kind, body) in asked {
        let theirs = shape(django.send(method, OBTAIN, (kind, body)));
        assert_eq!(shape(ours(&t, method, OBTAIN, (kind, body)).await), theirs, "{method} {kind} {body}");
    }
}

#[tokio::test]
async fn multipart_is_taken_as_the_package_takes_it() {
    let (mut django, t) = both().await;
    let (alice, password) = (("username", "", "alice"), ("password", "", "s3cret-of-alice"));
    let file = "; filename=\"a.txt\"\r\nContent-Type: text/plain";
    let whole = parts(&[alice, password]);
    let asked = [
        (MULTIPART, whole.clone(), 200),
        ("multipart/form-data; charset=utf-8; boundary=\"line\"", whole.clone(), 200),
        (MULTIPART, format!("before\r\n{whole}behind"), 200),
        (MULTIPART, whole.replace("name=\"username\"", "name=username"), 200),
        (MULTIPART, parts(&[("username", "", " alice "), ("password", "", "\ts3cret-of-alice ")]), 200),
        (MULTIPART, parts(&[("username", "", "nobody"), password, alice, ("avatar", file, "picture")]), 200),
        (MULTIPART, parts(&[("username", "; filename=\"\"", "alice"), password]), 200),
        (MULTIPART, parts(&[("username", "\r\nContent-Type: text/plain; charset=utf-8", "alice"), password]), 200),
        (MULTIPART, parts(&[alice, ("password", "", "wrong")]), 400),
        (MULTIPART, parts(&[("username", "", "爱丽丝"), ("password", "", "密码\r\n--lin")]), 400),
        (MULTIPART, parts(&[alice]), 400),
        (MULTIPART, parts(&[password, ("user", "", "alice")]), 400),
        (MULTIPART, parts(&[]), 400),
        (MULTIPART, String::new(), 400),
        (MULTIPART, parts(&[("username", "", ""), ("password", "", "  ")]), 400),
        (MULTIPART, parts(&[alice, ("password", "", "a\0b")]), 400),
        (MULTIPART, parts(&[alice, ("password", file, "s3cret-of-alice")]), 400),
        (MULTIPART, parts(&[("username", file, "alice"), alice, password]), 400),
        (MULTIPART, parts(&[("username", "; filename*=UTF-8''%e4%b8%ad", "alice"), password]), 400),
        ("multipart/form-data", whole.clone(), 400),
        ("multipart/form-data; boundary=", whole.clone(), 400),
        ("multipart/mixed", whole.clone(), 415),
    ];
    for (kind, body, status) in asked {
        let theirs = shape(django.send("POST", OBTAIN, (kind, &body)));
        assert_eq!(theirs.0, status, "{kind} {body}");
        assert_eq!(shape(ours(&t, "POST", OBTAIN, (kind, &body)).await), theirs, "{kind} {body}");
    }
}

#[tokio::test]
async fn too_much_is_refused_by_both_each_in_its_words() {
    // As much as Django takes (DATA_UPLOAD_MAX_MEMORY_SIZE).
    let setup = Setup { server: "max_body = 2621440".to_owned(), ..setup("") };
    let (mut django, t) = (django(), TestServer::with(setup).await);
    let body = parts(&[("username", "", "alice"), ("password", "", &"a".repeat(2_621_440))]);
    assert_eq!(django.send("POST", OBTAIN, (MULTIPART, &body)), (400, Value::Null));
    let answer = t.anon().send(Method::POST, OBTAIN, Some(body), &[("content-type", MULTIPART)]).await;
    assert!(answer.json["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{}", answer.text);
    answer.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_form_that_is_not_whole_is_refused() {
    let t = menjin("").await;
    let whole = parts(&[("username", "", "alice"), ("password", "", "s3cret-of-alice")]);
    let many = parts(&[("a", "", "x"); 33]);
    for body in [&whole[..whole.len() - 6], "nonsense", "--line\r\n\r\nx\r\n--line--\r\n", &many] {
        let refused = shape(ours(&t, "POST", OBTAIN, (MULTIPART, body)).await);
        assert_eq!(refused, (400, json!({"detail": "Multipart form parse error - "})), "{body}");
    }
}

#[tokio::test]
async fn verify_and_refresh_answer_as_the_package_does() {
    let (mut django, t) = both().await;
    let (theirs, our) = (
        token_of(&django.send("POST", OBTAIN, (JSON, RIGHT))),
        token_of(&ours(&t, "POST", OBTAIN, (JSON, RIGHT)).await),
    );
    let same = json!({"user_id": 7, "username": "alice", "exp": 4_000_000_000_i64, "orig_iat": 1});
    let foreign = django.mint(&same, "another secret of thirty-two bytes or more");
    let (signed, _) = our.rsplit_once('.').unwrap();
    let none = format!("{signed}.");
    for path in [VERIFY, REFRESH] {
        let body = |token: &str| json!({"token": token}).to_string();
        let good = shape(django.send("POST", path, (JSON, &body(&theirs))));
        assert_eq!(shape(ours(&t, "POST", path, (JSON, &body(&our))).await), good, "{path}");
        let form = format!("token={our}");
        assert_eq!(shape(ours(&t, "POST", path, (FORM, &form)).await), good, "{path}");
        let multipart = parts(&[("token", "", &our)]);
        assert_eq!(shape(ours(&t, "POST", path, (MULTIPART, &multipart)).await), good, "{path}");
        let bad = [
            (JSON, body(&foreign)),
            (JSON, body(&none)),
            (JSON, body("nonsense")),
            (JSON, body("a.b.c")),
            (JSON, body("")),
            (JSON, "{}".to_owned()),
            (JSON, r#"{"token": null}"#.to_owned()),
            (JSON, r#"{"token": ["x"]}"#.to_owned()),
            (JSON, r#"{"token": false}"#.to_owned()),
            (JSON, "[]".to_owned()),
            (JSON, "{nonsense".to_owned()),
            (FORM, "token=".to_owned()),
            (FORM, "other=1".to_owned()),
            (MULTIPART, parts(&[("token", "", "nonsense")])),
            (MULTIPART, parts(&[("token", "", "")])),
            (MULTIPART, parts(&[("other", "", "1")])),
            (MULTIPART, parts(&[("token", "; filename=\"token\"", "nonsense")])),
        ];
        for (kind, body) in bad {
            let theirs = shape(django.send("POST", path, (kind, &body)));
            assert_eq!(shape(ours(&t, "POST", path, (kind, &body)).await), theirs, "{path} {body}");
        }
        assert_eq!(ours(&t, "GET", path, (JSON, "")).await, django.send("GET", path, (JSON, "")));
    }
}

#[tokio::test]
async fn a_refreshed_token_keeps_its_sign_in_and_never_outlives_it() {
    let (mut django, t) = both_with("lifetime = \"1h\"\nrefresh_lifetime = \"2h\"").await;
    let first = token_of(&ours(&t, "POST", OBTAIN, (JSON, RIGHT)).await);
    let exp = |token: &str| claims(token)["exp"].as_i64().unwrap() - claims(&first)["orig_iat"].as_i64().unwrap();
    assert_eq!(exp(&first), 3600);
    let refresh = async |token: &str| ours(&t, "POST", REFRESH, (JSON, &json!({"token": token}).to_string())).await;
    t.advance(Duration::from_mins(50));
    let second = token_of(&refresh(&first).await);
    assert_eq!((exp(&second), &claims(&second)["orig_iat"]), (110 * 60, &claims(&first)["orig_iat"]));
    t.advance(Duration::from_mins(50));
    let third = token_of(&refresh(&second).await);
    assert_eq!(exp(&third), 120 * 60, "not a lifetime past the last refresh that there may be");
    t.advance(Duration::from_mins(20));
    // What the package says of one whose time is over.
    let past = json!({"user_id": 7, "username": "alice", "exp": 1_600_000_000, "orig_iat": 1_600_000_000});
    let theirs = django.mint(&past, SECRET);
    for path in [VERIFY, REFRESH] {
        let expected = django.send("POST", path, (JSON, &json!({"token": theirs}).to_string()));
        for token in [&first, &second, &third] {
            assert_eq!(ours(&t, "POST", path, (JSON, &json!({"token": token}).to_string())).await, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn where_nothing_is_refreshed_the_refusal_is_the_packages_too() {
    let (mut django, t) = both_with("refresh_lifetime = \"0s\"").await;
    let our = token_of(&ours(&t, "POST", OBTAIN, (JSON, RIGHT)).await);
    assert_eq!(claims(&our).get("orig_iat"), None);
    let theirs = django.mint(&json!({"user_id": 7, "username": "alice", "exp": 4_000_000_000_i64}), SECRET);
    let expected = django.send("POST", REFRESH, (JSON, &json!({"token": theirs}).to_string()));
    assert_eq!(ours(&t, "POST", REFRESH, (JSON, &json!({"token": our}).to_string())).await, expected);
}

#[tokio::test]
async fn the_package_takes_our_tokens_for_the_people_that_it_knows() {
    let (mut django, t) = both().await;
    let our = token_of(&ours(&t, "POST", OBTAIN, (JSON, RIGHT)).await);
    assert_eq!(django.orders(&format!("JWT {our}")), (200, json!({"id": 7, "username": "alice"})));
    let same = django.send("POST", VERIFY, (JSON, &json!({"token": our}).to_string()));
    assert_eq!(same, (200, json!({"token": our})));
    let refreshed = token_of(&django.send("POST", REFRESH, (JSON, &json!({"token": our}).to_string())));
    assert_eq!(claims(&refreshed)["orig_iat"], claims(&our)["orig_iat"]);
}

#[tokio::test]
async fn hashes_of_every_kind_that_django_keeps_open_and_are_kept_anew_at_the_first_sign_in() {
    let (mut django, t) = (django(), menjin("").await);
    let hashers = ["pbkdf2_sha256", "pbkdf2_sha1", "bcrypt", "bcrypt_sha256", "argon2"];
    let mut rows = Vec::new();
    for (number, hasher) in (1..).zip(hashers) {
        let hash = django.make(number, hasher, Some("pässwort 密码 42"), &json!({"hasher": hasher}));
        assert!(hash.starts_with(&format!("{hasher}$")), "{hash}");
        rows.push(format!("{number},{hasher},\"{hash}\""));
    }
    let unusable = django.make(6, "unusable", None, &json!({}));
    rows.push(format!("6,unusable,{unusable}"));
    let imported = import(&t, "number,username,password_hash", &rows).await;
    assert_eq!((imported.made, imported.rejected, imported.incomplete), (6, 0, 0), "{:?}", imported.reasons);
    for (number, name) in (1..).zip(hashers) {
        login(&t, name, "pässwort 密码 43").await.problem(401, "password_wrong");
        let before = super::kept(&t, name).await;
        assert!(!before.0.starts_with("argon2id$v=19$m=19456,t=2,p=1"), "{before:?}");
        for _ in 0..2 {
            assert_eq!(login(&t, name, "pässwort 密码 42").await.ok(200)["user"]["number"], number, "{name}");
        }
        let after = super::kept(&t, name).await;
        assert_eq!(after.0, "argon2id$v=19$m=19456,t=2,p=1", "{name}");
        assert_eq!(before.1, after.1, "the password is the same, and its time, too");
        login(&t, name, "pässwort 密码 43").await.problem(401, "password_wrong");
    }
    for guess in ["!", unusable.as_str()] {
        login(&t, "unusable", guess).await.problem(401, "password_wrong");
    }
}
