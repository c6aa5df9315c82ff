//! Reads the plan of every statement: none may walk through a table that grows, or sort what an index has in order.
//!
//! The tables have some thousand rows each, so that a walk is what an index would save; nothing is asked of small ones.

use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::connection::{Dialect, Of};
use super::fresh::{Fresh, on_each};
use super::statement::Sql;
use super::{
    Database, accounts, apps, arrivals, bell, codes, consents, events, everything, grants, identities, keys, leaving,
    lists, merges, migrate, moving, operator_people, operators, passwords, people, phones, pushes, roles, sealed,
    session_data, sessions, tokens, trail, upkeep,
};

/// What runs for people or in the background. Not `sealed`: an operator's chore reads whole tables; nor `migrate`.
fn hot() -> impl Iterator<Item = &'static (&'static str, &'static Sql)> {
    let files = [
        accounts::STATEMENTS,
        apps::STATEMENTS,
        bell::STATEMENTS,
        arrivals::STATEMENTS,
        codes::STATEMENTS,
        consents::STATEMENTS,
        events::STATEMENTS,
        everything::STATEMENTS,
        grants::STATEMENTS,
        identities::STATEMENTS,
        merges::STATEMENTS,
        keys::STATEMENTS,
        leaving::STATEMENTS,
        lists::STATEMENTS,
        moving::STATEMENTS,
        operators::STATEMENTS,
        operator_people::STATEMENTS,
        passwords::STATEMENTS,
        people::STATEMENTS,
        phones::STATEMENTS,
        pushes::STATEMENTS,
        roles::STATEMENTS,
        session_data::STATEMENTS,
        tokens::STATEMENTS,
        trail::STATEMENTS,
        upkeep::STATEMENTS,
    ];
    files.into_iter().chain(sessions::ALL).flatten()
}

/// Tables that grow with people.
const GROWING: [&str; 11] = [
    "users",
    "identities",
    "phones",
    "session_keys",
    "sessions",
    "grants",
    "session_data",
    "codes",
    "events",
    "user_roles",
    "consents",
];

/// Statements of one dialect alone.
const POSTGRES_ALONE: [&str; 4] = ["NOTIFY", "NEXT", "RAISE", "WRITERS"];
const MYSQL_ALONE: [&str; 1] = ["TABLE"];

/// Statements that may sort, and why no index has their order.
fn sorted(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::Postgres => &[
            ("KEYS_BEFORE", "an identity has a few superseded session_keys at most"),
            ("OF_USER", "a person has a few live sessions at most"),
            ("OWN_IDENTITIES", "a person has as many identities as there are apps"),
            ("OF_UNIONID", "a person has as many identities as there are apps"),
            ("BESIDE", "a person has a few live sessions at most"),
            ("AUDIT_BY_TIME", "a few lines share a millisecond"),
            ("DUE_TO_LEAVE", "a few people share a millisecond"),
            ("RING", "there are a few signing keys"),
            ("NEWEST", "there are a few signing keys"),
            ("MASTERS", "there are a few master keys"),
            ("APPS_OF", "a person signed in to a few apps at most"),
        ],
        Dialect::MySql => &[
            ("KEYS_BEFORE", "an identity has a few superseded session_keys at most"),
            ("RING", "there are a few signing keys"),
            ("NEWEST", "there are a few signing keys"),
            ("MASTERS", "there are a few master keys"),
            ("APPS_OF", "a person signed in to a few apps at most"),
        ],
    }
}

