//! How a guard is set up, checked once.

use std::sync::Arc;
use std::time::Duration;

use menjin_token::Typ;
use reqwest::Url;

use crate::cache::Remembered;
use crate::keys::{KeySource, Keys};
use crate::remote::Remote;
use crate::{Clock, Ended, Guard, SystemClock};

/// Leeway of a guard in another program, whose clock may be off.
const LEEWAY: Duration = Duration::from_secs(30);
/// Memory for verified tokens: some three thousand.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// How long keys past their max-age serve while menjin is away: an access token's life, after which nobody has a
/// token that they would still verify.
const MAX_STALE: Duration = Duration::from_mins(15);

/// What a guard works with.
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) typ: Typ,
    pub(crate) leeway: Duration,
    pub(crate) keys: KeySource,
    pub(crate) ended: Option<Arc<Ended>>,
    pub(crate) cache: Remembered,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A guard in the making; see [`Guard::remote`] and [`Guard::local`].
#[must_use]
pub struct GuardBuilder {
    issuer: String,
    audience: String,
    typ: Typ,
    leeway: Duration,
    keys: Option<Keys>,
    jwks_url: Option<String>,
    max_stale: Duration,
    ended: Option<Arc<Ended>>,
    feed: bool,
    cache_bytes: usize,
    clock: Arc<dyn Clock>,
}

/// Why a guard can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// `iss` is compared whole, and menjin's has no trailing slash.
    #[error("the issuer must be a URL without a trailing slash")]
    Issuer,
    /// Tokens for nobody would be tokens for everybody.
    #[error("the audience must not be empty")]
    Audience,
    /// Not an http or https URL.
    #[error("the JWKS address must be an http or https URL")]
    JwksUrl,
    /// Ends would go unnoticed until tokens expire, and that must be said.
    #[error("give the guard a feed of endings, or say feed(false) to be bounded by exp")]
    NoFeed,
    /// TLS could not be set up.
    #[error("the HTTP client can't be made")]
    Client(#[source] reqwest::Error),
}

impl GuardBuilder {
    pub(crate) fn remote(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audience,
            typ: Typ::AccessToken,
            leeway: LEEWAY,
            keys: None,
            jwks_url: None,
            max_stale: MAX_STALE,
            ended: None,
            feed: true,
            cache_bytes: CACHE_BYTES,
            clock: Arc::new(SystemClock),
        }
    }

    pub(crate) fn local(issuer: String, audience: String, keys: Keys, ended: Arc<Ended>) -> Self {
        Self {
            typ: Typ::AnyAccess,
            leeway: Duration::ZERO,
            keys: Some(keys),
            ended: Some(ended),
            ..Self::remote(issuer, audience)
        }
    }

    /// Where the keys are, if not at `{issuer}/.well-known/jwks.json`. A local guard fetches none.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// How long keys past their max-age go on serving while menjin can't be reached; 15 minutes by default.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// `false`: there is no feed of endings, so an ended session's token is good until its `exp`.
    pub fn feed(mut self, feed: bool) -> Self {
        self.feed = feed;
        self
    }

    /// Where endings are told; somebody must read the feed into it and mark each reading.
    pub fn ended(mut self, ended: Arc<Ended>) -> Self {
        self.ended = Some(ended);
        self
    }

    /// How far this machine's clock may be off; 30 s by default, 60 s at most, none for a local guard.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Whether tokens of `typ: JWT` with `token_use: access` are taken too.
    pub fn accept_jwt_typ(mut self, accept: bool) -> Self {
        self.typ = if accept { Typ::AnyAccess } else { Typ::AccessToken };
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Memory for verified tokens; 8 MiB by default.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The guard. Nothing is fetched yet; the first request does that.
    pub fn build(self) -> Result<Guard, BuildError> {
        let issuer = web_url(&self.issuer).ok_or(BuildError::Issuer)?;
        if self.issuer.ends_with('/') || issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(BuildError::Issuer);
        }
        if self.audience.is_empty() {
            return Err(BuildError::Audience);
        }
        if self.feed && self.ended.is_none() {
            return Err(BuildError::NoFeed);
        }
        let keys = match &self.keys {
            Some(keys) => KeySource::Local(keys.clone()),
            None => KeySource::Remote(Arc::new(self.jwks()?)),
        };
        Ok(Guard::new(Settings {
            issuer: self.issuer,
            audience: self.audience,
            typ: self.typ,
            leeway: self.leeway,
            keys,
            ended: self.ended.filter(|_| self.feed),
            cache: Remembered::new(self.cache_bytes),
            clock: self.clock,
        }))
    }

    fn jwks(&self) -> Result<Remote, BuildError> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => format!("{}/.well-known/jwks.json", self.issuer),
        };
        let url = web_url(&url).ok_or(BuildError::JwksUrl)?;
        Remote::new(url, Arc::clone(&self.clock), self.max_stale).map_err(BuildError::Client)
    }
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
