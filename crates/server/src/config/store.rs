//! `[store]`: where the truth is kept.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::{ConfigError, Secret, choice};

const FORMS: &str = "must begin with sqlite://, postgres:// or mysql://, e.g. \"sqlite://menjin.db\" or \
                     \"postgres://menjin:password@10.0.0.5/menjin\"";

const IN_PASSWORD: &str =
    "can't be read as an address: write `%` and two hexadecimal digits for each of @ : / ? # in the password";

const USUAL: &str = "sqlite://menjin.db";

/// What may follow `?` in the address of PostgreSQL.
const OF_POSTGRES: Parameters = Parameters {
    modes: &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    files: &["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"],
    others: &["host", "hostaddr", "port", "user", "dbname", "application_name", "options"],
    unknown: "has a parameter after `?` that menjin does not know for PostgreSQL: there are sslmode, sslrootcert, \
              sslcert, sslkey, host, hostaddr, port, user, dbname, application_name, options",
    no_mode: "has an sslmode that PostgreSQL does not know: it may be disable, allow, prefer, require, verify-ca or \
              verify-full; without it the certificate is checked",
};

/// The same for MySQL.
const OF_MYSQL: Parameters = Parameters {
    modes: &["disabled", "preferred", "required", "verify_ca", "verify_identity"],
    files: &["ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"],
    others: &["socket"],
    unknown: "has a parameter after `?` that menjin does not know for MySQL: there are ssl-mode, ssl-ca, ssl-cert, \
              ssl-key, socket",
    no_mode: "has an ssl-mode that MySQL does not know: it may be disabled, preferred, required, verify_ca or \
              verify_identity; without it the certificate is checked",
};

/// Parameters that say how the server's certificate is checked, in either spelling.
const MODES: [&str; 2] = ["sslmode", "ssl-mode"];

/// What may follow `?` in an address. The driver ignores others, or tells the log of them with their values.
struct Parameters {
    /// What the mode may be.
    modes: &'static [&'static str],
    /// Those that name files.
    files: &'static [&'static str],
    others: &'static [&'static str],
    unknown: &'static str,
    no_mode: &'static str,
}

impl Parameters {
    fn of(url: &Url) -> &'static Self {
        if url.scheme() == "mysql" { &OF_MYSQL } else { &OF_POSTGRES }
    }

    fn check(&self, url: &Url) -> Result<(), &'static str> {
        for (name, value) in url.query_pairs() {
            let name = &*name;
            if name == "password" {
                return Err("has the password in its query, where it would be shown: write user:password@host");
            }
            if MODES.contains(&name) {
                if !self.modes.contains(&&*value.to_ascii_lowercase()) {
                    return Err(self.no_mode);
                }
            } else if !self.files.contains(&name) && !self.others.contains(&name) {
                return Err(self.unknown);
            }
            if name == "port" && value.parse::<u16>().is_err() {
                return Err("has a port after `?` that is no number up to 65535");
            }
            if name == "hostaddr" && value.parse::<IpAddr>().is_err() {
                return Err("has a hostaddr that is no IP address: a name goes into host");
            }
        }
        Ok(())
    }
}

/// Whether `serve` may change the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Migrate {
    /// At start, by itself.
    Auto,
    /// Never: a start on an older schema is refused.
    Check,
}

/// `[store]`: where the truth is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite://file`, `postgres://…` or `mysql://…`, with the password.
    #[serde(serialize_with = "without_password")]
    pub url: Secret,
    /// File that holds the address; instead of `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// `auto` or `check`; `auto` for `SQLite` and `check` for a server when not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "choice::optional")]
    pub migrate: Option<Migrate>,
    /// Connections to a database server, of each node.
    pub max_connections: u32,
    #[serde(skip)]
    place: Option<StorePlace>,
}

/// Where a store is.
#[derive(Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// A file of `SQLite`.
    Sqlite(PathBuf),
    /// PostgreSQL, by `postgres://…`.
    Postgres(Url),
    /// MySQL or MariaDB, by `mysql://…`.
    MySql(Url),
}

impl Default for Store {
    fn default() -> Self {
        Self { url: Secret::default(), url_file: None, migrate: None, max_connections: 20, place: None }
    }
}

