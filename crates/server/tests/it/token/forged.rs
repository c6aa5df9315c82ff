//! Tokens that menjin did not issue for here, on its own routes: the forgeries of RFC 8725 over HTTP. The whole of them is
//! tried on the verifier itself, in `menjin-token`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{OTHER_APPID, Setup, TestServer, claims, header};

/// Every route that an access token opens.
const ROUTES: [(Method, &str); 6] = [
    (Method::GET, "/v1/me"),
    (Method::PUT, "/v1/me"),
    (Method::GET, "/v1/me/sessions"),
    (Method::DELETE, "/v1/me/sessions"),
    (Method::DELETE, "/v1/me/sessions/ses_01jd3v0000zzzzzzzzzzzzzzzz"),
    (Method::POST, "/v1/logout"),
];

/// On every route it is a 401 that says `code` and challenges as RFC 6750 §3 has it, and nothing about how menjin works.
async fn refused(t: &TestServer, authorization: Option<&str>, code: &str) {
    for (method, path) in ROUTES {
        let headers: Vec<(&str, &str)> = authorization.iter().map(|value| ("authorization", *value)).collect();
        let body = (method == Method::PUT).then(|| json!({"nickname": "Eve"}).to_string());
        let answer = t.anon().send(method.clone(), path, body, &headers).await;
        let shown: String = authorization.unwrap_or_default().chars().take(120).collect();
        assert_eq!(
            (answer.status.as_u16(), answer.json["code"].as_str()),
            (401, Some(code)),
            "{method} {path} {shown}"
        );
        let challenge = answer.header("www-authenticate").to_owned();
        if code == "token_missing" {
            assert_eq!(challenge, "Bearer realm=\"menjin\"", "no error where no token was sent (RFC 6750 §3.1)");
        } else {
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
        let said = answer.text.clone();
        answer.problem(401, code);
        for internal in ["signature", "base64", "jwt", "JWT", "kid", "alg", "guard", "at+"] {
            assert!(!said.contains(internal), "JW-16: {internal} in {said}");
        }
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn jw_16_no_token_and_another_scheme_are_told_alike_and_without_an_error() {
    let t = TestServer::start().await;
    let token = t.phone("alice").await.access_token();
    refused(&t, None, "token_missing").await;
    for another in ["Basic YTpi", &format!("Basic {token}"), &format!("Digest {token}"), &token, "Bearer", "", "Token"]
    {
        refused(&t, Some(another), "token_missing").await;
    }
}

#[tokio::test]
async fn a_malformed_or_oversized_token_is_invalid_on_every_route() {
    let t = TestServer::start().await;
    let token = t.phone("alice").await.access_token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let turned = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut malformed = vec![
        "x".to_owned(),
        "..".to_owned(),
        ".".repeat(1000),
        "a.b.c".to_owned(),
        "a".repeat(8 * 1024 + 1),
        "a".repeat(24 * 1024),
        format!("{}.{}.{}", "a".repeat(5000), "b".repeat(5000), "c".repeat(5000)),
        format!("{token}."),
        format!("{token}.x"),
        format!("{token}="),
        format!("{token} {token}"),
        format!("{token},{token}"),
        format!("\"{token}\""),
        format!("{token}\u{e9}"),
        format!("{signed}."),
        signed.to_owned(),
        format!("{signed}.{flipped}"),
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{signed}.{}", STANDARD.encode([0xff; 64])),
        format!("{}.{signature}", signed.replace('.', "..")),
    ];
    malformed.extend([0, 10, signed.find('.').unwrap() + 10, signed.len() + 1].map(turned));
    for token in malformed {
        refused(&t, Some(&format!("Bearer {token}")), "token_invalid").await;
    }
    t.phone_with_token(&token).get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn jw_01_to_05_a_token_that_the_ring_did_not_sign_is_invalid_on_every_route() {
    let t = TestServer::start().await;
    let real = t.phone("alice").await.access_token();
    let (head, body) = (header(&real), claims(&real));
    let kid = head["kid"].as_str().unwrap();
    let key = t.anon().get("/.well-known/jwks.json").await.ok(200)["keys"][0].clone();
    let mut forged = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let bare = json!({"alg": alg, "typ": "at+jwt", "kid": kid});
        forged.push(format!("{}.{}.", part(&bare), part(&body)));
        forged.push(format!("{}.{}.{}", part(&bare), part(&body), real.rsplit('.').next().unwrap()));
    }
    for odd in [json!(null), json!(0), json!(["ES256"]), json!({})] {
        forged.push(format!("{}.{}.", part(&json!({"alg": odd, "typ": "at+jwt", "kid": kid})), part(&body)));
    }
    let point = [[4].to_vec(), decoded(&key["x"]), decoded(&key["y"])].concat();
    let der = [&P256_SPKI[..], &point].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    let public_forms = [decoded(&key["x"]), point, der, pem.into_bytes(), key.to_string().into_bytes()];
    let mac =
        |secret: &[u8], head: &Header| jsonwebtoken::encode(head, &body, &EncodingKey::from_secret(secret)).unwrap();
    for form in &public_forms {
        for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let named = Header { typ: Some("at+jwt".into()), kid: Some(kid.to_owned()), ..Header::new(alg) };
            forged.push(mac(form, &named));
            forged.push(mac(form, &Header { kid: None, ..named }));
        }
    }
    let brought = json!({"alg": "HS256", "typ": "at+jwt", "kid": "mine", "jwk": {"kty": "oct", "k": "AAAA"},
        "jku": format!("{}/.well-known/jwks.json", t.sim_url), "x5u": t.sim_url});
    forged.push(format!("{}.{}.{}", part(&brought), part(&body), URL_SAFE_NO_PAD.encode([7; 32])));
    for kid in ["../../etc/passwd", "' OR 1=1 --", "compat-0", ""] {
        let named = Header { typ: Some("at+jwt".into()), kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
        forged.push(mac(b"", &named));
    }
    for token in forged {
        refused(&t, Some(&format!("Bearer {token}")), "token_invalid").await;
    }
    let asked = t.sim.calls(&menjin_sim::CallFilter::default());
    assert_eq!(asked.len(), 1, "JW-03: no key was fetched: {asked:?}");
}

/// What stands before a point in the document of a P-256 key (RFC 5480).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn decoded(member: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn jw_06_what_is_no_access_token_for_here_is_invalid_on_every_route() {
    let t = TestServer::start().await;
    let phone = t.phone("alice").await;
    let elsewhere = TestServer::start().await;
    for foreign in [elsewhere.phone("alice").await.access_token(), phone.refresh_token()] {
        refused(&t, Some(&format!("Bearer {foreign}")), "token_invalid").await;
    }
    t.anon().refresh_with(&phone.access_token()).await.problem(401, "token_invalid");
    t.anon().refresh_with(&elsewhere.phone("bob").await.refresh_token()).await.problem(401, "token_invalid");
    phone.get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn jw_08_a_key_of_ours_under_another_name_for_menjin_opens_nothing() {
    let t = TestServer::start().await;
    let token = t.phone("alice").await.access_token();
    let renamed = Setup {
        folder: Some(t.folder.clone()),
        public_url: Some("http://elsewhere.test".to_owned()),
        ..Setup::default()
    };
    let renamed = TestServer::with(renamed).await;
    refused(&renamed, Some(&format!("Bearer {token}")), "token_invalid").await;
    t.phone_with_token(&token).get("/v1/me").await.ok(200);
}

#[tokio::test]
async fn mt_01_the_tokens_of_one_app_end_and_change_nothing_of_another() {
    let t = TestServer::start().await;
    let (shop, mut club) = (t.phone("alice").await, t.phone_of("bob"));
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    club.delete(&format!("/v1/me/sessions/{}", shop.session_id())).await.problem(404, "session_unknown");
    club.delete("/v1/me/sessions").await.ok(204);
    club.post("/v1/logout", json!({"scope": "all"})).await.ok(204);
    shop.get("/v1/me").await.ok(200);
}
