//! Public keys in PEM, as openssl writes them, against tokens that other programs signed.

use menjin_token::{Algorithm, Claims, Expect, Invalid, KeyError, KeySet, Timestamp, Typ, VerifyingKey, verify};
use proptest::prelude::*;

/// `openssl ec -pubout`.
const EC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqYLA1RySbz+u4jJSGSadXG80tiVP
M1LHkwe8hwEnJGs0uF8qAOUzDp23AJCLRVqDlzk7X0kV6j2Ou8Z6M1GoTw==
-----END PUBLIC KEY-----
";
/// `PyJWT`, with the private half.
const ES256: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo3LCJleHAiOjQxMDI0NDQ4MDB9.Y6RbOeDTGEhTrimTlCd2hp\
     WgxxEDVXHXFLQvnGoI2qP8IEUBC6HlFS9tvLpQLTwYisttvSMZKr-G6QrGxsEc5Q";
/// `openssl pkey -pubout`.
const ED: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAVanGY+mpuU5hDRQ3wIWXiw6lf1L22x1UOlsoTp35tXM=
-----END PUBLIC KEY-----
";
/// `PyJWT`.
const EDDSA: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjo3LCJleHAiOjQxMDI0NDQ4MDB9.j6cuboFB3rSS_vcLqrqeqO\
     nQCr-tQAaAZKW3TvkJfY7kMPopr6ssF6iQUfBaZKghe5Lmk6qn6fdIgnhLGhYECg";
/// `openssl rsa -pubout`.
const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0J4INNOqafthyTRABlMa
dCfNR+DTCSnY9AeN4EBlUdWqZ07MwDPlTZMvBsqUVKAjHAo+ROiDtv31FRXwM4du
DWt1qOqhWCNi91u+RunZ9LRFcbW2UjKJVBiS8n6fJ2WSercQkRsbW55VHMg7uv2Q
F5+gUfAqbVpKq1XnE5q78exKgHeFBm0dZZpkGi6Bk39pSMng2O5Rz0kGRUBV012c
5heHaJlweHkQS6MazABnH2P3V2s+Y9YqWC2In/tVrp1N+LfOfNBbjvfF8oNjJ8Ak
1YXqEAeLA2lMPdY1J4EG1Ao+o+Ws39Nn7qt7HNS7xMJxmbk+5GD7lRbMiOALg4iv
NQIDAQAB
-----END PUBLIC KEY-----
";
/// `openssl rsa -RSAPublicKey_out`.
const RSA_OLD: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA0J4INNOqafthyTRABlMadCfNR+DTCSnY9AeN4EBlUdWqZ07MwDPl
TZMvBsqUVKAjHAo+ROiDtv31FRXwM4duDWt1qOqhWCNi91u+RunZ9LRFcbW2UjKJ
VBiS8n6fJ2WSercQkRsbW55VHMg7uv2QF5+gUfAqbVpKq1XnE5q78exKgHeFBm0d
ZZpkGi6Bk39pSMng2O5Rz0kGRUBV012c5heHaJlweHkQS6MazABnH2P3V2s+Y9Yq
WC2In/tVrp1N+LfOfNBbjvfF8oNjJ8Ak1YXqEAeLA2lMPdY1J4EG1Ao+o+Ws39Nn
7qt7HNS7xMJxmbk+5GD7lRbMiOALg4ivNQIDAQAB
-----END RSA PUBLIC KEY-----
";
/// `openssl dgst -sha256 -sign`.
const RS256: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJ1c2VyX2lkIjo3LCJleHAiOjQxMDI0NDQ4MDB9.Z4Ep44iqs2vXKwpbq8FNdZ\
     f33hlmqpWPz2SZyRYR4lFiao1uqr1tPypw47ErC6plkKMdSAD_t3nDRU37PGXQDl-W9PfsVgSEYMaTvGtzgQ0-evPIeT5mdNBtLz\
     seAj2fa854XjvoWHZvyZDWjazHi2t3PA0WpP7Qe9EllcgA72WfqqD1nWGJq1W8DlCGjn-2Oagkik8JGNdFZsy0qe6cbrSX9gvSR_\
     jq9aaVTqa_ctKDlbgRkl9pBPRyZcFH-Ca_gqRbveMvaTySpX5tHUDSY996w3oL-1XcLTON-YnYwMuvOXOVAJouUhxZhqgbJ8QFZt\
     SONuM2SZhJgbKIeUh_dQ";