impl Store {
    pub(super) fn resolve(&mut self, base: &Path) -> Result<Option<String>, ConfigError> {
        let remark = self.url.or_from_file(self.url_file.as_deref(), base, "store.url")?;
        if self.url.expose().is_some_and(|text| text.trim().is_empty()) {
            let why = "is empty: an unset variable, maybe; leave the key out for sqlite://menjin.db";
            return Err(ConfigError::refused("store.url", why));
        }
        if self.url.is_absent() {
            self.url = Secret::new(USUAL);
        }
        let place = StorePlace::parse(self.url.expose().unwrap_or_default().trim(), base);
        self.place = Some(place.map_err(|why| ConfigError::refused("store.url", why))?);
        Ok(remark)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.max_connections == 0 {
            return Err(ConfigError::refused("store.max_connections", "must be 1 or more"));
        }
        Ok(())
    }

    /// Where it is.
    ///
    /// # Panics
    ///
    /// For a section that was not read as a part of a configuration.
    pub fn place(&self) -> &StorePlace {
        self.place.as_ref().expect("a configuration that was read has one")
    }

    /// Whether a start may change the schema.
    pub fn migrate(&self) -> Migrate {
        let usual = if matches!(self.place(), StorePlace::Sqlite(_)) { Migrate::Auto } else { Migrate::Check };
        self.migrate.unwrap_or(usual)
    }

    /// A way to the database that somebody in between could read or change.
    pub(super) fn remark(&self) -> Option<String> {
        let (StorePlace::Postgres(url) | StorePlace::MySql(url)) = self.place() else { return None };
        let (name, mode) = mode(url)?;
        let is_checked = matches!(&*mode, "verify-full" | "verify-ca" | "verify_identity" | "verify_ca");
        (is_remote(url) && !is_checked).then(|| {
            format!("`store.url`: {name}={mode} leaves it open who answers: without it the certificate is checked")
        })
    }
}

impl StorePlace {
    /// Reads an address; files are relative to `base`. What is refused is never quoted: it may hold a password.
    pub fn parse(text: &str, base: &Path) -> Result<Self, &'static str> {
        if let Some(file) = text.strip_prefix("sqlite://") {
            return match file {
                "" => Err("names no file, e.g. \"sqlite://menjin.db\""),
                file if file.contains(['?', '#']) => {
                    Err("names a file and takes no parameters: leave out what follows `?`")
                }
                file => Ok(Self::Sqlite(base.join(file))),
            };
        }
        let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
        let place: fn(Url) -> Self = match scheme {
            "postgres" | "postgresql" => Self::Postgres,
            "mysql" | "mariadb" => Self::MySql,
            _ => return Err(FORMS),
        };
        let scheme = if matches!(scheme, "mysql" | "mariadb") { "mysql" } else { "postgres" };
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| IN_PASSWORD)?;
        let is_cut =
            url.path().contains('@') || url.fragment().is_some() || url.username().is_empty() && rest.contains('@');
        if is_cut {
            return Err(IN_PASSWORD);
        }
        if url.path().trim_matches('/').is_empty() {
            return Err("names no database, e.g. \"postgres://menjin:password@10.0.0.5/menjin\"");
        }
        if url.host_str().is_none_or(str::is_empty) && asked_host(&url).is_none() && !is_by_socket(&url) {
            return Err("names no host, e.g. \"postgres://menjin:password@10.0.0.5/menjin\"");
        }
        Parameters::of(&url).check(&url)?;
        Ok(place(with_files_in(url, base)))
    }

    /// Whether the address leaves it to menjin how the server's certificate is checked, and the way leaves this machine.
    pub(crate) fn wants_checked_tls(&self) -> bool {
        let (Self::Postgres(url) | Self::MySql(url)) = self else { return false };
        is_remote(url) && mode(url).is_none()
    }
}

impl std::fmt::Debug for StorePlace {
    /// The address without its password, too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StorePlace({self})")
    }
}

impl std::fmt::Display for StorePlace {
    /// The address without its password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Postgres(url) | Self::MySql(url)) = self else {
            let Self::Sqlite(path) = self else { return Ok(()) };
            return write!(f, "{}", path.display());
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
    }
}

/// How the certificate is checked, if the address says so; the last word holds.
fn mode(url: &Url) -> Option<(String, String)> {
    let said = url.query_pairs().filter(|(name, _)| MODES.contains(&&**name)).last()?;
    Some((said.0.into_owned(), said.1.to_ascii_lowercase()))
}

