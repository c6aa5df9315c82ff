//! Who is calling and what they may do.

use menjin_guard::token::{Claims, Invalid, sign};
use menjin_guard::{BuildError, Guard, Refusal, permits};

use crate::harness::{AUDIENCE, ISSUER, Local, claims, headers, key, session, signed, token, user};

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let local = Local::new();
    let caller = local.guard.check(&headers(&[&format!("Bearer {}", token())])).await.unwrap();
    assert_eq!((caller.user, caller.session), (user(), session()));
    assert_eq!(caller.client_id, "shop");
    assert_eq!(caller.scopes, ["openid", "profile"]);
    assert_eq!(caller.roles, ["clerk"]);
    assert_eq!(caller.permissions, ["orders:*"]);
    assert_eq!(*caller.claims, claims());
}

#[tokio::test]
async fn what_the_caller_lacks_is_a_403() {
    let caller = Local::new().guard.check_token(&token()).await.unwrap();
    assert_eq!(caller.require_scope("profile"), Ok(()));
    assert_eq!(caller.require_role("clerk"), Ok(()));
    assert_eq!(caller.require("orders:read"), Ok(()));
    let refusals = [
        (caller.require_scope("email"), "insufficient_scope"),
        (caller.require_scope(""), "insufficient_scope"),
        (caller.require_role("Clerk"), "forbidden"),
        (caller.require("users:read"), "forbidden"),
    ];
    for (refusal, code) in refusals {
        let refusal = refusal.unwrap_err();
        assert_eq!((refusal.refusal.code(), refusal.answer().status().as_u16()), (code, 403));
    }
}

#[test]
fn a_wildcard_covers_a_segment_and_at_the_end_all_that_follow() {
    let covered = [
        ("orders:read", "orders:read"),
        ("orders:*", "orders:read"),
        ("orders:*", "orders:read:own"),
        ("orders:*", "orders:*"),
        ("*", "orders"),
        ("*", "orders:read"),
        ("*:read", "orders:read"),
        ("orders:*:own", "orders:read:own"),
    ];
    for (granted, needed) in covered {
        assert!(permits(granted, needed), "{granted} covers {needed}");
    }
    let not_covered = [
        ("orders:read", "orders:write"),
        ("orders:read", "orders"),
        ("orders", "orders:read"),
        ("orders:*", "orders"),
        ("orders:*", "ordersx:read"),
        ("order*", "orders"),
        ("*:read", "orders:write"),
        ("*:read", "orders:read:own"),
        ("orders:*:own", "orders:own"),
        ("orders:read", "orders:*"),
        ("orders:read", "*"),
        ("", ""),
        ("*", ""),
        ("orders:*", "orders:"),
        ("orders:*", "orders:read:"),
        ("orders:", "orders:"),
        ("Orders:read", "orders:read"),
    ];
    for (granted, needed) in not_covered {
        assert!(!permits(granted, needed), "{granted} does not cover {needed}");
    }
}

#[tokio::test]
async fn a_token_for_another_audience_issuer_or_kind_is_refused() {
    let local = Local::new();
    let other = [
        Claims { aud: vec!["other".to_owned()], ..claims() },
        Claims { iss: Some("https://evil.example".to_owned()), ..claims() },
    ];
    for claims in other {
        assert_eq!(local.outcome(&signed(key(), &claims)).await, "token_invalid");
    }
    let logout = sign(key(), "logout+jwt", &claims()).unwrap();
    assert_eq!(local.outcome(&logout).await, "token_invalid");
}

#[tokio::test]
async fn a_token_of_typ_jwt_is_taken_where_it_is_expected_and_marked() {
    let marked = Claims { token_use: Some("access".to_owned()), ..claims() };
    let jwt = sign(key(), "JWT", &marked).unwrap();
    let unmarked = sign(key(), "JWT", &claims()).unwrap();
    let local = Local::new();
    assert_eq!(local.outcome(&jwt).await, "ok", "menjin takes its own tokens of both kinds");
    assert_eq!(local.outcome(&unmarked).await, "token_invalid");
    let strict = Guard::local(ISSUER, AUDIENCE, local.keys.clone(), local.ended.clone())
        .clock(local.clock.clone())
        .accept_jwt_typ(false)
        .build()
        .unwrap();
    assert_eq!(strict.check_token(&jwt).await.unwrap_err(), Refusal::Invalid(Invalid::Typ));
}

#[tokio::test]
async fn a_token_of_an_app_itself_is_good_and_names_no_caller() {
    let local = Local::new();
    let app = Claims { sub: Some("shop".to_owned()), sid: None, ..claims() };
    let token = signed(key(), &app);
    assert_eq!(*local.guard.check_claims(&token).await.unwrap(), app);
    assert_eq!(local.guard.check_token(&token).await.unwrap_err(), Refusal::Invalid(Invalid::Claim("sid")));
    let odd = signed(key(), &Claims { sub: Some("7".to_owned()), ..claims() });
    assert_eq!(local.guard.check_token(&odd).await.unwrap_err(), Refusal::Invalid(Invalid::Claim("sub")));
}

#[tokio::test]
async fn a_local_guard_has_no_leeway() {
    let local = Local::new();
    local.advance(crate::harness::LIFE);
    assert_eq!(local.outcome(&token()).await, "token_expired");
}

#[test]
fn a_guard_that_could_not_work_safely_is_not_built() {
    let build = |issuer: &str, audience: &str| Guard::remote(issuer, audience).feed(false).build();
    assert!(build(ISSUER, AUDIENCE).is_ok());
    assert!(build("https://example.com/login", AUDIENCE).is_ok());
    for issuer in ["https://example.com/", "example.com", "", "ftp://example.com", "https://example.com?x=1"] {
        assert!(matches!(build(issuer, AUDIENCE), Err(BuildError::Issuer)), "{issuer}");
    }
    assert!(matches!(build(ISSUER, ""), Err(BuildError::Audience)));
    let no_feed = Guard::remote(ISSUER, AUDIENCE).build();
    assert!(matches!(no_feed, Err(BuildError::NoFeed)));
    let odd = Guard::remote(ISSUER, AUDIENCE).feed(false).jwks_url("file:///etc/passwd").build();
    assert!(matches!(odd, Err(BuildError::JwksUrl)));
}
