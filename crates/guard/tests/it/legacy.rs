//! Tokens of old systems, until their date.

use std::time::Duration;

use axum::body::Body;
use axum::routing::get;
use axum::{Extension, Router};
use http::Request;
use menjin_guard::testkit::TestMenjin;
use menjin_guard::token::{Algorithm, KeyError, SigningKey, Timestamp, sign};
use menjin_guard::{BuildError, Caller, Guard, Legacy, LegacyUser, Person, Refusal};
use serde_json::{Value, json};
use tower::ServiceExt;

/// As Django makes them: 50 characters.
const DJANGO: &str = "!8z^q1@x-old-django-secret-key-of-fifty-characters";
const HOUR: Duration = Duration::from_hours(1);

fn secret(key: &str) -> SigningKey {
    SigningKey::from_private(Algorithm::Hs256, "unused".to_owned(), key.as_bytes()).unwrap()
}

/// Header and claims as an old library writes them: no kid.
fn old(claims: &Value) -> String {
    let with_kid = sign(&secret(DJANGO), "JWT", claims).unwrap();
    hs256(r#"{"typ":"JWT","alg":"HS256"}"#, with_kid.split('.').nth(1).unwrap(), DJANGO)
}

fn hs256(header: &str, payload: &str, key: &str) -> String {
    let signed = format!("{}.{payload}", base64url(header.as_bytes()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
    format!("{signed}.{}", base64url(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref()))
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        (0..=three.len()).map(move |nth| char::from(ALPHABET[(bits >> (18 - 6 * nth) & 63) as usize]))
    });
    digits.collect()
}

/// `rest_framework_jwt.utils.jwt_payload_handler`.
fn django(menjin: &TestMenjin) -> Value {
    json!({"user_id": 7, "username": "alice", "exp": menjin.now().plus(HOUR).secs(), "email": "", "orig_iat": menjin.now().secs()})
}

fn guard_of(menjin: &TestMenjin, change: impl FnOnce(Legacy) -> Legacy) -> Guard {
    let legacy = Legacy::hs256("django", DJANGO, menjin.now().plus(3 * HOUR));
    menjin.builder().legacy(change(legacy)).build().unwrap()
}

async fn of(guard: &Guard, token: &str) -> Result<LegacyUser, &'static str> {
    match guard.check_person(token).await {
        Ok(Person::Legacy(legacy)) => Ok(legacy.user),
        Ok(Person::SignedIn(_)) => Err("signed in"),
        Err(refusal) => Err(refusal.code()),
    }
}

#[tokio::test]
async fn an_old_token_works_until_the_date_and_not_after() {
    let menjin = TestMenjin::new("shop-api");
    let guard = guard_of(&menjin, |legacy| legacy.number_in("user_id"));
    let lasting = old(&json!({"user_id": 7, "exp": menjin.now().plus(100 * HOUR).secs()}));
    assert_eq!(of(&guard, &old(&django(&menjin))).await, Ok(LegacyUser::Number(7)));
    assert_eq!(of(&guard, &lasting).await, Ok(LegacyUser::Number(7)));
    menjin.advance(2 * HOUR + Duration::from_millis(3_599_999));
    assert_eq!(of(&guard, &lasting).await, Ok(LegacyUser::Number(7)));
    menjin.advance(Duration::from_millis(1));
    assert_eq!(of(&guard, &lasting).await, Err("token_invalid"));
    assert_eq!(of(&guard, &menjin.sign_in("alice").token()).await, Err("signed in"));
}

