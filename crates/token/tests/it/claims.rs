//! How claims stand on the wire.

use std::time::Duration;

use menjin_token::{Claims, KeySet, SigningKey, Timestamp, sign};
use serde_json::json;

use crate::forge::{NOW, base64, es256, good_claims, pairs, unbase64};

#[test]
fn claims_are_written_in_order_with_times_in_seconds_and_a_lone_audience_as_a_string() {
    let mut claims = good_claims();
    claims.extra.insert("userId".to_owned(), json!(7));
    let json = serde_json::to_string(&claims).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"iss":"https://login.example.com","sub":"usr_01k9q3zv6m0000000000000001","aud":"shop-api","#,
            r#""exp":1795000900,"iat":1795000000,"jti":"evt_1","sid":"ses_01k9q3zv6m0000000000000002","#,
            r#""client_id":"shop","auth_time":1795000000,"amr":["wechat"],"scope":"openid profile","#,
            r#""roles":["clerk"],"permissions":["orders:*"],"userId":7}"#
        )
    );
}

#[test]
fn absent_and_empty_claims_are_not_written() {
    let json = serde_json::to_value(Claims::expiring(NOW)).unwrap();
    assert_eq!(json, json!({"exp": NOW.secs()}));
}

#[test]
fn several_audiences_are_an_array() {
    let mut claims = Claims::expiring(NOW);
    claims.aud = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(serde_json::to_value(claims).unwrap()["aud"], json!(["a", "b"]));
}

#[test]
fn an_extra_claim_never_takes_the_place_of_a_registered_one() {
    let mut claims = good_claims();
    for name in ["sub", "exp", "nbf", "roles", "token_use"] {
        claims.extra.insert(name.to_owned(), json!("forged"));
        assert!(Claims::is_registered(name));
    }
    assert!(!Claims::is_registered("userId"));
    let read: Claims = serde_json::from_value(serde_json::to_value(&claims).unwrap()).unwrap();
    assert_eq!(read, good_claims());
}

#[test]
fn what_is_signed_is_what_is_verified_under_every_algorithm() {
    let mut claims = good_claims();
    claims.nbf = Some(NOW.minus(Duration::from_secs(1)));
    claims.token_use = Some("access".to_owned());
    claims.extra.insert("deep".to_owned(), json!({"list": [1, -2, 0.5, null, true, {"名": "值"}]}));
    for pair in pairs() {
        let token = sign(&pair.key, "at+jwt", &claims).unwrap();
        assert_eq!(pair.verify(&token), Ok(claims.clone()));
    }
}

#[test]
fn the_header_is_exactly_alg_kid_and_typ() {
    let token = sign(&es256().key, "at+jwt", &good_claims()).unwrap();
    let header = unbase64(token.split('.').next().unwrap());
    assert_eq!(header, br#"{"alg":"ES256","kid":"ES256-1","typ":"at+jwt"}"#);
}

#[test]
fn a_kid_or_typ_with_odd_characters_is_escaped_in_the_header() {
    let kid = "a\"b\\\n键".to_owned();
    let key = SigningKey::from_private(es256().key.algorithm(), kid.clone(), &es256().private).unwrap();
    let token = sign(&key, "x\"y", &good_claims()).unwrap();
    let (header, _) = menjin_token::dangerous::decode_unverified(&token).unwrap();
    assert_eq!(header, json!({"alg": "ES256", "kid": kid, "typ": "x\"y"}));
    let keys = KeySet::new(vec![key.verifying()]);
    assert!(keys.get(&kid).is_some());
}

#[test]
fn anything_that_serialises_can_be_signed() {
    #[derive(serde::Serialize)]
    struct LogoutToken {
        sub: &'static str,
        exp: i64,
    }
    let token = sign(&es256().key, "logout+jwt", &LogoutToken { sub: "u", exp: 1 }).unwrap();
    assert!(token.contains(&base64(r#"{"sub":"u","exp":1}"#)));
}

#[test]
fn a_key_shows_its_name_and_nothing_else() {
    for pair in pairs() {
        let shown = format!("{:?} {:?}", pair.key, pair.key.verifying());
        let name = pair.key.kid();
        let algorithm = format!("{:?}", pair.key.algorithm());
        assert_eq!(
            shown,
            format!(
                "SigningKey {{ kid: {name:?}, algorithm: {algorithm}, .. }} VerifyingKey {{ kid: {name:?}, algorithm: {algorithm}, .. }}"
            )
        );
    }
}

#[test]
fn fractional_and_whole_times_read_alike() {
    let whole: Claims = serde_json::from_str(r#"{"exp":5,"iat":5.0,"nbf":5.999,"auth_time":5e0}"#).unwrap();
    let five = Timestamp::from_secs(5);
    assert_eq!((whole.exp, whole.iat, whole.nbf, whole.auth_time), (five, Some(five), Some(five), Some(five)));
}
