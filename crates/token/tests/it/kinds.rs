//! JW-06 to JW-09: what kind of token it is, whose, for whom and when.

use std::time::Duration;

use menjin_token::{Claims, Expect, Invalid, Timestamp, Typ, sign, verify};
use serde_json::{Value, json};

use crate::forge::{ISSUER, NOW, es256, expected, good_claims, good_payload, payload_with, payload_without};

fn token_of(typ: Option<&str>) -> String {
    let mut header = es256().header();
    match typ {
        Some(typ) => header["typ"] = json!(typ),
        None => _ = header.as_object_mut().unwrap().remove("typ"),
    }
    es256().token(&header.to_string(), &good_payload().to_string())
}

fn verify_as(typ: Typ, token: &str) -> Result<Claims, Invalid> {
    verify(token, &es256().keys(), &Expect { typ, ..expected() }, NOW)
}

#[test]
fn jw_06_refresh_id_logout_and_client_assertion_tokens_are_not_access_tokens() {
    let others = [
        "JWT",
        "logout+jwt",
        "secevent+jwt",
        "client-authentication+jwt",
        "oauth-authz-req+jwt",
        "at",
        "at+jwt ",
        "",
        "application/jwt",
        "xat+jwt",
    ];
    for typ in others.map(Some).into_iter().chain([None]) {
        assert_eq!(es256().verify(&token_of(typ)), Err(Invalid::Typ), "{typ:?}");
    }
    let refresh = "mjr_AQEAAAGaw2v1AAAAAAAAAAAAAAAAAAAAAAE";
    assert_eq!(es256().verify(refresh), Err(Invalid::Malformed));
}

#[test]
fn an_access_token_is_known_by_both_spellings_of_its_media_type_in_any_case() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(es256().verify(&token_of(Some(typ))), Ok(good_claims()));
    }
}

#[test]
fn a_token_of_typ_jwt_is_an_access_token_only_when_token_use_says_so() {
    let marked = |token_use: Value| {
        let mut header = es256().header();
        header["typ"] = json!("JWT");
        es256().token(&header.to_string(), &payload_with("token_use", token_use))
    };
    assert!(verify_as(Typ::JwtAccess, &marked(json!("access"))).is_ok());
    for token_use in ["id", "refresh", "Access", ""] {
        assert_eq!(verify_as(Typ::JwtAccess, &marked(json!(token_use))), Err(Invalid::Typ));
    }
    assert_eq!(verify_as(Typ::JwtAccess, &token_of(Some("JWT"))), Err(Invalid::Typ));
    assert_eq!(verify_as(Typ::JwtAccess, &token_of(None)), Err(Invalid::Typ));
    assert_eq!(verify_as(Typ::JwtAccess, &token_of(Some("at+jwt"))), Err(Invalid::Typ));
}

#[test]
fn an_old_systems_token_may_say_jwt_or_nothing_and_needs_no_sub_or_iat() {
    assert!(verify_as(Typ::Jwt, &token_of(Some("JWT"))).is_ok());
    assert!(verify_as(Typ::Jwt, &token_of(None)).is_ok());
    assert_eq!(verify_as(Typ::Jwt, &token_of(Some("at+jwt"))), Err(Invalid::Typ));
    let mut payload = good_payload();
    payload.as_object_mut().unwrap().retain(|name, _| ["exp", "iss", "aud"].contains(&name.as_str()));
    let bare = es256().token(&json!({"alg": "ES256"}).to_string(), &payload.to_string());
    assert!(verify_as(Typ::Jwt, &bare).is_ok());
}

#[test]
fn a_token_of_a_typ_of_its_own_is_only_that() {
    let assertion = Typ::Exactly("menjin-assertion+jwt".to_owned());
    assert!(verify_as(assertion.clone(), &token_of(Some("menjin-assertion+jwt"))).is_ok());
    assert_eq!(verify_as(assertion, &token_of(Some("at+jwt"))), Err(Invalid::Typ));
}

