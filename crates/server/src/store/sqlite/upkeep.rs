//! Sweeping in `SQLite`: small batches, queued behind everything else.

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp};
use rusqlite::{Connection, params};

use super::events::write_audit;
use super::sessions::{end_one, live};
use super::sql::{Sql, statements};
use super::{Sqlite, merges, roles, session_data};
use crate::store::rules::idle_line;
use crate::store::{EndReason, Ends, Load, Result, Sweeping, Swept, Upkeep};

statements! {
    CODES on codes = "DELETE FROM codes WHERE digest IN (SELECT digest FROM codes WHERE until < ?1 ORDER BY until LIMIT ?2)";
    ARRIVALS on arrivals = "DELETE FROM arrivals WHERE code IN (SELECT code FROM arrivals WHERE until < ?1 ORDER BY until LIMIT ?2)";
    PUSHES on pushes = "DELETE FROM pushes WHERE digest IN (SELECT digest FROM pushes WHERE until < ?1 ORDER BY until LIMIT ?2)";
    PASSWORD_RESETS on password_resets = "DELETE FROM password_resets WHERE digest IN
        (SELECT digest FROM password_resets WHERE until < ?1 ORDER BY until LIMIT ?2)";
    SESSION_KEYS on session_keys = "DELETE FROM session_keys WHERE id IN
        (SELECT id FROM session_keys WHERE kept_until < ?1 ORDER BY kept_until LIMIT ?2)";
    EVENTS on events = "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE until < ?1 ORDER BY until LIMIT ?2)";
    AUDIT on audit = "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
    SESSIONS on sessions = "DELETE FROM sessions WHERE id IN
        (SELECT id FROM sessions WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)";
    OPERATOR_LINKS on operator_links = "DELETE FROM operator_links WHERE digest IN
        (SELECT digest FROM operator_links WHERE until < ?1 ORDER BY until LIMIT ?2)";
    OPERATOR_SESSIONS on operator_sessions = "DELETE FROM operator_sessions WHERE digest IN
        (SELECT digest FROM operator_sessions WHERE until < ?1 ORDER BY until LIMIT ?2)";
    OPERATOR_TOKENS on operator_tokens = "DELETE FROM operator_tokens WHERE digest IN
        (SELECT digest FROM operator_tokens WHERE until < ?1 ORDER BY until LIMIT ?2)";
    DUE on grants = "SELECT id, session, app, idle_until FROM grants WHERE sweep_at < ?1 ORDER BY sweep_at LIMIT ?2";
    LATER on grants = "UPDATE grants SET sweep_at = idle_until WHERE id = ?1";
    PASSED on grants = "UPDATE grants SET sweep_at = NULL WHERE id = ?1";
    READY on _migrations = "SELECT version FROM _migrations LIMIT 1";
}

#[async_trait]
impl Upkeep for Sqlite {
    async fn sweep(&self, sweeping: Sweeping) -> Result<Swept> {
        let Sweeping { now, feed_before, audit_before, ended_before, batch, .. } = sweeping;
        let by_age: [(Sql, _); 11] = [
            (ARRIVALS, now),
            (CODES, now),
            (PUSHES, now),
            (PASSWORD_RESETS, now),
            (SESSION_KEYS, now),
            (EVENTS, feed_before),
            (AUDIT, audit_before),
            (SESSIONS, ended_before),
            (OPERATOR_LINKS, now),
            (OPERATOR_SESSIONS, now),
            (OPERATOR_TOKENS, now),
        ];
        let mut swept = Swept::default();
        let mut note = |rows: usize| {
            swept.rows += rows as u64;
            swept.more |= rows >= batch as usize;
        };
        for (sql, before) in by_age {
            note(self.write_last(move |connection| sql.run(connection, params![before.millis(), batch])).await?);
        }
        note(self.write_last(move |connection| session_data::sweep(connection, now, batch)).await?);
        note(self.write_last(move |connection| roles::sweep(connection, now, batch)).await?);
        note(self.write_last(move |connection| merges::sweep(connection, now, batch)).await?);
        note(self.write_last(move |connection| end_idle(connection, sweeping)).await?);
        Ok(swept)
    }

    fn load(&self) -> Load {
        Load { waiting: self.writer.waiting(), ..Load::default() }
    }

    async fn ready(&self) -> Result<()> {
        self.read(|connection| READY.value::<i64>(connection, []).map(drop))?;
        // Once a transaction was lost, an empty one proves nothing: on a full disk it would succeed. This number is nobody's,
        // and `SQLite` writes its page even if it stays the same.
        let failing = self.writer.is_failing();
        self.write(move |connection| {
            if failing {
                connection.pragma_update(None, "user_version", 0)?;
            }
            Ok(())
        })
        .await
    }
}

/// Ends what was idle for too long; a grant that was refreshed meanwhile is looked at again later, and one whose session is
/// over already is only passed by.
fn end_idle(connection: &Connection, sweeping: Sweeping) -> Result<usize> {
    let Sweeping { now, tokens_until, batch, .. } = sweeping;
    let due: Vec<(GrantId, SessionId, String, Timestamp)> =
        DUE.rows(connection, params![now.millis(), batch], |it| Ok((it.id()?, it.id()?, it.get()?, it.time()?)))?;
    for (grant, session, app, idle_until) in &due {
        if *idle_until < now {
            for (session, user) in live(connection, &Ends::Session(*session))? {
                end_one(connection, session, EndReason::Expired, now, tokens_until)?;
                write_audit(connection, &idle_line(session, user, app), now)?;
            }
            PASSED.run(connection, [grant.to_bytes()])?;
        } else {
            LATER.run(connection, [grant.to_bytes()])?;
        }
    }
    Ok(due.len())
}
