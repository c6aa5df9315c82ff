//! A copy becomes the database again: brought up to date, freed of what must not come back, and put in its place.
//!
//! Does not: deciding whether it may (`moving`).

use std::path::{Path, PathBuf};

use anyhow::bail;
use menjin_token::{SessionId, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, params};

use super::arrive::raise_sequence;
use super::check_soundness;
use crate::store::moving::FEED_GAP;
use crate::store::role_rules::restored_version;
use crate::store::sqlite::{OnOldSchema, Sqlite, events, migrate, why};
use crate::store::{AuditLine, EndReason, EventKind};

/// How a copy becomes the database.
#[derive(Debug, Clone)]
pub struct Restoring {
    /// The time.
    pub now: Timestamp,
    /// Access tokens of ended sessions are dead by then.
    pub tokens_until: Timestamp,
    /// Whether sessions live on.
    pub keep_sessions: bool,
    /// Numbers of users that are left out, as they may have been given after the backup.
    pub number_gap: u32,
    /// What the audit says of it.
    pub detail: String,
}

/// What restoring did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Sessions that it ended.
    pub ended: u64,
    /// Ends, revoked keys and disabled users that only the database before knew; `None` when that could not be read.
    pub carried: Option<u64>,
    /// The number that the next new user gets.
    pub next_number: i64,
    /// Tokens of programs that are worth nothing any more.
    pub tokens: u64,
}

/// A database that nobody else has open, nor can open while this lives.
pub struct Alone {
    path: PathBuf,
    /// Absent where the file is no database, or a broken one.
    pub(super) connection: Option<Connection>,
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alone").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Takes a file for oneself; refuses while somebody has it open. Whoever tells of a refusal names the file first.
    pub fn alone(path: &Path) -> anyhow::Result<Alone> {
        let connection = match exclusive(path) {
            Ok(connection) => Some(connection),
            Err(error)
                if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) =>
            {
                bail!("it is in use: stop every menjin on it first")
            }
            Err(error)
                if matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt)) =>
            {
                None
            }
            Err(error) => bail!("can't be opened: {}", why(&error, path)),
        };
        Ok(Alone { path: path.to_owned(), connection })
    }

    /// Brings a copy up to date, carries over what only the database before knows, and ends sessions.
    pub fn restore(copy: &Path, before: Option<&Alone>, restoring: &Restoring) -> anyhow::Result<Restored> {
        let mut connection = Connection::open(copy)?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        migrate::run(&mut connection, OnOldSchema::Migrate, copy)?;
        let transaction = connection.transaction()?;
        let before =
            before.and_then(|before| before.connection.as_ref()).filter(|before| knows_the_same(before, &transaction));
        let mut restored = Restored::default();
        gap(&transaction, before, restoring, &mut restored)?;
        if let Some(before) = before {
            restored.carried = Some(carry(&transaction, before, restoring)?);
        }
        restored.tokens = carry_operators(&transaction, before, restoring.keep_sessions)?;
        raise_roles(&transaction, before, restoring.now)?;
        if !restoring.keep_sessions {
            restored.ended = end_all(&transaction, before, restoring)?;
        }
        let detail = format!("{}; {} sessions ended", restoring.detail, restored.ended);
        let line =
            AuditLine { action: "store.restored", actor: "operator", detail: Some(detail), ..AuditLine::default() };
        events::write_audit(&transaction, &line, restoring.now)?;
        transaction.commit()?;
        check_soundness(&connection)?;
        Ok(restored)
    }
}

impl Alone {
    /// Puts the log into the file; whether it is whole by itself now. One that can't be read keeps its log beside it.
    pub fn settle(&self) -> anyhow::Result<bool> {
        let Some(connection) = &self.connection else { return Ok(false) };
        connection.pragma_update(None, "journal_mode", "DELETE")?;
        Ok(true)
    }
}

/// Exclusive locking refuses every other connection, and is refused by any.
fn exclusive(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // Whatever is there stays as it is until it is put aside.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(connection)
}

/// Whether both have one schema, so that rows of one mean the same in the other.
fn knows_the_same(before: &Connection, now: &Connection) -> bool {
    let version = |connection: &Connection| -> rusqlite::Result<Vec<u8>> {
        connection.query_row("SELECT checksum FROM _migrations ORDER BY version DESC LIMIT 1", [], |row| row.get(0))
    };
    version(before).ok().zip(version(now).ok()).is_some_and(|(before, now)| before == now)
}

