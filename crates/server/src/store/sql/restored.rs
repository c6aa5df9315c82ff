//! A database that its own tool has brought back from a backup, while no node runs on it.
//!
//! Not here: the same of a file (`sqlite::moving`).

use anyhow::Context as _;

use super::Database;
use super::across::ServerEnd;
use crate::config::StorePlace;
use crate::store::across::{End as _, PAGE};
use crate::store::moving::FEED_GAP;
use crate::store::role_rules::restored_version;
use crate::store::schema::OnOldSchema;
use crate::store::tables::{Cell, TABLES, Type};
use crate::store::{EndReason, EventKind, Restored, Restoring};

const LIVE: &str = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";

impl Database {
    /// Ends sessions and tokens of programs, and gives no number or place again that may have been given after the backup. Killed, it can be run
    /// again.
    pub(in crate::store) async fn settle(
        place: &StorePlace,
        restoring: &Restoring,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> anyhow::Result<Restored> {
        let mut end = Self::end(place, OnOldSchema::Refuse).await?;
        end.wait_for_others().await?;
        let mut restored = Restored { next_number: gap(&mut end, restoring).await?, ..Restored::default() };
        // Operators sign in anew, and no link of before works.
        for table in ["operator_sessions", "operator_links"] {
            end.run(format!("DELETE FROM {table}"), &[]).await.with_context(|| format!("emptying {table}"))?;
        }
        // Back ends were told of changes of roles since the backup, and would refuse tokens that are not ahead of these.
        let version = restored_version(restoring.now);
        let raised = format!("UPDATE roles_counter SET version = {version} WHERE version < {version}");
        end.run(raised, &[]).await.context("raising roles_counter")?;
        if !restoring.keep_sessions {
            // Nobody knows any more which of them were revoked since.
            restored.tokens = end.int("SELECT count(*) FROM operator_tokens".to_owned()).await?.unsigned_abs();
            end.run("DELETE FROM operator_tokens".to_owned(), &[]).await.context("emptying operator_tokens")?;
            restored.ended = end_all(&mut end, restoring, progress).await?;
        }
        let parameter = end.parameter()(1);
        let audit = format!(
            "INSERT INTO audit (at, action, actor, detail) VALUES ({}, 'store.restored', 'operator', {parameter})",
            restoring.now.millis()
        );
        let detail = Cell::Text(format!("{}; {} sessions ended", restoring.detail, restored.ended));
        end.run(audit, &[(Type::Text, &detail)]).await.context("writing audit")?;
        Ok(restored)
    }
}

/// Before anything is written. Returns the next number of a user.
async fn gap(end: &mut ServerEnd, restoring: &Restoring) -> anyhow::Result<i64> {
    let mut next_number = 0;
    for table in TABLES.iter().filter(|table| table.is_numbered) {
        let is_of_users = table.name == "users";
        let highest = end.int(format!("SELECT max({}) FROM {}", table.key(), table.name)).await?;
        let given = end.given(table).await?.max(highest);
        let given = given + if is_of_users { i64::from(restoring.number_gap) } else { FEED_GAP };
        end.give_after(table, given).await.with_context(|| format!("numbering {}", table.name))?;
        if is_of_users {
            next_number = given + 1;
        }
    }
    Ok(next_number)
}

/// A page of sessions a transaction. All are told to the feed: nobody knows any more when they were refreshed last.
async fn end_all(
    end: &mut ServerEnd,
    restoring: &Restoring,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<u64> {
    let parameter = end.parameter();
    let (first, last) = (parameter(1), parameter(2));
    let (now, until, reason) = (restoring.now.millis(), restoring.tokens_until.millis(), EndReason::Restored.code());
    let those = format!("ended_at IS NULL AND id >= {first} AND id <= {last}");
    let tell = format!(
        "INSERT INTO events (kind, subject, reason, at, until)
        SELECT '{}', id, '{reason}', {now}, {until} FROM sessions WHERE {those} ORDER BY id",
        EventKind::SESSION_ENDED
    );
    let over = format!("UPDATE sessions SET ended_at = {now}, end_reason = '{reason}' WHERE {those}");
    let all = end.int(LIVE.to_owned()).await?.unsigned_abs();
    let (mut ended, mut from) = (0, Cell::Bytes(Vec::new()));
    loop {
        let page = format!("SELECT id FROM sessions WHERE ended_at IS NULL AND id > {first} ORDER BY id LIMIT {PAGE}");
        let page = end.rows(page, &[(Type::Bytes, &from)], &[Type::Bytes]).await.context("reading sessions")?;
        let (Some(first), Some(last)) = (page.first(), page.last()) else { break };
        let between = [(Type::Bytes, &first[0]), (Type::Bytes, &last[0])];
        end.say("BEGIN".to_owned()).await?;
        end.run(tell.clone(), &between).await.context("writing events")?;
        end.run(over.clone(), &between).await.context("writing sessions")?;
        end.say("COMMIT".to_owned()).await.context("writing sessions")?;
        ended += page.len() as u64;
        progress(ended, all);
        from = last[0].clone();
    }
    Ok(ended)
}