#[tokio::test]
async fn an_old_token_never_goes_without_exp_and_its_user() {
    let menjin = TestMenjin::new("shop-api");
    let guard = guard_of(&menjin, |legacy| legacy.number_in("user_id"));
    let exp = menjin.now().plus(HOUR).secs();
    let refused = [
        json!({"user_id": 7}),
        json!({"user_id": 7, "exp": null}),
        json!({"user_id": 7, "exp": menjin.now().minus(HOUR).secs()}),
        json!({"user_id": 7, "exp": exp, "nbf": exp}),
        json!({"exp": exp}),
        json!({"user_id": null, "exp": exp}),
        json!({"user_id": -7, "exp": exp}),
        json!({"user_id": 7.5, "exp": exp}),
        json!({"user_id": true, "exp": exp}),
        json!({"user_id": [7], "exp": exp}),
        json!({"user_id": "alice", "exp": exp}),
        // Of simplejwt, Cognito, Flask-JWT-Extended and Keycloak, under the same secret.
        json!({"user_id": 7, "exp": exp, "token_type": "refresh"}),
        json!({"user_id": 7, "exp": exp, "token_use": "id"}),
        json!({"user_id": 7, "exp": exp, "type": "refresh"}),
        json!({"user_id": 7, "exp": exp, "typ": "Offline"}),
    ];
    for claims in refused {
        assert_eq!(of(&guard, &old(&claims)).await, Err("token_invalid"), "{claims}");
    }
    for claims in [json!({"user_id": "7", "exp": exp}), json!({"user_id": 7, "exp": exp, "token_type": "sliding"})] {
        assert_eq!(of(&guard, &old(&claims)).await, Ok(LegacyUser::Number(7)), "{claims}");
    }
}

