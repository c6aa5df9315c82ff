//! `POST /users/wxLogin`: the wire form of the old hapi server, for its clients (`[[compat]]`), and where its tokens are good.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use menjin_server::Clock as _;
use menjin_sim::{Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{APPID, Answer, OTHER_APPID, Setup, TestServer, claims, header};

const SECRET: &str = "the-old-servers-jwt-secret-of-32-bytes-or-more";
const PATH: &str = "/users/wxLogin";

fn compat(more: &str) -> Setup {
    Setup {
        toml: format!("[[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"{SECRET}\"\n{more}"),
        ..Setup::default()
    }
}

async fn start() -> TestServer {
    TestServer::with(compat("")).await
}

/// The token of an old client's sign-in.
async fn token(t: &TestServer, person: &str) -> String {
    let answer = t.anon().post(PATH, json!({"code": t.code(person)})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text
}

/// `GET` with this `Authorization`.
async fn get(t: &TestServer, path: &str, authorization: &str) -> Answer {
    t.anon().send(Method::GET, path, None, &[("authorization", authorization)]).await
}

fn minted(head: &Header, claims: &Value, secret: &str) -> String {
    jsonwebtoken::encode(head, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

#[tokio::test]
async fn an_old_client_gets_the_bare_token_of_a_known_user() {
    let t = start().await;
    let code = t.code("alice");
    t.sim.change_person("alice", |it| it.nickname = Some("小明".to_owned()));
    let given = t.control("wx/getUserInfo", json!({"person": "alice", "appid": APPID})).await;
    let body = json!({"code": code, "encryptedData": given["encryptedData"], "iv": given["iv"]});
    let answer = t.anon().post(PATH, body).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), "no-store");
    let me = get(&t, "/v1/me", &answer.text).await.ok(200);
    assert_eq!((&me["user"]["nickname"], &me["user"]["number"]), (&json!("小明"), &json!(1)));
    let renamed = Some(json!({"nickname": "明明"}).to_string());
    let changed = t.anon().send(Method::PUT, "/v1/me", renamed, &[("authorization", &answer.text)]).await.ok(200);
    assert_eq!(changed["user"]["nickname"], "明明", "the token is good for changing it, too");
    let native = t.phone_of("alice").login(json!({})).await.ok(200);
    assert_eq!((&native["user"]["number"], &native["is_new_user"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn an_old_back_end_verifies_the_token_with_the_shared_secret() {
    let t = start().await;
    t.phone("somebody").await;
    let token = token(&t, "alice").await;
    assert_eq!((&header(&token)["alg"], &header(&token)["typ"]), (&json!("HS256"), &json!("JWT")));
    let mut expected = Validation::new(Algorithm::HS256);
    expected.set_required_spec_claims(&["exp"]);
    let key = DecodingKey::from_secret(SECRET.as_bytes());
    let verified = jsonwebtoken::decode::<Value>(&token, &key, &expected).unwrap().claims;
    assert_eq!(verified["userId"], 2);
    assert_eq!(verified["exp"].as_i64().unwrap() - verified["iat"].as_i64().unwrap(), 7 * 86_400);
    let other = DecodingKey::from_secret(b"another secret of thirty-two bytes or more");
    assert!(jsonwebtoken::decode::<Value>(&token, &other, &expected).is_err());
}

/// Every route that an access token opens, as the document has them, but the two that take old tokens.
fn guarded() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&menjin_server::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)));
    let takes_tokens =
        |it: &Value| it["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way.get("bearer").is_some()));
    operations
        .filter(|(path, (_, it))| path.starts_with("/v1/") && takes_tokens(it))
        .map(|(path, (method, _))| (method.to_uppercase().parse().unwrap(), path.clone()))
        .filter(|(method, path)| path != "/v1/me" || *method == Method::DELETE)
        .collect()
}

/// For routes that read one before they look who asks.
fn body(method: &Method, path: &str) -> Option<String> {
    let body = match (method.as_str(), path) {
        ("POST", "/v1/me/consents") => json!({}),
        ("POST", "/v1/me/decrypt") => json!({"encrypted_data": "AAAA", "iv": "AAAA"}),
        ("POST", "/v1/me/identities") => json!({"app": "shop", "code": "code"}),
        ("POST", "/v1/me/merge") => json!({"access_token": "token"}),
        ("POST", "/v1/me/phone") => json!({"phone_code": "code"}),
        ("POST", "/v1/sessions") => json!({"app": "shop", "number": 1}),
        ("PUT", "/v1/me/password") => json!({"username": "alice", "new_password": "correct horse battery"}),
        ("PUT", _) => json!({"value": 1}),
        _ => return None,
    };
    Some(body.to_string())
}

#[tokio::test]
async fn the_old_token_stands_bare_or_behind_a_scheme_on_v1_me_alone() {
    let t = start().await;
    let token = token(&t, "alice").await;
    for form in [token.clone(), format!("JWT {token}"), format!("Bearer {token}"), format!("bearer  {token}")] {
        assert_eq!(get(&t, "/v1/me", &form).await.ok(200)["user"]["number"], 1, "{form}");
    }
    let identities = t.phone("alice").await.get("/v1/me/identities").await.ok(200);
    let session = claims(&token)["sid"].clone();
    let identity = identities["identities"][0]["id"].as_str().unwrap();
    let routes = guarded();
    assert!(routes.len() > 20, "{routes:?}");
    for (method, path) in routes {
        let id = if path.contains("/identities/") { identity } else { session.as_str().unwrap() };
        let (at, body) = (path.replace("{id}", id).replace("{key}", "client.level"), body(&method, &path));
        for form in [token.clone(), format!("JWT {token}"), format!("Bearer {token}")] {
            let headers = [("authorization", form.as_str())];
            let answer = t.anon().send(method.clone(), &at, body.clone(), &headers).await;
            assert_eq!(
                answer.status, 401,
                "{method} {path} (its body must be one that is read) {form}: {}",
                answer.text
            );
        }
    }
    t.anon().post("/v1/token/refresh", json!({"refresh_token": token})).await.problem(401, "token_invalid");
    get(&t, "/v1/me", &token).await.ok(200);
}

#[tokio::test]
async fn an_old_token_ends_with_its_session_and_says_why() {
    let t = start().await;
    let (first, second) = (token(&t, "alice").await, token(&t, "alice").await);
    let phone = t.phone("alice").await;
    let session = claims(&first)["sid"].as_str().unwrap().to_owned();
    phone.delete(&format!("/v1/me/sessions/{session}")).await.ok(204);
    get(&t, "/v1/me", &first).await.problem(401, "session_kicked");
    get(&t, "/v1/me", &second).await.ok(200);
    phone.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
    get(&t, "/v1/me", &format!("JWT {second}")).await.problem(401, "session_ended");
    get(&t, "/v1/me", &first).await.problem(401, "session_kicked");
}

#[tokio::test]
async fn after_seven_days_an_old_token_has_expired_with_the_status_that_its_client_knows() {
    for (more, status) in [("", 401), ("expired_status = 403", 403)] {
        let t = TestServer::with(compat(more)).await;
        let token = token(&t, "alice").await;
        t.advance(Duration::from_secs(7 * 86_400 - 1));
        get(&t, "/v1/me", &token).await.ok(200);
        t.advance(Duration::from_secs(1));
        for form in [token.clone(), format!("Bearer {token}")] {
            let problem = get(&t, "/v1/me", &form).await.problem(status, "token_expired");
            assert_eq!(problem["action"], "relogin", "an old client has no refresh token");
            assert!(!problem["detail"].as_str().unwrap().contains("refresh"), "{problem}");
        }
    }
    let t = TestServer::with(compat("lifetime = \"1h\"")).await;
    let short = token(&t, "alice").await;
    t.advance(Duration::from_hours(1));
    get(&t, "/v1/me", &short).await.problem(401, "token_expired");
}

#[tokio::test]
async fn a_token_that_this_entry_did_not_sign_is_refused() {
    let t = start().await;
    let real = token(&t, "alice").await;
    let (head, body) = (header(&real), claims(&real));
    let mut named = Header::new(Algorithm::HS256);
    named.kid = head["kid"].as_str().map(str::to_owned);
    let mut expired = body.clone();
    expired["exp"] = (body["iat"].as_i64().unwrap() - 1).into();
    let mut other_user = body.clone();
    other_user["userId"] = 2.into();
    let no_expiry = json!({"userId": 1, "sid": body["sid"]});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned =
        |alg: &str| format!("{}.{}.", part(&json!({"alg": alg, "typ": "JWT", "kid": head["kid"]})), part(&body));
    let (signed, signature) = real.rsplit_once('.').unwrap();
    let mut forged = vec![
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        format!("{}.{}.{signature}", part(&head), part(&other_user)),
        minted(&named, &body, "another secret of thirty-two bytes or more"),
        minted(&named, &expired, "another secret of thirty-two bytes or more"),
        minted(&Header { typ: Some("at+jwt".into()), ..named.clone() }, &body, SECRET),
        minted(&Header { alg: Algorithm::HS512, ..named.clone() }, &body, SECRET),
        minted(&named, &no_expiry, SECRET),
        minted(&named, &other_user, SECRET),
        "nonsense".to_owned(),
        "a.b.c".to_owned(),
    ];
    let jwks = t.anon().get("/.well-known/jwks.json").await.text;
    forged.push(minted(&named, &body, &jwks));
    for token in forged {
        for form in [token.clone(), format!("JWT {token}")] {
            assert_eq!(get(&t, "/v1/me", &form).await.problem(401, "token_invalid")["action"], "relogin", "{form}");
        }
    }
    get(&t, "/v1/me", &real).await.ok(200);
}

#[tokio::test]
async fn only_an_old_token_may_stand_bare_and_only_where_it_is_switched_on() {
    let (t, without) = (start().await, TestServer::start().await);
    let phone = t.phone("alice").await;
    get(&t, "/v1/me", &phone.access_token()).await.problem(401, "token_invalid");
    get(&t, "/v1/me/sessions", &phone.access_token()).await.problem(401, "token_missing");
    get(&t, "/v1/me", &format!("Basic {}", phone.access_token())).await.problem(401, "token_missing");
    let old = token(&t, "alice").await;
    let twice = [("authorization", old.as_str()), ("authorization", old.as_str())];
    t.anon().send(Method::GET, "/v1/me", None, &twice).await.problem(401, "token_invalid");
    let phone = without.phone("alice").await;
    get(&without, "/v1/me", &phone.access_token()).await.problem(401, "token_missing");
    get(&without, "/v1/me", &format!("JWT {old}")).await.problem(401, "token_invalid");
    without.anon().post(PATH, json!({"code": without.code("bob")})).await.problem(404, "route_unknown");
}

#[tokio::test]
async fn a_problem_on_an_old_path_also_carries_a_message() {
    let t = start().await;
    let mut anon = t.anon();
    t.anon().post(PATH, json!({"code": "0nonsense"})).await.problem(401, "code_invalid");
    let asked = [
        (Method::POST, Some(json!({"code": "0nonsense"})), 401, "code_used"),
        (Method::POST, Some(json!({"code": ""})), 400, "field_invalid"),
        (Method::POST, Some(json!({})), 400, "field_invalid"),
        (Method::POST, Some(json!([])), 400, "json_invalid"),
        (Method::GET, None, 405, "method_unknown"),
    ];
    for language in ["en", "zh-CN"] {
        anon.language = language;
        for (method, body, status, code) in &asked {
            let body = body.as_ref().map(ToString::to_string);
            let problem = anon.send(method.clone(), PATH, body, &[]).await.problem(*status, code);
            assert_eq!(problem["message"], problem["detail"], "{problem}");
            assert!(!problem.to_string().contains("Idempotency-Key"), "there is none here: {problem}");
        }
    }
    for elsewhere in ["/v1/me", "/users/wxLogin/", "/users"] {
        assert_eq!(t.anon().get(elsewhere).await.json.get("message"), None, "{elsewhere}");
    }
}

#[tokio::test]
async fn faults_name_members_as_the_old_client_spells_them() {
    let t = start().await;
    let code = t.code("alice");
    let refused = [
        (json!({"code": code, "iv": "AAAA"}), "encryptedData"),
        (json!({"code": code, "encryptedData": "AAAA"}), "iv"),
        (json!({"code": code, "encryptedData": "ab cd", "iv": "AAAA"}), "encryptedData"),
        (json!({"code": code, "encryptedData": 7, "iv": "AAAA"}), "encryptedData"),
        (json!({"encryptedData": "AAAA", "iv": "AAAA"}), "code"),
    ];
    for (body, field) in refused {
        let problem = t.anon().post(PATH, body).await.problem(400, "field_invalid");
        assert_eq!(problem["field"], field);
        assert!(problem["message"].as_str().unwrap().contains(field), "{problem}");
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
    let unreadable = json!({"code": code, "encryptedData": "AAAA", "iv": "AAAA"});
    assert_eq!(t.anon().post(PATH, unreadable).await.status, 200, "data that does not open fails no sign-in");
}

#[tokio::test]
async fn an_old_sign_in_spends_its_code_once_and_fails_as_clearly() {
    let t = start().await;
    let code = t.code("alice");
    let posts = (0..6).map(async |_| t.anon().post(PATH, json!({"code": code})).await.status.as_u16());
    let mut statuses = futures_util::future::join_all(posts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401]);
    t.anon().post("/v1/login/shop", json!({"code": code})).await.problem(401, "code_used");
    assert_eq!(t.sim.calls_with_code(&code), 1);
    t.sim.add_fault(Fault::once(FaultKind::Busy));
    let code = t.code("alice");
    let busy = t.anon().post(PATH, json!({"code": code})).await;
    assert_eq!(busy.header("retry-after"), "2");
    assert_eq!(busy.problem(503, "platform_unavailable")["action"], "retry");
    assert_eq!(t.anon().post(PATH, json!({"code": code})).await.status, 200);
}

#[tokio::test]
async fn each_entry_has_paths_and_a_secret_of_its_own() {
    let more = format!(
        "paths = [\"/users/wxLogin\", \"/api/login\"]\n[[compat]]\nkind = \"hapi\"\napp = \"club\"\npaths = [\"/club/wxLogin\"]\nsecret = \"2{SECRET}\""
    );
    let t = TestServer::with(compat(&more)).await;
    let shop = t.anon().post("/api/login", json!({"code": t.code("alice")})).await.text;
    let code = t.sim.js_code(crate::harness::OTHER_APPID, "alice");
    let club = t.anon().post("/club/wxLogin", json!({"code": code})).await.text;
    for (token, app) in [(&shop, "shop"), (&club, "club")] {
        let me = get(&t, "/v1/me", token).await.ok(200);
        assert_eq!((&me["session"]["app"], &me["user"]["number"]), (&json!(app), &json!(1)));
    }
    let mut of_club = Header::new(Algorithm::HS256);
    of_club.kid = header(&club)["kid"].as_str().map(str::to_owned);
    let mixed = minted(&of_club, &claims(&club), SECRET);
    get(&t, "/v1/me", &mixed).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn mt_01_a_compat_secret_speaks_for_sessions_of_its_own_app_alone() {
    let compat = format!("[[compat]]\nkind = \"hapi\"\napp = \"club\"\nsecret = \"{SECRET}\"\n");
    let t = TestServer::with(Setup { toml: compat, ..Setup::default() }).await;
    let mut phone = t.phone_of("alice");
    let mut forged = async |app: &str, appid: &str| {
        let user = phone.login_to(app, appid, json!({})).await.ok(200)["user"]["number"].clone();
        let claims = json!({"userId": user, "sid": phone.session_id(), "exp": t.clock.now().secs() + 600});
        let token = minted(&Header::default(), &claims, SECRET);
        t.anon().send(Method::GET, "/v1/me", None, &[("authorization", &token)]).await
    };
    forged("club", OTHER_APPID).await.ok(200);
    forged("shop", APPID).await.problem(401, "token_invalid");
}

#[tokio::test]
async fn another_compat_entry_before_it_changes_no_old_token() {
    let one = format!("[[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"{SECRET}\"\n");
    let t = TestServer::with(Setup { toml: one.clone(), ..Setup::default() }).await;
    let token = t.anon().post("/users/wxLogin", json!({"code": t.code("alice")})).await.text;
    let url = t.url.clone();
    let folder = Some(t.stop().await);
    let other = "[[compat]]\nkind = \"hapi\"\napp = \"club\"\npaths = [\"/club\"]\nsecret = \"another-secret-of-thirty-two-bytes-or-more\"\n";
    let t =
        TestServer::with(Setup { toml: format!("{other}{one}"), folder, public_url: Some(url), ..Setup::default() })
            .await;
    t.anon().send(Method::GET, "/v1/me", None, &[("authorization", &token)]).await.ok(200);
}
