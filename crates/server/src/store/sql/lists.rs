//! Lists for operators.

use std::iter::once;

use async_trait::async_trait;
use menjin_token::SessionId;

use super::Database;
use super::statement::statements;
use super::value::{id, values};
use crate::store::lists::newest;
use crate::store::rows::{self, audit_columns, session_columns, user_columns};
use crate::store::{
    AuditOf, AuditPlace, AuditRow, IdentityName, ListedSession, ListedUser, Lists, Merges, Result, SessionRow, UserRow,
};

statements! {
    USERS_BELOW on users = both(concat!("SELECT ", user_columns!(), ", u.external_id FROM users u
        WHERE u.number < ?1 AND u.merged_into IS NULL AND u.erased_at IS NULL ORDER BY u.number DESC LIMIT ?2"));
    BY_IDENTITY on users = both(concat!("SELECT ", user_columns!(), " FROM identities i JOIN users u ON u.number = i.user_number
        WHERE i.openid = ?3 AND i.appid = ?2 AND i.platform = ?1"));
    SESSIONS_BEFORE on sessions = each(
        concat!("SELECT ", session_columns!(), ", u.id FROM (SELECT * FROM sessions WHERE id < ?1 ORDER BY id DESC LIMIT ?2) s
            JOIN LATERAL (SELECT rotated_at FROM grants WHERE session = s.id AND app = s.app LIMIT 1) g ON TRUE
            JOIN LATERAL (SELECT id FROM users WHERE number = s.user_number LIMIT 1) u ON TRUE ORDER BY s.id DESC"),
        concat!("SELECT ", session_columns!(), ", u.id FROM sessions s
            JOIN grants g ON g.session = s.id AND g.app = s.app JOIN users u ON u.number = s.user_number
            WHERE s.id < ?1 ORDER BY s.id DESC LIMIT ?2"),
    );
    OTHER_NUMBERS on users = both("SELECT number FROM users WHERE merged_into = ?1");
    ENDED_OF_USER on sessions = both(concat!("SELECT ", session_columns!(), " FROM sessions s
        JOIN grants g ON g.session = s.id AND g.app = s.app
        WHERE s.user_number = ?1 AND s.ended_at IS NOT NULL AND s.id < ?2 ORDER BY s.id DESC LIMIT ?3"));
    AUDIT_BY_TIME on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit WHERE at <= ?1 AND (at < ?1 OR seq < ?2)
        ORDER BY at DESC, seq DESC LIMIT ?3"));
    AUDIT_OF_USER on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit
        WHERE user_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"));
    AUDIT_OF_ACTOR on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit
        WHERE actor_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"));
    AUDIT_LINE on audit = both(concat!("SELECT ", audit_columns!(), " FROM audit WHERE seq = ?1"));
}

#[async_trait]
impl Lists for Database {
    async fn users_below(&self, number: i64, limit: u32) -> Result<Vec<ListedUser>> {
        self.pool.rows(&USERS_BELOW, values![number, limit], rows::listed_user).await
    }

    async fn user_by_identity(&self, identity: &IdentityName) -> Result<Option<UserRow>> {
        let IdentityName { platform, appid, openid } = identity;
        self.pool.row(&BY_IDENTITY, values![*platform, appid, openid], rows::user).await
    }

    async fn sessions_before(&self, session: SessionId, limit: u32) -> Result<Vec<ListedSession>> {
        self.pool.rows(&SESSIONS_BEFORE, values![&id(session), limit], rows::listed_session).await
    }

    async fn ended_sessions_of(&self, user: i64, session: SessionId, limit: u32) -> Result<Vec<SessionRow>> {
        let mut found = Vec::new();
        let others = self.pool.rows(&OTHER_NUMBERS, values![user], rows::value::<i64>).await?;
        let behind = id(session);
        for number in once(user).chain(others) {
            let page = self.pool.rows(&ENDED_OF_USER, values![number, &behind, limit], rows::session_row).await?;
            found.extend(page);
        }
        Ok(newest(found, |row| row.id, limit))
    }

    async fn audit_behind(&self, place: AuditPlace, of: &AuditOf, limit: u32) -> Result<Vec<AuditRow>> {
        let AuditPlace { at, seq } = place;
        match of {
            AuditOf::All => self.pool.rows(&AUDIT_BY_TIME, values![at, seq, limit], rows::audit_row).await,
            AuditOf::User(user) => {
                let mut found = Vec::new();
                for name in once(*user).chain(self.aliases_of(*user).await?) {
                    let page = self.pool.rows(&AUDIT_OF_USER, values![&id(name), seq, limit], rows::audit_row).await?;
                    found.extend(page);
                }
                Ok(newest(found, |line| line.seq, limit))
            }
            AuditOf::Actor(name) => self.pool.rows(&AUDIT_OF_ACTOR, values![name, seq, limit], rows::audit_row).await,
        }
    }

    async fn audit_line(&self, seq: i64) -> Result<Option<AuditRow>> {
        self.pool.row(&AUDIT_LINE, values![seq], rows::audit_row).await
    }
}
