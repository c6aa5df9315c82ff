//! The published examples: RFC 7515 appendix A, RFC 8037 appendix A, RFC 7638 section 3.1.

use std::time::Duration;

use menjin_token::{Expect, Invalid, Jwk, KeySet, Timestamp, Typ, VerifyingKey, verify};
use serde_json::json;

use crate::forge::unbase64;

const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const BEFORE: Timestamp = Timestamp::from_secs(1_300_819_379);

/// The example's claims hold, and one changed bit of the signature is noticed.
fn holds(key: VerifyingKey, header: &str, signature: &str) {
    let keys = KeySet::new(vec![key]);
    let expect = Expect { typ: Typ::Jwt, issuer: Some("joe"), audience: None, leeway: Duration::ZERO };
    let token = format!("{header}.{PAYLOAD}.{signature}");
    let claims = verify(&token, &keys, &expect, BEFORE).unwrap();
    assert_eq!(claims.exp, Timestamp::from_secs(1_300_819_380));
    assert_eq!(claims.extra["http://example.com/is_root"], json!(true));
    assert_eq!(verify(&token, &keys, &expect, claims.exp), Err(Invalid::Expired));
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let changed = format!("{header}.{PAYLOAD}.{first}{}", &signature[1..]);
    assert_eq!(verify(&changed, &keys, &expect, BEFORE), Err(Invalid::Signature));
}

fn key(jwk: serde_json::Value) -> VerifyingKey {
    VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
}

#[test]
fn rfc_7515_a_1_hs256_holds() {
    let secret = unbase64("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    holds(
        VerifyingKey::hs256("a1".to_owned(), &secret).unwrap(),
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
}

const A_2_MODULUS: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
    "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
    "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
    "TW9gb54h4FRWyuXpoQ"
);

#[test]
fn rfc_7515_a_2_rs256_holds() {
    holds(
        key(json!({"kty": "RSA", "n": A_2_MODULUS, "e": "AQAB"})),
        "eyJhbGciOiJSUzI1NiJ9",
        concat!(
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb",
            "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383",
            "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy",
            "wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        ),
    );
}

#[test]
fn rfc_7515_a_3_es256_holds() {
    holds(
        key(json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })),
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}

#[test]
fn rfc_8037_a_4_eddsa_holds() {
    let key = key(json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
    assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 A.3");
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(key.accepts(signed.as_bytes(), &unbase64(signature)));
    // The example's payload is a sentence, so the whole is a good JWS and no good JWT.
    let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: Duration::ZERO };
    let token = format!("{signed}.{signature}");
    let refused = verify(&token, &KeySet::new(vec![key]), &expect, BEFORE);
    assert_eq!(refused, Err(Invalid::Malformed));
}

#[test]
fn rfc_7638_thumbprint_holds() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "RSA",
        "n": concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV",
            "4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7",
            "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4",
            "4-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }))
    .unwrap();
    assert_eq!(jwk.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
}
