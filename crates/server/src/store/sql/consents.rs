//! What people agreed to.

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::Database;
use super::accounts::locked;
use super::connection::Connection;
use super::events::write_audit;
use super::merges::aliases;
use super::statement::statements;
use super::value::values;
use crate::store::consents::{given_at, kept_from};
use crate::store::rows::{self, consent_columns};
use crate::store::rules::{consent_line, is_there, new_consents};
use crate::store::{ConsentRow, Consenting, Consents, Result};

statements! {
    OF_USER_CONSENTS on consents =
        both(concat!("SELECT ", consent_columns!(), " FROM consents WHERE user_number = ?1 ORDER BY given_at, id"));
    OF_PERSON on consents = both(concat!("SELECT ", consent_columns!(), " FROM consents WHERE user_number = ?1
        UNION ALL SELECT ", consent_columns!(), " FROM users u JOIN consents c ON c.user_number = u.number WHERE u.merged_into = ?1"));
    GIVE on consents = both("INSERT INTO consents (id, user_number, document, version, app, ip, user_agent, given_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    WITHDRAW on consents = both("UPDATE consents SET withdrawn_at = ?3 WHERE user_number = ?1 AND document = ?2 AND withdrawn_at IS NULL");
    FORGET on consents =
        both("DELETE FROM consents WHERE user_number = ?1 AND document = ?2 AND withdrawn_at IS NOT NULL AND given_at < ?3");
}

#[async_trait]
impl Consents for Database {
    async fn consents_of(&self, number: i64) -> Result<Vec<ConsentRow>> {
        self.pool.rows(&OF_PERSON, values![number], rows::consent).await.map(in_order)
    }

    async fn change_consents(&self, consenting: Consenting) -> Result<Option<Vec<ConsentRow>>> {
        self.transact(&consenting, |on, consenting| change(on, consenting).boxed()).await
    }
}

/// What was said under one of a person's names, in the caller's transaction.
pub(super) async fn of(on: &mut Connection<'_>, number: i64) -> Result<Vec<ConsentRow>> {
    OF_USER_CONSENTS.rows(on, values![number], rows::consent).await
}

/// What somebody said, with what was said under their other names.
async fn of_all_names(on: &mut Connection<'_>, number: i64) -> Result<Vec<ConsentRow>> {
    OF_PERSON.rows(on, values![number], rows::consent).await.map(in_order)
}

fn in_order(mut rows: Vec<ConsentRow>) -> Vec<ConsentRow> {
    rows.sort_by_key(|row| row.given_at);
    rows
}

/// Whoever says something of documents holds the person's row, so that two who say the same come one after the other.
async fn change(on: &mut Connection<'_>, consenting: &Consenting) -> Result<Option<Vec<ConsentRow>>> {
    let Some(user) = locked(on, consenting.user).await?.filter(is_there) else { return Ok(None) };
    let Consenting { app, by, user_agent, now, .. } = consenting;
    for document in &consenting.withdrawn {
        let mut withdrawn = WITHDRAW.run(on, values![user.number, document, *now]).await?;
        for (alias, _) in aliases(on, user.number).await? {
            withdrawn += WITHDRAW.run(on, values![alias, document, *now]).await?;
        }
        if withdrawn > 0 {
            write_audit(on, &consent_line(consenting, user.id, ("consent.withdrawn", document.clone())), *now).await?;
        }
    }
    let before = of_all_names(on, user.number).await?;
    for new in new_consents(consenting, &before) {
        let (document, version) = (&new.document, &new.version);
        if let Some(from) = kept_from(&of(on, user.number).await?, document) {
            FORGET.run(on, values![user.number, document, from]).await?;
        }
        let at = given_at(&before, document, *now);
        GIVE.run(on, values![&new.row, user.number, document, version, app, &by.ip, user_agent, at]).await?;
        write_audit(on, &consent_line(consenting, user.id, ("consent.given", format!("{document} {version}"))), *now)
            .await?;
    }
    of_all_names(on, user.number).await.map(Some)
}
