//! The one check that every protected request passes.
//!
//! Verified once: form, signature, issuer. Asked every time: times, audience, key, endings, freshness of the feed.

use std::sync::Arc;

use http::HeaderMap;
use menjin_token::{Claims, Expect, Invalid, Timestamp, verify_with_kid};

use crate::builder::{Endings, GuardBuilder, Judge, Settings};
use crate::cache::{TokenDigest, Verified};
use crate::ended::{Ended, Subject};
use crate::keys::{Current, KeySource, Keys};
use crate::menjin::Menjin;
use crate::{Caller, Language, Person, Refusal, source};

/// Lets in whom menjin has signed in. Cloning is cheap and shares everything.
#[derive(Clone)]
pub struct Guard(Arc<Settings>);

impl Guard {
    /// A guard in another program than menjin: it fetches menjin's public keys.
    ///
    /// ```
    /// use menjin_guard::{Caller, Guard};
    ///
    /// async fn hello(caller: Caller) -> String {
    ///     format!("hello {}", caller.user)
    /// }
    ///
    /// let guard = Guard::remote("https://login.example.com", "shop-api").feed(false).build()?;
    /// let app: axum::Router = axum::Router::new().route("/", axum::routing::get(hello)).with_state(guard);
    /// # Ok::<(), menjin_guard::BuildError>(())
    /// ```
    pub fn remote(issuer: impl Into<String>, audience: impl Into<String>) -> GuardBuilder {
        GuardBuilder::remote(issuer.into(), audience.into())
    }

    /// A guard that asks menjin what each token is worth (RFC 7662) and remembers the answer for seconds, in place of
    /// keys and a feed. Needs [`as_app`](GuardBuilder::as_app). Claims of your own do not come this way.
    pub fn introspecting(issuer: impl Into<String>, audience: impl Into<String>) -> GuardBuilder {
        GuardBuilder::introspecting(issuer.into(), audience.into())
    }

    /// A guard inside menjin: keys and endings are in process, and there is no leeway.
    pub fn local(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: Keys,
        ended: Arc<Ended>,
    ) -> GuardBuilder {
        GuardBuilder::local(issuer.into(), audience.into(), keys, ended)
    }

    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    /// Who sends these headers.
    pub async fn check(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let mut caller = self.check_token(source::token(headers)?).await?;
        caller.language = Language::of(headers);
        Ok(caller)
    }

    /// Whom this token names.
    pub async fn check_token(&self, token: &str) -> Result<Caller, Refusal> {
        let verified = self.good(token).await?;
        match &verified.caller {
            Ok(caller) => Ok(caller.clone()),
            Err(invalid) => Err(Refusal::Invalid(*invalid)),
        }
    }

    /// Whom this token names, be it menjin's or of an old system ([`legacy`](GuardBuilder::legacy)).
    pub async fn check_person(&self, token: &str) -> Result<Person, Refusal> {
        let settings = &*self.0;
        let now = settings.clock.now();
        // An old system's key is at hand; for a key that nobody knows, menjin would be asked.
        match settings.legacy.iter().find_map(|system| system.check(token, settings.leeway, now)) {
            Some(Ok(legacy)) => Ok(Person::Legacy(legacy)),
            Some(Err(refusal)) => {
                tracing::debug!(reason = %refusal, "an old system's token is refused");
                Err(refusal)
            }
            None => self.check_token(token).await.map(Person::SignedIn),
        }
    }

    /// What this token says, be it a person's or an app's own (client credentials).
    pub async fn check_claims(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        Ok(Arc::clone(&self.good(token).await?.claims))
    }

    /// Whether the other is this guard.
    #[cfg(feature = "axum")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn menjin(&self) -> Option<&Menjin> {
        self.0.menjin.as_deref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    async fn good(&self, token: &str) -> Result<Arc<Verified>, Refusal> {
        let result = self.verified_and_in_force(token).await;
        if let Err(refusal) = &result {
            tracing::debug!(code = refusal.code(), reason = %refusal, "a token is refused");
        }
        result
    }

    async fn verified_and_in_force(&self, token: &str) -> Result<Arc<Verified>, Refusal> {
        let settings = &*self.0;
        let now = settings.clock.now();
        let verified = match &settings.judge {
            Judge::Keys(source) => self.verified(token, source, now).await?,
            Judge::Introspection(introspection) => introspection.good(token).await?,
        };
        self.in_force(&verified, now).await?;
        Ok(verified)
    }

