//! What operators do about sessions by command: shown, listed, ended. Every node hears of an end from the feed.

use anyhow::Context as _;
use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;

use crate::state::Menjin;
use crate::store::{AuditLine, EndReason, Ending, Ends, SessionRow};

/// A session as operators see it.
#[derive(Debug, Serialize)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The same, by number.
    pub user_number: i64,
    /// The app that it came through.
    pub app: String,
    /// What kind of device, as it says.
    pub device_class: &'static str,
    /// The device's model, as it says.
    pub device_name: Option<String>,
    /// The device's system, as it says.
    pub device_system: Option<String>,
    /// Address of the sign-in.
    pub ip: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was last refreshed.
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why: the code that late requests get.
    pub end_reason: Option<&'static str>,
}

impl SessionView {
    fn of(row: SessionRow, user: UserId) -> Self {
        Self {
            id: row.id,
            user,
            user_number: row.user,
            app: row.app,
            device_class: row.device.class.as_str(),
            device_name: row.device.name,
            device_system: row.device.system,
            ip: row.device.ip,
            opened_at: row.opened_at,
            seen_at: row.seen_at,
            expires_at: row.expires_at,
            ended_at: row.ended.map(|(at, _)| at),
            end_reason: row.ended.map(|(_, reason)| reason.code()),
        }
    }
}

impl Menjin {
    /// A session, ended or not.
    pub async fn session(&self, id: SessionId) -> anyhow::Result<SessionView> {
        let row = self.store.session(id).await?.with_context(|| {
            let kept = self.config.lifetimes.ended_sessions.as_secs() / 86_400;
            format!("no session has the id {id}: ended ones are kept for {kept} days (`lifetimes.ended_sessions`)")
        })?;
        let user = self.store.user_by_number(row.user).await?.with_context(|| format!("{id} is nobody's"))?;
        Ok(SessionView::of(row, user.id))
    }

    /// The live sessions of a user, the newest first.
    pub async fn sessions_of(&self, user: UserId) -> anyhow::Result<Vec<SessionView>> {
        let rows = self.store.sessions_of(user, self.clock.now()).await?;
        Ok(rows.into_iter().map(|row| SessionView::of(row, user)).collect())
    }

    /// Ends a session; false when it was over already.
    pub async fn end_session(&self, id: SessionId) -> anyhow::Result<bool> {
        Ok(!self.kick(Ends::Session(id)).await?.is_empty())
    }

    /// Ends all sessions of a user, who may sign in again; how many there were.
    pub async fn kick_user(&self, user: UserId) -> anyhow::Result<usize> {
        Ok(self.kick(Ends::All(user)).await?.len())
    }

    async fn kick(&self, which: Ends) -> anyhow::Result<Vec<SessionId>> {
        let now = self.clock.now();
        let audit = AuditLine { action: "session.kicked", actor: "operator", ..AuditLine::default() };
        let (reason, tokens_until) = (EndReason::Kicked, self.tokens_until(now));
        let ended = self.store.end_sessions(Ending { which, reason, now, tokens_until, audit }).await?;
        self.fast.wake.tell_now().await;
        Ok(ended)
    }
}
