//! Sessions and grants in `SQLite`: reads here, the three transactions in a file each.

mod end;
mod open;
mod rotate;

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};
use rusqlite::params;

use super::Sqlite;
use super::sql::statements;
use crate::store::rows::{self, session_columns, standing_columns, user_columns};
use crate::store::{
    Ending, GrantRow, Opened, Opening, Presented, Replacement, Result, Rotation, SessionRow, Sessions, Standing,
};

pub(super) use end::{end_one, live};
pub(super) use open::{insert_identity, keep_key, known, other_holder, room_for};

/// Every statement of this folder.
#[cfg(test)]
pub(super) const ALL: [&[(&str, super::sql::Sql)]; 4] =
    [STATEMENTS, end::STATEMENTS, open::STATEMENTS, rotate::STATEMENTS];

statements! {
    UNREFRESHED on grants = "SELECT ", standing_columns!(), ", ", user_columns!(), "
        FROM grants g JOIN sessions s ON s.id = g.session AND s.app = g.app JOIN users u ON u.number = s.user_number
        WHERE g.session = ?1 AND s.ended_at IS NULL AND u.disabled_at IS NULL AND g.counter = 0";
    GRANT on grants = "SELECT app, session, secret FROM grants WHERE id = ?1";
    BY_ID on sessions = "SELECT ", session_columns!(), "
        FROM sessions s JOIN grants g ON g.session = s.id AND g.app = s.app WHERE s.id = ?1";
    REPLACEMENT on sessions = "SELECT r.device_class, r.device_name, s.ended_at
        FROM sessions s JOIN sessions r ON r.id = s.replaced_by WHERE s.id = ?1";
    OF_USER on sessions = "SELECT ", session_columns!(), "
        FROM users u JOIN sessions s ON s.user_number = u.number AND s.ended_at IS NULL JOIN grants g ON g.session = s.id AND g.app = s.app
        WHERE u.id = ?1 AND g.idle_until > ?2 ORDER BY s.opened_at DESC, s.id DESC";
}

#[async_trait]
impl Sessions for Sqlite {
    async fn open_session(&self, opening: Opening) -> Result<Opened> {
        self.write(move |connection| open::open(connection, &opening)).await
    }

    async fn unrefreshed(&self, session: SessionId) -> Result<Option<Standing>> {
        self.read(|connection| UNREFRESHED.row(connection, [session.to_bytes()], rows::standing))
    }

    async fn grant(&self, grant: GrantId) -> Result<Option<GrantRow>> {
        self.read(|connection| {
            GRANT.row(connection, [grant.to_bytes()], |it| {
                Ok(GrantRow { app: it.get()?, session: it.id()?, secret: it.get()? })
            })
        })
    }

    async fn rotate(&self, presented: Presented) -> Result<Rotation> {
        self.write(move |connection| rotate::rotate(connection, &presented)).await
    }

    async fn session(&self, session: SessionId) -> Result<Option<SessionRow>> {
        self.read(|connection| BY_ID.row(connection, [session.to_bytes()], rows::session_row))
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.read(|connection| OF_USER.rows(connection, params![user.to_bytes(), now.millis()], rows::session_row))
    }

    async fn replacement(&self, session: SessionId) -> Result<Option<Replacement>> {
        self.read(|connection| REPLACEMENT.row(connection, [session.to_bytes()], rows::replacement))
    }

    async fn end_sessions(&self, ending: Ending) -> Result<Vec<SessionId>> {
        self.write(move |connection| end::end(connection, &ending)).await
    }
}
