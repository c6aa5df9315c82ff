//! Who comes: an access token for the audience and the row of its session, or a token of an old system (`[[legacy]]`).
//!
//! The row is read again as often as the feed of ends is, which is asked each time. While the store is away, token and feed
//! decide, until the feed is too old to be trusted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use menjin_guard::{Caller, Refusal, source};
use menjin_token::{SessionId, Timestamp, UserId};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::asked::{Misconfigured, Needed};
use super::assertion::Assertions;
use crate::apps::{LegacyToken, Named};
use crate::extract::{caller, read_feed_now};
use crate::people::Person;
use crate::problem::{self, Problem};
use crate::roles;
use crate::state::Menjin;
use crate::store::Whole;

/// Sessions whose rows are remembered.
const REMEMBERED: usize = 50_000;
/// People whose roles are too many for a token: up to 64 KiB each.
const MORE_ROLES: usize = 500;
/// A request waits for a row no longer: token and feed say enough.
const PATIENCE: Duration = Duration::from_secs(1);
/// A store that has just failed is left alone so long.
const REST: Duration = Duration::from_secs(1);
/// The operator hears of a proxy's wrong address this often.
const BETWEEN_COMPLAINTS: Duration = Duration::from_mins(1);

/// Somebody who may come.
pub(super) struct Comer {
    /// Who it is.
    pub(super) user: UserId,
    /// Their number, where it is known.
    pub(super) number: Option<i64>,
    /// What their access token says; `None` with a token of an old system, which says nothing of a session or a role.
    pub(super) caller: Option<Caller>,
}

/// What is remembered from one request to the next.
pub(crate) struct Memory {
    rows: Cache<SessionId, Row>,
    /// Each with the time until which the feed knows of a ban since.
    named: Cache<Named, (Row, Timestamp)>,
    /// Until when the store is left alone.
    away: Mutex<Option<Instant>>,
    complained: Mutex<Option<Timestamp>>,
    pub(super) assertions: Assertions,
    more_roles: Cache<(UserId, String, Option<i64>), Arc<Whole>>,
}

/// What a session's row said.
#[derive(Clone, Copy)]
struct Row {
    user: UserId,
    number: i64,
    read_at: Instant,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            rows: Cache::new(REMEMBERED),
            named: Cache::new(REMEMBERED / 10),
            away: Mutex::default(),
            complained: Mutex::default(),
            assertions: Assertions::default(),
            more_roles: Cache::new(MORE_ROLES),
        }
    }
}

impl Memory {
    /// Tells the operator that a proxy asks in a way that can't stand.
    pub(super) fn complain(&self, why: Misconfigured, now: Timestamp) -> Problem {
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| now.since(at) >= BETWEEN_COMPLAINTS) {
            *last = Some(now);
            tracing::error!(
                why = why.0,
                "a proxy's forward-auth address can't stand, so nobody passes it: see docs/backends/nginx.md"
            );
        }
        Problem::ForwardAuthMisconfigured(why.0)
    }

    fn store_is_away(&self, now: Instant) -> bool {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    fn leave_store_alone(&self, now: Instant) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + REST);
    }
}

impl Comer {
    /// Who sends these headers, if their token is for `audience` and their session lives.
    pub(super) async fn of(menjin: &Menjin, headers: &HeaderMap, audience: &str) -> Result<Self, Problem> {
        match caller(menjin, headers).await {
            Ok(mut caller) if caller.claims.aud.iter().any(|one| one == audience) => {
                let number = number(menjin, &caller).await?;
                if caller.claims.has_more_roles {
                    let whole = more_roles(menjin, &caller, audience).await?;
                    (caller.roles, caller.permissions) = (whole.roles.clone(), whole.permissions.clone());
                }
                Ok(Self { user: caller.user, number, caller: Some(caller) })
            }
            Err(Problem::TokenInvalid) if menjin.legacies.are_for(audience) => {
                let token = menjin.legacies.believe(source::token(headers)?, audience, menjin.clock.now())?;
                let Row { user, number, .. } = row_of(menjin, &token).await?;
                Ok(Self { user, number: Some(number), caller: None })
            }
            Ok(_) => Err(Problem::TokenInvalid),
            Err(problem) => Err(problem),
        }
    }

