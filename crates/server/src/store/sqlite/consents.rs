//! What people agreed to, in `SQLite`.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::Sqlite;
use super::events::write_audit;
use super::merges::aliases;
use super::people::by_id;
use super::sql::statements;
use crate::store::consents::{given_at, kept_from};
use crate::store::rows::{self, consent_columns};
use crate::store::rules::{consent_line, is_there, new_consents};
use crate::store::{ConsentRow, Consenting, Consents, Result};

statements! {
    OF_USER on consents = "SELECT ", consent_columns!(), " FROM consents WHERE user_number = ?1 ORDER BY given_at, id";
    OF_PERSON on consents = "SELECT ", consent_columns!(), " FROM consents WHERE user_number = ?1
        UNION ALL SELECT ", consent_columns!(), " FROM users u JOIN consents c ON c.user_number = u.number WHERE u.merged_into = ?1";
    GIVE on consents = "INSERT INTO consents (id, user_number, document, version, app, ip, user_agent, given_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    WITHDRAW on consents = "UPDATE consents SET withdrawn_at = ?3 WHERE user_number = ?1 AND document = ?2 AND withdrawn_at IS NULL";
    FORGET on consents = "DELETE FROM consents WHERE user_number = ?1 AND document = ?2 AND withdrawn_at IS NOT NULL AND given_at < ?3";
}

#[async_trait]
impl Consents for Sqlite {
    async fn consents_of(&self, number: i64) -> Result<Vec<ConsentRow>> {
        self.read(|connection| of_all_names(connection, number))
    }

    async fn change_consents(&self, consenting: Consenting) -> Result<Option<Vec<ConsentRow>>> {
        self.write(move |connection| change(connection, &consenting)).await
    }
}

/// What was said under one of a person's names, in the caller's transaction.
pub(super) fn of(connection: &Connection, number: i64) -> Result<Vec<ConsentRow>> {
    OF_USER.rows(connection, [number], rows::consent)
}

/// What somebody said, with what was said under their other names.
fn of_all_names(connection: &Connection, number: i64) -> Result<Vec<ConsentRow>> {
    let mut rows = OF_PERSON.rows(connection, [number], rows::consent)?;
    rows.sort_by_key(|row| row.given_at);
    Ok(rows)
}

fn change(connection: &Connection, consenting: &Consenting) -> Result<Option<Vec<ConsentRow>>> {
    let Some(user) = by_id(connection, consenting.user)?.filter(is_there) else { return Ok(None) };
    let Consenting { app, by, user_agent, now, .. } = consenting;
    for document in &consenting.withdrawn {
        let mut withdrawn = WITHDRAW.run(connection, params![user.number, document, now.millis()])?;
        for (alias, _) in aliases(connection, user.number)? {
            withdrawn += WITHDRAW.run(connection, params![alias, document, now.millis()])?;
        }
        if withdrawn > 0 {
            write_audit(connection, &consent_line(consenting, user.id, ("consent.withdrawn", document.clone())), *now)?;
        }
    }
    let before = of_all_names(connection, user.number)?;
    for new in new_consents(consenting, &before) {
        let (document, version) = (&new.document, &new.version);
        if let Some(from) = kept_from(&of(connection, user.number)?, document) {
            FORGET.run(connection, params![user.number, document, from.millis()])?;
        }
        let at = given_at(&before, document, *now).millis();
        GIVE.run(connection, params![new.row, user.number, document, version, app, by.ip, user_agent, at])?;
        write_audit(
            connection,
            &consent_line(consenting, user.id, ("consent.given", format!("{document} {version}"))),
            *now,
        )?;
    }
    of_all_names(connection, user.number).map(Some)
}
