//! What operators do about sessions, by command, over HTTP and in the console: shown, listed, ended. Every node hears of an end from the feed.

use menjin_token::{SessionId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{Actor, EndReason, Ending, Ends, SessionRow};

/// Sessions that are looked at for a page, where no index helps to find them.
const LOOKED_AT: u32 = 2000;

/// A session as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    /// Its id.
    #[schema(value_type = String, example = "ses_01jd3v0000zzzzzzzzzzzzzzzz")]
    pub id: SessionId,
    /// Whose it is.
    #[schema(value_type = String, example = "usr_01jd3v0000zzzzzzzzzzzzzzzz")]
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
    /// Address of the sign-in; without its end for whoever may only look.
    pub ip: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// When it was opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it was last refreshed.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Why: the code that late requests get.
    pub end_reason: Option<&'static str>,
}

/// Which sessions.
#[derive(Debug, Clone)]
pub struct SessionsAsked {
    /// Whose; everybody's, when not given.
    pub user: Option<UserId>,
    /// Of this app.
    pub app: Option<String>,
    /// Whether they live.
    pub live: Option<bool>,
    /// Older than this one.
    pub behind: Option<SessionId>,
    /// At most so many.
    pub limit: u32,
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
            user_agent: row.device.user_agent,
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
    pub async fn session(&self, id: SessionId) -> Result<SessionView, NotDone> {
        let kept_days = self.config.lifetimes.ended_sessions.as_secs() / 86_400;
        let row = self.store.session(id).await?.ok_or(NotDone::SessionUnknown { id, kept_days })?;
        let user = self.store.user_by_number(row.user).await?;
        let user = user.ok_or_else(|| anyhow::anyhow!("{id} is nobody's"))?;
        Ok(SessionView::of(row, user.id))
    }

    /// The live sessions of a user, the newest first.
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionView>, NotDone> {
        // Who was merged goes by another id.
        let user = self.store.user(user).await?.map_or(user, |found| found.id);
        let rows = self.store.sessions_of(user, self.clock.now()).await?;
        Ok(rows.into_iter().map(|row| SessionView::of(row, user)).collect())
    }

    /// Sessions, the newest first, and behind which one there may be more.
    pub async fn sessions(&self, asked: &SessionsAsked) -> Result<(Vec<SessionView>, Option<SessionId>), NotDone> {
        let behind = asked.behind.unwrap_or(SessionId::from_bytes([0xff; 16]));
        let most = if asked.live.is_none() && asked.app.is_none() { asked.limit + 1 } else { LOOKED_AT };
        let (mut rows, is_full) = match asked.user {
            None => {
                let rows = self.store.sessions_before(behind, most).await?;
                let is_full = rows.len() >= most as usize;
                (rows.into_iter().map(|it| SessionView::of(it.session, it.user)).collect(), is_full)
            }
            Some(user) => self.sessions_of_user(user, behind, most).await?,
        };
        rows.sort_unstable_by_key(|session: &SessionView| std::cmp::Reverse(session.id));
        let now = self.clock.now();
        let (mut found, mut last) = (Vec::new(), None);
        for session in rows {
            if found.len() == asked.limit as usize {
                return Ok((found, last));
            }
            last = Some(session.id);
            let is_live = session.ended_at.is_none() && session.expires_at > now;
            let is_meant = asked.live.is_none_or(|live| live == is_live)
                && asked.app.as_ref().is_none_or(|app| *app == session.app);
            if is_meant {
                found.push(session);
            }
        }
        Ok((found, last.filter(|_| is_full)))
    }

    /// Sessions of a user behind this one: the live ones, which are a few, and a part of those that have ended.
    async fn sessions_of_user(
        &self,
        user: UserId,
        behind: SessionId,
        most: u32,
    ) -> Result<(Vec<SessionView>, bool), NotDone> {
        let found = self.store.user(user).await?.ok_or_else(|| NotDone::UserUnknown(format!("the id {user}")))?;
        let ended = self.store.ended_sessions_of(found.number, behind, most).await?;
        let is_full = ended.len() >= most as usize;
        // Those that are older than this part come with a later one.
        let oldest = ended.last().filter(|_| is_full).map(|row| row.id);
        let live = self.store.sessions_of(found.id, self.clock.now()).await?;
        let live = live.into_iter().filter(|row| row.id < behind && oldest.is_none_or(|oldest| row.id > oldest));
        Ok((live.chain(ended).map(|row| SessionView::of(row, found.id)).collect(), is_full))
    }

    /// Ends a session; false when it was over already.
    pub async fn end_session(&self, by: &Actor, id: SessionId) -> Result<bool, NotDone> {
        Ok(!self.kick(by, Ends::Session(id)).await?.is_empty())
    }

    /// Ends all sessions of a user, who may sign in again; how many there were.
    pub async fn kick_user(&self, by: &Actor, user: UserId) -> Result<usize, NotDone> {
        let user = self.store.user(user).await?.map_or(user, |found| found.id);
        Ok(self.kick(by, Ends::All(user)).await?.len())
    }

    async fn kick(&self, by: &Actor, which: Ends) -> Result<Vec<SessionId>, NotDone> {
        let now = self.clock.now();
        let (reason, tokens_until, audit) = (EndReason::Kicked, self.tokens_until(now), by.line("session.kicked"));
        let ended = self.store.end_sessions(Ending { which, reason, now, tokens_until, audit }).await?;
        // Here at once; elsewhere as soon as they have read of it.
        for session in &ended {
            self.ended.end_session(*session, reason.code(), now, tokens_until);
        }
        self.fast.wake.tell_now().await;
        Ok(ended)
    }
}
