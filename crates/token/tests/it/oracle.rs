//! jsonwebtoken as the second opinion: it takes what we sign, and we take what it signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm as Theirs, DecodingKey, EncodingKey, Header, Validation};
use menjin_token::{Algorithm, sign};
use serde_json::Value;

use crate::forge::{AUDIENCE, ISSUER, Pair, eddsa, es256, good_claims, good_payload, hs256, pairs, rs256};

fn theirs(pair: &Pair) -> Theirs {
    match pair.key.algorithm() {
        Algorithm::Es256 => Theirs::ES256,
        Algorithm::EdDsa => Theirs::EdDSA,
        Algorithm::Rs256 => Theirs::RS256,
        Algorithm::Hs256 => Theirs::HS256,
    }
}

fn decoding(pair: &Pair) -> DecodingKey {
    let member = |member: Option<String>| member.unwrap();
    match pair.key.jwk() {
        None => DecodingKey::from_secret(&pair.private),
        Some(jwk) => match pair.key.algorithm() {
            Algorithm::Es256 => DecodingKey::from_ec_components(&member(jwk.x), &member(jwk.y)).unwrap(),
            Algorithm::EdDsa => DecodingKey::from_ed_components(&member(jwk.x)).unwrap(),
            Algorithm::Rs256 | Algorithm::Hs256 => {
                DecodingKey::from_rsa_components(&member(jwk.n), &member(jwk.e)).unwrap()
            }
        },
    }
}

fn encoding(pair: &Pair) -> EncodingKey {
    match pair.key.algorithm() {
        Algorithm::Es256 => EncodingKey::from_ec_der(&pair.private),
        Algorithm::EdDsa => EncodingKey::from_ed_der(&pair.private),
        Algorithm::Hs256 => EncodingKey::from_secret(&pair.private),
        Algorithm::Rs256 => {
            let body = STANDARD.encode(&pair.private);
            let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
            EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
        }
    }
}

fn validation(pair: &Pair) -> Validation {
    let mut validation = Validation::new(theirs(pair));
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false; // It would read a clock.
    validation
}

#[test]
fn jsonwebtoken_takes_what_we_sign() {
    for pair in pairs() {
        let token = sign(&pair.key, "at+jwt", &good_claims()).unwrap();
        let read = jsonwebtoken::decode::<Value>(&token, &decoding(pair), &validation(pair)).unwrap();
        assert_eq!(read.claims, good_payload());
        assert_eq!(read.header.kid.as_deref(), Some(pair.key.kid()));
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
    }
}

#[test]
fn we_take_what_jsonwebtoken_signs() {
    for pair in pairs() {
        let mut header = Header::new(theirs(pair));
        header.kid = Some(pair.key.kid().to_owned());
        header.typ = Some("at+jwt".to_owned());
        let token = jsonwebtoken::encode(&header, &good_payload(), &encoding(pair)).unwrap();
        assert_eq!(pair.verify(&token), Ok(good_claims()));
    }
}

#[test]
fn both_refuse_a_token_whose_signature_has_one_bit_turned() {
    for pair in [es256(), eddsa(), rs256(), hs256()] {
        let token = sign(&pair.key, "at+jwt", &good_claims()).unwrap();
        let at = token.len() - 10;
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let turned = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert!(pair.verify(&turned).is_err());
        assert!(jsonwebtoken::decode::<Value>(&turned, &decoding(pair), &validation(pair)).is_err());
    }
}
