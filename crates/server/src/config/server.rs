//! The plain sections: where menjin listens, what it logs, how it reaches `WeChat`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use menjin_token::Algorithm;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{ConfigError, choice};

/// A smaller limit of bodies would refuse sign-ins.
const SMALLEST_BODY: usize = 1024;

/// Where the operators' doors stand: a path of `public_url` that begins so would lead past them.
const OWN: [&str; 2] = ["admin", "console"];

/// `[server]`: the public side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address of the public side.
    pub listen: SocketAddr,
    /// What clients call menjin; also the issuer. Without a trailing slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: networks, or addresses by themselves.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Sites of other origins whose pages may call menjin.
    #[serde(deserialize_with = "origins", serialize_with = "written")]
    pub allowed_origins: Vec<Url>,
    /// A request that takes longer is answered with 503.
    #[serde(with = "super::duration")]
    pub request_timeout: Duration,
    /// A client that takes longer to send its headers is cut; its body gets as long again, and half of `request_timeout` at
    /// most.
    #[serde(with = "super::duration")]
    pub header_timeout: Duration,
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Connections served at once; more wait.
    pub max_connections: usize,
    /// Streams of what has ended that are served at once; more are refused.
    pub max_streams: usize,
    /// On a stop signal, requests under way get so long.
    #[serde(with = "super::duration")]
    pub drain: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7600)),
            public_url: None,
            trusted_proxies: Vec::new(),
            allowed_origins: Vec::new(),
            request_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            max_body: 64 * 1024,
            max_connections: 20_000,
            max_streams: 1000,
            drain: Duration::from_secs(20),
        }
    }
}

impl Server {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_sizes()?;
        let Some(url) = &self.public_url else { return Ok(()) };
        let refused = |why: &str| Err(ConfigError::refused("server.public_url", why));
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() || url.host().is_none() {
            return refused("must be an http(s) address, e.g. \"https://login.example.com\"");
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return refused("must have no query, fragment or credentials");
        }
        if self.path().contains("//")
            || !self.path().bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b))
        {
            return refused(
                "may have a plain path, of letters, digits and -_.~ between its slashes, e.g. \"https://example.com/auth\"",
            );
        }
        let first = self.path().split('/').nth(1).unwrap_or_default();
        if OWN.contains(&first) {
            return refused(&format!(
                "must not begin its path with /{first}, where operators come in, e.g. \"https://example.com/auth\""
            ));
        }
        Ok(())
    }

    /// The path of `public_url`, without a slash at its end; empty for most.
    pub fn path(&self) -> &str {
        self.public_url.as_ref().map_or("", |url| url.path().trim_end_matches('/'))
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        let refused = |key: &str, why: &str| Err(ConfigError::refused(format!("server.{key}"), why));
        if self.trusted_proxies.iter().any(|net| net.prefix_len() == 0) {
            return refused(
                "trusted_proxies",
                "must not hold the whole internet: anybody could then choose the address that limits count",
            );
        }
        for (key, value) in [("request_timeout", self.request_timeout), ("header_timeout", self.header_timeout)] {
            if value.is_zero() {
                return refused(key, "must be longer than nothing, e.g. \"10s\": no request could be answered");
            }
        }
        if self.max_body < SMALLEST_BODY {
            return refused("max_body", "must be 1024 or more: a sign-in with encrypted data needs as much");
        }
        for (key, value) in [("max_connections", self.max_connections), ("max_streams", self.max_streams)] {
            if value == 0 {
                return refused(key, "must be 1 or more");
            }
        }
        Ok(())
    }

    /// Whether `public_url` is still the one of the commented default.
    pub(super) fn has_example_url(&self) -> bool {
        let host = self.public_url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host == "example.com" || host.ends_with(".example.com")
    }

    pub(super) fn check_for_production(&self) -> Result<(), ConfigError> {
        let Some(url) = &self.public_url else {
            return Err(ConfigError::refused(
                "server.public_url",
                "is missing: the https address that clients call, e.g. \"https://login.example.com\"",
            ));
        };
        if url.scheme() != "https" {
            return Err(ConfigError::refused(
                "server.public_url",
                "must be https in production: tokens and codes travel there (`menjin dev` is for http)",
            ));
        }
        Ok(())
    }
}

/// A scheme, a host and perhaps a port, as browsers say it: no path, nobody's sandbox (`null`), and never everybody.
fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Url>, D::Error> {
    let origin = |text: &String| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.filter(|url| url.origin().ascii_serialization() == *text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no origin: write scheme, host and perhaps port as browsers do, e.g. \"https://shop.example.com\""
            ))
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(origin).collect()
}