/// Numbers and places that were given after the backup are not given again.
fn gap(
    transaction: &Transaction<'_>,
    before: Option<&Connection>,
    restoring: &Restoring,
    restored: &mut Restored,
) -> rusqlite::Result<()> {
    let stands = |connection: &Connection, table: &str| -> rusqlite::Result<i64> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
        Ok(connection.query_row(sql, [table], |row| row.get(0)).optional()?.unwrap_or(0))
    };
    let known = |table: &str| before.map_or(0, |before| stands(before, table).unwrap_or(0));
    let users = (stands(transaction, "users")? + i64::from(restoring.number_gap)).max(known("users"));
    restored.next_number = raise_sequence(transaction, "users", users)? + 1;
    for table in ["events", "audit"] {
        let seq = stands(transaction, table)?.max(known(table)) + FEED_GAP;
        raise_sequence(transaction, table, seq)?;
    }
    Ok(())
}

/// What was ended, revoked or disabled after the backup stays so; sessions that came after it end.
fn carry(to: &Transaction<'_>, from: &Connection, restoring: &Restoring) -> anyhow::Result<u64> {
    let mut carried = 0;
    let changes = [
        (
            "SELECT id, ended_at, end_reason FROM sessions WHERE ended_at IS NOT NULL",
            "UPDATE sessions SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL",
        ),
        (
            "SELECT kid, revoked_at, alg FROM signing_keys WHERE revoked_at IS NOT NULL",
            "UPDATE signing_keys SET revoked_at = ?2 WHERE kid = ?1 AND alg = ?3 AND revoked_at IS NULL",
        ),
        (
            "SELECT id, disabled_at, number FROM users WHERE disabled_at IS NOT NULL",
            "UPDATE users SET disabled_at = ?2 WHERE id = ?1 AND number = ?3 AND disabled_at IS NULL",
        ),
    ];
    for (found, change) in changes {
        let mut found = from.prepare(found)?;
        let mut rows = found.query([])?;
        while let Some(row) = rows.next()? {
            let value = |at: usize| row.get::<_, rusqlite::types::Value>(at);
            carried += to.prepare_cached(change)?.execute(params![value(0)?, value(1)?, value(2)?])? as u64;
        }
    }
    carry_events(to, from, restoring.now)?;
    end_later_ones(to, from, restoring)?;
    Ok(carried)
}

fn carry_events(to: &Transaction<'_>, from: &Connection, now: Timestamp) -> anyhow::Result<()> {
    let mut found =
        from.prepare("SELECT kind, subject, reason, at, until FROM events WHERE until >= ?1 ORDER BY seq")?;
    let mut rows = found.query([now.millis()])?;
    let known = "INSERT INTO events (kind, subject, reason, at, until) SELECT ?1, ?2, ?3, ?4, ?5
        WHERE NOT EXISTS (SELECT 1 FROM events WHERE kind = ?1 AND subject IS ?2 AND at = ?4 AND until = ?5)";
    while let Some(row) = rows.next()? {
        let value = |at: usize| row.get::<_, rusqlite::types::Value>(at);
        to.prepare_cached(known)?.execute(params![value(0)?, value(1)?, value(2)?, value(3)?, value(4)?])?;
    }
    Ok(())
}

/// Operators sign in anew, and no link of before works. Whoever was removed, demoted, reset or unlinked after the backup stays so, and
/// a token that was revoked is worth nothing; where nobody knows which were, all of them end as sessions do.
fn carry_operators(to: &Transaction<'_>, from: Option<&Connection>, keep: bool) -> anyhow::Result<u64> {
    to.execute_batch("DELETE FROM operator_sessions; DELETE FROM operator_links;")?;
    let Some(from) = from else {
        return Ok(if keep { 0 } else { to.execute("DELETE FROM operator_tokens", [])? as u64 });
    };
    carry_links(to, from)?;
    let mut revoked = 0;
    let mut stays = to.prepare("SELECT name, 0 FROM operators UNION ALL SELECT digest, 1 FROM operator_tokens")?;
    let kept: Vec<(rusqlite::types::Value, bool)> =
        stays.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (key, is_token) in kept {
        if is_token {
            let is_known = from.prepare_cached("SELECT 1 FROM operator_tokens WHERE digest = ?1")?.exists([&key])?;
            if !is_known {
                revoked += to.execute("DELETE FROM operator_tokens WHERE digest = ?1", [&key])? as u64;
            }
            continue;
        }
        let mut known =
            from.prepare_cached("SELECT role, sealed, totp_step, set_up_at FROM operators WHERE name = ?1")?;
        let mut rows = known.query([&key])?;
        let Some(row) = rows.next()? else {
            to.execute("DELETE FROM operators WHERE name = ?1", [&key])?;
            continue;
        };
        let value = |at: usize| row.get::<_, rusqlite::types::Value>(at);
        let now = "UPDATE operators SET role = ?2, sealed = ?3, totp_step = ?4, set_up_at = ?5 WHERE name = ?1";
        to.execute(now, params![key, value(0)?, value(1)?, value(2)?, value(3)?])?;
    }
    Ok(revoked)
}

