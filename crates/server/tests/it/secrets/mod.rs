//! One long run through everything that handles a secret, and then a search for each of them: in the log at its most
//! talkative, in the files and rows of the database, in the metrics and in the answers.
//!
//! Not here: the run itself (`run.rs`), what is searched for and where (`needles.rs`).

mod needles;
mod run;

use menjin_server::config::Config;
use rusqlite::Connection;

use self::needles::{Class, Hay, Needle};
use self::run::Run;
use crate::harness::TestServer;
use crate::log::Log;

#[tokio::test]
async fn no_secret_of_a_whole_run_is_logged_stored_in_clear_counted_or_answered() {
    let log = Log::start();
    let mut run = Run::start().await;
    run.everything().await;
    let needles = run.needles();
    let t = run.into_server();
    let metrics = t.admin_get("/metrics").await.text;
    let (refusals, successes): (Vec<_>, Vec<_>) = t.answers().into_iter().partition(|it| it.status.as_u16() >= 400);
    let shown = |answers: &[crate::harness::Answer]| -> String {
        answers.iter().flat_map(|answer| [format!("{:?}", answer.headers), answer.text.clone()]).collect()
    };
    let mut hays = vec![
        Hay::new("the log", log.text(), &[]),
        Hay::new("the log of other threads", Log::elsewhere(), &[]),
        Hay::new("the metrics", metrics, &[]),
        Hay::new("what is printed for debugging", format!("{:?}", t.menjin), &[]),
        Hay::new("the refusals", shown(&refusals), &[]),
        Hay::new("the successes", shown(&successes), &[Class::Issued, Class::Personal]),
        Hay::new("the database's files", files(&t), &[Class::Named, Class::Personal]),
    ];
    hays.extend(
        tables(&t).into_iter().map(|(table, bytes)| Hay::new(&format!("table {table}"), bytes, in_clear(&table))),
    );
    assert_each_place_was_written_to(&hays, refusals.len());
    let folder = t.stop().await;
    let left = std::fs::read(folder.path().join("menjin.db")).unwrap();
    hays.push(Hay::new("the database that is left", left, &[Class::Named, Class::Personal]));
    for hay in &hays {
        hay.assert_finds_what_is_planted(&needles);
        assert_eq!(hay.found(&needles), Vec::<String>::new(), "in {}", hay.name);
    }
    plant_for_real(&folder, &log, &needles);
}

/// What each table may hold in clear: the names that the platform gives in `identities`, what people call themselves and
/// their devices where it is shown from (SECURITY.md); everywhere else nothing.
fn in_clear(table: &str) -> &'static [Class] {
    match table {
        "identities" => &[Class::Named],
        "users" | "sessions" => &[Class::Personal],
        _ => &[],
    }
}

/// A search in an empty place would find nothing, too.
fn assert_each_place_was_written_to(hays: &[Hay], refusals: usize) {
    let holds = |name: &str, text: &str| {
        let hay = hays.iter().find(|hay| hay.name == name).unwrap_or_else(|| panic!("{name} was not searched"));
        assert!(hay.holds(text.as_bytes()), "{name} lacks {text}");
    };
    for said in [
        "signed in",
        "refused",
        "WeChat answered",
        "a refresh ended its session",
        "\"level\":\"ERROR\"",
        "no such table",
    ] {
        holds("the log", said);
    }
    holds("the metrics", "menjin_logins_total");
    holds("the refusals", "store_unavailable");
    holds("the successes", "phone_masked");
    holds("the database's files", "wx0123456789abcdef");
    for table in ["identities", "grants", "signing_keys", "audit", "codes", "phones", "platform_tokens", "session_keys"]
    {
        assert!(hays.iter().any(|hay| hay.name == format!("table {table}") && hay.len() > 16), "{table}");
    }
    assert!(refusals > 20, "{refusals} refusals");
}

/// The places themselves, too, show what is really written there.
fn plant_for_real(folder: &tempfile::TempDir, log: &Log, needles: &[Needle]) {
    let planted = needles.iter().find(|needle| needle.what == "a login code").unwrap();
    let text = String::from_utf8(planted.bytes.clone()).unwrap();
    tracing::trace!(target: "menjin_server::planted", text, "planted");
    let there = text.clone();
    std::thread::spawn(move || tracing::trace!(target: "menjin_server::planted", there, "planted")).join().unwrap();
    let rows = Connection::open(folder.path().join("menjin.db")).unwrap();
    rows.execute("INSERT INTO audit (at, action, actor, detail) VALUES (0, 'planted', 'test', ?1)", [&text]).unwrap();
    drop(rows);
    let file = std::fs::read(folder.path().join("menjin.db")).unwrap();
    let database = Hay::new("the database", file, &[Class::Named, Class::Personal]);
    let elsewhere = Hay::new("the log of other threads", Log::elsewhere(), &[]);
    for hay in [Hay::new("the log", log.text(), &[]), elsewhere, database] {
        assert_eq!(hay.found(needles), ["a login code"], "{}", hay.name);
    }
}

/// All files beside the database's, its log among them, as they are while menjin runs.
fn files(t: &TestServer) -> Vec<u8> {
    let names: Vec<_> = std::fs::read_dir(t.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(names.iter().any(|name| name.to_string_lossy().ends_with("-wal")), "{names:?}");
    names.iter().flat_map(|name| std::fs::read(name).unwrap()).collect()
}

/// Each table's cells, one after the other.
fn tables(t: &TestServer) -> Vec<(String, Vec<u8>)> {
    let rows = Connection::open(t.folder.path().join("menjin.db")).unwrap();
    let mut listed = rows.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = listed.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names.into_iter().map(|name| (name.clone(), cells(&rows, &name))).collect()
}

fn cells(rows: &Connection, table: &str) -> Vec<u8> {
    let mut all = rows.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let columns = all.column_count();
    let mut found = Vec::new();
    let mut cursor = all.query([]).unwrap();
    while let Some(row) = cursor.next().unwrap() {
        for column in 0..columns {
            if let rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) =
                row.get_ref(column).unwrap()
            {
                found.extend_from_slice(bytes);
                found.push(b'\n');
            }
        }
    }
    found
}

#[test]
fn a_configuration_that_is_printed_shows_no_secret() {
    let toml = "secret_key = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n\
        old_secret_keys = [\"ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"]\n\
        [[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx00000000000000a1\"\nsecret = \"an-app-secret\"\n\
        client_secret = \"a-client-secret-of-thirty-two-bytes\"\n\
        [[compat]]\nkind = \"hapi\"\napp = \"shop\"\nsecret = \"a-compat-secret-of-thirty-two-bytes\"\n";
    let config = Config::parse(toml, std::path::Path::new("")).unwrap();
    let printed = format!("{config:?} {:?} {}", config.master_keys().unwrap(), serde_json::to_string(&config).unwrap());
    assert!(printed.contains("REDACTED") && printed.contains("wx00000000000000a1"));
    for secret in ["112233", "an-app-secret", "a-client-secret", "a-compat-secret"] {
        assert!(!printed.contains(secret), "{secret} is in {printed}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_of_the_database_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let t = TestServer::start().await;
    t.phone("alice").await;
    let mut seen = 0;
    for entry in std::fs::read_dir(t.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.path());
        seen += 1;
    }
    assert!(seen >= 2, "the database and its log");
}
