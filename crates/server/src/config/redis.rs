//! `[redis]`: Redis or Valkey as help between nodes, never as truth (design §4.8).

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::{ConfigError, Secret};

const FORMS: &str = "must be redis://, rediss://, redis+sentinel:// or rediss+sentinel://, e.g. \
                     \"redis://:password@10.0.0.5:6379/0\" or \"redis+sentinel://:password@10.0.0.5:26379,10.0.0.6:26379/mymaster\"";

/// `[redis]`; nothing of it is used without a `url`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// Where it is, with its password.
    #[serde(skip_serializing_if = "Secret::is_absent")]
    pub url: Secret,
    /// File that holds the address; instead of `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// Certificates (PEM) that Redis' own is checked against; the system's when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Every key and channel begins with it.
    pub prefix: String,
    /// An operation that takes longer is given up.
    #[serde(with = "super::duration")]
    pub timeout: Duration,
    #[serde(skip)]
    ca: Option<Vec<u8>>,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            url_file: None,
            ca_file: None,
            prefix: "menjin:".to_owned(),
            timeout: Duration::from_millis(100),
            ca: None,
        }
    }
}

/// Where Redis is.
#[derive(Clone)]
pub(crate) enum RedisPlace {
    /// One server.
    Server(Box<ConnectionInfo>),
    /// Whichever server the sentinels call the master.
    Sentinels(Box<Sentinels>),
}

/// Sentinels, and how the servers that they watch are reached.
#[derive(Clone)]
pub(crate) struct Sentinels {
    /// The sentinels.
    pub(crate) addresses: Vec<ConnectionAddr>,
    /// The name that they know the master by.
    pub(crate) master: String,
    /// User, password and database of the servers.
    pub(crate) server: RedisConnectionInfo,
    /// Whether sentinels and servers speak TLS.
    pub(crate) tls: bool,
    /// The sentinels' own user.
    pub(crate) username: Option<String>,
    /// The sentinels' own password.
    pub(crate) password: Option<String>,
}

impl Redis {
    pub(super) fn resolve(&mut self, base: &Path) -> Result<Option<String>, ConfigError> {
        let remark = self.url.or_from_file(self.url_file.as_deref(), base, "redis.url")?;
        if let Some(file) = &self.ca_file {
            let refused = |why: String| ConfigError::refused("redis.ca_file", why);
            let path = base.join(file);
            let pem =
                std::fs::read(&path).map_err(|error| refused(format!("{} can't be read: {error}", path.display())))?;
            if !pem.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) {
                return Err(refused(format!("{} holds no certificate: it must be PEM", path.display())));
            }
            self.ca = Some(pem);
        }
        Ok(remark)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.timeout.is_zero() || self.timeout > LONGEST_TIMEOUT {
            return Err(ConfigError::refused(
                "redis.timeout",
                "must be longer than nothing and 5s at most, e.g. \"100ms\"",
            ));
        }
        let plain = |prefix: &str| prefix.len() <= 64 && prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(&self.prefix) {
            return Err(ConfigError::refused("redis.prefix", "must be 64 visible ASCII characters at most"));
        }
        if let Some(place) = self.place()? {
            let tls = match &place {
                RedisPlace::Server(info) => matches!(info.addr(), ConnectionAddr::TcpTls { .. }),
                RedisPlace::Sentinels(sentinels) => sentinels.tls,
            };
            if self.ca.is_some() && !tls {
                return Err(ConfigError::refused("redis.ca_file", "is for rediss:// alone: `redis.url` has no TLS"));
            }
        }
        Ok(())
    }

    /// Where it is; `None` without a `url`. What is refused is never quoted: it may hold a password.
    pub(crate) fn place(&self) -> Result<Option<RedisPlace>, ConfigError> {
        let Some(url) = self.url.expose().filter(|_| !self.url.is_absent()) else { return Ok(None) };
        place(url.trim()).map(Some).map_err(|why| ConfigError::refused("redis.url", why))
    }

    /// A way to Redis that somebody in between could read.
    pub(super) fn remark(&self) -> Option<String> {
        let in_clear = match self.place().ok()?? {
            RedisPlace::Server(info) => leaves_in_clear(info.addr()),
            RedisPlace::Sentinels(sentinels) => sentinels.addresses.iter().any(leaves_in_clear),
        };
        in_clear.then(|| {
            "`redis.url`: without TLS its password and who asked how often can be read on the way: write rediss:// (rediss+sentinel://), or keep the way in a private network".to_owned()
        })
    }

    /// The content of `ca_file`.
    pub(crate) fn ca(&self) -> Option<&[u8]> {
        self.ca.as_deref()
    }
}

const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// Somebody waits for each operation.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);
const SENTINEL_PORT: u16 = 26379;

fn place(url: &str) -> Result<RedisPlace, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or(FORMS)?;
    match scheme {
        "redis" | "rediss" => {
            if rest.contains('#') {
                return Err("must have no `#`: a certificate is always checked, see `redis.ca_file`");
            }
            Ok(RedisPlace::Server(Box::new(url.into_connection_info().map_err(|_| FORMS)?)))
        }
        "redis+sentinel" => sentinels(rest, false),
        "rediss+sentinel" => sentinels(rest, true),
        _ => Err(FORMS),
    }
}

