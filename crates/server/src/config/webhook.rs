//! `[[webhook]]`: programs that are told of events, by requests that are signed (docs/events.md).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{ConfigError, Secret};

/// What Standard Webhooks asks of a secret, in bytes.
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;
const PREFIX: &str = "whsec_";

/// Every type of event, as receivers read it.
pub(crate) const EVENT_TYPES: [&str; 13] = [
    "user.created",
    "user.merged",
    "user.unmerged",
    "user.deleted",
    "user.disabled",
    "user.enabled",
    "identity.linked",
    "identity.unlinked",
    "phone.changed",
    "password.changed",
    "roles.changed",
    "consent.given",
    "session.ended",
];

/// One `[[webhook]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its own name: how far it has read is kept under it.
    pub name: String,
    /// Whose events: the audience of one or more apps.
    pub audience: String,
    /// Where they go.
    pub url: Url,
    /// What requests are signed with.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret: Secret,
    /// File that holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The former secret: requests carry a signature with it, too.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub old_secret: Secret,
    /// File that holds the former secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_secret_file: Option<PathBuf>,
    /// Which types; all of them when empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// Whether it may be at an address of a private network, and be called by http.
    #[serde(default)]
    pub private_address: bool,
}

impl Webhook {
    /// Reads what stands in files; remarks where others may read a secret.
    pub(super) fn resolve(&mut self, base: &Path) -> Result<Vec<String>, ConfigError> {
        let key = format!("webhook.{}", self.name);
        let new = self.secret.or_from_file(self.secret_file.as_deref(), base, &format!("{key}.secret"))?;
        let old = self.old_secret.or_from_file(self.old_secret_file.as_deref(), base, &format!("{key}.old_secret"))?;
        Ok(new.into_iter().chain(old).collect())
    }

    /// What requests are signed with, the present secret first.
    pub(crate) fn keys(&self) -> Vec<Zeroizing<Vec<u8>>> {
        [&self.secret, &self.old_secret].into_iter().filter_map(key).collect()
    }

    /// Whether it wants to hear of this type.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == kind)
    }
}

fn key(secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = secret.expose()?.trim().strip_prefix(PREFIX)?;
    STANDARD.decode(encoded).ok().filter(|bytes| SECRET.contains(&bytes.len())).map(Zeroizing::new)
}

pub(super) fn check(webhooks: &[Webhook]) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for (index, webhook) in webhooks.iter().enumerate() {
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let (name, length) = (&webhook.name, 1..=32);
        if !length.contains(&name.len()) || !name.bytes().all(is_name) || !names.insert(name) {
            let why = "must be 1 to 32 of a-z 0-9 - _, and stand once";
            return Err(ConfigError::refused(format!("webhook[{index}].name"), why));
        }
        let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("webhook.{name}.{field}"), why));
        if webhook.audience.is_empty() || webhook.audience.len() > 64 {
            return refused("audience", "must be the audience of an [[app]], e.g. \"shop-api\"");
        }
        check_url(webhook).or_else(|why| refused("url", why))?;
        let remedy = "must be whsec_ and 24 to 64 random bytes in base64: `echo whsec_$(openssl rand -base64 32)`";
        if key(&webhook.secret).is_none() {
            return refused("secret", remedy);
        }
        if !webhook.old_secret.is_absent() && key(&webhook.old_secret).is_none() {
            return refused("old_secret", remedy);
        }
        if let Some(odd) = webhook.events.iter().find(|kind| !EVENT_TYPES.contains(&kind.as_str())) {
            return refused("events", &format!("{odd:?} is no type of event: there are {}", EVENT_TYPES.join(", ")));
        }
    }
    Ok(())
}

fn check_url(webhook: &Webhook) -> Result<(), &'static str> {
    let url = &webhook.url;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must have no name and password in it: requests are signed");
    }
    if !url.has_host() || !matches!((url.scheme(), webhook.private_address), ("https", _) | ("http", true)) {
        return Err("must be https, or http with `private_address = true` in a network of your own");
    }
    let is_open = match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name != "localhost" && !name.ends_with(".localhost")
        }
        None => false,
    };
    if is_open || webhook.private_address { Ok(()) } else { Err("is a private address: say `private_address = true`") }
}

/// Whether an address is one of the public internet: others are this machine, its network, or nobody's.
pub(crate) fn is_public(address: std::net::IpAddr) -> bool {
    match address.to_canonical() {
        std::net::IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let is_special = matches!((a, b, c), (0 | 10 | 127 | 224.., _, _) | (100, 64..=127, _) | (198, 18 | 19, _))
                || matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113));
            !(is_special || v4.is_private() || v4.is_link_local())
        }
        std::net::IpAddr::V6(v6) => {
            // Global unicast, without what leads to IPv4 by a detour (6to4, Teredo), documentation and protocols of their own.
            let [first, second, ..] = v6.segments();
            (0x2000..0x4000).contains(&first)
                && first != 0x2002
                && !(first == 0x2001 && (second < 0x200 || second == 0x0db8))
                && !(first == 0x3fff && second < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn webhook(more: &str) -> Result<Config, String> {
        let text = format!("[[webhook]]\nname = \"crm\"\naudience = \"shop-api\"\n{more}");
        Config::parse(&text, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_webhook_is_https_and_signed() {
        let good = webhook(&format!("url = \"https://crm.example.com/in\"\nsecret = \"{SECRET}\"")).unwrap();
        assert_eq!(good.webhook[0].keys().len(), 1);
        assert!(good.webhook[0].wants("user.created"));
        for (key, text) in [
            ("url", format!("url = \"http://crm.example.com\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://me:pw@crm.example.com\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://169.254.169.254/\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://localhost/\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://localhost./\"\nsecret = \"{SECRET}\"")),
            // However an address is written.
            ("url", format!("url = \"https://2130706433/\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://0x7f.1/\"\nsecret = \"{SECRET}\"")),
            ("url", format!("url = \"https://[::ffff:10.0.0.1]/\"\nsecret = \"{SECRET}\"")),
            ("secret", "url = \"https://crm.example.com\"".to_owned()),
            ("secret", "url = \"https://crm.example.com\"\nsecret = \"whsec_c2hvcnQ=\"".to_owned()),
            ("old_secret", format!("url = \"https://crm.example.com\"\nsecret = \"{SECRET}\"\nold_secret = \"x\"")),
            ("events", format!("url = \"https://crm.example.com\"\nsecret = \"{SECRET}\"\nevents = [\"user.born\"]")),
        ] {
            let error = webhook(&text).unwrap_err();
            assert!(error.contains(&format!("webhook.crm.{key}")), "{error}");
            assert!(!error.contains("MfKQ9") && !error.contains("c2hvcnQ"), "{error}");
        }
        let private = format!("url = \"http://10.0.0.7:8000/\"\nsecret = \"{SECRET}\"\nprivate_address = true");
        assert!(webhook(&private).is_ok());
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "120.232.145.144",
            "172.32.0.1",
            "2001:200::1",
            "2400:3200::1",
            "2606:4700:4700::1111",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "100::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "2002:a00:1::",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "3fff:fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }
}