/// Fills each table that grows, so that each column with an index has the value 2000 once, and lets the planner know.
fn rows(dialect: Dialect) -> String {
    let (series, n, bytes, text) = match dialect {
        Dialect::Postgres => ("generate_series(1, 4000) AS n", "n", "n::text::bytea", "n::text"),
        Dialect::MySql => ("seq_1_to_4000", "seq", "seq", "seq"),
    };
    let ended = format!("CASE WHEN {n} % 2 = 1 THEN {n} END");
    let value = |of: &'static str| match of {
        "n" => n,
        "bytes" => bytes,
        "text" => text,
        "ended" => ended.as_str(),
        other => other,
    };
    // Columns, each with what is in it.
    let fill = |table: &str, columns: &'static str| {
        let (names, values): (Vec<_>, Vec<_>) =
            columns.split(", ").filter_map(|it| it.split_once(' ')).map(|(name, of)| (name, value(of))).unzip();
        format!("INSERT INTO {table} ({}) SELECT {} FROM {series}", names.join(", "), values.join(", "))
    };
    [
        fill("users", "id bytes, external_id text, created_at n, updated_at n"),
        fill(
            "identities",
            "id bytes, user_number n, platform text, appid text, openid text, open_account text, \
             unionid text, created_at n, session_key_row bytes, session_key bytes",
        ),
        fill("phones", "id bytes, user_number n, lookup bytes, sealed bytes, bound_at n"),
        fill("session_keys", "id bytes, identity bytes, sealed bytes, superseded_at n, kept_until n"),
        fill(
            "sessions",
            "id bytes, user_number n, app text, identity bytes, amr 'wechat', device_class text, opened_at n, \
             expires_at n, ended_at ended, replaced_by bytes",
        ),
        fill(
            "grants",
            "id bytes, session bytes, app text, secret bytes, master_key bytes, counter 0, rotated_at n, \
             idle_until n, sweep_at n",
        ),
        fill("session_data", "id bytes, session bytes, user_id bytes, audience text, version n, data bytes, until n"),
        fill(
            "roles",
            "number n, name text, audience '', permissions '[]', includes '[]', whole '{}', version n, \
             changed_at n",
        ),
        fill("user_roles", "id bytes, user_number n, role n, audience text, granted_at n"),
        fill("consents", "id bytes, user_number n, document 'privacy', version '1', app 'shop', given_at n"),
        fill("codes", "digest bytes, idempotency bytes, claimed_at n, until n"),
        fill("events", "kind 'keys_changed', reason '', at n, until n"),
        fill("audit", "at n, action 'session.opened', actor 'user'"),
        match dialect {
            Dialect::Postgres => "ANALYZE".to_owned(),
            Dialect::MySql => format!("ANALYZE TABLE audit, {}", GROWING.join(", ")),
        },
    ]
    .join(";\n")
}

async fn filled(t: &Fresh) -> std::sync::Arc<Database> {
    let database = t.open(1).await;
    t.query(&rows(t.dialect)).await;
    database
}

/// The plan of a statement, a step a line, whatever its parameters are.
async fn plan(database: &Database, text: &str) -> Vec<String> {
    match &database.pool.of {
        Of::Postgres(pool) => {
            let parameters = (1..20).take_while(|nth| text.contains(&format!("${nth}"))).count();
            let unbound = vec!["NULL"; parameters].join(", ");
            let unbound = if parameters == 0 { unbound } else { format!("({unbound})") };
            // A plan for any value at all, and a walk only where there is no other way.
            let prepare =
                format!("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; PREPARE it AS {text}");
            let mut on = pool.acquire().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(prepare))
                .execute(&mut *on)
                .await
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE it{unbound}"));
            let explained = sqlx::raw_sql(explain).fetch_all(&mut *on).await.unwrap();
            sqlx::raw_sql("DEALLOCATE it").execute(&mut *on).await.unwrap();
            explained.iter().map(|row| row.get(0)).collect()
        }
        Of::MySql(pool) => {
            let explain = AssertSqlSafe(format!("EXPLAIN {}", bound(text)));
            let explained = sqlx::raw_sql(explain).fetch_all(pool).await;
            let explained = explained.unwrap_or_else(|error| panic!("{text}: {error}"));
            let word = |row: &MySqlRow, column: &str| row.get::<Option<String>, _>(column).unwrap_or_default();
            let step = |row| ["table", "type", "key", "Extra"].map(|column| word(row, column)).join(" ");
            explained.iter().map(step).collect()
        }
    }
}

