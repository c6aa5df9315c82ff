//! For the tests of a guarded program: tokens, endings and time, without a menjin that runs. Feature `testkit`, which
//! belongs into `[dev-dependencies]`.
//!
//! ```
//! use menjin_guard::testkit::TestMenjin;
//!
//! # async fn test() {
//! let menjin = TestMenjin::new("shop-api");
//! let guard = menjin.guard(); // Into the state of the program that is tested.
//! let alice = menjin.sign_in("alice").permission("orders:*").claim("userId", 7);
//! let token = alice.token();
//! assert!(guard.check_token(&token).await.unwrap().may("orders:read"));
//!
//! menjin.end(alice.session(), "session_kicked");
//! assert_eq!(guard.check_token(&token).await.unwrap_err().code(), "session_kicked");
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(test());
//! ```

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use menjin_token::{Algorithm, Claims, KeySet, SessionId, SigningKey, Timestamp, UserId, sign};
use serde_json::Value;

use crate::{Clock, Ended, Guard, GuardBuilder, Keys, ManualClock};

const ISSUER: &str = "https://login.test";
const START: Timestamp = Timestamp::from_secs(1_795_000_000);
const LIFE: Duration = Duration::from_mins(15);
const LEEWAY: Duration = Duration::from_secs(30);
/// An `exp` that nobody has asked for.
const UNSAID: Timestamp = Timestamp::from_millis(i64::MIN);

/// What menjin would be to a guarded program: it signs people in, ends that, and has a time of its own.
pub struct TestMenjin {
    audience: String,
    signing: Mutex<SigningKey>,
    keys: Keys,
    ended: Arc<Ended>,
    clock: Arc<ManualClock>,
    made: AtomicU64,
    role_changes: AtomicI64,
}

/// Somebody who is signed in: what their tokens say, and the tokens.
#[derive(Clone)]
pub struct SignedIn<'m> {
    menjin: &'m TestMenjin,
    user: UserId,
    session: SessionId,
    claims: Claims,
}

impl TestMenjin {
    /// With a key of its own, for guards of this audience.
    pub fn new(audience: impl Into<String>) -> Self {
        let key = new_key(0);
        let menjin = Self {
            audience: audience.into(),
            keys: Keys::new(KeySet::new(vec![key.verifying()])),
            signing: Mutex::new(key),
            ended: Arc::default(),
            clock: Arc::new(ManualClock::new(START)),
            made: AtomicU64::default(),
            role_changes: AtomicI64::default(),
        };
        menjin.ended.mark_read(START);
        menjin
    }

    /// A guard of this menjin.
    #[expect(clippy::missing_panics_doc, reason = "only when the audience is empty")]
    pub fn guard(&self) -> Guard {
        self.builder().build().expect("the test's audience is not empty")
    }

    /// The same, for more settings.
    pub fn builder(&self) -> GuardBuilder {
        Guard::local(ISSUER, &self.audience, self.keys.clone(), Arc::clone(&self.ended))
            .leeway(LEEWAY)
            .accept_jwt_typ(false)
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    /// Somebody signs in to app `app`; the same name is the same user, and each time another session.
    pub fn sign_in(&self, name: &str) -> SignedIn<'_> {
        let session = SessionId::new(self.clock.now(), self.random());
        let named = digest::digest(&digest::SHA256, name.as_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&named.as_ref()[..10]);
        let user = UserId::new(START, random);
        let claims = Claims {
            iss: Some(ISSUER.to_owned()),
            sub: Some(user.to_string()),
            aud: vec![self.audience.clone()],
            sid: Some(session.to_string()),
            client_id: Some("app".to_owned()),
            auth_time: Some(self.clock.now()),
            ..Claims::expiring(UNSAID)
        };
        SignedIn { menjin: self, user, session, claims }
    }

    /// Ends a session with this reason, such as `session_kicked`.
    pub fn end(&self, session: SessionId, reason: &str) {
        let now = self.clock.now();
        self.ended.end_session(session, reason, now, now.plus(LIFE));
    }

    /// Disables a user: everything that they hold is refused.
    pub fn ban(&self, user: UserId) {
        let now = self.clock.now();
        self.ended.user_not_before(user, "user_disabled", now, now.plus(LIFE));
    }

    /// Changes what somebody may do: tokens from before are refused with `token_expired`, and those of from now on are good.
    pub fn change_roles(&self, user: UserId) {
        let version = self.role_changes.fetch_add(1, Ordering::Relaxed) + 1;
        self.ended.roles_of_user(user, version, self.clock.now().plus(LIFE));
    }

    /// The time, as guards see it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.ended.mark_read(self.clock.now());
    }

    /// Lets time pass in which nothing is heard from menjin: guards answer 503 after half a minute.
    pub fn advance_unheard(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Signs with another key from now on; the old ones stay published.
    pub fn rotate_key(&self) {
        let key = new_key(self.made.fetch_add(1, Ordering::Relaxed) + 1);
        let mut published: Vec<_> = self.keys.current().set.iter().cloned().collect();
        published.push(key.verifying());
        self.keys.replace(KeySet::new(published));
        *self.signing() = key;
    }

    /// The public keys as menjin publishes them, for who verifies by himself.
    #[expect(clippy::missing_panics_doc, reason = "strings serialise")]
    pub fn jwks(&self) -> String {
        serde_json::to_string(&self.keys.current().set.published()).expect("strings serialise")
    }

    fn random(&self) -> [u8; 10] {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&(self.made.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes());
        random
    }

    fn signing(&self) -> MutexGuard<'_, SigningKey> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignedIn<'_> {
    /// The person.
    pub fn user(&self) -> UserId {
        self.user
    }

    /// Their session.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// With this role.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.claims.roles.push(role.into());
        self
    }

    /// With this permission, such as `orders:*`.
    #[must_use]
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        self.claims.permissions.push(permission.into());
        self
    }

    /// With these scopes, separated by spaces.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.claims.scope = Some(scope.into());
        self
    }

    /// With this claim, as `[audience.….claims]` adds some.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.extra.insert(name.into(), value.into());
        self
    }

    /// With anything else changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Claims)) -> Self {
        change(&mut self.claims);
        self
    }

    /// An access token of now, good for 15 minutes, unless [`with`](Self::with) has said another `iat` or `exp`.
    #[expect(clippy::missing_panics_doc, reason = "only when it is larger than any guard takes")]
    pub fn token(&self) -> String {
        let now = self.menjin.now();
        let exp = if self.claims.exp == UNSAID { now.plus(LIFE) } else { self.claims.exp };
        let changes = self.menjin.role_changes.load(Ordering::Relaxed);
        let roles_version = self.claims.roles_version.or(Some(changes));
        let claims = Claims { iat: self.claims.iat.or(Some(now)), exp, roles_version, ..self.claims.clone() };
        sign(&self.menjin.signing(), "at+jwt", &claims).expect("a test's token is of a usual size")
    }

    /// The value of its `Authorization` header.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }
}

fn new_key(nth: u64) -> SigningKey {
    let made = SigningKey::generate(Algorithm::Es256, format!("test-{nth}"));
    made.expect("a machine that makes keys").0
}