/// Another curve.
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE+grVbwXnxsp9vlIiN+FzqbO2cyV89td8
TKKRC+wafQEBs1LHa5+CSz3FBjOsVXBnop8JG4WhJzSSaD7zMucXh1boMxBiuvns
oaYPGUoEC1ZV+SXcnobVszOL4w6zYEQH
-----END PUBLIC KEY-----
";

fn claims(algorithm: Algorithm, pem: &str, token: &str) -> Result<Claims, Invalid> {
    let key = VerifyingKey::from_pem(algorithm, "old".to_owned(), pem).unwrap();
    let expect = Expect { typ: Typ::Jwt, issuer: None, audience: None, leeway: std::time::Duration::ZERO };
    verify(token, &KeySet::new(vec![key]), &expect, Timestamp::from_secs(1_795_000_000))
}

#[test]
fn a_pem_file_verifies_what_its_private_half_has_signed() {
    let cases = [
        (Algorithm::Es256, EC, ES256),
        (Algorithm::EdDsa, ED, EDDSA),
        (Algorithm::Rs256, RSA, RS256),
        (Algorithm::Rs256, RSA_OLD, RS256),
    ];
    for (algorithm, pem, token) in cases {
        assert_eq!(claims(algorithm, pem, token).unwrap().extra["user_id"], 7, "{algorithm}");
        let unix_lines_or_not = pem.replace('\n', "\r\n");
        assert!(claims(algorithm, &unix_lines_or_not, token).is_ok());
    }
    assert_eq!(claims(Algorithm::Rs256, RSA, ES256), Err(Invalid::Algorithm));
}

#[test]
fn the_algorithm_that_is_said_must_be_the_keys() {
    let parsed = |algorithm, pem| VerifyingKey::from_pem(algorithm, "old".to_owned(), pem).map(drop);
    for (algorithm, pem) in [
        (Algorithm::Rs256, EC),
        (Algorithm::Es256, RSA),
        (Algorithm::Es256, ED),
        (Algorithm::Hs256, RSA),
        (Algorithm::Hs256, EC),
        (Algorithm::Es256, P384),
    ] {
        assert_eq!(parsed(algorithm, pem), Err(KeyError::Unsupported), "{algorithm}");
    }
}

#[test]
fn what_is_no_public_key_is_refused() {
    let parsed = |pem: &str| VerifyingKey::from_pem(Algorithm::Rs256, "old".to_owned(), pem).map(drop);
    let private = RSA.replace("PUBLIC", "PRIVATE");
    let certificate = RSA.replace("PUBLIC KEY", "CERTIFICATE");
    for (pem, error) in [
        ("", KeyError::Malformed),
        ("secret", KeyError::Malformed),
        (&RSA[..200], KeyError::Malformed),
        (&RSA.replace("END PUBLIC KEY", "END RSA PUBLIC KEY"), KeyError::Malformed),
        (&RSA.replacen('M', "\u{e9}", 1), KeyError::Malformed),
        (&format!("{RSA}{RSA}"), KeyError::Malformed),
        (&private, KeyError::Unsupported),
        (&certificate, KeyError::Unsupported),
        (&RSA.replace("PUBLIC KEY", "RSA PUBLIC KEY"), KeyError::Malformed),
    ] {
        assert_eq!(parsed(pem), Err(error), "{pem}");
    }
}

proptest! {
    #[test]
    fn no_file_panics(cut in 0..400_usize, byte: u8, text: String) {
        _ = VerifyingKey::from_pem(Algorithm::Rs256, String::new(), &text);
        let mut bytes = RSA.as_bytes().to_vec();
        bytes[cut % RSA.len()] = byte;
        _ = VerifyingKey::from_pem(Algorithm::Rs256, String::new(), &String::from_utf8_lossy(&bytes));
    }
}
