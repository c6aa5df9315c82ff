//! Lists for operators in `SQLite`.

use std::iter::once;

use async_trait::async_trait;
use menjin_token::SessionId;
use rusqlite::params;

use super::sql::statements;
use super::{Sqlite, merges};
use crate::store::lists::newest;
use crate::store::rows::{self, audit_columns, session_columns, user_columns};
use crate::store::{
    AuditOf, AuditPlace, AuditRow, IdentityName, ListedSession, ListedUser, Lists, Merges, Result, SessionRow, UserRow,
};

statements! {
    USERS on users = "SELECT ", user_columns!(), ", u.external_id FROM users u
        WHERE u.number < ?1 AND u.merged_into IS NULL AND u.erased_at IS NULL ORDER BY u.number DESC LIMIT ?2";
    BY_IDENTITY on users = "SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.platform = ?1 AND i.appid = ?2 AND i.openid = ?3";
    SESSIONS on sessions = "SELECT ", session_columns!(), ", u.id FROM sessions s
        JOIN grants g ON g.session = s.id AND g.app = s.app JOIN users u ON u.number = s.user_number
        WHERE s.id < ?1 ORDER BY s.id DESC LIMIT ?2";
    ENDED on sessions = "SELECT ", session_columns!(), " FROM sessions s JOIN grants g ON g.session = s.id AND g.app = s.app
        WHERE s.user_number = ?1 AND s.ended_at IS NOT NULL AND s.id < ?2 ORDER BY s.id DESC LIMIT ?3";
    AUDIT on audit = "SELECT ", audit_columns!(), " FROM audit WHERE at <= ?1 AND (at < ?1 OR seq < ?2)
        ORDER BY at DESC, seq DESC LIMIT ?3";
    OF_USER on audit = "SELECT ", audit_columns!(), " FROM audit WHERE user_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    OF_ACTOR on audit = "SELECT ", audit_columns!(), " FROM audit WHERE actor_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
    LINE on audit = "SELECT ", audit_columns!(), " FROM audit WHERE seq = ?1";
}

#[async_trait]
impl Lists for Sqlite {
    async fn users_below(&self, number: i64, limit: u32) -> Result<Vec<ListedUser>> {
        self.read(|connection| USERS.rows(connection, params![number, limit], rows::listed_user))
    }

    async fn user_by_identity(&self, identity: &IdentityName) -> Result<Option<UserRow>> {
        let IdentityName { platform, appid, openid } = identity;
        self.read(|connection| BY_IDENTITY.row(connection, params![platform, appid, openid], rows::user))
    }

    async fn sessions_before(&self, session: SessionId, limit: u32) -> Result<Vec<ListedSession>> {
        self.read(|connection| SESSIONS.rows(connection, params![session.to_bytes(), limit], rows::listed_session))
    }

    async fn ended_sessions_of(&self, user: i64, session: SessionId, limit: u32) -> Result<Vec<SessionRow>> {
        self.read(|connection| {
            let mut found = Vec::new();
            let others = merges::aliases(connection, user)?.into_iter().map(|(number, _)| number);
            for number in once(user).chain(others) {
                found.extend(ENDED.rows(connection, params![number, session.to_bytes(), limit], rows::session_row)?);
            }
            Ok(newest(found, |row| row.id, limit))
        })
    }

    async fn audit_behind(&self, place: AuditPlace, of: &AuditOf, limit: u32) -> Result<Vec<AuditRow>> {
        let AuditPlace { at, seq } = place;
        match of {
            AuditOf::All => {
                self.read(|connection| AUDIT.rows(connection, params![at.millis(), seq, limit], rows::audit_row))
            }
            AuditOf::User(user) => {
                let names: Vec<_> = once(*user).chain(self.aliases_of(*user).await?).collect();
                self.read(|connection| {
                    let mut found = Vec::new();
                    for name in names {
                        found.extend(OF_USER.rows(
                            connection,
                            params![name.to_bytes(), seq, limit],
                            rows::audit_row,
                        )?);
                    }
                    Ok(newest(found, |line| line.seq, limit))
                })
            }
            AuditOf::Actor(name) => {
                self.read(|connection| OF_ACTOR.rows(connection, params![name, seq, limit], rows::audit_row))
            }
        }
    }

    async fn audit_line(&self, seq: i64) -> Result<Option<AuditRow>> {
        self.read(|connection| LINE.row(connection, [seq], rows::audit_row))
    }
}
