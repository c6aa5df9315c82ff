//! JW-01 to JW-05: tokens that somebody without the key has made.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_token::{Invalid, KeySet, sign, verify};
use serde_json::{Value, json};

use crate::forge::{
    NOW, Pair, base64, eddsa, es256, expected, good_claims, good_payload, hs256, mac, pairs, rs256, unbase64,
};

#[test]
fn jw_01_alg_none_in_any_spelling_absent_or_of_another_type_is_refused() {
    let key = es256();
    let spellings = [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        json!("none "),
        json!("\u{0}none"),
        json!(""),
        json!("es256"),
        json!("ES256 "),
        json!(null),
        json!(true),
        json!(256),
        json!(["ES256"]),
        json!({"ES256": 1}),
    ];
    let mut headers: Vec<Value> =
        spellings.into_iter().map(|alg| json!({"alg": alg, "kid": key.key.kid(), "typ": "at+jwt"})).collect();
    headers.push(json!({"kid": key.key.kid(), "typ": "at+jwt"}));
    for header in headers {
        let honest = key.token(&header.to_string(), &good_payload().to_string());
        let unsigned = honest.rsplit_once('.').unwrap().0;
        for token in [honest.clone(), format!("{unsigned}."), unsigned.to_owned()] {
            let refused = key.verify(&token).unwrap_err();
            assert!(matches!(refused, Invalid::Algorithm | Invalid::Malformed), "{header}: {refused}");
        }
    }
}

/// Everything that a careless verifier might take for the "secret" of this key.
fn public_forms(pair: &Pair) -> Vec<Vec<u8>> {
    let jwk = pair.key.jwk().unwrap();
    let members = [&jwk.x, &jwk.y, &jwk.n, &jwk.e];
    let mut forms: Vec<Vec<u8>> = vec![
        serde_json::to_vec(&jwk).unwrap(),
        json!({"keys": [jwk]}).to_string().into_bytes(),
        pair.key.kid().as_bytes().to_vec(),
        Vec::new(),
    ];
    for member in members.into_iter().flatten() {
        forms.push(member.clone().into_bytes());
        forms.push(unbase64(member));
    }
    if let (Some(x), Some(y)) = (&jwk.x, &jwk.y) {
        let point = [vec![4], unbase64(x), unbase64(y)].concat();
        let parsed = ParsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, &point).unwrap();
        let der: PublicKeyX509Der<'_> = parsed.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----", &body[..64], &body[64..]);
        forms.extend([point, der.as_ref().to_vec(), pem.clone().into_bytes(), (pem + "\n").into_bytes()]);
    }
    forms
}

#[test]
fn jw_02_an_hmac_keyed_with_any_public_form_of_the_key_is_refused() {
    for pair in [es256(), eddsa(), rs256()] {
        for secret in public_forms(pair) {
            let named = json!({"alg": "HS256", "kid": pair.key.kid(), "typ": "at+jwt"});
            let unnamed = json!({"alg": "HS256", "typ": "at+jwt"});
            for header in [named, unnamed] {
                let signed = format!("{}.{}", base64(header.to_string()), base64(good_payload().to_string()));
                let token = format!("{signed}.{}", base64(mac(&secret, signed.as_bytes())));
                assert_eq!(pair.verify(&token), Err(Invalid::Algorithm));
            }
        }
    }
}

#[test]
fn jw_03_keys_come_only_from_the_configured_set() {
    let (ours, theirs) = (es256(), rs256());
    let their_jwk = theirs.key.jwk().unwrap();
    let brought = [
        ("jwk", json!(their_jwk)),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
    ];
    for (name, value) in brought {
        for kid in [theirs.key.kid(), "https://evil.example/key", "../../dev/null", "' or 1=1 --", "\u{0}"] {
            let header = json!({"alg": "RS256", "kid": kid, "typ": "at+jwt", name: value});
            let token = theirs.token(&header.to_string(), &good_payload().to_string());
            assert_eq!(ours.verify(&token), Err(Invalid::UnknownKey));
        }
        let mut header = ours.header();
        header[name] = value;
        let token = ours.token(&header.to_string(), &good_payload().to_string());
        assert_eq!(ours.verify(&token), Ok(good_claims()), "{name} is read past");
    }
}

#[test]
fn jw_03_a_token_that_names_no_key_is_only_tried_against_a_set_of_one() {
    let header = json!({"alg": "ES256", "typ": "at+jwt"}).to_string();
    let token = es256().token(&header, &good_payload().to_string());
    assert_eq!(es256().verify(&token), Ok(good_claims()));
    let several = KeySet::new(vec![es256().key.verifying(), eddsa().key.verifying()]);
    assert_eq!(verify(&token, &several, &expected(), NOW), Err(Invalid::UnknownKey));
    assert_eq!(verify(&token, &KeySet::default(), &expected(), NOW), Err(Invalid::UnknownKey));
}

fn with_signature(token: &str, signature: &[u8]) -> String {
    format!("{}.{}", token.rsplit_once('.').unwrap().0, base64(signature))
}

/// `a + b`, big-endian, one byte longer than `a`.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let mut digits: Vec<u8> = a
        .iter()
        .rev()
        .zip(b.iter().rev().chain(std::iter::repeat(&0)))
        .map(|(&a, &b)| {
            let digit = u16::from(a) + u16::from(b) + carry;
            carry = digit >> 8;
            digit.to_be_bytes()[1]
        })
        .collect();
    digits.push(carry.to_be_bytes()[1]);
    digits.reverse();
    digits
}

