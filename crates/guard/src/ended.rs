//! What has ended before its tokens have: sessions, users, apps and keys, in memory, asked on every request.
//!
//! Lives here: the set and its freshness. Does not: read the feed; who does (the server in process, a guard's
//! feed reader) tells it here and calls `mark_read` each time.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use menjin_token::verify::MAX_LEEWAY;
use menjin_token::{SessionId, Timestamp, UserId};

use crate::code::Code;

/// `revocation_max_lag` unless told otherwise.
pub(crate) const DEFAULT_MAX_LAG: Duration = Duration::from_secs(30);
/// What 0 means: an end takes effect within a second, or nobody gets in.
pub(crate) const STRICT_LAG: Duration = Duration::from_secs(1);
const NEVER: i64 = i64::MIN;

/// Endings that are in force. Shared by who hears of them and the guards that ask.
#[derive(Debug)]
pub struct Ended {
    known: RwLock<Known>,
    read_at: AtomicI64,
    max_lag: Duration,
}

#[derive(Debug, Default)]
struct Known {
    sessions: HashMap<SessionId, End>,
    users: HashMap<UserId, End>,
    apps: HashMap<String, End>,
    keys: HashSet<String>,
    roles_of: HashMap<UserId, Outdated>,
    roles: HashMap<String, Outdated>,
}

/// Tokens of an earlier version, or of none, say of roles what is no longer so.
#[derive(Debug, Clone, Copy)]
struct Outdated {
    before: i64,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct End {
    code: Code,
    at: Timestamp,
    until: Timestamp,
}

/// Why a token is worth nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedBecause {
    /// The problem's code, such as `session_kicked`.
    pub code: String,
    /// When it ended.
    pub at: Timestamp,
}

/// Whom a token speaks for; what it does not say is not asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The person.
    pub user: Option<UserId>,
    /// The sign-in.
    pub session: Option<SessionId>,
    /// The app.
    pub client_id: Option<&'a str>,
}

impl Default for Ended {
    fn default() -> Self {
        Self::new()
    }
}

impl Ended {
    /// Nothing has ended, and nothing was read: guards answer 503 until the first [`mark_read`](Self::mark_read).
    pub fn new() -> Self {
        Self::with_max_lag(DEFAULT_MAX_LAG)
    }

    /// With another `revocation_max_lag`; 0 is strict and means one second.
    pub fn with_max_lag(max_lag: Duration) -> Self {
        Self { known: RwLock::default(), read_at: AtomicI64::new(NEVER), max_lag: max_lag.max(STRICT_LAG) }
    }

    /// The session is over; `until` is the latest `exp` of any of its tokens.
    pub fn end_session(&self, session: SessionId, reason: &str, at: Timestamp, until: Timestamp) {
        let end = End::new(reason, at, until);
        end.settle(&mut self.write().sessions, session);
    }

    /// Tokens of this user from before `at` are over (see [`refusal_for`](Self::refusal_for)).
    pub fn user_not_before(&self, user: UserId, reason: &str, at: Timestamp, until: Timestamp) {
        let end = End::new(reason, at, until);
        end.settle(&mut self.write().users, user);
    }

    /// Tokens issued to this app from before `at` are over.
    pub fn app_not_before(&self, app: &str, reason: &str, at: Timestamp, until: Timestamp) {
        let end = End::new(reason, at, until);
        end.settle(&mut self.write().apps, app.to_owned());
    }

    /// The roles of this user are others from `version` on; `until` is the latest `exp` of any token from before.
    pub fn roles_of_user(&self, user: UserId, version: i64, until: Timestamp) {
        Outdated { before: version, until }.settle(&mut self.write().roles_of, user);
    }

    /// The role of this name is another one from `version` on.
    pub fn role_changed(&self, name: &str, version: i64, until: Timestamp) {
        Outdated { before: version, until }.settle(&mut self.write().roles, name.to_owned());
    }

    /// Nothing that this key signed is good any more, for ever: a `kid` is never used again.
    pub fn key_revoked(&self, kid: &str) {
        self.write().keys.insert(kid.to_owned());
    }

