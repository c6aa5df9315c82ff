//! The one check that every protected request passes.
//!
//! Verified once: form, signature, issuer. Asked every time: times, audience, key, endings, freshness of the feed.

use std::sync::Arc;

use http::HeaderMap;
use menjin_token::{Claims, Expect, Invalid, Timestamp, verify_with_kid};

use crate::builder::{GuardBuilder, Settings};
use crate::cache::{TokenDigest, Verified};
use crate::ended::{Ended, Subject};
use crate::keys::{Current, Keys};
use crate::{Caller, Refusal, source};

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
        self.check_token(source::token(headers)?).await
    }

    /// Whom this token names.
    pub async fn check_token(&self, token: &str) -> Result<Caller, Refusal> {
        let verified = self.good(token).await?;
        match &verified.caller {
            Ok(caller) => Ok(caller.clone()),
            Err(invalid) => Err(Refusal::Invalid(*invalid)),
        }
    }

    /// What this token says, be it a person's or an app's own (client credentials).
    pub async fn check_claims(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        Ok(Arc::clone(&self.good(token).await?.claims))
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
        let keys = settings.keys.ready(now).await?;
        let digest = TokenDigest::of(token);
        let remembered = settings.cache.get(digest).filter(|verified| verified.generation == keys.generation);
        let verified = match remembered {
            Some(verified) => verified,
            None => match self.verify(token, &keys, now).await {
                Ok(verified) => {
                    let verified = Arc::new(verified);
                    settings.cache.put(digest, Arc::clone(&verified));
                    verified
                }
                Err(invalid) => {
                    settings.cache.forget(digest);
                    return Err(invalid.into());
                }
            },
        };
        settings.in_force(&verified, now)?;
        Ok(verified)
    }

    async fn verify(&self, token: &str, keys: &Arc<Current>, now: Timestamp) -> Result<Verified, Invalid> {
        let settings = &*self.0;
        let expect = settings.expect();
        let (keys, result) = match verify_with_kid(token, &keys.set, &expect, now) {
            Err(Invalid::UnknownKey) => match settings.keys.newer(keys).await {
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
        let Some(ended) = &self.ended else {
            return Ok(());
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
        if ended.is_stale(now) {
            return Err(Refusal::FeedStale);
        }
        Ok(())
    }
}
