//! Asking menjin what a token is worth (RFC 7662), for who wants no check of their own: remembered for seconds.
//!
//! Does not: believe an answer for another audience; `check.rs` asks that every time, as of any token.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use menjin_token::{Claims, Invalid, MAX_TOKEN, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::cache::{DIGEST, OVERHEAD, TokenDigest, Verified};
use crate::menjin::{self, DEADLINE, Menjin, Trouble};
use crate::{Caller, Clock, Refusal};

const PLACE: &[&str] = &["oauth2", "introspect"];
/// Questions that are under way at once; those about one token wait for one another.
const LANES: usize = 64;

/// Who asks menjin about tokens.
pub(crate) struct Introspection {
    menjin: Arc<Menjin>,
    keep: Duration,
    known: Cache<[u8; DIGEST], Known, Bytes>,
    lanes: [Mutex<()>; LANES],
    clock: Arc<dyn Clock>,
}

/// What menjin said, and when; nothing when the token is worth nothing.
#[derive(Clone)]
struct Known {
    at: Timestamp,
    good: Option<Arc<Verified>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<[u8; DIGEST], Known> for Bytes {
    fn weight(&self, _: &[u8; DIGEST], known: &Known) -> u64 {
        (OVERHEAD + known.good.as_ref().map_or(0, |verified| verified.len * 2)) as u64
    }
}

impl Introspection {
    pub(crate) fn new(menjin: Arc<Menjin>, keep: Duration, bytes: usize, clock: Arc<dyn Clock>) -> Self {
        let known = Cache::with_weighter(bytes / (OVERHEAD + 1024) + 1, bytes as u64, Bytes);
        Self { menjin, keep, known, lanes: std::array::from_fn(|_| Mutex::default()), clock }
    }

    /// What a token says, if menjin says that it is good.
    pub(crate) async fn good(&self, token: &str) -> Result<Arc<Verified>, Refusal> {
        if token.is_empty() || token.len() > MAX_TOKEN {
            return Err(Refusal::Invalid(Invalid::Malformed));
        }
        let digest = TokenDigest::of(token);
        if let Some(known) = self.known(digest) {
            return known.good();
        }
        let lane = &self.lanes[usize::from(digest.bytes()[0]) % LANES];
        // Where menjin hangs, those who wait must not queue up behind one another's deadlines.
        let Ok(_lane) = timeout(DEADLINE, lane.lock()).await else { return Err(Refusal::KeysUnavailable) };
        if let Some(known) = self.known(digest) {
            return known.good();
        }
        let at = self.clock.now();
        match self.ask(token).await {
            Ok(good) => {
                let known = Known { at, good: good.map(Arc::new) };
                self.known.insert(*digest.bytes(), known.clone());
                known.good()
            }
            Err(trouble) => {
                tracing::warn!(error = %trouble, "menjin can't be asked what tokens are worth");
                Err(Refusal::KeysUnavailable)
            }
        }
    }

    fn known(&self, digest: TokenDigest) -> Option<Known> {
        let now = self.clock.now();
        // A time that lies ahead was noted before the clock was set back.
        self.known.get(digest.bytes()).filter(|known| now >= known.at && now.since(known.at) < self.keep)
    }

    async fn ask(&self, token: &str) -> Result<Option<Verified>, Trouble> {
        let request = self.menjin.request(Method::POST, PLACE);
        let request = request.form(&[("token", token), ("token_type_hint", "access_token")]);
        let answer = menjin::answer(request).await?.ok()?;
        let said: Value = answer.json()?;
        match said["active"].as_bool() {
            Some(true) if said["token_type"] == "Bearer" => {}
            // Refresh tokens are active, too, and open nothing.
            Some(_) => return Ok(None),
            None => return Err(Trouble::Odd("an introspection without `active`")),
        }
        let claims = Arc::new(Claims::deserialize(said).map_err(Trouble::Malformed)?);
        let (caller, len) = (Caller::named_by(&claims), answer.body.len());
        Ok(Some(Verified { claims, caller, kid: String::new(), generation: 0, len }))
    }
}

impl Known {
    fn good(self) -> Result<Arc<Verified>, Refusal> {
        // menjin does not say why; a client that refreshes learns it there.
        self.good.ok_or(Refusal::Invalid(Invalid::Signature))
    }
}
