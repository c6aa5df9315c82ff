//! How a guard is set up, checked once.

use std::sync::Arc;
use std::time::Duration;

use menjin_token::{KeyError, Typ};
use reqwest::Url;
use zeroize::Zeroizing;

use crate::cache::Remembered;
use crate::feed::{Feed, Freshness, Reader};
use crate::introspect::Introspection;
use crate::keys::{KeySource, Keys};
use crate::legacy::{Legacy, OldSystem};
use crate::menjin::{Credentials, Menjin};
use crate::more_roles::MoreRoles;
use crate::remote::Remote;
use crate::{Clock, Ended, Guard, SystemClock};

/// Leeway of a guard in another program, whose clock may be off.
const LEEWAY: Duration = Duration::from_secs(30);
/// Memory for verified tokens: some three thousand.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// How long keys past their max-age serve while menjin is away: an access token's life, after which nobody has a
/// token that they would still verify.
const MAX_STALE: Duration = Duration::from_mins(15);

/// How long the answer of an introspection is remembered.
const KEEP: Duration = Duration::from_secs(5);

/// What a guard works with.
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) typ: Typ,
    pub(crate) leeway: Duration,
    pub(crate) judge: Judge,
    pub(crate) endings: Endings,
    pub(crate) legacy: Vec<OldSystem>,
    pub(crate) menjin: Option<Arc<Menjin>>,
    /// Where what a token has not room for is asked; introspection says all of it.
    pub(crate) more_roles: Option<MoreRoles>,
    pub(crate) cache: Remembered,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Who says that a token is good.
pub(crate) enum Judge {
    Keys(KeySource),
    Introspection(Box<Introspection>),
}