/// The host, where it is no part of the address but a parameter (PostgreSQL's `host` and `hostaddr`).
fn asked_host(url: &Url) -> Option<String> {
    let asked = url.query_pairs().filter(|(name, value)| {
        url.scheme() == "postgres" && matches!(&**name, "host" | "hostaddr") && !value.starts_with('/')
    });
    asked.last().map(|(_, value)| value.into_owned())
}

fn is_by_socket(url: &Url) -> bool {
    let names_it = if url.scheme() == "mysql" { "socket" } else { "host" };
    url.host_str().is_some_and(|host| host.starts_with("%2F"))
        || url.query_pairs().any(|(name, value)| name == names_it && value.starts_with('/'))
}

/// Whether the way to a server leaves this machine.
fn is_remote(url: &Url) -> bool {
    if is_by_socket(url) {
        return false;
    }
    let asked = asked_host(url);
    let host = asked.as_deref().or(url.host_str()).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    !(host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

/// Files of certificates are relative to the folder of menjin.toml, as all files are.
fn with_files_in(mut url: Url, base: &Path) -> Url {
    let files = Parameters::of(&url).files;
    let is_file = |name: &str, value: &str| files.contains(&name) && !value.trim_start().starts_with("-----");
    if url.query_pairs().any(|(name, value)| is_file(&name, &value)) {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let placed = pairs.into_iter().map(|(name, value)| {
            let value = if is_file(&name, &value) { base.join(value).to_string_lossy().into_owned() } else { value };
            (name, value)
        });
        let placed: Vec<_> = placed.collect();
        url.query_pairs_mut().clear().extend_pairs(placed);
    }
    url
}

fn without_password<S: Serializer>(url: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    let text = url.expose().filter(|text| !text.is_empty()).unwrap_or(USUAL);
    let shown = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, rest)), Some((_, place))) if scheme != "sqlite" => {
            let user = rest.split([':', '@']).next().unwrap_or_default();
            format!("{scheme}://{user}:[REDACTED]@{place}")
        }
        _ => text.to_owned(),
    };
    serializer.serialize_str(&shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StorePlace, &'static str> {
        StorePlace::parse(text, Path::new("/etc/menjin"))
    }

    #[test]
    fn an_address_names_its_back_end() {
        assert_eq!(parse("sqlite://menjin.db"), Ok(StorePlace::Sqlite("/etc/menjin/menjin.db".into())));
        assert_eq!(parse("sqlite:///var/menjin.db"), Ok(StorePlace::Sqlite("/var/menjin.db".into())));
        for text in ["postgres://u:p@db.internal/menjin", "postgresql://u:p@db.internal/menjin"] {
            assert!(matches!(parse(text), Ok(StorePlace::Postgres(url)) if url.scheme() == "postgres"), "{text}");
        }
        for text in ["mysql://u:p@db.internal/menjin", "mariadb://u:p@db.internal/menjin"] {
            assert!(matches!(parse(text), Ok(StorePlace::MySql(url)) if url.scheme() == "mysql"), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_says_what_would_be() {
        for (text, part) in [
            ("menjin.db", "sqlite://menjin.db"),
            ("oracle://u:p@db/menjin", "postgres://"),
            ("sqlite://", "names no file"),
            ("sqlite://menjin.db?mode=rwc", "takes no parameters"),
            ("postgres://u:p@db.internal/menjin?passwd=hunter2", "does not know"),
            ("mysql://u:p@db.internal/menjin?sslmod=require", "ssl-mode, ssl-ca"),
            ("mysql://u:p@db.internal/menjin?host=/run/mysqld", "does not know for MySQL"),
            ("postgres://u:p@db.internal/menjin?socket=/run/postgresql", "does not know for PostgreSQL"),
            (
                "postgres://u:p@db.internal/menjin?sslmode=nonsense",
                "disable, allow, prefer, require, verify-ca or verify-full",
            ),
            ("postgres://u:p@db.internal/menjin?sslmode=verify_full", "verify-ca or verify-full"),
            ("postgres://u:p@db.internal/menjin?sslmode=", "verify-ca or verify-full"),
            ("mysql://u:p@db.internal/menjin?ssl-mode=require", "preferred, required, verify_ca or verify_identity"),
            ("postgres://u:p@db.internal/menjin?port=many", "up to 65535"),
            ("postgres://u:p@db.internal/menjin?hostaddr=db.internal", "goes into host"),
            ("postgres://u:p@db.internal", "names no database"),
            ("mysql://u:p@db.internal/", "names no database"),
            ("postgres:///menjin", "names no host"),
            ("mysql:///menjin", "names no host"),
            ("postgres://u@db.internal/menjin?password=p@ss", "user:password@host"),
            ("postgres://u:p@ss/word@db.internal:x/menjin", "in the password"),
            ("postgres://u:p@ss/word@db.internal/menjin", "in the password"),
            ("postgres://u:p@ss#word@db.internal/menjin", "in the password"),
            ("mysql://u:12?p@ss@db.internal/menjin", "in the password"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part) && !why.contains("p@ss"), "{text}: {why}");
        }
    }

    #[test]
    fn a_way_that_leaves_the_machine_is_checked_unless_the_address_says_otherwise() {
        for (text, checked) in [
            ("postgres://u:p@db.internal/menjin", true),
            ("mysql://u:p@10.0.0.5/menjin", true),
            ("postgres://u:p@db.internal/menjin?sslmode=require", false),
            ("mysql://u:p@db.internal/menjin?ssl-mode=REQUIRED", false),
            ("mysql://u:p@db.internal/menjin?sslmode=required", false),
            ("postgres://u:p@localhost/menjin?host=db.internal", true),
            ("postgres://u:p@localhost/menjin?hostaddr=10.0.0.5", true),
            ("mysql:///menjin?socket=/run/mysqld/mysqld.sock", false),
            ("postgres://u:p@localhost/menjin", false),
            ("postgres://u:p@127.0.0.1/menjin", false),
            ("mysql://u:p@[::1]/menjin", false),
            ("postgres:///menjin?host=/run/postgresql", false),
            ("sqlite://menjin.db", false),
        ] {
            assert_eq!(parse(text).unwrap().wants_checked_tls(), checked, "{text}");
        }
    }

    #[test]
    fn a_mode_that_does_not_check_who_answers_is_remarked_on() {
        let remark = |text: &str| Store { place: Some(parse(text).unwrap()), ..Store::default() }.remark();
        for mode in ["sslmode=require", "ssl-mode=prefer", "sslmode=verify-full&sslmode=disable"] {
            let remark = remark(&format!("postgres://u:p@db.internal/menjin?{mode}")).unwrap();
            assert!(remark.contains("`store.url`") && !remark.contains("u:p"), "{remark}");
        }
        assert!(remark("mysql://u:p@db.internal/menjin?ssl-mode=REQUIRED").is_some());
        for checked in [
            "postgres://u:p@db.internal/menjin",
            "postgres://u:p@db.internal/menjin?sslmode=verify-full",
            "mysql://u:p@db.internal/menjin?ssl-mode=VERIFY_IDENTITY",
            "postgres://u:p@127.0.0.1/menjin?sslmode=disable",
        ] {
            assert_eq!(remark(checked), None, "{checked}");
        }
    }

    #[test]
    fn files_of_certificates_are_relative_to_the_configuration() {
        let place = parse("postgres://u:p@db.internal/menjin?sslrootcert=ca.pem&application_name=a%20b").unwrap();
        let StorePlace::Postgres(url) = place else { panic!("{place:?}") };
        assert_eq!(url.query(), Some("sslrootcert=%2Fetc%2Fmenjin%2Fca.pem&application_name=a+b"));
        let place = parse("mysql://u:p@db.internal/menjin?ssl-ca=/etc/ssl/ca.pem").unwrap();
        let StorePlace::MySql(url) = place else { panic!("{place:?}") };
        assert_eq!(url.query_pairs().next().unwrap().1, "/etc/ssl/ca.pem");
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in ["postgres://u:hunter2@db.internal/menjin", "mysql://u:hun@ter2@db.internal/menjin"] {
            let mut store = Store { url: Secret::new(url), ..Store::default() };
            drop(store.resolve(Path::new("")));
            let shown = format!("{store:?} {}", serde_json::to_string(&store).unwrap());
            assert!(!shown.contains("ter2") && shown.contains("db.internal"), "{shown}");
        }
        let place = parse("postgres://u:hunter2@db.internal/menjin").unwrap();
        assert_eq!(place.to_string(), "postgres://db.internal/menjin");
        let place = parse("mysql://u:hunter2@db.internal:3307/menjin?ssl-ca=ca.pem").unwrap();
        assert_eq!(place.to_string(), "mysql://db.internal:3307/menjin");
    }
}
