//! How a request to a receiver is signed: Standard Webhooks, `v1`.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// One signature for each secret, as the header has them.
pub(super) fn signatures(keys: &[Zeroizing<Vec<u8>>], (id, secs): (&str, i64), body: &str) -> String {
    let content = format!("{id}.{secs}.{body}");
    let sign = |key: &Zeroizing<Vec<u8>>| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), content.as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    };
    keys.iter().map(sign).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = Zeroizing::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let (id, secs, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        let first = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures(std::slice::from_ref(&key), (id, secs), body), first);
        assert_eq!(signatures(&[key.clone(), key], (id, secs), body), format!("{first} {first}"));
    }
}
