//! Sessions and grants: reads here, the three transactions in a file each.

mod end;
mod open;
mod rotate;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};

use super::Database;
use super::statement::statements;
use super::value::{id, values};
use crate::store::columns::Columns;
use crate::store::rows::{self, session_columns, standing_columns, user_columns};
use crate::store::{
    Ending, GrantRow, Opened, Opening, Presented, Replacement, Result, Rotation, SessionRow, Sessions, Standing,
};

pub(super) use end::{end_one, live};
pub(super) use open::{insert_identity, keep_key, known, other_holder, room_for};

/// Every statement of this folder.
#[cfg(test)]
pub(super) static ALL: [&[(&str, &super::statement::Sql)]; 4] =
    [STATEMENTS, end::STATEMENTS, open::STATEMENTS, rotate::STATEMENTS];

statements! {
    UNREFRESHED on grants = both(concat!("SELECT ", standing_columns!(), ", ", user_columns!(), "
        FROM grants g JOIN sessions s ON s.id = g.session AND s.app = g.app JOIN users u ON u.number = s.user_number
        WHERE g.session = ?1 AND s.ended_at IS NULL AND u.disabled_at IS NULL AND g.counter = 0"));
    GRANT on grants = both("SELECT app, session, secret FROM grants WHERE id = ?1");
    BY_ID on sessions = both(concat!("SELECT ", session_columns!(), "
        FROM sessions s JOIN grants g ON g.session = s.id AND g.app = s.app WHERE s.id = ?1"));
    REPLACEMENT on sessions = both("SELECT r.device_class, r.device_name, s.ended_at
        FROM sessions s JOIN sessions r ON r.id = s.replaced_by WHERE s.id = ?1");
    OF_USER on sessions = both(concat!("SELECT ", session_columns!(), "
        FROM users u JOIN sessions s ON s.user_number = u.number AND s.ended_at IS NULL
        JOIN grants g ON g.session = s.id AND g.app = s.app
        WHERE u.id = ?1 AND g.idle_until > ?2 ORDER BY s.opened_at DESC, s.id DESC"));
}

#[async_trait]
impl Sessions for Database {
    async fn open_session(&self, opening: Opening) -> Result<Opened> {
        self.transact(&opening, |on, opening| open::open(on, opening).boxed()).await
    }

    async fn unrefreshed(&self, session: SessionId) -> Result<Option<Standing>> {
        self.pool.row(&UNREFRESHED, values![&id(session)], rows::standing).await
    }

    async fn grant(&self, grant: GrantId) -> Result<Option<GrantRow>> {
        let read = |it: &mut Columns<'_>| Ok(GrantRow { app: it.get()?, session: it.id()?, secret: it.get()? });
        self.pool.row(&GRANT, values![&id(grant)], read).await
    }

    async fn rotate(&self, presented: Presented) -> Result<Rotation> {
        self.transact(&presented, |on, presented| rotate::rotate(on, presented).boxed()).await
    }

    async fn session(&self, session: SessionId) -> Result<Option<SessionRow>> {
        self.pool.row(&BY_ID, values![&id(session)], rows::session_row).await
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.pool.rows(&OF_USER, values![&id(user), now], rows::session_row).await
    }

    async fn replacement(&self, session: SessionId) -> Result<Option<Replacement>> {
        self.pool.row(&REPLACEMENT, values![&id(session)], rows::replacement).await
    }

    async fn end_sessions(&self, ending: Ending) -> Result<Vec<SessionId>> {
        self.transact(&ending, |on, ending| end::end(on, ending).boxed()).await
    }
}
