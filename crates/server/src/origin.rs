//! Whether a page of this very origin asks, as its browser says it: scheme, host and port alike.
//!
//! Does not: what forms carry beside (`admin/door`), what pages of other origins may call (`cors`).

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use url::Url;

use crate::config::Config;

/// Whether nothing says that a page of another origin asks: what there is of `Origin` is our own, and what there is of
/// `Sec-Fetch-Site` one of `sites`. A page that came in clear is another one than ours that came by https.
pub(crate) fn is_own(headers: &HeaderMap, (host, is_https): (&Authority, bool), sites: &[&str]) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let own = |origin: &str| {
        let in_clear = origin.strip_prefix("http://").filter(|_| !is_https);
        let named = origin.strip_prefix("https://").or(in_clear);
        named.is_some_and(|named| named.eq_ignore_ascii_case(host.as_str()))
    };
    text("origin").is_none_or(own) && text("sec-fetch-site").is_none_or(|site| sites.contains(&site))
}

/// Whether an operator's browser came by https: a trusted proxy says so, or they come so to where they call us. The names of this
/// machine are left open unless they are that address: a tunnel leads there in clear.
pub(crate) fn is_operator_on_https(config: &Config, parts: &Parts, host: &Authority) -> bool {
    let is_there = |url: &Url| url.authority().eq_ignore_ascii_case(host.as_str());
    let by_address = config.admin.public_url.as_ref().filter(|_| config.admin.is_https());
    by_address.is_some_and(|url| is_there(url) || !is_loopback_name(host)) || proxy_says_https(config, parts)
}

/// A name that a stranger's DNS can't point here.
pub(crate) fn is_loopback_name(host: &Authority) -> bool {
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host.host().eq_ignore_ascii_case(name))
}

/// The word of the proxy next to us, which stands last.
fn proxy_says_https(config: &Config, parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| config.server.trusted_proxies.iter().any(|net| net.contains(&peer)));
    let mut said = parts.headers.get_all("x-forwarded-proto").iter().filter_map(|value| value.to_str().ok());
    let last = said.next_back().and_then(|text| text.rsplit(',').next());
    is_trusted && last.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// What the browser calls us.
pub(crate) fn host(parts: &Parts) -> Option<Authority> {
    let of_header = |headers: &HeaderMap| headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    parts.uri.authority().cloned().or_else(|| of_header(&parts.headers))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn asked(host: &str, peer: &str, headers: &[(&str, &str)]) -> Parts {
        let peer: SocketAddr = peer.parse().unwrap();
        let request = Request::builder().uri("/admin/sign-in").header("host", host).extension(ConnectInfo(peer));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn is_https(toml: &str, parts: &Parts) -> bool {
        let config = Config::parse(toml, std::path::Path::new("")).unwrap();
        is_operator_on_https(&config, parts, &host(parts).unwrap())
    }

    #[test]
    fn https_is_what_the_address_or_a_trusted_proxy_says() {
        let ops = "[admin]\npublic_url = \"https://ops.internal\"";
        let near = "[admin]\npublic_url = \"https://localhost:8443\"";
        let clear = "[admin]\npublic_url = \"http://ops.internal\"";
        let (peer, none): (_, &[(&str, &str)]) = ("10.0.0.5:1", &[]);
        for (toml, host, expected) in [
            (ops, "ops.internal", true),
            (ops, "OPS.internal", true),
            (ops, "another.internal", true),
            (ops, "127.0.0.1:7610", false),
            (near, "localhost:8443", true),
            (near, "localhost:7610", false),
            (clear, "ops.internal", false),
            ("", "ops.internal", false),
        ] {
            assert_eq!(is_https(toml, &asked(host, peer, none)), expected, "{toml} {host}");
        }
        let trusting = "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]";
        for (toml, peer, said, expected) in [
            (trusting, "10.0.0.5:1", "https", true),
            (trusting, "10.0.0.5:1", "http, HTTPS ", true),
            (trusting, "10.0.0.5:1", "https, http", false),
            (trusting, "10.0.0.5:1", "http", false),
            (trusting, "192.0.2.1:1", "https", false),
            ("", "10.0.0.5:1", "https", false),
        ] {
            let parts = asked("ops.internal", peer, &[("x-forwarded-proto", said)]);
            assert_eq!(is_https(toml, &parts), expected, "{toml} {peer} {said}");
        }
    }
}
