//! JW-15 and key sets: which published keys are taken, and which never.

use menjin_token::jwks::MAX_JWKS;
use menjin_token::{Algorithm, Jwk, JwksError, KeyError, KeySet, SigningKey, VerifyingKey, sign, verify};
use serde_json::{Value, json};

use crate::forge::{NOW, base64, eddsa, es256, expected, good_claims, hs256, pairs, rs256, unbase64};

fn jwk_of(pair: &crate::forge::Pair) -> Value {
    serde_json::to_value(pair.key.jwk().unwrap()).unwrap()
}

fn parse(keys: &Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn refusal(jwk: Value) -> KeyError {
    VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap_err()
}

#[test]
fn a_published_set_verifies_what_its_keys_sign_and_never_holds_a_secret() {
    let ring = KeySet::new(pairs().iter().map(|pair| pair.key.verifying()).collect());
    let document = serde_json::to_string(&ring.published()).unwrap();
    assert!(!document.contains("\"oct\"") && !document.contains("\"d\""));
    let theirs = KeySet::parse(document.as_bytes()).unwrap();
    assert_eq!(theirs.len(), 3);
    for pair in [es256(), eddsa(), rs256()] {
        let token = sign(&pair.key, "at+jwt", &good_claims()).unwrap();
        assert_eq!(verify(&token, &theirs, &expected(), NOW), Ok(good_claims()));
    }
    assert!(hs256().key.jwk().is_none() && theirs.get(hs256().key.kid()).is_none());
}

#[test]
fn a_published_key_says_what_it_is_for() {
    let jwk = jwk_of(es256());
    assert_eq!(
        (&jwk["kty"], &jwk["crv"], &jwk["alg"], &jwk["use"], &jwk["kid"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"), &json!("ES256-1"))
    );
    assert_eq!(jwk_of(eddsa())["kty"], "OKP");
    assert_eq!(jwk_of(rs256())["e"], "AQAB");
}

#[test]
fn keys_that_cannot_be_used_are_left_out_and_the_others_stay() {
    let with = |name: &str, value: Value| {
        let mut jwk = jwk_of(es256());
        jwk["kid"] = json!(format!("odd {name}"));
        jwk[name] = value;
        jwk
    };
    let odd = json!([
        jwk_of(eddsa()),
        with("use", json!("enc")),
        with("key_ops", json!(["sign", "encrypt"])),
        with("key_ops", json!("verify")),
        with("alg", json!("RS256")),
        with("alg", json!("ES256 ")),
        with("crv", json!("P-384")),
        with("crv", json!(null)),
        with("kty", json!("XX")),
        with("kty", json!(null)),
        with("kid", json!(7)),
        {"kty": "oct", "k": base64([7; 64]), "kid": "oct", "alg": "HS256"},
        {"kty": "OKP", "crv": "X25519", "x": base64([9; 32]), "kid": "x"},
        {},
        null,
        [],
        "key",
    ]);
    let set = parse(&odd);
    let kids: Vec<&str> = set.iter().map(VerifyingKey::kid).collect();
    assert_eq!(kids, ["EdDSA-1"]);
}

#[test]
fn a_key_for_verifying_is_taken_whatever_else_stands_in_it() {
    let mut jwk = jwk_of(es256());
    jwk["key_ops"] = json!(["verify"]);
    jwk["d"] = json!("private, and none of our business");
    jwk["x5c"] = json!(["MII"]);
    jwk.as_object_mut().unwrap().remove("alg");
    jwk.as_object_mut().unwrap().remove("use");
    let set = parse(&json!([jwk]));
    assert_eq!(set.only().map(VerifyingKey::algorithm), Some(Algorithm::Es256));
    let again = serde_json::to_string(&set.published()).unwrap();
    assert!(!again.contains("private"));
}

#[test]
fn of_several_keys_with_one_name_the_first_stays() {
    let mut second = jwk_of(eddsa());
    second["kid"] = json!("ES256-1");
    let set = parse(&json!([jwk_of(es256()), second]));
    assert_eq!(set.only().map(VerifyingKey::algorithm), Some(Algorithm::Es256));
}

#[test]
fn a_key_without_a_name_is_known_by_its_thumbprint() {
    for pair in [es256(), eddsa(), rs256()] {
        let mut jwk = jwk_of(pair);
        jwk.as_object_mut().unwrap().remove("kid");
        let thumbprint = pair.key.jwk().unwrap().thumbprint().unwrap();
        assert!(parse(&json!([jwk])).get(&thumbprint).is_some());
    }
    assert_eq!(Jwk::default().thumbprint(), None);
}

#[test]
fn a_document_that_is_no_key_set_or_too_large_is_an_error_and_an_empty_set_is_not() {
    for text in ["", "{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, "{\"keys\":[]", "\u{0}"] {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), JwksError::Malformed, "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(KeySet::parse(deep.as_bytes()).unwrap_err(), JwksError::Malformed);
    let padded = format!(r#"{{"keys":[]}}{}"#, " ".repeat(MAX_JWKS));
    assert_eq!(KeySet::parse(padded.as_bytes()).unwrap_err(), JwksError::TooLarge);
    assert!(KeySet::parse(br#"{"keys":[]}"#).unwrap().is_empty());
}

#[test]
fn jw_15_ec_points_off_the_curve_or_spelt_otherwise_are_refused() {
    let good = jwk_of(es256());
    let x = unbase64(good["x"].as_str().unwrap());
    let mut off = x.clone();
    off[31] ^= 1;
    let bad = [
        base64(off),
        base64([0; 32]),
        base64([0xff; 32]),
        base64(&x[..31]),
        base64([&[0][..], &x].concat()),
        String::new(),
        good["x"].as_str().unwrap().to_owned() + "=",
    ];
    for member in ["x", "y"] {
        for value in &bad {
            let mut jwk = good.clone();
            jwk[member] = json!(value);
            assert_eq!(refusal(jwk), KeyError::Malformed, "{member}: {value}");
        }
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().remove(member);
        assert_eq!(refusal(jwk), KeyError::Malformed);
    }
    let mut origin = good.clone();
    (origin["x"], origin["y"]) = (json!(base64([0; 32])), json!(base64([0; 32])));
    assert_eq!(refusal(origin), KeyError::Malformed);
}

#[test]
fn jw_15_ed25519_points_of_small_order_or_another_length_are_refused() {
    let jwk = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": base64(x)});
    let mut one = [0; 32];
    one[0] = 1;
    let mut one_with_sign = one;
    one_with_sign[31] = 0x80;
    let mut order_four_again = [0xff; 32];
    (order_four_again[0], order_four_again[31]) = (0xed, 0x7f);
    for point in [[0; 32], one, one_with_sign, order_four_again] {
        assert_eq!(refusal(jwk(&point)), KeyError::Weak);
    }
    for len in [0, 31, 33, 64] {
        assert_eq!(refusal(jwk(&vec![9; len])), KeyError::Malformed);
    }
}

#[test]
fn jw_15_weak_rsa_keys_are_refused() {
    let good = jwk_of(rs256());
    let n = unbase64(good["n"].as_str().unwrap());
    let with = |n: &[u8], e: &[u8]| json!({"kty": "RSA", "n": base64(n), "e": base64(e)});
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    let mut short = n[..255].to_vec();
    (short[0], short[254]) = (0xff, 0xff);
    let mut long = vec![0xff; 1025];
    long[1000] = 0x12;
    let cases = [
        (with(&short, &[1, 0, 1]), KeyError::TooShort),
        (with(&n[..128], &[1, 0, 1]), KeyError::TooShort),
        (with(&long, &[1, 0, 1]), KeyError::Unsupported),
        (with(&even, &[1, 0, 1]), KeyError::Weak),
        (with(&n, &[1]), KeyError::Weak),
        (with(&n, &[2]), KeyError::Weak),
        (with(&n, &[3]), KeyError::Weak),
        (with(&n, &[1, 0, 0]), KeyError::Weak),
        (with(&n, &[0xff, 0xff]), KeyError::Weak),
        (with(&n, &[1, 0, 2]), KeyError::Weak),
        (with(&n, &[0xff; 9]), KeyError::Weak),
        (with(&n, &[0, 1, 0, 1]), KeyError::Malformed),
        (with(&[&[0][..], &n].concat(), &[1, 0, 1]), KeyError::Malformed),
        (with(&n, &[]), KeyError::Malformed),
        (with(&[], &[1, 0, 1]), KeyError::Malformed),
        (json!({"kty": "RSA", "e": "AQAB"}), KeyError::Malformed),
    ];
    for (jwk, expected) in cases {
        assert_eq!(refusal(jwk), expected);
    }
    assert!(VerifyingKey::from_jwk(&serde_json::from_value(with(&n, &[1, 0, 1])).unwrap()).is_ok());
}

#[test]
fn jw_15_hmac_secrets_under_32_bytes_are_refused() {
    for len in [0, 1, 16, 31] {
        let secret = vec![7; len];
        assert_eq!(VerifyingKey::hs256("k".to_owned(), &secret).unwrap_err(), KeyError::TooShort);
        let signing = SigningKey::from_private(Algorithm::Hs256, "k".to_owned(), &secret);
        assert_eq!(signing.unwrap_err(), KeyError::TooShort);
    }
    assert!(VerifyingKey::hs256("k".to_owned(), &[7; 32]).is_ok());
}

#[test]
fn a_public_key_is_no_hmac_secret() {
    let pem = b"\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n";
    assert_eq!(VerifyingKey::hs256("k".to_owned(), pem).unwrap_err(), KeyError::Unsupported);
    let signing = SigningKey::from_private(Algorithm::Hs256, "k".to_owned(), pem);
    assert_eq!(signing.unwrap_err(), KeyError::Unsupported);
}

#[test]
fn private_bytes_make_the_same_key_again_and_no_other_kind() {
    for pair in pairs() {
        let again = SigningKey::from_private(pair.key.algorithm(), "again".to_owned(), &pair.private).unwrap();
        let token = sign(&again, "at+jwt", &good_claims()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        assert!(pair.key.verifying().accepts(signed.as_bytes(), &unbase64(signature)));
        for other in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            if other != pair.key.algorithm() {
                let parsed = SigningKey::from_private(other, "k".to_owned(), &pair.private);
                assert_eq!(parsed.unwrap_err(), KeyError::Malformed);
            }
        }
    }
}

#[test]
fn algorithms_are_known_by_their_exact_names() {
    for pair in pairs() {
        let algorithm = pair.key.algorithm();
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        let json = serde_json::to_value(algorithm).unwrap();
        assert_eq!(json, json!(algorithm.as_str()));
        assert_eq!(serde_json::from_value::<Algorithm>(json).unwrap(), algorithm);
    }
    for name in ["none", "es256", "ES384", "", "EDDSA"] {
        assert!(name.parse::<Algorithm>().is_err());
    }
}
