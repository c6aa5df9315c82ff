//! Sessions and grants in `SQLite`: reads here, the three transactions in a file each.

mod end;
mod open;
mod rotate;

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};
use rusqlite::{OptionalExtension as _, Row, params};

use super::Sqlite;
use super::rows::{self, USER};
use crate::store::{
    Device, DeviceClass, EndReason, Ending, GrantRow, Opened, Opening, Presented, Result, Rotation, SessionRow,
    Sessions, Standing,
};

pub(super) use end::end_one;

/// The columns that [`session_row`] reads, of `sessions AS s` and its own `grants AS g`.
pub(super) const SESSION: &str = "s.id, s.user, s.app, s.device_id, s.device_class, s.device_name, s.device_system, s.ip, s.user_agent, \
     s.opened_at, g.rotated_at, s.expires_at, s.ended_at, s.end_reason";

/// The columns that [`standing`] reads, of `grants AS g` and `sessions AS s`; those of the user follow.
const STANDING: &str = "g.id, g.counter, g.session, g.app, s.opened_at, s.amr, g.idle_until, g.secret";
const STANDING_COLUMNS: usize = 8;

#[async_trait]
impl Sessions for Sqlite {
    async fn open_session(&self, opening: Opening) -> Result<Opened> {
        self.write(move |connection| open::open(connection, opening)).await
    }

    async fn unrefreshed(&self, session: SessionId) -> Result<Option<Standing>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {STANDING}, {USER} FROM grants g JOIN sessions s ON s.id = g.session JOIN users u ON u.number = s.user
                 WHERE g.session = ?1 AND s.ended_at IS NULL AND g.spent IS NULL AND g.counter = 0"
            ))?;
            Ok(statement.query_row([session.to_bytes()], standing).optional()?)
        })
    }

    async fn grant(&self, grant: GrantId) -> Result<Option<GrantRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT app, session, secret FROM grants WHERE id = ?1")?;
            let found = statement
                .query_row([grant.to_bytes()], |row| {
                    Ok(GrantRow { app: row.get(0)?, session: rows::id(row, 1)?, secret: row.get(2)? })
                })
                .optional()?;
            Ok(found)
        })
    }

    async fn rotate(&self, presented: Presented) -> Result<Rotation> {
        self.write(move |connection| rotate::rotate(connection, &presented)).await
    }

    async fn session(&self, session: SessionId) -> Result<Option<SessionRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {SESSION} FROM sessions s JOIN grants g ON g.session = s.id WHERE s.id = ?1"
            ))?;
            Ok(statement.query_row([session.to_bytes()], |row| session_row(row, 0)).optional()?)
        })
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {SESSION} FROM users u JOIN sessions s ON s.user = u.number AND s.ended_at IS NULL JOIN grants g ON g.session = s.id
                 WHERE u.id = ?1 AND g.idle_until > ?2 ORDER BY s.opened_at DESC, s.id DESC"
            ))?;
            let found =
                statement.query_map(params![user.to_bytes(), now.millis()], |row| session_row(row, 0))?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(found)
        })
    }

    async fn end_sessions(&self, ending: Ending) -> Result<Vec<SessionId>> {
        self.write(move |connection| end::end(connection, &ending)).await
    }
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(Standing {
        grant: rows::id(row, 0)?,
        counter: row.get(1)?,
        session: rows::id(row, 2)?,
        app: row.get(3)?,
        auth_time: rows::time(row, 4)?,
        amr: row.get(5)?,
        idle_until: rows::time_or_null(row, 6)?.unwrap_or_default(),
        secret: row.get(7)?,
        user: rows::user(row, STANDING_COLUMNS)?,
    })
}

pub(super) fn session_row(row: &Row<'_>, from: usize) -> rusqlite::Result<SessionRow> {
    let class: String = row.get(from + 4)?;
    let ended = match rows::time_or_null(row, from + 12)? {
        None => None,
        Some(at) => Some((at, end_reason(row, from + 13)?)),
    };
    Ok(SessionRow {
        id: rows::id(row, from)?,
        user: row.get(from + 1)?,
        app: row.get(from + 2)?,
        device: Device {
            id: row.get(from + 3)?,
            class: DeviceClass::parse(&class),
            name: row.get(from + 5)?,
            system: row.get(from + 6)?,
            ip: row.get(from + 7)?,
            user_agent: row.get(from + 8)?,
        },
        opened_at: rows::time(row, from + 9)?,
        seen_at: rows::time(row, from + 10)?,
        expires_at: rows::time(row, from + 11)?,
        ended,
    })
}

fn end_reason(row: &Row<'_>, column: usize) -> rusqlite::Result<EndReason> {
    let code: String = row.get(column)?;
    EndReason::from_code(&code)
        .ok_or_else(|| rows::impossible(column, "sessions.end_reason: a reason that this program does not know"))
}