    /// Drops what can't matter any more: every token it could refuse has expired, the most leeway included.
    pub fn forget_before(&self, now: Timestamp) {
        let past = now.minus(MAX_LEEWAY);
        let mut known = self.write();
        known.sessions.retain(|_, end| end.until > past);
        known.users.retain(|_, end| end.until > past);
        known.apps.retain(|_, end| end.until > past);
        known.roles_of.retain(|_, outdated| outdated.until > past);
        known.roles.retain(|_, outdated| outdated.until > past);
    }

    /// How many endings are held, revoked keys and changes of roles included.
    pub fn len(&self) -> usize {
        let known = self.read();
        let ends = known.sessions.len() + known.users.len() + known.apps.len() + known.keys.len();
        ends + known.roles_of.len() + known.roles.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The feed was read to its end at `now`.
    pub fn mark_read(&self, now: Timestamp) {
        self.read_at.store(now.millis(), Ordering::Release);
    }

    /// Whether the feed was never read, or too long ago to vouch for anybody. A reading far ahead is from before the clock was
    /// set back: nobody knows how old it is.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let read_at = self.read_at.load(Ordering::Acquire);
        let apart = |read_at: Timestamp| now.since(read_at).max(read_at.since(now));
        read_at == NEVER || apart(Timestamp::from_millis(read_at)) > self.max_lag
    }

    /// Whether this key was revoked.
    pub fn is_key_revoked(&self, kid: &str) -> bool {
        self.read().keys.contains(kid)
    }

    /// Why a token of this subject, issued at `iat`, is over; `None` while it holds.
    ///
    /// An ended session refuses all its tokens, and where its user was cut later, that cut says why: a lifted ban is one.
    /// A cut of a user or app refuses what was issued before it, and what was issued in the cut's own second: `iat` is in
    /// whole seconds and can't tell. But a session opened at or after the cut (its id carries the millisecond) is past it,
    /// so a sign-in in that same second works at once.
    pub fn refusal_for(&self, subject: Subject<'_>, iat: Timestamp) -> Option<EndedBecause> {
        let known = self.read();
        let session = subject.session.and_then(|session| known.sessions.get(&session));
        let user = subject.user.and_then(|user| known.users.get(&user));
        let app = subject.client_id.and_then(|app| known.apps.get(app));
        let cuts = |end: &&End| end.cuts(subject.session, iat);
        let user = user.filter(cuts);
        let later = match (session, user) {
            (Some(session), Some(user)) if user.at > session.at => Some(user),
            _ => session.or(user),
        };
        let end = later.or(app.filter(cuts))?;
        Some(EndedBecause { code: end.code.as_str().to_owned(), at: end.at })
    }

    /// Whether a token of this user, with these roles, says of roles what is no longer so: the session lives, and a refresh
    /// gives a token that says it right. No times are compared: what was issued before a change has a lower version.
    pub fn outdates(&self, user: Option<UserId>, roles: &[String], version: Option<i64>) -> bool {
        let known = self.read();
        let is_before = |outdated: &Outdated| version.is_none_or(|version| version < outdated.before);
        user.and_then(|user| known.roles_of.get(&user)).is_some_and(is_before)
            || !known.roles.is_empty() && roles.iter().any(|role| known.roles.get(role.as_str()).is_some_and(is_before))
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        // No writer leaves a map half written, so a poisoned lock still holds sound maps.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outdated {
    /// The later of two changes counts, for as long as either has tokens left.
    fn settle<K: Eq + Hash>(self, all: &mut HashMap<K, Self>, key: K) {
        let outdated = all.entry(key).or_insert(self);
        outdated.before = outdated.before.max(self.before);
        outdated.until = outdated.until.max(self.until);
    }
}

impl End {
    fn new(reason: &str, at: Timestamp, until: Timestamp) -> Self {
        let code = Code::of_end(reason);
        Self { code, at, until }
    }

    /// The later of two cuts counts, for as long as either has tokens left.
    fn settle<K: Eq + Hash>(self, ends: &mut HashMap<K, Self>, key: K) {
        let end = ends.entry(key).or_insert(self);
        let until = end.until.max(self.until);
        if self.at > end.at {
            *end = self;
        }
        end.until = until;
    }

    fn cuts(&self, session: Option<SessionId>, iat: Timestamp) -> bool {
        let opened_after = session.is_some_and(|session| session.made_at() >= self.at);
        !opened_after && iat.secs() <= self.at.secs()
    }
}
