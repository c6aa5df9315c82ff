//! `[[compat]]`: an old wire form on exact paths (design §4.11).

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::app::App;
use super::{ConfigError, Lifetimes, Secret, choice};

/// Which old system's clients are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompatKind {
    /// The hapi server with `POST /users/wxLogin`.
    Hapi,
    /// Django with djangorestframework-jwt: obtain, refresh and verify.
    DrfJwt,
}

/// Algorithm of a compat token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompatAlg {
    /// One shared secret, as those systems have it.
    #[serde(rename = "HS256")]
    Hs256,
}

/// Where refresh and verify of Django look for the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFrom {
    /// The member `token` of the JSON or of the form, as the package has it.
    Body,
    /// `Authorization: JWT …`.
    Header,
    /// `?token=…`.
    Query,
}

/// One `[[compat]]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compat {
    /// The old system.
    #[serde(deserialize_with = "choice::one")]
    pub kind: CompatKind,
    /// The app that its clients sign in from.
    pub app: String,
    /// Where it is mounted; of Django: obtain, refresh and verify, in this order. Those that its systems have when not given.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Algorithm of its tokens.
    #[serde(default = "default_alg", deserialize_with = "choice::one")]
    pub alg: CompatAlg,
    /// The secret that its tokens are signed with.
    #[serde(default, skip_serializing_if = "Secret::is_absent")]
    pub secret: Secret,
    /// File that holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// How long its tokens live; as those systems have it when not given.
    #[serde(default, with = "super::duration", skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
    /// Of Django: how long after the sign-in a token is refreshed; 0 is never.
    #[serde(default = "default_refresh_lifetime", with = "super::duration")]
    pub refresh_lifetime: Duration,
    /// Of Django: where refresh and verify look for the token.
    #[serde(default = "default_token_from", deserialize_with = "choice::several")]
    pub token_from: Vec<TokenFrom>,
    /// Status of the answer to an expired token.
    #[serde(default = "default_expired_status")]
    pub expired_status: u16,
}

impl Compat {
    /// The paths that its systems have, where none are given.
    pub fn fill_in(&mut self) {
        let usual: &[&str] = match self.kind {
            CompatKind::Hapi => &["/users/wxLogin"],
            CompatKind::DrfJwt => &["/api-token-auth/", "/api-token-refresh/", "/api-token-verify/"],
        };
        if self.paths.is_empty() {
            self.paths = usual.iter().map(|path| (*path).to_owned()).collect();
        }
    }

    /// How long its tokens live.
    pub fn lifetime(&self) -> Duration {
        self.lifetime.unwrap_or(match self.kind {
            CompatKind::Hapi => Duration::from_hours(168),
            CompatKind::DrfJwt => Duration::from_mins(5),
        })
    }
}

fn default_refresh_lifetime() -> Duration {
    Duration::from_hours(168)
}

fn default_token_from() -> Vec<TokenFrom> {
    vec![TokenFrom::Body]
}

fn default_alg() -> CompatAlg {
    CompatAlg::Hs256
}

fn default_expired_status() -> u16 {
    401
}

/// First segments that menjin's own routes have.
const OWN: [&str; 17] = [
    "v1",
    "oauth2",
    ".well-known",
    "auth",
    "docs",
    "openapi.json",
    "healthz",
    "readyz",
    "admin",
    "console",
    "metrics",
    "dev",
    "sdk",
    "avatars",
    "problems",
    "_sim",
    ".menjin",
];

pub(super) fn check(compats: &[Compat], apps: &[App]) -> Result<(), ConfigError> {
    let mut taken = HashSet::new();
    for (index, compat) in compats.iter().enumerate() {
        let key = |field: &str| format!("compat[{index}].{field}");
        let app = apps.iter().find(|app| app.id == compat.app);
        match compat.kind {
            CompatKind::Hapi if app.is_none_or(|app| app.platform.is_none()) => {
                return Err(ConfigError::refused(key("app"), format!("{:?} is no [[app]] of a platform", compat.app)));
            }
            CompatKind::DrfJwt if app.is_none_or(|app| !app.passwords) => {
                let why = format!("{:?} is no [[app]] with `passwords = true`", compat.app);
                return Err(ConfigError::refused(key("app"), why));
            }
            CompatKind::Hapi | CompatKind::DrfJwt => {}
        }
        let is_short = compat.secret.expose().is_none_or(|secret| secret.len() < 32);
        if is_short || compat.secret.is_placeholder() {
            return Err(ConfigError::refused(
                key("secret"),
                "must be 32 bytes or more (RFC 7518 §3.2); better as `secret_file`",
            ));
        }
        if compat.kind == CompatKind::DrfJwt && compat.paths.len() != 3 {
            let why = "must be three: those of obtain, refresh and verify, in this order";
            return Err(ConfigError::refused(key("paths"), why));
        }
        for path in &compat.paths {
            let exact = path.starts_with('/')
                && path.len() > 1
                && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b));
            if !exact || path.contains("//") || path.split('/').any(|segment| segment == "." || segment == "..") {
                return Err(ConfigError::refused(
                    key("paths"),
                    format!("{path:?} must be a plain path, e.g. \"/users/wxLogin\""),
                ));
            }
            if path.split('/').nth(1).is_some_and(|first| OWN.contains(&first)) {
                return Err(ConfigError::refused(key("paths"), format!("{path:?} is menjin's own")));
            }
            if !taken.insert(path) {
                return Err(ConfigError::refused(key("paths"), format!("{path:?} stands twice")));
            }
        }
        if compat.lifetime().is_zero() || compat.lifetime() > Duration::from_hours(9600) {
            return Err(ConfigError::refused(key("lifetime"), "must be between a second and 400 days"));
        }
        if !(400..500).contains(&compat.expired_status) {
            return Err(ConfigError::refused(key("expired_status"), "must be a 4xx status, e.g. 401 or 403"));
        }
    }
    Ok(())
}

/// The session behind a token of Django ends by itself where nothing but that token is refreshed.
pub(super) fn check_lifetimes(compats: &[Compat], apps: &[App], common: &Lifetimes) -> Result<(), ConfigError> {
    for (index, compat) in compats.iter().enumerate().filter(|(_, compat)| compat.kind == CompatKind::DrfJwt) {
        let own = apps.iter().find(|app| app.id == compat.app).and_then(|app| app.refresh_idle);
        let idle = own.unwrap_or(common.refresh_idle);
        for (field, lifetime) in [("lifetime", compat.lifetime()), ("refresh_lifetime", compat.refresh_lifetime)] {
            if lifetime > idle {
                let why = format!(
                    "must not be longer than `refresh_idle` of the app or of [lifetimes], which is {} and ends the session",
                    humantime::format_duration(idle)
                );
                return Err(ConfigError::refused(format!("compat[{index}].{field}"), why));
            }
        }
    }
    Ok(())
}

/// Paths are below that of `server.public_url` already.
pub(super) fn check_below(compats: &[Compat], path: &str) -> Result<(), ConfigError> {
    for (index, compat) in compats.iter().enumerate() {
        let twice = compat.paths.iter().find(|it| !path.is_empty() && is_below(it, path));
        if let Some(twice) = twice {
            let why =
                format!("{twice:?} has the path of server.public_url, which is put before it anyway: leave it out");
            return Err(ConfigError::refused(format!("compat[{index}].paths"), why));
        }
    }
    Ok(())
}

fn is_below(it: &str, path: &str) -> bool {
    it.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