/// An identity that no longer signs an operator in does not again.
fn carry_links(to: &Transaction<'_>, from: &Connection) -> anyhow::Result<()> {
    let mut kept = to.prepare("SELECT operator, identity FROM operator_people")?;
    let kept: Vec<(String, Vec<u8>)> =
        kept.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (operator, identity) in kept {
        let same = "SELECT 1 FROM operator_people WHERE operator = ?1 AND identity = ?2";
        if !from.prepare_cached(same)?.exists(params![operator, identity])? {
            to.execute("DELETE FROM operator_people WHERE operator = ?1", [operator])?;
        }
    }
    Ok(())
}

/// Roles are those of the backup. Back ends were told of changes since, and would refuse tokens that are not ahead of these; also
/// those of people who got their first role since.
fn raise_roles(to: &Transaction<'_>, before: Option<&Connection>, now: Timestamp) -> rusqlite::Result<()> {
    let stands =
        |connection: &Connection| connection.query_row("SELECT version FROM roles_counter", [], |row| row.get(0));
    let version = before.and_then(|before| stands(before).ok()).unwrap_or(0).max(restored_version(now));
    to.execute(
        "INSERT INTO roles_counter (id, version) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET version = max(version, ?1)",
        [version],
    )?;
    to.execute(
        "UPDATE users SET roles_version = ?1 WHERE roles_version IS NULL
        AND id IN (SELECT substr(subject, 9) FROM events WHERE kind = 'roles_of_user')",
        [version],
    )
    .map(drop)
}

/// Sessions that the backup does not know have no row any more, but access tokens.
fn end_later_ones(to: &Transaction<'_>, from: &Connection, restoring: &Restoring) -> anyhow::Result<()> {
    let mut found = from.prepare("SELECT id FROM sessions WHERE ended_at IS NULL")?;
    let mut rows = found.query([])?;
    while let Some(row) = rows.next()? {
        let session: [u8; 16] = row.get(0)?;
        let is_known = to.prepare_cached("SELECT 1 FROM sessions WHERE id = ?1")?.exists([session])?;
        if !is_known && may_have_tokens(Some(from), session, restoring)? {
            tell(to, session, restoring)?;
        }
    }
    Ok(())
}

fn end_all(to: &Transaction<'_>, before: Option<&Connection>, restoring: &Restoring) -> anyhow::Result<u64> {
    let live: Vec<[u8; 16]> = to
        .prepare("SELECT id FROM sessions WHERE ended_at IS NULL")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut end = to.prepare("UPDATE sessions SET ended_at = ?2, end_reason = ?3 WHERE id = ?1")?;
    for session in &live {
        end.execute(params![session, restoring.now.millis(), EndReason::Restored.code()])?;
        if may_have_tokens(before, *session, restoring)? {
            tell(to, *session, restoring)?;
        }
    }
    Ok(live.len() as u64)
}

/// Whether an access token of the session may still be good: the feed is kept short, as every node and guard reads all of
/// it. Without the database before nobody knows when it was refreshed last.
fn may_have_tokens(before: Option<&Connection>, session: [u8; 16], restoring: &Restoring) -> anyhow::Result<bool> {
    let Some(before) = before else { return Ok(true) };
    let mut refreshed = before.prepare_cached("SELECT max(rotated_at) FROM grants WHERE session = ?1")?;
    let refreshed: Option<i64> = refreshed.query_row([session], |row| row.get(0))?;
    let life = restoring.tokens_until.since(restoring.now);
    Ok(refreshed.is_none_or(|at| Timestamp::from_millis(at).plus(life) >= restoring.now))
}

fn tell(to: &Transaction<'_>, session: [u8; 16], restoring: &Restoring) -> anyhow::Result<()> {
    let ended = EventKind::SessionEnded(SessionId::from_bytes(session));
    Ok(events::tell(to, &ended, EndReason::Restored.code(), restoring.now, restoring.tokens_until)?)
}
