//! What operators and their programs hold: the cookie, links, API tokens. Only SHA-256 of each is kept.

use axum::http::HeaderMap;
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::entropy::{Entropy, sha256};
use crate::store::HeldDigest;

/// What a program's token begins with, so that one that leaked is found.
pub(super) const TOKEN_PREFIX: &str = "mjo_";

/// 32 random bytes, as text.
pub(super) fn secret(entropy: &dyn Entropy) -> Zeroizing<String> {
    let bytes = Zeroizing::new(entropy.bytes::<32>());
    Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes))
}

/// What is kept of it.
pub(super) fn digest(held: &str) -> HeldDigest {
    sha256(held.as_bytes())
}

/// The cookie's name: where operators come by https it is bound to this very host, and never sent in clear.
pub(super) fn cookie_name(config: &Config) -> &'static str {
    if config.admin.is_https() { "__Host-menjin-operator" } else { "menjin-operator" }
}

/// The cookie of a sign-in, for as long as the browser runs; without a value: gone.
pub(super) fn cookie(config: &Config, held: Option<&str>) -> String {
    let (name, secure) = (cookie_name(config), if config.admin.is_https() { "; Secure" } else { "" });
    let (value, age) = held.map_or(("", "; Max-Age=0"), |held| (held, ""));
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
}

/// A cookie's value; none where it comes twice, as one of them is somebody else's.
pub(super) fn cookie_of<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = pairs.flat_map(|text| text.split(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim_matches(' ') == name).then(|| value.trim_matches(' '))
    });
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}
