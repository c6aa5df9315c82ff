//! `menjin token decode` and `menjin token verify`.

use std::time::Duration;

use menjin_server::{Clock as _, SystemClock};
use menjin_token::{Algorithm, Claims, KeySet, SigningKey, Timestamp, sign};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ran, run_in, run_with};

const ISSUER: &str = "https://login.example.com";

/// A key, and its set in a file.
struct Signer {
    key: SigningKey,
    folder: TempDir,
}

impl Signer {
    fn new() -> Self {
        let (key, _) = SigningKey::generate(Algorithm::Es256, "one".to_owned()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let set = KeySet::new(vec![key.verifying()]).published();
        std::fs::write(folder.path().join("jwks.json"), serde_json::to_vec(&set).unwrap()).unwrap();
        Self { key, folder }
    }

    fn claims(now: Timestamp) -> Claims {
        Claims {
            iss: Some(ISSUER.to_owned()),
            sub: Some("usr_1".to_owned()),
            aud: vec!["shop-api".to_owned()],
            iat: Some(now),
            ..Claims::expiring(now.plus(Duration::from_mins(15)))
        }
    }

    fn token(&self, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = Self::claims(SystemClock.now());
        change(&mut claims);
        sign(&self.key, "at+jwt", &claims).unwrap()
    }

    fn verify(&self, input: impl AsRef<[u8]>, more: &[&str]) -> Ran {
        let jwks = self.folder.path().join("jwks.json");
        let start = ["token", "verify", "--jwks", jwks.to_str().unwrap()];
        run_with(input.as_ref(), &[&start, more].concat())
    }
}

#[test]
fn a_good_token_is_valid_and_its_claims_are_shown() {
    let signer = Signer::new();
    let out = signer.verify(signer.token(|_| ()), &["--issuer", ISSUER, "--audience", "shop-api"]).ok();
    let claims: Value = serde_json::from_str(out.strip_prefix("valid ").unwrap()).unwrap();
    assert_eq!(claims["sub"], "usr_1");
    assert_eq!(out.lines().count(), 1);
}

#[test]
fn every_line_has_its_verdict_and_one_bad_token_fails_the_run() {
    let signer = Signer::new();
    let now = SystemClock.now();
    let good = signer.token(|_| ());
    let expired = signer.token(|claims| claims.exp = now.minus(Duration::from_secs(1)));
    let early = signer.token(|claims| claims.nbf = Some(now.plus(Duration::from_mins(10))));
    let stranger = Signer::new().token(|_| ());
    let long = "x".repeat(3 * menjin_token::MAX_TOKEN);
    let input = format!("{good}\n\n{expired}\r\n{early}\n   \n{stranger}\nnonsense\n{long}\n{good}");
    let ran = signer.verify(input, &[]);
    let verdicts: Vec<&str> = ran.out.lines().map(|line| line.split(" {").next().unwrap()).collect();
    let expected = [
        "valid",
        "invalid expired",
        "invalid not_yet",
        "invalid signature",
        "invalid malformed",
        "invalid too_large",
        "valid",
    ];
    assert_eq!(verdicts, expected);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
}

#[test]
fn what_is_not_given_is_not_checked() {
    let signer = Signer::new();
    let token = signer.token(|claims| (claims.iss, claims.aud) = (None, Vec::new()));
    signer.verify(&token, &[]).ok();
    let verdict = |more: &[&str]| signer.verify(&token, more).out;
    assert_eq!(verdict(&["--issuer", ISSUER]), "invalid issuer\n");
    assert_eq!(verdict(&["--audience", "shop-api"]), "invalid audience\n");
    assert_eq!(verdict(&["--typ", "JWT"]), "invalid typ\n");
}

#[test]
fn another_kind_of_token_is_valid_where_it_is_asked_for() {
    let signer = Signer::new();
    let claims = Claims::expiring(SystemClock.now().plus(Duration::from_mins(1)));
    for (typ, asked) in [("JWT", "JWT"), ("logout+jwt", "logout+jwt")] {
        let token = sign(&signer.key, typ, &claims).unwrap();
        assert_eq!(signer.verify(&token, &[]).out, "invalid typ\n");
        signer.verify(&token, &["--typ", asked]).ok();
    }
}

#[test]
fn leeway_is_none_unless_given() {
    let signer = Signer::new();
    let token = signer.token(|claims| claims.exp = SystemClock.now().minus(Duration::from_secs(5)));
    assert_eq!(signer.verify(&token, &[]).out, "invalid expired\n");
    signer.verify(&token, &["--leeway", "60"]).ok();
}

#[test]
fn nothing_to_verify_is_no_failure() {
    assert_eq!(Signer::new().verify("\n \n", &[]).ok(), "");
}

#[test]
fn bytes_that_are_no_text_are_malformed() {
    let ran = Signer::new().verify(b"\xff\xfe\n", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "invalid malformed\n"));
}

#[test]
fn a_key_set_that_can_not_be_read_is_told_apart_from_a_bad_token() {
    let signer = Signer::new();
    let broken = signer.folder.path().join("broken.json");
    std::fs::write(&broken, "[]").unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}/jwks.json", nobody.local_addr().unwrap());
    drop(nobody);
    for place in [broken.to_str().unwrap(), "no-such-file.json", &gone] {
        let ran = run_with(signer.token(|_| ()).as_bytes(), &["token", "verify", "--jwks", place]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{place}");
        assert!(ran.err.contains("--jwks") && ran.err.contains(place), "{}", ran.err);
    }
}

#[test]
fn decode_shows_any_token_and_says_that_it_is_unverified() {
    let signer = Signer::new();
    let expired = signer.token(|claims| claims.exp = Timestamp::from_secs(1));
    let shown = run_with(format!("Bearer {expired}\n").as_bytes(), &["token", "decode"]).ok();
    let by_argument = run_in(signer.folder.path(), &["token", "decode", &expired]).ok();
    assert_eq!(shown, by_argument);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["header"]["typ"], "at+jwt");
    assert_eq!(shown["claims"]["exp"], 1);
    assert!(shown["warning"].as_str().is_some_and(|warning| warning.contains("UNVERIFIED")));
}

#[test]
fn decode_refuses_what_is_no_token() {
    for input in ["", "nonsense", "a.b.c"] {
        run_with(input.as_bytes(), &["token", "decode"]).refused(&["token"]);
    }
}
