//! One long run through everything that handles a secret, and then a search for each of them: in the log at its most
//! talkative, in the files and rows of the database, in the metrics and in the answers.
//!
//! Not here: the run itself (`run.rs`), what is searched for and where (`needles.rs`, `kept.rs`).

mod kept;
mod left_behind;
mod needles;
mod run;

use menjin_server::config::Config;

use self::kept::{everything, tables};
use self::needles::{Class, Hay, Needle};
use self::run::Run;
use crate::log::Log;
use crate::rows::Rows;
use crate::store::{Folder, StoreKind};

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
        Hay::new("the database's files", everything(&t.folder).await, &[Class::Named, Class::Personal]),
    ];
    let tables = tables(&t.folder).await;
    hays.extend(tables.into_iter().map(|(table, bytes)| Hay::new(&format!("table {table}"), bytes, in_clear(&table))));
    assert_each_place_was_written_to(&hays, refusals.len());
    let folder = t.stop().await;
    hays.push(Hay::new("the database that is left", everything(&folder).await, &[Class::Named, Class::Personal]));
    for hay in &hays {
        hay.assert_finds_what_is_planted(&needles);
        assert_eq!(hay.found(&needles), Vec::<String>::new(), "in {}", hay.name);
    }
    plant_for_real(&folder, &log, &needles).await;
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
        "the platform answered",
        "a refresh ended its session",
        "\"level\":\"ERROR\"",
        match StoreKind::usual() {
            StoreKind::Sqlite => "no such table",
            StoreKind::Postgres => "relation \\\"grants\\\" does not exist",
            StoreKind::MariaDb => "grants' doesn't exist",
        },
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
async fn plant_for_real(folder: &Folder, log: &Log, needles: &[Needle]) {
    let planted = needles.iter().find(|needle| needle.what == "a login code").unwrap();
    let text = String::from_utf8(planted.bytes.clone()).unwrap();
    tracing::trace!(target: "menjin_server::planted", text, "planted");
    let there = text.clone();
    std::thread::spawn(move || tracing::trace!(target: "menjin_server::planted", there, "planted")).join().unwrap();
    let row = format!("INSERT INTO audit (at, action, actor, detail) VALUES (0, 'planted', 'test', '{text}')");
    Rows::at(folder).await.run(&row).await;
    let database = Hay::new("the database", everything(folder).await, &[Class::Named, Class::Personal]);
    let elsewhere = Hay::new("the log of other threads", Log::elsewhere(), &[]);
    for hay in [Hay::new("the log", log.text(), &[]), elsewhere, database] {
        assert_eq!(hay.found(needles), ["a login code"], "{}", hay.name);
    }
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

mod sqlite_only {
    use std::sync::Arc;

    use crate::harness::{Setup, TestServer};
    use crate::store::Folder;

    #[cfg(unix)]
    #[tokio::test]
    async fn the_files_of_the_database_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let t = TestServer::with(Setup { folder: Some(Arc::new(Folder::with_sqlite())), ..Setup::default() }).await;
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
}
