//! JW-10 to JW-14: the form of a token, byte by byte.

use menjin_token::{Invalid, MAX_TOKEN, dangerous, sign};
use serde_json::{Value, json};

use crate::forge::{base64, es256, good_claims, good_payload, payload_with};

fn with_header(name: &str, value: Value) -> String {
    let mut header = es256().header();
    header[name] = value;
    es256().token(&header.to_string(), &good_payload().to_string())
}

#[test]
fn jw_10_crit_known_unknown_or_malformed_is_refused() {
    for crit in
        [json!(["exp"]), json!(["b64"]), json!(["urn:example:x"]), json!([]), json!(null), json!("alg"), json!(1)]
    {
        assert_eq!(es256().verify(&with_header("crit", crit)), Err(Invalid::Critical));
    }
}

#[test]
fn jw_10_b64_is_refused() {
    for b64 in [json!(false), json!(true), json!("false")] {
        assert_eq!(es256().verify(&with_header("b64", b64)), Err(Invalid::Critical));
    }
}

#[test]
fn jw_11_a_token_over_the_size_limit_is_refused_before_anything_is_read() {
    assert_eq!(es256().verify(&"x".repeat(MAX_TOKEN + 1)), Err(Invalid::TooLarge));
    assert_eq!(es256().verify(&".".repeat(MAX_TOKEN)), Err(Invalid::Malformed));
    let largest = es256().access(&payload_with("note", json!("x".repeat(5600))));
    assert!(largest.len() <= MAX_TOKEN && es256().verify(&largest).is_ok());
    let over = es256().access(&payload_with("note", json!("x".repeat(6000))));
    assert_eq!(es256().verify(&over), Err(Invalid::TooLarge));
}

#[test]
fn jw_11_no_token_is_signed_that_nobody_would_accept() {
    let mut claims = good_claims();
    claims.extra.insert("note".to_owned(), json!("x".repeat(MAX_TOKEN)));
    assert!(matches!(sign(&es256().key, "at+jwt", &claims), Err(menjin_token::SignError::TooLarge)));
}

#[test]
fn jw_11_any_number_of_segments_but_three_is_refused() {
    let token = sign(&es256().key, "at+jwt", &good_claims()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let others = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        signed.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{signed}."),
    ];
    for other in others {
        assert_eq!(es256().verify(&other), Err(Invalid::Malformed), "{other}");
    }
}