    /// Refuses unless the token holds what is needed.
    pub(super) fn has(&self, needed: &Needed) -> Result<(), Problem> {
        let held: Result<(), Refusal> = match (&self.caller, needed) {
            (Some(caller), Needed::Role(role)) => caller.require_role(role).map_err(Refusal::from),
            (Some(caller), Needed::Permission(permission)) => caller.require(permission).map_err(Refusal::from),
            (Some(caller), Needed::Scope(scope)) => caller.require_scope(scope).map_err(Refusal::from),
            (None, Needed::Role(name) | Needed::Permission(name)) => Err(Refusal::Forbidden(name.clone())),
            (None, Needed::Scope(scope)) => Err(Refusal::InsufficientScope(scope.clone())),
        };
        Ok(held?)
    }

    /// The session's id; empty with a token of an old system.
    pub(super) fn session(&self) -> String {
        self.caller.as_ref().map(|caller| caller.session.to_string()).unwrap_or_default()
    }
}

/// The person whom a token of an old system names, if they may come.
async fn row_of(menjin: &Menjin, token: &LegacyToken) -> Result<Row, Problem> {
    let memory = &menjin.forward_auth;
    let now = Instant::now();
    if menjin.ended.is_stale(menjin.clock.now()) {
        read_feed_now(menjin).await?;
    }
    let is_fresh = |row: &Row| now.duration_since(row.read_at) < menjin.config.lifetimes.feed_read;
    let today = menjin.clock.now();
    let known = memory.named.get(&token.who).filter(|(_, told_until)| today < *told_until).map(|(row, _)| row);
    if let Some(row) = known.filter(|row| is_fresh(row) || memory.store_is_away(now)) {
        token.is_not_ended(menjin, row.user)?;
        return Ok(row);
    }
    let slow = || Err(Problem::StoreUnavailable(anyhow::anyhow!("the store is slow")));
    match tokio::time::timeout(PATIENCE, token.user(menjin)).await.unwrap_or_else(|_| slow()) {
        Ok(user) => {
            let row = Row { user: user.id, number: user.number, read_at: now };
            memory.named.insert(token.who.clone(), (row, menjin.tokens_until(today)));
            Ok(row)
        }
        Err(away @ Problem::StoreUnavailable(_)) => {
            memory.leave_store_alone(now);
            let row = known.ok_or(away)?;
            token.is_not_ended(menjin, row.user)?;
            Ok(row)
        }
        Err(refused) => {
            memory.named.remove(&token.who);
            Err(if matches!(refused, Problem::UserUnknown) { Problem::TokenInvalid } else { refused })
        }
    }
}

/// What a token has not room for. It holds for as long as tokens of that version do, so it is asked for once: what changes
/// later outdates them.
async fn more_roles(menjin: &Menjin, caller: &Caller, audience: &str) -> Result<Arc<Whole>, Problem> {
    let memory = &menjin.forward_auth.more_roles;
    let of = (caller.user, audience.to_owned(), caller.claims.roles_version);
    if let Some(known) = memory.get(&of) {
        return Ok(known);
    }
    let whole = Arc::new(roles::whole(menjin, caller.user, audience).await?);
    memory.insert(of, Arc::clone(&whole));
    Ok(whole)
}

/// The person's number, from a row that says that the session lives.
async fn number(menjin: &Menjin, caller: &Caller) -> Result<Option<i64>, Problem> {
    let memory = &menjin.forward_auth;
    let now = Instant::now();
    let known = memory.rows.get(&caller.session).filter(|row| row.user == caller.user);
    if let Some(row) = known.filter(|row| now.duration_since(row.read_at) < menjin.config.lifetimes.feed_read) {
        return Ok(Some(row.number));
    }
    if memory.store_is_away(now) {
        return Ok(known.map(|row| row.number));
    }
    match tokio::time::timeout(PATIENCE, Person::in_session(menjin, caller.session)).await {
        Ok(Ok(person)) if person.user.id == caller.user => {
            let number = person.user.number;
            memory.rows.insert(caller.session, Row { user: caller.user, number, read_at: now });
            Ok(Some(number))
        }
        Ok(Ok(_)) => Err(Problem::TokenInvalid),
        Ok(Err(away @ Problem::StoreUnavailable(_))) => {
            memory.leave_store_alone(now);
            problem::tell(&away);
            Ok(known.map(|row| row.number))
        }
        Ok(Err(refused)) => {
            memory.rows.remove(&caller.session);
            Err(refused)
        }
        Err(_) => {
            memory.leave_store_alone(now);
            tracing::warn!("the store is slow: forward-auth goes by token and feed alone");
            Ok(known.map(|row| row.number))
        }
    }
}