#[test]
fn jw_07_a_registered_claim_of_the_wrong_type_refuses_the_token() {
    let text = [json!(null), json!(1), json!(true), json!(["x"]), json!({"x": 1})];
    let date =
        [json!(null), json!("1795000000"), json!("x"), json!(true), json!([1]), json!({}), json!(-1), json!(-0.5)];
    let list = [json!(null), json!("x"), json!(1), json!([1]), json!([null]), json!([["x"]]), json!({"0": "x"})];
    let audience =
        [json!(null), json!(1), json!(true), json!([1]), json!([null]), json!(["shop-api", 1]), json!({"shop-api": 1})];
    let cases: [(&[&str], &[Value]); 4] = [
        (&["iss", "sub", "jti", "sid", "client_id", "scope", "token_use"], &text),
        (&["exp", "iat", "nbf", "auth_time"], &date),
        (&["amr", "roles", "permissions"], &list),
        (&["aud"], &audience),
    ];
    for (names, values) in cases {
        for &name in names {
            for value in values {
                let token = es256().access(&payload_with(name, value.clone()));
                assert_eq!(es256().verify(&token), Err(Invalid::Claim(name)), "{name}: {value}");
            }
        }
    }
}

#[test]
fn jw_07_a_time_that_is_not_a_number_refuses_the_token() {
    for claim in ["exp", "iat", "nbf"] {
        for spelling in ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "0x7f", "01", "1.", "+1", ""] {
            let rest = good_payload().to_string();
            let payload = payload_without_member(&rest, claim).replacen('{', &format!(r#"{{"{claim}":{spelling},"#), 1);
            let refused = es256().verify(&es256().access(&payload)).unwrap_err();
            assert!(matches!(refused, Invalid::Claim(_) | Invalid::Malformed), "{claim}: {spelling}");
        }
    }
}

fn payload_without_member(payload: &str, name: &str) -> String {
    let mut payload: Value = serde_json::from_str(payload).unwrap();
    payload.as_object_mut().unwrap().remove(name);
    payload.to_string()
}

#[test]
fn jw_07_an_absent_claim_that_must_be_there_refuses_the_token() {
    let absent = [
        ("exp", Invalid::Claim("exp")),
        ("iat", Invalid::Claim("iat")),
        ("sub", Invalid::Claim("sub")),
        ("iss", Invalid::Issuer),
        ("aud", Invalid::Audience),
    ];
    for (name, refused) in absent {
        let token = es256().access(&payload_without(name));
        assert_eq!(es256().verify(&token), Err(refused));
    }
    for payload in ["{}", "[]", "null", "1", "\"x\"", "", "{", "true", "\u{feff}{}"] {
        assert!(es256().verify(&es256().access(payload)).is_err());
    }
}

#[test]
fn a_time_with_a_fraction_counts_in_whole_seconds() {
    let exp = NOW.secs() + 1;
    let token = es256().access(&payload_with("exp", json!(exp).as_f64().map(|exp| exp + 0.9).into()));
    let keys = es256().keys();
    assert!(verify(&token, &keys, &expected(), NOW).is_ok());
    let later = Timestamp::from_secs(exp);
    assert_eq!(verify(&token, &keys, &expected(), later), Err(Invalid::Expired));
}

#[test]
fn jw_08_iss_is_compared_whole_and_as_a_string() {
    let others = [
        "https://login.example.com/",
        "https://login.example.co",
        "https://login.example.com.evil.example",
        "HTTPS://login.example.com",
        "http://login.example.com",
        " https://login.example.com",
        "",
    ];
    for issuer in others {
        let token = es256().access(&payload_with("iss", json!(issuer)));
        assert_eq!(es256().verify(&token), Err(Invalid::Issuer), "{issuer}");
    }
    let listed = es256().access(&payload_with("iss", json!([ISSUER])));
    assert_eq!(es256().verify(&listed), Err(Invalid::Claim("iss")));
}

#[test]
fn jw_08_aud_as_a_string_or_an_array_must_contain_our_audience() {
    for audience in [json!("shop-api"), json!(["shop-api"]), json!(["x", "shop-api", "y"])] {
        let token = es256().access(&payload_with("aud", audience));
        assert!(es256().verify(&token).is_ok());
    }
    for audience in [
        json!("shop"),
        json!("shop-api-2"),
        json!("Shop-api"),
        json!(""),
        json!([]),
        json!(["shop", "api"]),
        json!("x shop-api"),
    ] {
        let token = es256().access(&payload_with("aud", audience.clone()));
        assert_eq!(es256().verify(&token), Err(Invalid::Audience), "{audience}");
    }
}

#[test]
fn jw_08_sub_must_be_a_non_empty_string() {
    let token = es256().access(&payload_with("sub", json!("")));
    assert_eq!(es256().verify(&token), Err(Invalid::Claim("sub")));
}

#[test]
fn what_is_not_expected_is_not_checked() {
    let anybody = Expect { issuer: None, audience: None, ..expected() };
    let token = es256().access(&payload_without("aud"));
    assert!(verify(&token, &es256().keys(), &anybody, NOW).is_ok());
}

#[test]
fn jw_09_a_token_is_good_before_exp_plus_leeway_and_from_nbf_minus_leeway() {
    let mut claims = good_claims();
    claims.nbf = Some(NOW);
    claims.exp = NOW.plus(Duration::from_secs(100));
    let token = sign(&es256().key, "at+jwt", &claims).unwrap();
    let at = |leeway: u64, millis: i64| {
        let expect = Expect { leeway: Duration::from_secs(leeway), ..expected() };
        let now = Timestamp::from_millis(NOW.millis() + millis);
        verify(&token, &es256().keys(), &expect, now).map(|_| ())
    };
    assert_eq!(at(0, 0), Ok(()));
    assert_eq!(at(0, -1), Err(Invalid::NotYet));
    assert_eq!(at(0, 99_999), Ok(()));
    assert_eq!(at(0, 100_000), Err(Invalid::Expired));
    assert_eq!(at(30, -30_000), Ok(()));
    assert_eq!(at(30, -30_001), Err(Invalid::NotYet));
    assert_eq!(at(30, 129_999), Ok(()));
    assert_eq!(at(30, 130_000), Err(Invalid::Expired));
}

#[test]
fn jw_09_no_more_than_60_seconds_of_leeway_are_granted() {
    let token = sign(&es256().key, "at+jwt", &good_claims()).unwrap();
    let expect = Expect { leeway: Duration::MAX, ..expected() };
    let end = good_claims().exp;
    let keys = es256().keys();
    assert!(verify(&token, &keys, &expect, end.plus(Duration::from_secs(59))).is_ok());
    assert_eq!(verify(&token, &keys, &expect, end.plus(Duration::from_mins(1))), Err(Invalid::Expired));
}

#[test]
fn times_far_away_do_not_overflow() {
    for far in [json!(u64::MAX), json!(i64::MAX), json!(1e300), json!(9_007_199_254_740_993_i64)] {
        assert!(es256().verify(&es256().access(&payload_with("exp", far.clone()))).is_ok());
        let not_yet = es256().verify(&es256().access(&payload_with("nbf", far)));
        assert_eq!(not_yet, Err(Invalid::NotYet));
    }
    let token = sign(&es256().key, "at+jwt", &good_claims()).unwrap();
    let keys = es256().keys();
    for now in [i64::MIN, i64::MAX] {
        _ = verify(&token, &keys, &expected(), Timestamp::from_millis(now));
    }
    let epoch = es256().access(&payload_with("exp", json!(0)));
    assert_eq!(es256().verify(&epoch), Err(Invalid::Expired));
    assert!(Invalid::Expired.is_expired() && !Invalid::NotYet.is_expired());
}