/// `SEQUENCE { INTEGER r, INTEGER s }`.
fn der_of(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |value: &[u8]| [&[2, 33, 0], value].concat();
    [&[0x30, 70][..], &integer(r), &integer(s)].concat()
}

#[test]
fn jw_04_degenerate_ecdsa_signatures_are_refused() {
    // The order of P-256.
    let order = unbase64("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE");
    let token = sign(&es256().key, "at+jwt", &good_claims()).unwrap();
    let honest = unbase64(token.rsplit_once('.').unwrap().1);
    let (r, s) = honest.split_at(32);
    let one = [&[0; 31][..], &[1]].concat();
    let zero = [0; 32];
    let degenerate: Vec<Vec<u8>> = vec![
        vec![],
        vec![0],
        [zero, zero].concat(),
        [&zero[..], s].concat(),
        [r, &zero].concat(),
        [&order[..], &order].concat(),
        [&order[..], s].concat(),
        [r, &order].concat(),
        [&one[..], &zero].concat(),
        [&zero[..], &one].concat(),
        [&one[..], &one].concat(),
        vec![0xff; 64],
        honest[..63].to_vec(),
        honest[..32].to_vec(),
        [&honest[..], &[0]].concat(),
        [&[0][..], &honest].concat(),
        [&[0][..], r, &[0], s].concat(),
        [r, &sum(s, &order)].concat(),
        [&[0][..], r, &sum(s, &order)].concat(),
        [s, r].concat(),
        der_of(r, s),
        [r, r].concat(),
    ];
    assert!(es256().verify(&token).is_ok());
    for signature in degenerate {
        let refused = es256().verify(&with_signature(&token, &signature));
        let expected = if signature.is_empty() { Invalid::Malformed } else { Invalid::Signature };
        assert_eq!(refused, Err(expected), "{signature:02x?}");
    }
}

#[test]
fn jw_04_a_noncanonical_ed25519_signature_is_refused() {
    // The order of the base point, little-endian.
    let order = unbase64("7dP1XBpjEljWnPei3vneFAAAAAAAAAAAAAAAAAAAABA");
    let token = sign(&eddsa().key, "at+jwt", &good_claims()).unwrap();
    let honest = unbase64(token.rsplit_once('.').unwrap().1);
    let (point, scalar) = honest.split_at(32);
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let mut raised = reversed(&sum(&reversed(scalar), &reversed(&order)));
    raised.pop();
    assert!(eddsa().verify(&token).is_ok());
    for signature in [[point, &raised].concat(), [point, &[0; 32]].concat(), vec![0; 64], honest[..63].to_vec()] {
        let refused = eddsa().verify(&with_signature(&token, &signature));
        assert_eq!(refused, Err(Invalid::Signature));
    }
}

#[test]
fn jw_04_an_rsa_signature_of_another_length_or_plus_the_modulus_is_refused() {
    let token = sign(&rs256().key, "at+jwt", &good_claims()).unwrap();
    let honest = unbase64(token.rsplit_once('.').unwrap().1);
    let modulus = unbase64(&rs256().key.jwk().unwrap().n.unwrap());
    let degenerate = [
        [&[0][..], &honest].concat(),
        [&honest[..], &[0]].concat(),
        honest[..255].to_vec(),
        sum(&honest, &modulus),
        sum(&honest, &modulus)[1..].to_vec(),
        vec![0; 256],
        [&[0; 255][..], &[1]].concat(),
        modulus,
    ];
    assert!(rs256().verify(&token).is_ok());
    for signature in degenerate {
        let refused = rs256().verify(&with_signature(&token, &signature));
        assert_eq!(refused, Err(Invalid::Signature));
    }
    let endless = with_signature(&token, &[7; 1025]);
    assert_eq!(rs256().verify(&endless), Err(Invalid::Malformed));
}

#[test]
fn jw_04_the_signature_of_another_token_is_refused() {
    for pair in pairs() {
        let ours = sign(&pair.key, "at+jwt", &good_claims()).unwrap();
        let mut claims = good_claims();
        claims.roles = vec!["admin".to_owned()];
        let raised = sign(&pair.key, "at+jwt", &claims).unwrap();
        let signature = unbase64(ours.rsplit_once('.').unwrap().1);
        let spliced = with_signature(&raised, &signature);
        assert_eq!(pair.verify(&spliced), Err(Invalid::Signature));
    }
}

#[test]
fn jw_05_an_honest_signature_under_another_alg_is_refused() {
    let names = [
        "ES256", "EdDSA", "RS256", "HS256", "PS256", "RS384", "RS512", "ES384", "ES512", "ES256K", "HS384", "HS512",
        "Ed25519", "RS1",
    ];
    for pair in pairs() {
        for alg in names.into_iter().filter(|&alg| alg != pair.key.algorithm().as_str()) {
            let header = json!({"alg": alg, "kid": pair.key.kid(), "typ": "at+jwt"});
            let token = pair.token(&header.to_string(), &good_payload().to_string());
            assert_eq!(pair.verify(&token), Err(Invalid::Algorithm));
        }
    }
}

#[test]
fn a_key_of_the_same_name_in_another_set_does_not_verify() {
    let (impostor, _) =
        menjin_token::SigningKey::generate(hs256().key.algorithm(), hs256().key.kid().to_owned()).unwrap();
    let token = sign(&impostor, "at+jwt", &good_claims()).unwrap();
    assert_eq!(hs256().verify(&token), Err(Invalid::Signature));
}
