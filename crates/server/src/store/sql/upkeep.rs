//! Sweeping: small batches, each in a transaction of its own; two nodes that sweep at once take different rows.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{GrantId, SessionId, Timestamp};

use super::connection::Connection;
use super::events::write_audit;
use super::sessions::{end_one, live};
use super::statement::{Sql, statements};
use super::value::{id, values};
use super::{Database, merges, roles, session_data};
use crate::store::rows;
use crate::store::rules::idle_line;
use crate::store::{EndReason, Ends, Load, Result, StoreError, Sweeping, Swept, Upkeep};

/// Deletes the rows whose end came first.
macro_rules! oldest {
    ($table:literal, $key:literal, $end:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " = ANY (ARRAY(SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE ",
            $end,
            " < ?1 ORDER BY ",
            $end,
            " LIMIT ?2 FOR UPDATE SKIP LOCKED))"
        )
    };
    ($table:literal, $end:literal) => {
        concat!("DELETE FROM ", $table, " WHERE ", $end, " < ?1 ORDER BY ", $end, " LIMIT ?2")
    };
}

statements! {
    CODES on codes = each(oldest!("codes", "digest", "until"), oldest!("codes", "until"));
    ARRIVALS on arrivals = each(oldest!("arrivals", "code", "until"), oldest!("arrivals", "until"));
    PUSHES on pushes = each(oldest!("pushes", "digest", "until"), oldest!("pushes", "until"));
    PASSWORD_RESETS on password_resets =
        each(oldest!("password_resets", "digest", "until"), oldest!("password_resets", "until"));
    SESSION_KEYS on session_keys = each(oldest!("session_keys", "id", "kept_until"), oldest!("session_keys", "kept_until"));
    EVENTS on events = each(oldest!("events", "seq", "until"), oldest!("events", "until"));
    AUDIT on audit = each(oldest!("audit", "seq", "at"), oldest!("audit", "at"));
    SESSIONS on sessions = each(oldest!("sessions", "id", "ended_at"), oldest!("sessions", "ended_at"));
    OPERATOR_LINKS on operator_links = each(oldest!("operator_links", "digest", "until"), oldest!("operator_links", "until"));
    OPERATOR_SESSIONS on operator_sessions =
        each(oldest!("operator_sessions", "digest", "until"), oldest!("operator_sessions", "until"));
    OPERATOR_TOKENS on operator_tokens = each(oldest!("operator_tokens", "digest", "until"), oldest!("operator_tokens", "until"));
    DUE on grants = both("SELECT id, session, app, idle_until FROM grants WHERE sweep_at < ?1 ORDER BY sweep_at LIMIT ?2 FOR UPDATE SKIP LOCKED");
    LATER on grants = both("UPDATE grants SET sweep_at = idle_until WHERE id = ?1");
    PASSED on grants = both("UPDATE grants SET sweep_at = NULL WHERE id = ?1");
    WRITABLE on _migrations = each(
        "SELECT version FROM _migrations WHERE NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' LIMIT 1",
        "SELECT version FROM _migrations WHERE CAST(@@global.read_only AS CHAR) IN ('0', 'OFF') LIMIT 1",
    );
}

#[async_trait]
impl Upkeep for Database {
    async fn sweep(&self, sweeping: Sweeping) -> Result<Swept> {
        let Sweeping { now, feed_before, audit_before, ended_before, batch, .. } = sweeping;
        let by_age: [(&'static Sql, _); 11] = [
            (&ARRIVALS, now),
            (&CODES, now),
            (&PUSHES, now),
            (&PASSWORD_RESETS, now),
            (&SESSION_KEYS, now),
            (&EVENTS, feed_before),
            (&AUDIT, audit_before),
            (&SESSIONS, ended_before),
            (&OPERATOR_LINKS, now),
            (&OPERATOR_SESSIONS, now),
            (&OPERATOR_TOKENS, now),
        ];
        let mut swept = Swept::default();
        let mut note = |rows: u64| {
            swept.rows += rows;
            swept.more |= rows >= u64::from(batch);
        };
        for (sql, before) in by_age {
            note(self.pool.run(sql, values![before, batch]).await?);
        }
        note(self.transact(&(now, batch), |on, due| session_data::sweep(on, *due).boxed()).await?);
        note(self.transact(&(now, batch), |on, due| roles::sweep(on, *due).boxed()).await?);
        note(self.transact(&(now, batch), |on, due| merges::sweep(on, *due).boxed()).await?);
        note(self.transact(&sweeping, |on, sweeping| end_idle(on, sweeping).boxed()).await?);
        Ok(swept)
    }

    fn load(&self) -> Load {
        self.pool.load()
    }

    async fn ready(&self) -> Result<()> {
        let read_only = || StoreError::Unavailable(anyhow::anyhow!("the database can only be read: it is a standby"));
        self.pool.row(&WRITABLE, &[], rows::value::<i64>).await?.map(drop).ok_or_else(read_only)
    }
}

/// Ends what was idle for too long; a grant that was refreshed meanwhile is looked at again later, and one whose session is
/// over already is only passed by.
async fn end_idle(on: &mut Connection<'_>, sweeping: &Sweeping) -> Result<u64> {
    let Sweeping { now, tokens_until, batch, .. } = sweeping;
    let due: Vec<(GrantId, SessionId, String, Timestamp)> =
        DUE.rows(on, values![*now, *batch], |it| Ok((it.id()?, it.id()?, it.get()?, it.time()?))).await?;
    for (grant, session, app, idle_until) in &due {
        if idle_until < now {
            for (session, user) in live(on, &Ends::Session(*session)).await? {
                if end_one(on, session, EndReason::Expired, (*now, *tokens_until)).await? {
                    write_audit(on, &idle_line(session, user, app), *now).await?;
                }
            }
            PASSED.run(on, values![&id(*grant)]).await?;
        } else {
            LATER.run(on, values![&id(*grant)]).await?;
        }
    }
    Ok(due.len() as u64)
}
