//! Where a token may stand in a request.

use http::{HeaderMap, HeaderValue};
use menjin_guard::token::{Invalid, MAX_TOKEN};
use menjin_guard::{Refusal, source};
use proptest::prelude::*;

use crate::harness::headers;

#[test]
fn the_schemes_bearer_and_jwt_are_taken_in_any_case() {
    for scheme in ["Bearer", "bearer", "BEARER", "JWT", "jwt", "Jwt"] {
        let headers = headers(&[&format!("{scheme} a.b.c")]);
        assert_eq!(source::token(&headers), Ok("a.b.c"));
    }
    assert_eq!(source::token(&headers(&["Bearer   a.b.c "])), Ok("a.b.c"));
}

#[test]
fn no_header_and_another_scheme_are_alike_no_token() {
    let without: [&[&str]; 8] =
        [&[], &["Basic YTpi"], &["Bearer"], &["Bearer "], &[""], &["a.b.c"], &["BearerX a.b.c"], &["Digest x"]];
    for values in without {
        assert_eq!(source::token(&headers(values)), Err(Refusal::Missing), "{values:?}");
    }
}

#[test]
fn two_headers_are_refused_whatever_they_say() {
    let malformed = Err(Refusal::Invalid(Invalid::Malformed));
    assert_eq!(source::token(&headers(&["Bearer a.b.c", "Bearer a.b.c"])), malformed);
    assert_eq!(source::token(&headers(&["Basic x", "Bearer a.b.c"])), malformed);
}

#[test]
fn odd_bytes_and_too_many_of_them_are_refused() {
    let mut odd = HeaderMap::new();
    odd.insert("authorization", HeaderValue::from_bytes(b"Bearer a.b.\xff").unwrap());
    assert_eq!(source::token(&odd), Err(Refusal::Invalid(Invalid::Malformed)));
    let long = format!("Bearer {}", "x".repeat(MAX_TOKEN + 1));
    assert_eq!(source::token(&headers(&[&long])), Err(Refusal::Invalid(Invalid::TooLarge)));
}

proptest! {
    #[test]
    fn jw_17_no_header_panics(bytes: Vec<u8>) {
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", value);
            _ = source::token(&headers);
        }
    }

    #[test]
    fn a_token_is_never_taken_with_spaces_around_it(token in "[!-~]{1,40}", spaces in " {1,3}") {
        let headers = headers(&[&format!("Bearer{spaces}{token}{spaces}")]);
        prop_assert_eq!(source::token(&headers), Ok(token.as_str()));
    }
}