    async fn in_force(&self, verified: &Verified, now: Timestamp) -> Result<(), Refusal> {
        let settings = &*self.0;
        if let Endings::Read(feed) = &settings.endings {
            feed.freshen(now).await;
        }
        // What had to be waited for took its time.
        settings.in_force(verified, settings.clock.now())
    }

    async fn verified(&self, token: &str, source: &KeySource, now: Timestamp) -> Result<Arc<Verified>, Refusal> {
        let cache = &self.0.cache;
        let keys = source.ready(now).await?;
        let digest = TokenDigest::of(token);
        let remembered = cache.get(digest).filter(|verified| verified.generation == keys.generation);
        if let Some(verified) = remembered {
            return Ok(verified);
        }
        match self.verify(token, source, &keys, now).await {
            Ok(verified) => {
                let verified = Arc::new(self.with_all_roles(token, verified, now).await?);
                cache.put(digest, Arc::clone(&verified));
                Ok(verified)
            }
            Err(invalid) => {
                cache.forget(digest);
                Err(invalid.into())
            }
        }
    }

    /// With the roles and permissions that the token has not room for.
    async fn with_all_roles(&self, token: &str, verified: Verified, now: Timestamp) -> Result<Verified, Refusal> {
        let Some(more) = self.0.more_roles.as_ref().filter(|_| verified.claims.has_more_roles) else {
            return Ok(verified);
        };
        // What is known here already is not asked for, and holds while menjin is down.
        self.in_force(&verified, now).await?;
        let mut claims = Claims::clone(&verified.claims);
        let len = verified.len + more.add(token, &mut claims).await?;
        let claims = Arc::new(claims);
        Ok(Verified { caller: Caller::named_by(&claims), claims, len, ..verified })
    }

    async fn verify(
        &self,
        token: &str,
        source: &KeySource,
        keys: &Arc<Current>,
        now: Timestamp,
    ) -> Result<Verified, Invalid> {
        let expect = self.0.expect();
        let (keys, result) = match verify_with_kid(token, &keys.set, &expect, now) {
            Err(Invalid::UnknownKey) => match source.newer(keys).await {
                Some(newer) => {
                    let result = verify_with_kid(token, &newer.set, &expect, now);
                    (newer, result)
                }
                None => return Err(Invalid::UnknownKey),
            },
            result => (Arc::clone(keys), result),
        };
        let good = result?;
        let claims = Arc::new(good.claims);
        Ok(Verified {
            caller: Caller::named_by(&claims),
            claims,
            kid: good.kid,
            generation: keys.generation,
            len: token.len(),
        })
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}

impl Settings {
    fn expect(&self) -> Expect<'_> {
        Expect {
            typ: self.typ.clone(),
            issuer: Some(&self.issuer),
            audience: Some(&self.audience),
            leeway: self.leeway,
        }
    }

    /// Whether a token that was once verified is still good.
    fn in_force(&self, verified: &Verified, now: Timestamp) -> Result<(), Refusal> {
        let claims = &*verified.claims;
        let expect = self.expect();
        expect.check_audience(claims)?;
        expect.check_times(claims, now)?;
        let (ended, is_stale) = match &self.endings {
            Endings::Unheard => return Ok(()),
            Endings::Told(ended) => (&**ended, ended.is_stale(now)),
            Endings::Read(feed) => (feed.ended(), feed.is_stale(now)),
        };
        if ended.is_key_revoked(&verified.kid) {
            return Err(Refusal::Invalid(Invalid::UnknownKey));
        }
        let caller = verified.caller.as_ref().ok();
        let subject = Subject {
            user: caller.map(|caller| caller.user),
            session: caller.map(|caller| caller.session),
            client_id: claims.client_id.as_deref(),
        };
        if let Some(because) = ended.refusal_for(subject, claims.iat.unwrap_or_default()) {
            return Err(Refusal::Ended(because));
        }
        if ended.outdates(subject.user, &claims.roles, claims.roles_version) {
            return Err(Refusal::Expired);
        }
        if is_stale {
            return Err(Refusal::FeedStale);
        }
        Ok(())
    }
}
