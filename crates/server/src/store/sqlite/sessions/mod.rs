//! Sessions and grants in `SQLite`: reads here, the three transactions in a file each.

mod end;
mod open;
mod rotate;

use async_trait::async_trait;
use menjin_token::{GrantId, SessionId, Timestamp, UserId};
use rusqlite::params;

use super::sql::{session_columns, standing_columns, statements, user_columns};
use super::{Sqlite, rows};
use crate::store::{Ending, GrantRow, Opened, Opening, Presented, Result, Rotation, SessionRow, Sessions, Standing};

pub(super) use end::end_one;

/// Every statement of this folder.
#[cfg(test)]
pub(super) const ALL: [&[(&str, super::sql::Sql)]; 4] =
    [STATEMENTS, end::STATEMENTS, open::STATEMENTS, rotate::STATEMENTS];

statements! {
    UNREFRESHED on grants = "SELECT ", standing_columns!(), ", ", user_columns!(), "
        FROM grants g JOIN sessions s ON s.id = g.session AND s.app = g.app JOIN users u ON u.number = s.user
        WHERE g.session = ?1 AND s.ended_at IS NULL AND u.disabled_at IS NULL AND g.counter = 0";
    GRANT on grants = "SELECT app, session, secret FROM grants WHERE id = ?1";
    BY_ID on sessions = "SELECT ", session_columns!(), "
        FROM sessions s JOIN grants g ON g.session = s.id AND g.app = s.app WHERE s.id = ?1";
    OF_USER on sessions = "SELECT ", session_columns!(), "
        FROM users u JOIN sessions s ON s.user = u.number AND s.ended_at IS NULL JOIN grants g ON g.session = s.id AND g.app = s.app
        WHERE u.id = ?1 AND g.idle_until > ?2 ORDER BY s.opened_at DESC, s.id DESC";
}

#[async_trait]
impl Sessions for Sqlite {
    async fn open_session(&self, opening: Opening) -> Result<Opened> {
        self.write(move |connection| open::open(connection, opening)).await
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

    async fn end_sessions(&self, ending: Ending) -> Result<Vec<SessionId>> {
        self.write(move |connection| end::end(connection, &ending)).await
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::conformance::sample::{at, claiming, ended, identity, opening, presented, sign_in};
    use crate::store::{
        CodeClaim, Codes as _, EndReason, IdempotencyKey, OnOldSchema, Opening, People as _, Refused, StoreError,
    };

    /// A store, and a connection that does what no method does yet.
    fn fresh() -> (tempfile::TempDir, Sqlite, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("menjin.db");
        let store = Sqlite::open(&path, OnOldSchema::Migrate).unwrap();
        (folder, store, Connection::open(path).unwrap())
    }

    #[tokio::test]
    async fn a_disabled_user_signs_in_nowhere() {
        let (_folder, store, beside) = fresh();
        let alice = sign_in(&store, "alice", at(0)).await;
        beside.execute("UPDATE users SET disabled_at = 1", []).unwrap();
        let unionid = Some(("union".to_owned(), "company".to_owned()));
        beside.execute("UPDATE identities SET unionid = 'union', open_account = 'company'", []).unwrap();
        let mut elsewhere = identity("alice");
        elsewhere.appid = "wx-other".into();
        let code = |n| crate::store::CodeDigest([n; 32]);
        let known = Opening { code: code(1), ..opening("alice", at(1)) };
        let joined = Opening { code: code(2), identity: elsewhere, unionid, ..opening("alice", at(1)) };
        for opening in [known, joined] {
            let code = opening.code;
            let key = IdempotencyKey { key: code.0, body: [0; 32] };
            let claiming = claiming(code, Some(key));
            assert_eq!(store.claim_code(claiming).await.unwrap(), CodeClaim::Claimed);
            assert!(matches!(store.open_session(opening).await.unwrap(), Opened::Disabled));
            let refused = Refused("user_disabled".into());
            assert_eq!(store.claim_code(claiming).await.unwrap(), CodeClaim::Refused(refused));
        }
        assert!(store.user(alice.user().id).await.unwrap().unwrap().disabled_at.is_some());
        let sessions: i64 = beside.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
        let identities: i64 = beside.query_row("SELECT count(*) FROM identities", [], |row| row.get(0)).unwrap();
        assert_eq!((sessions, identities), (1, 1));
    }

    #[tokio::test]
    async fn a_disabled_users_refresh_ends_the_session() {
        let (_folder, store, beside) = fresh();
        let alice = sign_in(&store, "alice", at(0)).await;
        beside.execute("UPDATE users SET disabled_at = 1", []).unwrap();
        assert!(store.unrefreshed(alice.session()).await.unwrap().is_none());
        for _ in 0..2 {
            let rotation = store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap();
            assert!(matches!(rotation, Rotation::Ended(EndReason::UserDisabled)), "{rotation:?}");
        }
        assert_eq!(ended(&store, alice.session()).await, Some(EndReason::UserDisabled));
    }

    #[tokio::test]
    async fn a_value_that_no_version_wrote_is_named() {
        let (_folder, store, beside) = fresh();
        let alice = sign_in(&store, "alice", at(0)).await;
        beside.execute("UPDATE sessions SET ended_at = 1, end_reason = 'bored', device_class = 'watch'", []).unwrap();
        let StoreError::Unavailable(cause) = store.session(alice.session()).await.unwrap_err();
        assert!(format!("{cause:#}").contains("sessions.end_reason can't be"), "{cause:#}");
        beside.execute("UPDATE sessions SET ended_at = NULL, end_reason = NULL", []).unwrap();
        let row = store.session(alice.session()).await.unwrap().unwrap();
        assert_eq!(row.device.class, crate::store::DeviceClass::Other, "a later version may know more devices");
        beside.execute("UPDATE grants SET counter = -1", []).unwrap();
        let StoreError::Unavailable(cause) = store.rotate(presented(alice.grant(), 0, at(1))).await.unwrap_err();
        assert!(format!("{cause:#}").contains("grants.counter can't be"), "{cause:#}");
    }
}