#[tokio::test]
async fn key_and_algorithm_are_the_entrys_and_never_the_tokens() {
    let menjin = TestMenjin::new("shop-api");
    let guard = guard_of(&menjin, |legacy| legacy.number_in("user_id"));
    let good = old(&django(&menjin));
    let payload = good.split('.').nth(1).unwrap();
    let forged = [
        hs256(r#"{"typ":"JWT","alg":"HS256"}"#, payload, "another secret of more than 32 bytes!!"),
        hs256(r#"{"typ":"JWT","alg":"HS512"}"#, payload, DJANGO),
        hs256(r#"{"typ":"at+jwt","alg":"HS256"}"#, payload, DJANGO),
        hs256(r#"{"typ":"JWT","alg":"none"}"#, payload, DJANGO),
        hs256(r#"{"typ":"JWT","alg":"HS256","kid":"test-0"}"#, payload, DJANGO),
        format!("{}.{payload}.", base64url(br#"{"typ":"JWT","alg":"none"}"#)),
    ];
    for token in forged {
        assert_eq!(of(&guard, &token).await, Err("token_invalid"), "{token}");
    }
    // The public key of menjin's own, taken for a secret.
    let as_secret = hs256(r#"{"alg":"HS256"}"#, payload, &menjin.jwks());
    assert_eq!(of(&guard, &as_secret).await, Err("token_invalid"));
    assert_eq!(of(&guard, &hs256(r#"{"alg":"HS256"}"#, payload, DJANGO)).await, Ok(LegacyUser::Number(7)));
    // menjin's own tokens are never an old system's.
    let of_another_menjin = TestMenjin::new("shop-api").sign_in("alice").token();
    assert_eq!(of(&guard, &of_another_menjin).await, Err("token_invalid"));
}

#[tokio::test]
async fn names_key_ids_and_audiences_are_asked_for_where_the_entry_says_so() {
    let menjin = TestMenjin::new("shop-api");
    let exp = menjin.now().plus(HOUR).secs();
    let by_name = guard_of(&menjin, |legacy| legacy.external_id_in("sub").kid("k1").audience("shop"));
    let payload = |claims: Value| old(&claims).split('.').nth(1).unwrap().to_owned();
    let header = r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#;
    let good = hs256(header, &payload(json!({"sub": "alice", "aud": "shop", "exp": exp})), DJANGO);
    assert_eq!(of(&by_name, &good).await, Ok(LegacyUser::ExternalId("alice".to_owned())));
    for claims in [json!({"sub": "alice", "exp": exp}), json!({"sub": "alice", "aud": "bank", "exp": exp})] {
        assert_eq!(of(&by_name, &hs256(header, &payload(claims), DJANGO)).await, Err("token_invalid"));
    }
    let (key, _) = SigningKey::generate(Algorithm::Es256, "old".to_owned()).unwrap();
    let old_es256 = sign(&key, "JWT", &json!({"uid": 9, "exp": exp})).unwrap();
    let pem = pem(&key);
    let until = menjin.now().plus(HOUR);
    let two = menjin
        .builder()
        .legacy(Legacy::hs256("django", DJANGO, until).number_in("user_id"))
        .legacy(Legacy::public_key("go", Algorithm::Es256, pem.as_str(), until).external_id_in("uid").kid("old"))
        .build()
        .unwrap();
    assert_eq!(of(&two, &old_es256).await, Ok(LegacyUser::ExternalId("9".to_owned())));
    assert_eq!(of(&two, &old(&django(&menjin))).await, Ok(LegacyUser::Number(7)));
}

/// `SubjectPublicKeyInfo` of a key on P-256, as openssl writes it.
fn pem(key: &SigningKey) -> String {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    let jwk = key.jwk().unwrap();
    let coordinate = |text: &Option<String>| from_base64url(text.as_deref().unwrap());
    let point = [vec![4], coordinate(&jwk.x), coordinate(&jwk.y)].concat();
    let parsed = aws_lc_rs::signature::ParsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point);
    let der: PublicKeyX509Der<'_> = parsed.unwrap().as_der().unwrap();
    let mut text = base64url(der.as_ref()).replace('-', "+").replace('_', "/");
    text.extend(std::iter::repeat_n('=', (4 - text.len() % 4) % 4));
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn from_base64url(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let bits: Vec<u8> = text.bytes().flat_map(|c| (0..6).rev().map(move |bit| value(c) >> bit & 1)).collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

#[test]
fn an_entry_that_would_be_unsafe_is_not_built() {
    let menjin = TestMenjin::new("shop-api");
    let until: Timestamp = menjin.now();
    let build = |legacy: Legacy| menjin.builder().legacy(legacy).build().map(drop);
    let short = build(Legacy::hs256("old", "secret", until).number_in("id"));
    assert!(matches!(&short, Err(BuildError::LegacyKey { error: KeyError::TooShort, .. })), "{short:?}");
    let no_claim = build(Legacy::hs256("old", DJANGO, until));
    assert!(matches!(no_claim, Err(BuildError::LegacyClaim { .. })));
    let pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256] {
        let odd = build(Legacy::public_key("old", algorithm, pem, until).number_in("id"));
        assert!(matches!(odd, Err(BuildError::LegacyKey { .. })));
    }
}

async fn anybody(person: Person) -> String {
    match person {
        Person::SignedIn(caller) => caller.user.to_string(),
        Person::Legacy(legacy) => format!("{} {:?}", legacy.system, legacy.user),
    }
}

async fn behind_the_layer(Extension(person): Extension<Person>) -> String {
    anybody(person).await
}

async fn signed_in(caller: Caller) -> String {
    caller.user.to_string()
}

#[tokio::test]
async fn routes_say_whether_old_tokens_open_them() {
    let menjin = TestMenjin::new("shop-api");
    let guard = guard_of(&menjin, |legacy| legacy.number_in("user_id"));
    let layered = |layer| Router::new().route("/", get(behind_the_layer)).layer(layer);
    let router = Router::new()
        .route("/anybody", get(anybody))
        .route("/signed-in", get(signed_in))
        .nest("/closed", layered(guard.layer()))
        .nest("/both", layered(guard.layer().accept_legacy()))
        .nest("/needs", layered(guard.layer().accept_legacy().require("orders:read")))
        .with_state(guard.clone());
    let old = old(&django(&menjin));
    for (path, status, body) in [
        ("/anybody", 200, "django Number(7)"),
        ("/signed-in", 401, "token_invalid"),
        ("/closed", 401, "token_invalid"),
        ("/both", 200, "django Number(7)"),
        ("/needs", 403, "forbidden"),
    ] {
        let request = Request::get(path).header("authorization", format!("JWT {old}")).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        let text = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        assert!(String::from_utf8(text.to_vec()).unwrap().contains(body), "{path}");
    }
    assert_eq!(
        guard.check_token(&old).await.map(drop).map_err(|refusal: Refusal| refusal.code()),
        Err("token_invalid")
    );
}
