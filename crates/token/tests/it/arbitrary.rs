//! JW-17: nothing that anybody sends makes the verifier panic.

use menjin_token::{KeySet, dangerous, sign};
use proptest::prelude::*;

use crate::forge::{eddsa, es256, good_claims, good_payload, hs256};

/// Text that gets past the first checks often enough to matter.
fn token_like() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        "[A-Za-z0-9_-]{0,80}",
        "[{}\":,a-z0-9\\\\]{0,40}".prop_map(crate::forge::base64),
        Just(crate::forge::base64(es256().header().to_string())),
    ];
    proptest::collection::vec(segment, 0..5).prop_map(|segments| segments.join("."))
}

/// JSON that is close to claims.
fn claims_like() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        "\"[a-z\\\\u0-9]{0,8}\"",
        Just("[\"x\",[]]".to_owned()),
        Just("{\"x\":{}}".to_owned()),
    ];
    let name = prop_oneof![
        Just("exp".to_owned()),
        Just("aud".to_owned()),
        Just("sub".to_owned()),
        Just("nbf".to_owned()),
        Just("roles".to_owned()),
        "[a-z]{0,3}",
    ];
    proptest::collection::vec((name, value), 0..6).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn jw_17_no_text_panics_the_verifier(text: String) {
        prop_assert!(es256().verify(&text).is_err());
        _ = dangerous::decode_unverified(&text);
    }

    #[test]
    fn jw_17_nothing_like_a_token_panics_the_verifier(text in token_like()) {
        prop_assert!(es256().verify(&text).is_err());
        _ = dangerous::decode_unverified(&text);
    }

    #[test]
    fn jw_17_no_signed_claims_panic_the_verifier(payload in claims_like()) {
        _ = hs256().verify(&hs256().access(&payload));
    }

    #[test]
    fn jw_17_no_signed_header_panics_the_verifier(header in claims_like()) {
        _ = hs256().verify(&hs256().token(&header, &good_payload().to_string()));
    }

    #[test]
    fn jw_17_no_change_to_a_good_token_is_taken(at: prop::sample::Index, byte in 0_u8..128) {
        let token = sign(&eddsa().key, "at+jwt", &good_claims()).unwrap();
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(eddsa().verify(&changed).is_ok(), changed == token);
    }

    #[test]
    fn jw_17_no_bytes_panic_the_reader_of_key_sets(bytes: Vec<u8>) {
        _ = KeySet::parse(&bytes);
    }

    #[test]
    fn jw_17_no_member_panics_the_reader_of_key_sets(kty in "EC|OKP|RSA", crv in "P-256|Ed25519", a in "[A-Za-z0-9_-]{0,90}") {
        let document = format!(r#"{{"keys":[{{"kty":"{kty}","crv":"{crv}","x":"{a}","y":"{a}","n":"{a}","e":"{a}"}}]}}"#);
        prop_assert!(KeySet::parse(document.as_bytes()).is_ok());
    }
}