fn written<S: Serializer>(origins: &[Url], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(origins.iter().map(|url| url.origin().ascii_serialization()))
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: &String| {
        let alone = || text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        text.parse::<IpNet>().or_else(|_| alone()).map_err(|_| {
            D::Error::custom(format!("`{text}` is neither an address (10.0.0.5) nor a network (10.0.0.0/8)"))
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(network).collect()
}

/// `[admin]`: the operator's side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Address of the operator's side; loopback by default.
    pub listen: SocketAddr,
    /// What operators' browsers call it, where that is not `http://` and `listen`: behind a proxy with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
    /// An operator signs in anew after so long.
    #[serde(with = "super::duration")]
    pub session: Duration,
    /// The same, where they asked nothing for so long.
    #[serde(with = "super::duration")]
    pub idle: Duration,
    /// A link of `menjin admin create` works for so long.
    #[serde(with = "super::duration")]
    pub link: Duration,
    /// The app through which operators sign in by a scan, if they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_app: Option<String>,
}

impl Admin {
    /// Whether operators come by https.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// What operators' browsers call it.
    pub(crate) fn url(&self) -> String {
        let own = || format!("http://{}", self.listen);
        self.public_url.as_ref().map_or_else(own, |url| url.as_str().trim_end_matches('/').to_owned())
    }

    /// The page that operators come back to from a scan.
    pub(crate) fn scan_page(&self) -> String {
        format!("{}/admin/scan/done", self.url())
    }

    /// Whether operators sign in by a scan through this app.
    pub(crate) fn is_scanned_in(&self, app: &str) -> bool {
        self.wechat_app.as_deref() == Some(app)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [("session", self.session), ("idle", self.idle), ("link", self.link)] {
            if value.is_zero() {
                let why = "must be longer than nothing, e.g. \"30m\"";
                return Err(ConfigError::refused(format!("admin.{key}"), why));
            }
        }
        let Some(url) = &self.public_url else { return Ok(()) };
        let is_plain =
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain {
            return Ok(());
        }
        let why = "must be an http(s) address without a path, e.g. \"https://login-admin.internal\"";
        Err(ConfigError::refused("admin.public_url", why))
    }

    pub(super) fn remark(&self) -> Option<String> {
        let address = self.listen;
        (!address.ip().is_loopback()).then(|| {
            format!("`admin.listen`: {address} is no loopback address: metrics are open to whoever reaches it, without TLS, so keep it in a private network")
        })
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7610)),
            public_url: None,
            session: Duration::from_hours(8),
            idle: Duration::from_mins(30),
            link: Duration::from_mins(30),
            wechat_app: None,
        }
    }
}

pub(super) const HS256: &str = "must be ES256, EdDSA or RS256: with HS256 every back end that verifies could also sign";

/// `[tokens]`: what access tokens look like.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tokens {
    /// Algorithm of new signing keys: ES256, `EdDSA` or RS256.
    pub alg: Algorithm,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { alg: Algorithm::Es256 }
    }
}

impl Tokens {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.alg == Algorithm::Hs256 {
            return Err(ConfigError::refused("tokens.alg", HS256));
        }
        Ok(())
    }
}

/// `[limits]`: how much a stranger may ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Switches all of them; off in `menjin dev`.
    pub enabled: bool,
    /// Requests a minute from one address (IPv6: one /64) to sign-in and token routes.
    pub per_address: u32,
    /// Failed sign-ins a minute from one address.
    pub failures_per_address: u32,
    /// Of these, so many to one app.
    pub failures_per_app: u32,
    /// Wrong passwords an hour for one account.
    pub failures_per_account: u32,
    /// Accounts an hour that one address may make.
    pub registrations_per_address: u32,
    /// Requests a minute of one signed-in person that ask the platform, or keep a picture.
    pub per_person: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            enabled: true,
            per_address: 600,
            failures_per_address: 60,
            failures_per_app: 30,
            failures_per_account: 10,
            registrations_per_address: 20,
            per_person: 30,
        }
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A line a record, for people.
    Text,
    /// A JSON object a record, for machines.
    Json,
}

/// `[log]`: what is logged, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A `tracing` filter, e.g. `info` or `menjin_server=debug,info`.
    pub level: String,
    /// `text` or `json`.
    #[serde(deserialize_with = "choice::one")]
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Json }
    }
}

/// `[wechat]`: how `WeChat` is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wechat {
    /// Where its server API is; the simulator's address in development.
    pub base_url: Url,
    /// Where `WeChat` asks people in a browser.
    pub open_url: Url,
    /// A call that takes longer is given up.
    #[serde(with = "super::duration")]
    pub deadline: Duration,
}

impl Default for Wechat {
    fn default() -> Self {
        Self {
            base_url: Url::parse("https://api.weixin.qq.com").expect("a literal that parses"),
            open_url: Url::parse("https://open.weixin.qq.com").expect("a literal that parses"),
            deadline: Duration::from_secs(5),
        }
    }
}

impl Wechat {
    pub(super) fn check(&self, request_timeout: Duration) -> Result<(), ConfigError> {
        let refused = |why: &str| Err(ConfigError::refused("wechat.deadline", why));
        if self.deadline.is_zero() {
            return refused("must be longer than nothing, e.g. \"5s\"");
        }
        if self.deadline >= request_timeout {
            return refused(
                "must be shorter than server.request_timeout: a slow sign-in would be told to repeat a code that is spent",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn trusting(text: &str) -> Result<Vec<String>, String> {
        let toml = format!("[server]\ntrusted_proxies = [\"{text}\"]");
        let config = Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())?;
        Ok(config.server.trusted_proxies.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_address_by_itself_is_the_network_of_that_address_alone() {
        let cases = [
            ("10.0.0.5", "10.0.0.5/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("::1", "::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.5", "10.0.0.5/32"),
        ];
        for (given, meant) in cases {
            assert_eq!(trusting(given).unwrap(), [meant], "{given}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_key() {
        for wrong in ["proxy.internal", "10.0.0.0/33", "10.0.0", "", "10.0.0.5:80", "10.0.0.1-10.0.0.9"] {
            let error = trusting(wrong).unwrap_err();
            assert!(error.contains("trusted_proxies") && error.contains("10.0.0.0/8"), "{wrong}: {error}");
        }
    }
}