/// Who says what has ended.
pub(crate) enum Endings {
    Unheard,
    /// Somebody else, in this process.
    Told(Arc<Ended>),
    Read(Feed),
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
    menjin_url: Option<String>,
    max_stale: Duration,
    app: Option<(String, Zeroizing<String>)>,
    ended: Option<Arc<Ended>>,
    feed: bool,
    max_lag: Option<Duration>,
    legacy: Vec<Legacy>,
    introspects: Option<Duration>,
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
    /// Not an http or https URL.
    #[error("menjin's address must be an http or https URL")]
    MenjinUrl,
    /// Ends would go unnoticed until tokens expire, and that must be said.
    #[error(
        "say as_app(id, secret), so that the guard can read the feed of endings, or feed(false) to be bounded by exp"
    )]
    NoFeed,
    /// menjin answers nobody who does not say who asks.
    #[error("introspection needs as_app(id, secret)")]
    NoApp,
    /// A secret that can be guessed, or a file that is no public key for its algorithm.
    #[error("legacy {name}: {error}")]
    LegacyKey {
        /// The entry.
        name: String,
        /// What is wrong.
        error: KeyError,
    },
    /// Nobody could be told by its tokens.
    #[error("legacy {name}: say number_in or external_id_in, where its tokens name the person")]
    LegacyClaim {
        /// The entry.
        name: String,
    },
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
            menjin_url: None,
            max_stale: MAX_STALE,
            app: None,
            ended: None,
            feed: true,
            max_lag: None,
            legacy: Vec::new(),
            introspects: None,
            cache_bytes: CACHE_BYTES,
            clock: Arc::new(SystemClock),
        }
    }

    pub(crate) fn introspecting(issuer: String, audience: String) -> Self {
        Self { feed: false, introspects: Some(KEEP), ..Self::remote(issuer, audience) }
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

    /// The program's own app at menjin, of kind `backend` and with the audience of this guard: a remote guard then reads
    /// the feed of endings (scope `revocations:read`), and a [`Session`](crate::Session) its data (scope `session-data`).
    pub fn as_app(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.app = Some((id.into(), Zeroizing::new(secret.into())));
        self
    }

    /// Where menjin is reached, if not at the issuer's own address.
    pub fn menjin_url(mut self, url: impl Into<String>) -> Self {
        self.menjin_url = Some(url.into());
        self
    }

    /// Where the keys are, if not at menjin's `/.well-known/jwks.json`. A local guard fetches none.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// How long keys past their max-age go on serving while menjin can't be reached; 15 minutes by default.
    pub fn max_stale(mut self, max_stale: Duration) -> Self {
        self.max_stale = max_stale;
        self
    }

    /// How long a guard goes on without news of endings; then it answers 503 `revocations_stale`. By default what menjin
    /// says, `lifetimes.revocation_max_lag`. 0 is strict: an end takes effect within a second, or nobody gets in.
    pub fn revocation_max_lag(mut self, max_lag: Duration) -> Self {
        self.max_lag = Some(max_lag);
        self
    }

    /// Takes the tokens of an old system, too, until its date, where a route asks for a [`Person`](crate::Person).
    pub fn legacy(mut self, legacy: Legacy) -> Self {
        self.legacy.push(legacy);
        self
    }

    /// For how long the answers of an introspection are remembered; 5 s by default, 0 asks menjin every time.
    pub fn remember_for(mut self, keep: Duration) -> Self {
        self.introspects = self.introspects.map(|_| keep);
        self
    }

    /// `false`: there is no feed of endings, so an ended session's token is good until its `exp`.
    pub fn feed(mut self, feed: bool) -> Self {
        self.feed = feed;
        self
    }

    /// Where endings are told in this process, in place of a feed of the guard's own; somebody must read the feed into it and mark each reading.
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

    /// The guard. Keys are fetched by the first request. The feed is read from now on, or in a program whose runtime is
    /// not there yet, from the first request on; until the last clone of the guard is gone.
    pub fn build(mut self) -> Result<Guard, BuildError> {
        let issuer = web_url(&self.issuer).ok_or(BuildError::Issuer)?;
        if self.issuer.ends_with('/') || issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(BuildError::Issuer);
        }
        if self.audience.is_empty() {
            return Err(BuildError::Audience);
        }
        let menjin = self.menjin()?;
        let judge = self.judge(menjin.as_ref())?;
        let endings = self.endings(menjin.as_ref(), &judge)?;
        let more_roles = match &judge {
            Judge::Keys(KeySource::Remote(_)) => Some(MoreRoles::new(self.base()?).map_err(BuildError::Client)?),
            Judge::Keys(KeySource::Local(_)) | Judge::Introspection(_) => None,
        };
        let legacy = self.legacy.into_iter().map(Legacy::build).collect::<Result<_, _>>()?;
        Ok(Guard::new(Settings {
            issuer: self.issuer,
            audience: self.audience,
            typ: self.typ,
            leeway: self.leeway,
            judge,
            endings,
            legacy,
            menjin,
            more_roles,
            cache: Remembered::new(self.cache_bytes),
            clock: self.clock,
        }))
    }

    fn base(&self) -> Result<Url, BuildError> {
        web_url(self.menjin_url.as_ref().unwrap_or(&self.issuer)).ok_or(BuildError::MenjinUrl)
    }

    fn menjin(&self) -> Result<Option<Arc<Menjin>>, BuildError> {
        let base = self.base()?;
        let Some((id, secret)) = &self.app else { return Ok(None) };
        let menjin = Menjin::new(base, Credentials::new(id, secret)).map_err(BuildError::Client)?;
        Ok(Some(Arc::new(menjin)))
    }

    fn judge(&self, menjin: Option<&Arc<Menjin>>) -> Result<Judge, BuildError> {
        if let Some(keep) = self.introspects {
            let menjin = Arc::clone(menjin.ok_or(BuildError::NoApp)?);
            let clock = Arc::clone(&self.clock);
            let introspection = Introspection::new(menjin, keep, self.cache_bytes, clock);
            return Ok(Judge::Introspection(Box::new(introspection)));
        }
        Ok(Judge::Keys(match &self.keys {
            Some(keys) => KeySource::Local(keys.clone()),
            None => KeySource::Remote(Arc::new(self.jwks()?)),
        }))
    }

    fn endings(&mut self, menjin: Option<&Arc<Menjin>>, judge: &Judge) -> Result<Endings, BuildError> {
        if !self.feed {
            return Ok(Endings::Unheard);
        }
        if let Some(ended) = self.ended.take() {
            return Ok(Endings::Told(ended));
        }
        let menjin = Arc::clone(menjin.ok_or(BuildError::NoFeed)?);
        let keys = match judge {
            Judge::Keys(KeySource::Remote(remote)) => Some(Arc::clone(remote)),
            Judge::Keys(KeySource::Local(_)) | Judge::Introspection(_) => None,
        };
        let reader = Reader::new(menjin, keys, Arc::clone(&self.clock), Freshness::new(self.max_lag));
        Ok(Endings::Read(Feed::new(reader)))
    }

    fn jwks(&self) -> Result<Remote, BuildError> {
        let base = self.menjin_url.as_ref().unwrap_or(&self.issuer).trim_end_matches('/');
        let usual = || format!("{base}/.well-known/jwks.json");
        let url = web_url(&self.jwks_url.clone().unwrap_or_else(usual)).ok_or(BuildError::JwksUrl)?;
        Remote::new(url, Arc::clone(&self.clock), self.max_stale).map_err(BuildError::Client)
    }
}

fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
