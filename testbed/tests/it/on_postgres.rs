//! PostgreSQL: it answers, keeps its data, hangs when told to, and leaves nothing behind.

use std::process::{Command, Output, Stdio};

use menjin_testbed::Postgres;

use crate::left;

/// Asks as a client does: over TCP, with the URL alone.
fn psql(url: &str, sql: &str) -> Output {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-A", "-t", "-c", sql]).arg(url).stdin(Stdio::null()).env("PGCONNECT_TIMEOUT", "5");
    psql.output().unwrap()
}

fn answer(url: &str, sql: &str) -> String {
    let output = psql(url, sql);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn with_a_table(server: &Postgres) -> String {
    let url = server.database();
    answer(&url, "CREATE TABLE kept (word text)");
    answer(&url, "INSERT INTO kept VALUES ('门禁')");
    url
}

#[test]
fn a_database_is_its_users_own_and_asks_for_the_password() {
    let server = Postgres::shared();
    let url = server.database();
    let privileges = "SELECT current_user, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user";
    assert_eq!(answer(&url, privileges), "menjin|f|f");
    assert_eq!(
        server
            .query("postgres", "SELECT rolpassword ~ '^SCRAM-SHA-256' FROM pg_authid WHERE rolname = 'menjin'")
            .unwrap(),
        "t"
    );
    let (start, end) = url.split_once("menjin:").unwrap();
    let wrong = format!("{start}menjin:wrong@{}", end.split_once('@').unwrap().1);
    assert!(String::from_utf8_lossy(&psql(&wrong, "SELECT 1").stderr).contains("password authentication failed"));
}

#[test]
fn each_database_is_empty_and_another() {
    let server = Postgres::shared();
    let (one, other) = (with_a_table(server), server.database());
    assert_eq!(answer(&one, "SELECT count(*) FROM kept"), "1");
    assert_eq!(answer(&other, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    server.drop_database(&one).unwrap();
    assert!(!psql(&one, "SELECT 1").status.success());
}

#[test]
fn a_query_is_the_superusers_and_a_wrong_one_is_an_error() {
    let server = Postgres::shared();
    let url = with_a_table(server);
    assert_eq!(server.query(&url, "SELECT word, 1 FROM kept; SELECT current_user").unwrap(), "门禁|1\npostgres");
    assert!(server.query(&url, "SELECT nothing").unwrap_err().to_string().contains("\"nothing\" does not exist"));
}

#[test]
fn data_survive_a_stop_a_restart_and_a_kill() {
    let server = Postgres::start().unwrap();
    let url = with_a_table(&server);
    assert_eq!(server.query("postgres", "SHOW fsync").unwrap(), "on");
    server.stop().unwrap();
    server.stop().unwrap();
    assert!(!psql(&url, "SELECT 1").status.success());
    server.start_again().unwrap();
    server.restart().unwrap();
    assert_eq!(answer(&url, "SELECT word FROM kept"), "门禁");
    answer(&url, "INSERT INTO kept VALUES ('again')");
    server.kill().unwrap();
    assert!(!psql(&url, "SELECT 1").status.success());
    server.start_again().unwrap();
    assert_eq!(answer(&url, "SELECT count(*) FROM kept"), "2");
    let log = std::fs::read_to_string(server.folder().join("log")).unwrap();
    assert!(log.contains("database system was not properly shut down"), "{log}");
}

#[test]
fn a_paused_server_takes_questions_and_answers_them_when_resumed() {
    let server = Postgres::start().unwrap();
    let url = server.database();
    server.pause().unwrap();
    let mut asked = Command::new("psql");
    asked.args(["-X", "-A", "-t", "-c", "SELECT 'late'"]).arg(&url).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut asked = asked.spawn().unwrap();
    let refused = psql(&format!("{url}?connect_timeout=2"), "SELECT 1");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("timeout expired"), "{refused:?}");
    assert!(asked.try_wait().unwrap().is_none());
    server.resume().unwrap();
    assert_eq!(asked.wait_with_output().unwrap().stdout, b"late\n");
}

#[test]
fn settings_are_obeyed() {
    let server = Postgres::start_with(&[("max_connections", "7"), ("superuser_reserved_connections", "2")]).unwrap();
    assert_eq!(server.query("postgres", "SHOW max_connections").unwrap(), "7");
}

#[test]
fn with_tls_a_connection_without_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = left::certificate(folder.path());
    let server = Postgres::start_with_tls(&certificate, &key).unwrap();
    let url = server.database();
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", certificate.display());
    assert_eq!(answer(&verified, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
    assert!(!psql(&format!("{url}?sslmode=disable"), "SELECT 1").status.success());
}

#[test]
fn a_wrong_setting_is_told_with_the_servers_log() {
    let error = Postgres::start_with(&[("no_such_setting", "1")]).unwrap_err();
    assert!(error.to_string().contains("unrecognized configuration parameter \"no_such_setting\""), "{error}");
}

#[test]
fn two_at_once_do_not_collide() {
    let one = std::thread::spawn(|| Postgres::start().unwrap());
    let (one, other) = (Postgres::start().unwrap(), one.join().unwrap());
    assert_ne!(one.port(), other.port());
    with_a_table(&one);
    assert_eq!(answer(&other.database(), "SELECT 1"), "1");
}

#[test]
fn nothing_is_left_of_it() {
    left::nothing_when_its_process_ends("postgres");
    left::nothing_when_its_process_ends("shared-postgres");
    left::nothing_when_its_process_is_killed("postgres");
    left::nothing_when_its_process_is_killed("shared-postgres");
    let server = Postgres::start().unwrap();
    let folder = server.folder().to_owned();
    left::nothing_when_dropped(server, &folder);
    let server = Postgres::start().unwrap();
    let folder = server.folder().to_owned();
    server.pause().unwrap();
    left::nothing_when_dropped(server, &folder);
}
