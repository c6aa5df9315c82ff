//! `[audience.…]`: what a back end asked to have in its tokens, and under which `typ`.

use std::path::Path;

use menjin_server::config::Config;
use menjin_server::store::Actor;
use serde_json::{Value, json};

use crate::harness::{APPID, OTHER_APPID, Setup, TestServer, claims, header};
use crate::rows::Rows;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

async fn with(audience: &str) -> TestServer {
    TestServer::with(Setup { toml: audience.to_owned(), ..Setup::default() }).await
}

#[tokio::test]
async fn a_back_end_gets_the_claims_that_it_asked_for_at_sign_in_and_refresh() {
    let t = with(
        "[audience.shop-api.claims]\nuserId = \"user.number\"\nuser = \"user.id\"\nname = \"user.nickname\"\nopenid = \"identity.openid\"\n\
         mini_program = \"identity.appid\"\napp = \"session.app\"\ntenant = \"acme\"\nlevel = 3\nflags = [\"a\"]\n",
    )
    .await;
    let mut phone = t.phone("alice").await;
    let openid = t.sim.openid(APPID, "alice");
    let expected = json!({"userId": 1, "user": phone.user_id(), "openid": openid, "mini_program": APPID, "app": "shop",
        "tenant": "acme", "level": 3, "flags": ["a"]});
    let holds = |token: &str, name: Option<&str>| {
        let claims = claims(token);
        for (claim, value) in expected.as_object().unwrap() {
            assert_eq!(&claims[claim], value, "{claim}");
        }
        assert_eq!(claims.get("name").and_then(Value::as_str), name, "what a person lacks is left out");
        assert_eq!(header(token)["typ"], "at+jwt");
    };
    holds(&phone.access_token(), None);
    phone.put("/v1/me", json!({"nickname": "小明"})).await.ok(200);
    phone.refresh().await.ok(200);
    holds(&phone.access_token(), Some("小明"));
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn what_another_system_calls_a_person_may_stand_in_their_tokens() {
    let t = with("[audience.shop-api.claims]\nuid = \"user.external_id\"\nface = \"user.avatar_url\"\n").await;
    let mut phone = t.phone("alice").await;
    assert_eq!(claims(&phone.access_token()).get("uid"), None);
    Rows::of(&t).await.run("UPDATE users SET external_id = 'u-17'").await;
    phone.put("/v1/me", json!({"avatar_url": "https://example.com/a.png"})).await.ok(200);
    phone.refresh().await.ok(200);
    let claims = claims(&phone.access_token());
    assert_eq!((&claims["uid"], &claims["face"]), (&json!("u-17"), &json!("https://example.com/a.png")));
}

#[tokio::test]
async fn no_back_end_fills_a_name_that_the_audience_gives_a_meaning() {
    let gate = "[[app]]\nid = \"gate\"\nkind = \"backend\"\naudience = \"shop-api\"\nscopes = [\"sessions:open\"]\n\
         client_secret = \"gate-secret-gate-secret-gate-secret\"\n";
    let t = with(&format!("{gate}[audience.shop-api.claims]\nuid = \"user.external_id\"\nuserId = \"user.number\"\n"))
        .await;
    let phone = t.phone("alice").await;
    let proof = format!("Basic {}", STANDARD.encode("gate:gate-secret-gate-secret-gate-secret"));
    let own = json!({"uid": "somebody-else", "userId": 99, "level": 3});
    let body = json!({"user": phone.user_id(), "app": "shop", "claims": own}).to_string();
    let opened = t.anon().send(Method::POST, "/v1/sessions", Some(body), &[("authorization", &proof)]).await.ok(201);
    let said = claims(opened["access_token"].as_str().unwrap());
    assert_eq!((said.get("uid"), &said["userId"], &said["level"]), (None, &json!(1), &json!(3)));
}

#[tokio::test]
async fn all_apps_of_one_audience_have_its_claims_typ_and_algorithm() {
    let apps = "[[app]]\nid = \"shop-h5\"\nkind = \"web\"\naudience = \"shop-api\"\n[[app]]\nid = \"gate\"\nkind = \"backend\"\n\
         audience = \"shop-api\"\nclient_secret = \"gate-secret-gate-secret-gate-secret\"\nscopes = [\"sessions:open\"]\n";
    let audience = "[audience.shop-api]\nalg = \"EdDSA\"\ntyp = \"JWT\"\n[audience.shop-api.claims]\nuserId = \"user.number\"\ntenant = \"acme\"\n\
         app = \"session.app\"\n";
    let t = with(&format!("{apps}{audience}")).await;
    let phone = t.phone("alice").await;
    let proof = STANDARD.encode("gate:gate-secret-gate-secret-gate-secret");
    let body = json!({"user": phone.user_id(), "app": "shop-h5"}).to_string();
    let proof = format!("Basic {proof}");
    let opened = t.anon().send(Method::POST, "/v1/sessions", Some(body), &[("authorization", &proof)]).await.ok(201);
    for (token, app) in [(phone.access_token().as_str(), "shop"), (opened["access_token"].as_str().unwrap(), "shop-h5")]
    {
        let said = claims(token);
        assert_eq!((&said["userId"], &said["tenant"], &said["app"]), (&json!(1), &json!("acme"), &json!(app)));
        assert_eq!((&said["client_id"], &said["aud"]), (&json!(app), &json!(["shop-api", t.url])));
        assert_eq!((&header(token)["alg"], &header(token)["typ"]), (&json!("EdDSA"), &json!("JWT")));
    }
}

#[tokio::test]
async fn other_audiences_and_those_that_asked_for_nothing_get_none_of_it() {
    let t = with("[audience.club.claims]\nopenid = \"identity.openid\"\n").await;
    let phone = t.phone("alice").await;
    assert!(claims(&phone.access_token()).get("openid").is_none());
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(claims(&club.access_token())["openid"], t.sim.openid(OTHER_APPID, "alice"));
}

#[tokio::test]
async fn a_token_of_typ_jwt_says_what_it_is_for_and_is_good_here() {
    let t = with("[audience.shop-api]\ntyp = \"JWT\"\n").await;
    let phone = t.phone("alice").await;
    let token = phone.access_token();
    assert_eq!((&header(&token)["typ"], &claims(&token)["token_use"]), (&json!("JWT"), &json!("access")));
    phone.get("/v1/me").await.ok(200);
    phone.get("/v1/me/sessions").await.ok(200);
}

#[tokio::test]
async fn each_audience_has_its_algorithm_and_each_algorithm_its_own_line_of_keys() {
    let t = with("[audience.club]\nalg = \"RS256\"\n").await;
    let algs = async || {
        let keys = t.anon().get("/.well-known/jwks.json").await.ok(200)["keys"].clone();
        let mut algs: Vec<String> =
            keys.as_array().unwrap().iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect();
        algs.sort_unstable();
        algs
    };
    let sign_in = async |app: &str, appid: &str| {
        let mut phone = t.phone_of("alice");
        phone.login_to(app, appid, json!({})).await.ok(200);
        phone.get("/v1/me").await.ok(200);
        phone.get("/v1/me/sessions").await.ok(200);
        let head = header(&phone.access_token());
        (head["alg"].as_str().unwrap().to_owned(), head["kid"].as_str().unwrap().to_owned(), phone)
    };
    let (shop, club) = (sign_in("shop", APPID).await, sign_in("club", OTHER_APPID).await);
    assert_eq!((shop.0.as_str(), club.0.as_str()), ("ES256", "RS256"));
    assert_eq!(algs().await, ["ES256", "RS256"]);
    assert_eq!(t.menjin.rotate_key(&Actor::command()).await.unwrap().split(", ").count(), 2);
    assert_eq!(algs().await, ["ES256", "ES256", "RS256", "RS256"]);
    t.menjin.revoke_key(&Actor::command(), &club.1).await.unwrap();
    club.2.get("/v1/me/sessions").await.problem(401, "token_invalid");
    shop.2.get("/v1/me/sessions").await.ok(200);
    let (alg, kid, _) = sign_in("club", OTHER_APPID).await;
    assert!(alg == "RS256" && kid != club.1);
    assert_eq!(sign_in("shop", APPID).await.1, shop.1, "the other line goes on as it was");
}

#[test]
fn what_can_not_stand_is_refused_by_its_key() {
    let cases = [
        ("[audience.shop]\ntyp = \"jwe\"", "audience.shop.typ"),
        ("[audience.shop]\nalg = \"HS256\"", "`audience.shop.alg`"),
        ("[audience.shop]\nkind = \"x\"", "unknown field `kind`"),
        ("[audience.shop.claims]\nsub = \"user.number\"", "`audience.shop.claims.sub`"),
        ("[audience.shop.claims]\nx = \"user.phone\"", "user.number"),
        ("[audience.shop.claims]\nx = \"identity.session_key\"", "`audience.shop.claims.x`"),
        ("[audience.shop.claims]\nx = [inf]", "`audience.shop.claims.x`: is no number"),
    ];
    for (text, expected) in cases {
        let text = format!("{text}\n[[app]]\nid = \"shop\"\nkind = \"backend\"\n");
        let error = Config::parse(&text, Path::new("")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let long =
        format!("[audience.shop.claims]\nx = \"{}\"\n[[app]]\nid = \"shop\"\nkind = \"backend\"\n", "a".repeat(300));
    assert!(Config::parse(&long, Path::new("")).is_err());
    let nested = |deep: usize| format!("[audience.shop.claims]\nx = {}1{}\n", "[".repeat(deep), "]".repeat(deep));
    assert!(Config::parse(&nested(16), Path::new("")).is_ok());
    let error = Config::parse(&nested(17), Path::new("")).unwrap_err().to_string();
    assert!(error.contains("`audience.shop.claims.x`: nests"), "{error}");
}

#[tokio::test]
async fn the_deepest_constant_that_may_stand_is_read_by_every_verifier() {
    let deep = format!("{}1{}", "[".repeat(16), "]".repeat(16));
    let t = with(&format!("[audience.shop-api.claims]\nx = {deep}\n")).await;
    let phone = t.phone("alice").await;
    assert_eq!(claims(&phone.access_token())["x"].to_string(), deep);
    phone.get("/v1/me").await.ok(200);
}

#[test]
fn an_audience_of_no_app_is_told_by_its_key() {
    let config = Config::parse(
        "[audience.kiosks]\ntyp = \"JWT\"\n[audience.shop]\ntyp = \"JWT\"\n[[app]]\nid = \"shop\"\nkind = \"backend\"\n\
         [[legacy]]\nname = \"old\"\naudience = \"shpo\"\nalg = \"HS256\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n\
         user_claim = \"sub\"\nuser = \"number\"\nuntil = \"2099-01-01\"\n",
        Path::new(""),
    )
    .unwrap();
    let told = config.unknown_audiences(|audience| config.apps_of_audience(audience));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`audience.kiosks`") && told[1].contains("`legacy[0].audience`"), "{told:?}");
    let config = Config::parse(
        "[[app]]\nid = \"crm\"\nkind = \"backend\"\naudience = \"shop-ap\"\n\
         [[app]]\nid = \"kiosk\"\nkind = \"backend\"\naudience = \"club\"\n[[app]]\nid = \"club\"\nkind = \"backend\"\n\
         [[app]]\nid = \"cron\"\nkind = \"backend\"\naudience = \"cron\"\n\
         [[webhook]]\nname = \"news\"\naudience = \"zzz\"\nurl = \"https://crm.example.com/in\"\n\
         secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        Path::new(""),
    )
    .unwrap();
    let told = config.unknown_audiences(|audience| config.apps_of_audience(audience));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`webhook.news.audience`") && told[1].contains("`app.crm.audience`"), "{told:?}");
}