/// The first column of each index of PostgreSQL.
async fn first_columns(database: &Database) -> Vec<(String, String)> {
    let Of::Postgres(pool) = &database.pool.of else { return Vec::new() };
    let all = "SELECT c.relname::text, a.attname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1";
    sqlx::query(all).fetch_all(pool).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A text for MariaDB, which plans for values: each is one that a row has.
fn bound(text: &str) -> String {
    text.replace("LIMIT ?", "LIMIT 100").replace('?', "'2000'")
}

/// The steps of a plan that would get slower as people sign in.
async fn faults(database: &Database, name: &str, text: &str) -> Vec<String> {
    let dialect = database.pool.dialect();
    let may_sort = sorted(dialect).iter().any(|(sorted, _)| *sorted == name);
    let steps = plan(database, text).await;
    let first = first_columns(database).await;
    let follow = steps.iter().skip(1).map(String::as_str).chain([""]);
    let is_fault = |(step, next): &(&String, &str)| match dialect {
        Dialect::Postgres => walks(step, next, &first) || sorts(dialect, step) && !may_sort,
        Dialect::MySql => walks_in_mariadb(step) || sorts(dialect, step) && !may_sort,
    };
    steps.iter().zip(follow).filter(is_fault).map(|(step, _)| step.clone()).collect()
}

/// Whether a step reads a table without an index, or an index without a condition on its first column.
fn walks(step: &str, next: &str, first: &[(String, String)]) -> bool {
    let Some((scan, rest)) = step.split_once("Scan") else { return false };
    let words: Vec<_> = rest.split(' ').collect();
    if scan.ends_with("Seq ") {
        return words.iter().any(|word| grows(word));
    }
    let by = first.iter().find(|(index, _)| words.contains(&index.as_str()));
    by.is_some_and(|(index, column)| {
        let of_growing = index.split('_').next().is_some_and(|table| {
            grows(table)
                || index.starts_with("session_keys")
                || index.starts_with("user_roles")
                || index.starts_with("session_data")
        });
        of_growing && !(next.contains("Index Cond: (") && next.contains(&format!("({column} ")))
    })
}

fn walks_in_mariadb(step: &str) -> bool {
    let mut words = step.split(' ');
    let (table, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // Aliases stand for tables that grow. A plan that needs no table says nothing.
    (grows(table) || table.len() == 1) && matches!(kind, "ALL" | "index") || step.contains("Impossible WHERE")
}

fn grows(table: &str) -> bool {
    table == "audit" || GROWING.contains(&table)
}

fn sorts(dialect: Dialect, step: &str) -> bool {
    match dialect {
        Dialect::Postgres => {
            step.trim_start_matches([' ', '-', '>']).starts_with("Sort  (") || step.contains("Incremental Sort")
        }
        Dialect::MySql => step.contains("filesort") || step.contains("temporary"),
    }
}

/// The statements of this dialect, as the database wants them.
fn of(dialect: Dialect) -> impl Iterator<Item = (&'static str, &'static Sql, &'static str)> {
    let others: &[&str] = if dialect == Dialect::Postgres { &MYSQL_ALONE } else { &POSTGRES_ALONE };
    hot()
        .filter(|(name, _)| !others.contains(name))
        .map(move |(name, sql)| (*name, *sql, sql.ready(dialect).text.as_str()))
}

/// MariaDB shows a whole table for one row that is added.
fn has_a_plan((name, _, text): &(&str, &Sql, &str)) -> bool {
    *name != "TABLE" && !(text.starts_with("INSERT") && text.contains(" VALUES "))
}

async fn no_statement_walks_through_a_table_that_grows(t: Fresh) {
    let database = filled(&t).await;
    let mut found = Vec::new();
    for (name, sql, text) in of(t.dialect).filter(has_a_plan) {
        let mut faults = faults(&database, name, text).await;
        faults.retain(|step| grows(sql.table) || !step.contains("Impossible WHERE"));
        if !faults.is_empty() {
            found.push((sql.table, name, faults, plan(&database, text).await));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

async fn a_statement_that_does_would_be_found(t: Fresh) {
    let database = filled(&t).await;
    let parameter = t.by_dialect("$1", "?");
    for text in [
        "SELECT id FROM users WHERE avatar_url = ?1",
        "SELECT count(*) FROM sessions",
        "SELECT u.id FROM sessions s JOIN users u ON u.number = s.user_number WHERE s.device_id = ?1",
        "DELETE FROM grants WHERE app = ?1",
        "SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL ORDER BY ip",
        "UPDATE identities SET unionid = NULL WHERE platform = ?1",
        "SELECT seq FROM audit WHERE actor = ?1 ORDER BY seq DESC",
    ] {
        let text = text.replace("?1", parameter);
        let found = faults(&database, "TEST", &text).await;
        assert!(!found.is_empty(), "{text}: {:?}", plan(&database, &text).await);
    }
}

async fn every_reason_to_sort_is_still_needed(t: Fresh) {
    let database = filled(&t).await;
    for (name, _) in sorted(t.dialect) {
        let mut needed = 0;
        for (_, _, text) in of(t.dialect).filter(|(it, ..)| it == name) {
            needed += usize::from(plan(&database, text).await.iter().any(|step| sorts(t.dialect, step)));
        }
        assert_eq!(needed, 1, "{name}");
    }
}

async fn every_statement_is_one_that_the_schema_knows_and_names_its_table(t: Fresh) {
    let database = filled(&t).await;
    for (name, sql) in hot().chain(sealed::STATEMENTS) {
        let text = &sql.ready(t.dialect).text;
        // What a database says of itself has another name in each.
        let is_about = text.contains(sql.table) || sql.table == "pg_class";
        assert!(is_about, "{name} is not about {}", sql.table);
    }
    for (name, sql) in sealed::STATEMENTS.iter().chain(migrate::STATEMENTS) {
        let text = &sql.ready(t.dialect).text;
        let is_there = text.starts_with("SELECT") && !text.contains("_migration_steps") || text.starts_with("UPDATE");
        assert!(!is_there || !plan(&database, text).await.is_empty(), "{name}");
    }
}

on_each! {
    no_statement_walks_through_a_table_that_grows
    a_statement_that_does_would_be_found
    every_reason_to_sort_is_still_needed
    every_statement_is_one_that_the_schema_knows_and_names_its_table
}