#[test]
fn jw_11_json_that_nests_too_deep_is_refused() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let payload = |depth| good_payload().to_string().replacen('{', &format!(r#"{{"x":{},"#, nested(depth)), 1);
    assert!(es256().verify(&es256().access(&payload(16))).is_ok());
    assert_eq!(es256().verify(&es256().access(&payload(17))), Err(Invalid::Malformed));
    assert_eq!(es256().verify(&es256().access(&payload(2000))), Err(Invalid::Malformed));
    let header = es256().header().to_string().replacen('{', &format!(r#"{{"x":{},"#, nested(2000)), 1);
    assert_eq!(es256().verify(&es256().token(&header, "{}")), Err(Invalid::Malformed));
}

#[test]
fn jw_12_encrypted_and_compressed_tokens_are_refused_outright() {
    assert_eq!(es256().verify(&with_header("zip", json!("DEF"))), Err(Invalid::Critical));
    assert_eq!(es256().verify(&with_header("enc", json!("A128GCM"))), Err(Invalid::Critical));
    let header = base64(r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"enc":"A128GCM","kid":"ES256-1"}"#);
    assert_eq!(es256().verify(&format!("{header}.a.b.c.d")), Err(Invalid::Malformed));
    assert_eq!(es256().verify(&format!("{header}.a.b")), Err(Invalid::Critical));
}

/// The same segment spelt in ways that lenient decoders take.
fn lenient_spellings(segment: &str) -> Vec<String> {
    let (start, last) = segment.split_at(segment.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().cycle().skip_while(|&c| last != c.to_string()).nth(1).unwrap();
    let mut spellings = vec![
        format!("{segment}="),
        format!("{segment}=="),
        format!(" {segment}"),
        format!("{segment}\n"),
        format!("{start}\r\n{last}"),
        format!("{start} {last}"),
        format!("{start}\u{0}{last}"),
        segment.to_owned() + &"A".repeat((5 - segment.len() % 4) % 4), // Six bits too few for a byte.
        format!("{start}%{last}"),
        format!("{start}é{last}"),
    ];
    if !segment.len().is_multiple_of(4) {
        spellings.push(format!("{start}{next}")); // Only bits that stand for nothing differ.
    }
    if segment.contains(['-', '_']) {
        spellings.push(segment.replace('-', "+").replace('_', "/"));
    }
    spellings
}

#[test]
fn jw_13_base64url_is_strict_in_every_segment() {
    // Padded so that no segment's length is a multiple of four.
    let token = es256().token(&(es256().header().to_string() + " "), &(payload_with("n", json!("?>~")) + " "));
    assert!(es256().verify(&token).is_ok());
    let segments: Vec<&str> = token.split('.').collect();
    for changed in 0..3 {
        for spelling in lenient_spellings(segments[changed]) {
            let mut parts = segments.clone();
            parts[changed] = &spelling;
            let refused = es256().verify(&parts.join(".")).unwrap_err();
            // A changed payload is found by the signature before anybody decodes it.
            let expected = if changed == 1 { Invalid::Signature } else { Invalid::Malformed };
            assert_eq!(refused, expected, "{spelling:?}");
        }
    }
}

#[test]
fn jw_13_a_payload_that_is_honestly_signed_but_not_strict_base64url_is_refused() {
    let header = base64(es256().header().to_string());
    for payload in lenient_spellings(&base64(good_payload().to_string() + "  ")) {
        let signed = format!("{header}.{payload}");
        let token = format!("{signed}.{}", base64(es256().signature(signed.as_bytes())));
        let refused = es256().verify(&token).unwrap_err();
        assert!(matches!(refused, Invalid::Malformed), "{payload}: {refused}");
    }
}

#[test]
fn jw_14_duplicate_members_in_the_header_are_refused() {
    let header = es256().header().to_string();
    let doubled = [
        r#"{"alg":"none","#,
        r#"{"alg":"ES256","#,
        r#"{"\u0061lg":"ES256","#,
        r#"{"typ":"at+jwt","#,
        r#"{"kid":"ES256-1","#,
        r#"{"x":1,"x":1,"#,
        r#"{"x":1,"\u0078":2,"#,
        r#"{"jwk":{"kty":"EC","kty":"RSA"},"#,
        r#"{"x":[{"a":1,"a":2}],"#,
    ];
    for start in doubled {
        let token = es256().token(&header.replacen('{', start, 1), &good_payload().to_string());
        assert_eq!(es256().verify(&token), Err(Invalid::Malformed), "{start}");
    }
}

#[test]
fn jw_14_duplicate_members_in_the_claims_are_refused() {
    let payload = good_payload().to_string();
    let doubled = [
        (r#"{"exp":9999999999,"#, Invalid::Claim("exp")),
        (r#"{"\u0065xp":9999999999,"#, Invalid::Claim("exp")),
        (r#"{"sub":"usr_x","#, Invalid::Claim("sub")),
        (r#"{"aud":"shop-api","#, Invalid::Claim("aud")),
        (r#"{"userId":1,"userId":2,"#, Invalid::Malformed),
        (r#"{"userId":1,"user\u0049d":2,"#, Invalid::Malformed),
        (r#"{"x":{"y":[{"a":1,"a":1}]},"#, Invalid::Malformed),
    ];
    for (start, refused) in doubled {
        let token = es256().access(&payload.replacen('{', start, 1));
        assert_eq!(es256().verify(&token), Err(refused), "{start}");
    }
}

#[test]
fn headers_in_any_order_with_spaces_and_escapes_are_read_for_real() {
    let headers = [
        r#"{"typ":"at+jwt","kid":"ES256-1","alg":"ES256"}"#,
        " {\r\n \"kid\" : \"ES256-1\" ,\t\"alg\" : \"ES256\" , \"typ\" : \"at+jwt\" } ",
        r#"{"\u0061lg":"\u0045S256","kid":"ES256-1","typ":"at\u002bjwt","cty":"x","x5t":"y"}"#,
    ];
    for header in headers {
        let token = es256().token(header, &good_payload().to_string());
        assert_eq!(es256().verify(&token), Ok(good_claims()));
    }
    for header in
        ["", "[]", "null", r#""x""#, "{}x", r#"{"alg":"ES256"}{}"#, r#"{"alg":"ES256","kid":1}"#, "{'alg':'ES256'}"]
    {
        assert!(es256().verify(&es256().token(header, "{}")).is_err());
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    let mut header = es256().header().to_string().into_bytes();
    header.splice(1..1, *b"\"x\":\"\xff\",");
    let signed = format!("{}.{}", base64(&header), base64("{}"));
    let token = format!("{signed}.{}", base64(es256().signature(signed.as_bytes())));
    assert_eq!(es256().verify(&token), Err(Invalid::Malformed));
}

#[test]
fn decoding_without_verifying_shows_what_stands_there_and_is_as_strict_about_form() {
    let token = es256().token(r#"{"alg":"none","kid":"whoever"}"#, r#"{"exp":"soon"}"#);
    let (header, claims) = dangerous::decode_unverified(&token).unwrap();
    assert_eq!(header, json!({"alg": "none", "kid": "whoever"}));
    assert_eq!(claims, json!({"exp": "soon"}));
    let doubled = es256().token(r#"{"alg":"none"}"#, r#"{"a":1,"a":2}"#);
    assert_eq!(dangerous::decode_unverified(&doubled), Err(Invalid::Malformed));
    assert_eq!(dangerous::decode_unverified("a.b"), Err(Invalid::Malformed));
    let list = es256().token("[]", "{}");
    assert_eq!(dangerous::decode_unverified(&list), Err(Invalid::Malformed));
}
