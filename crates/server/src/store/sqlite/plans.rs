//! Reads the plan of every statement: none may walk through a table that grows, or sort what an index has in order.

use rusqlite::Connection;

use super::sql::Sql;
use super::{
    OnOldSchema, accounts, apps, arrivals, codes, consents, events, everything, grants, identities, keys, leaving,
    lists, merges, migrate, moving, operator_people, operators, passwords, people, phones, prepare_writer, pushes,
    roles, sealed, session_data, sessions, tokens, trail, upkeep,
};

/// What runs for people or in the background. Not `sealed`: an operator's chore reads whole tables.
fn hot() -> impl Iterator<Item = &'static (&'static str, Sql)> {
    let files = [
        accounts::STATEMENTS,
        apps::STATEMENTS,
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
        passwords::STATEMENTS,
        operators::STATEMENTS,
        operator_people::STATEMENTS,
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

/// Tables of a few rows: as many as there are apps, keys, operators or migrations.
const SMALL: [&str; 14] = [
    "apps",
    "app_secrets",
    "signing_keys",
    "master_keys",
    "data_keys",
    "operators",
    "operator_tokens",
    "platform_tokens",
    "platform_token_claims",
    "_migrations",
    "places",
    "roles",
    "roles_counter",
    "sqlite_schema",
];

/// Statements that may sort, and why no index has their order.
const SORTED: [(&str, &str); 2] = [
    ("KEYS", "an identity's newest session_key stands in another table than the few before it"),
    ("APPS_OF", "a person signed in to a few apps at most"),
];

fn database() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("menjin.db");
    let mut connection = Connection::open(&path).unwrap();
    prepare_writer(&connection).unwrap();
    migrate::run(&mut connection, OnOldSchema::Migrate, &path).unwrap();
    (folder, connection)
}

/// The plan of a statement, a step a line; its parameters stay unbound, as plans don't depend on them.
fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

/// The steps of a plan that would get slower as people sign in.
fn faults(connection: &Connection, name: &str, text: &str) -> Vec<String> {
    let is_fault = |step: &String| {
        let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        scanned.is_some_and(|table| !SMALL.contains(&table) && table != "CONSTANT")
            || step.contains("AUTOMATIC")
            || step.contains("TEMP B-TREE") && !sorts_few(name, text)
    };
    plan(connection, text).into_iter().filter(is_fault).collect()
}

fn sorts_few(name: &str, text: &str) -> bool {
    SORTED.iter().any(|(sorted, _)| *sorted == name)
        || SMALL.iter().any(|table| text.contains(&format!(" FROM {table}")))
}

#[test]
fn no_statement_walks_through_a_table_that_grows() {
    let (_folder, connection) = database();
    let found: Vec<_> = hot()
        .map(|(name, sql)| (name, sql.table, faults(&connection, name, sql.text)))
        .filter(|(_, _, faults)| !faults.is_empty())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_statement_that_does_would_be_found() {
    let (_folder, connection) = database();
    for (text, fault) in [
        ("SELECT id FROM users WHERE nickname = ?1", "SCAN users"),
        ("SELECT count(*) FROM sessions", "SCAN sessions"),
        ("SELECT u.id FROM sessions s JOIN users u ON u.number = s.user_number WHERE s.device_id = ?1", "SCAN s"),
        ("DELETE FROM grants WHERE app = ?1", "SCAN grants"),
        (
            "SELECT id FROM sessions WHERE user_number = ?1 AND ended_at IS NULL ORDER BY ip",
            "USE TEMP B-TREE FOR ORDER BY",
        ),
        ("SELECT a.seq FROM events e JOIN audit a ON a.detail = e.reason WHERE e.seq > ?1", "AUTOMATIC"),
    ] {
        let faults = faults(&connection, "TEST", text);
        assert!(faults.iter().any(|step| step.contains(fault)), "{text}: {faults:?}");
    }
}

#[test]
fn every_statement_is_one_that_the_schema_knows_and_names_its_table() {
    let (_folder, connection) = database();
    for (name, sql) in hot().chain(sealed::STATEMENTS) {
        drop(connection.prepare(sql.text).unwrap_or_else(|error| panic!("{name}: {error}")));
        assert!(sql.text.contains(sql.table), "{name} is not about {}", sql.table);
    }
}

#[test]
fn every_reason_to_sort_is_still_needed() {
    let (_folder, connection) = database();
    for (sorted, _) in SORTED {
        let sorts = |(name, sql): &&(&str, Sql)| {
            *name == sorted && plan(&connection, sql.text).iter().any(|step| step.contains("TEMP B-TREE"))
        };
        assert_eq!(hot().filter(sorts).count(), 1, "{sorted}");
    }
}