/// `[user:password@]host[:port],…/master[/database][?sentinel_username=…&sentinel_password=…]`.
fn sentinels(rest: &str, tls: bool) -> Result<RedisPlace, &'static str> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (master, database) = path.trim_end_matches('/').split_once('/').unwrap_or((path.trim_end_matches('/'), "0"));
    if master.is_empty() {
        return Err("names no master: redis+sentinel://host:26379,host:26379/mymaster");
    }
    // The usual form with the same user, password and database: its parser knows how they are escaped.
    let like_one = format!("redis://{user}@host/{database}");
    let server = like_one.as_str().into_connection_info().map_err(|_| FORMS)?.redis_settings().clone();
    let (mut username, mut password) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "sentinel_username" => username = Some(value.into_owned()),
            "sentinel_password" => password = Some(value.into_owned()),
            _ => return Err("has an unknown parameter: sentinel_username and sentinel_password are known"),
        }
    }
    let addresses = hosts.split(',').map(|host| address(host, tls)).collect::<Result<_, _>>()?;
    let master = master.to_owned();
    Ok(RedisPlace::Sentinels(Box::new(Sentinels { addresses, master, server, tls, username, password })))
}

/// Whether the way leaves this machine, without TLS.
fn leaves_in_clear(address: &ConnectionAddr) -> bool {
    let ConnectionAddr::Tcp(host, _) = address else { return false };
    let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
    !(host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()))
}

fn address(text: &str, tls: bool) -> Result<ConnectionAddr, &'static str> {
    let url = Url::parse(&format!("redis://{text}")).map_err(|_| FORMS)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(FORMS)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port().unwrap_or(SENTINEL_PORT);
    Ok(if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn parsed(toml: &str) -> Result<Config, String> {
        Config::parse(toml, Path::new("")).map_err(|error| error.to_string())
    }

    fn server(url: &str) -> ConnectionInfo {
        match place(url).unwrap() {
            RedisPlace::Server(info) => *info,
            RedisPlace::Sentinels(_) => panic!("one server"),
        }
    }

    fn watched(url: &str) -> Sentinels {
        match place(url).unwrap() {
            RedisPlace::Sentinels(sentinels) => *sentinels,
            RedisPlace::Server(_) => panic!("sentinels"),
        }
    }

    #[test]
    fn one_server_is_named_as_everywhere() {
        let info = server("redis://app:p%40ss@10.0.0.5:6380/3");
        assert_eq!(info.addr(), &ConnectionAddr::Tcp("10.0.0.5".to_owned(), 6380));
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("app"), Some("p@ss"), 3));
        assert!(matches!(server("rediss://cache.example.com").addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
    }

    #[test]
    fn sentinels_are_named_with_the_master_that_they_watch() {
        let it = watched("redis+sentinel://app:p%40ss@10.0.0.5,[::1]:26380/mymaster/2?sentinel_password=s%26s");
        let expected =
            [("10.0.0.5", 26379), ("::1", 26380)].map(|(host, port)| ConnectionAddr::Tcp(host.to_owned(), port));
        assert_eq!((it.addresses.as_slice(), it.master.as_str()), (&expected[..], "mymaster"));
        assert_eq!((it.server.username(), it.server.password(), it.server.db()), (Some("app"), Some("p@ss"), 2));
        assert_eq!((it.username, it.password.as_deref(), it.tls), (None, Some("s&s"), false));
        let it = watched("rediss+sentinel://a:1,b:2,c:3/m");
        assert_eq!((it.addresses.len(), it.server.password(), it.server.db(), it.tls), (3, None, 0, true));
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_key_and_never_quoted() {
        for wrong in [
            "hunter2",
            "http://:hunter2@host",
            "redis://",
            "redis://:hunter2@host/abc",
            "redis://:hunter2@host:99999",
            "rediss://:hunter2@host#insecure",
            "redis+sentinel://:hunter2@host:26379",
            "redis+sentinel://:hunter2@/mymaster",
            "redis+sentinel://:hunter2@host:x/mymaster",
            "redis+sentinel://:hunter2@host/mymaster/x",
            "redis+sentinel://:hunter2@host/mymaster?pasword=x",
        ] {
            let error = parsed(&format!("[redis]\nurl = \"{wrong}\"")).unwrap_err();
            assert!(error.contains("redis.url") && !error.contains("hunter2"), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_other_keys_are_checked_too() {
        for (wrong, key) in [
            ("timeout = \"0s\"", "redis.timeout"),
            ("timeout = \"6s\"", "redis.timeout"),
            ("prefix = \"a b\"", "redis.prefix"),
            ("ca_file = \"nowhere.pem\"", "redis.ca_file"),
            ("url_file = \"nowhere\"", "redis.url_file"),
        ] {
            let error = parsed(&format!("[redis]\n{wrong}")).unwrap_err();
            assert!(error.contains(key), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_way_in_clear_to_another_machine_is_remarked_on() {
        let remarks = |url: &str| parsed(&format!("[redis]\nurl = \"{url}\"")).unwrap().remarks();
        for in_clear in [
            "redis://:hunter2@10.0.0.5",
            "redis://cache.example.com:6380/3",
            "redis://[2001:db8::1]",
            "redis+sentinel://:hunter2@127.0.0.1,10.0.0.6:26379/mymaster",
        ] {
            let remarks = remarks(in_clear);
            assert!(remarks.len() == 1 && remarks[0].contains("`redis.url`"), "{in_clear}: {remarks:?}");
            assert!(!remarks[0].contains("hunter2"), "{remarks:?}");
        }
        for right in [
            "rediss://:hunter2@10.0.0.5",
            "rediss+sentinel://10.0.0.5,10.0.0.6/mymaster",
            "redis://localhost",
            "redis://127.0.0.1:6380",
            "redis://[::1]",
            "redis+sentinel://[::1],localhost/mymaster",
        ] {
            assert_eq!(remarks(right), Vec::<String>::new(), "{right}");
        }
    }

    #[test]
    fn without_an_address_there_is_none() {
        assert!(parsed("").unwrap().redis.place().unwrap().is_none());
    }
}
