//! What menjin tells at once of what has ended: `GET /v1/revocations`, and each event of its stream.

use std::time::Duration;

use menjin_token::{SessionId, Timestamp, UserId};
use serde::Deserialize;
use serde_json::Value;

use crate::Ended;
use crate::menjin::Trouble;

/// A page, as it came.
#[derive(Deserialize)]
pub(super) struct Page {
    events: Vec<Value>,
    pub(super) next: String,
    #[serde(default)]
    pub(super) more: bool,
    /// When menjin itself had read so far. It stands still when menjin does.
    pub(super) read_at: Timestamp,
    max_lag: Option<u64>,
}

#[derive(Deserialize)]
struct Event {
    session: Option<SessionId>,
    user: Option<UserId>,
    app: Option<String>,
    kid: Option<String>,
    name: Option<String>,
    version: Option<i64>,
    #[serde(default)]
    reason: String,
    at: Timestamp,
    until: Timestamp,
}

impl Page {
    pub(super) fn read(json: &[u8]) -> Result<Self, Trouble> {
        serde_json::from_slice(json).map_err(Trouble::Malformed)
    }

    /// How long menjin wants to be vouched for without news.
    pub(super) fn max_lag(&self) -> Option<Duration> {
        self.max_lag.map(Duration::from_secs)
    }

    /// Applies what has ended; kinds that nobody knows are nothing. Gives when the JWKS has changed.
    pub(super) fn tell(&self, ended: &Ended) -> Result<Vec<Timestamp>, Trouble> {
        let mut keys_changed = Vec::new();
        for event in &self.events {
            keys_changed.extend(tell(event, ended)?);
        }
        Ok(keys_changed)
    }
}

fn tell(event: &Value, ended: &Ended) -> Result<Option<Timestamp>, Trouble> {
    let what = event["kind"].as_str().unwrap_or_default();
    let keys_changed = matches!(what, "key_revoked" | "keys_changed");
    let of_roles = matches!(what, "roles_of_user" | "role_changed");
    if !keys_changed && !of_roles && !matches!(what, "session_ended" | "user_not_before" | "app_not_before") {
        return Ok(None);
    }
    let Event { session, user, app, kid, name, version, reason, at, until } =
        Event::deserialize(event).map_err(Trouble::Malformed)?;
    if of_roles {
        match (what, user, name, version) {
            ("roles_of_user", Some(user), _, Some(version)) => ended.roles_of_user(user, version, until),
            ("role_changed", _, Some(name), Some(version)) => ended.role_changed(&name, version, until),
            _ => return Err(Trouble::Odd("a change of roles that names nothing")),
        }
        return Ok(None);
    }
    match (what, session, user, app, kid) {
        ("session_ended", Some(session), ..) => ended.end_session(session, &reason, at, until),
        ("user_not_before", _, Some(user), ..) => ended.user_not_before(user, &reason, at, until),
        ("app_not_before", _, _, Some(app), _) => ended.app_not_before(&app, &reason, at, until),
        ("key_revoked", .., Some(kid)) => ended.key_revoked(&kid),
        ("keys_changed", ..) => {}
        // An end that can't be understood must not pass for none.
        _ => return Err(Trouble::Odd("an ending that names nothing")),
    }
    Ok(keys_changed.then_some(at))
}
