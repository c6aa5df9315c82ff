//! MariaDB: it answers, keeps its data, hangs when told to, and leaves nothing behind.

use std::process::{Command, Output, Stdio};

use menjin_testbed::MariaDb;

use crate::left;

/// Asks as a client does: over TCP, with what the URL says.
fn client(url: &str, arguments: &[&str], sql: &str) -> Command {
    let rest = url.strip_prefix("mysql://").unwrap();
    let (user, rest) = rest.split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let ((user, password), (host, port)) = (user.split_once(':').unwrap(), address.split_once(':').unwrap());
    let mut client = Command::new("mariadb");
    client.args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
    client.args(["--protocol=tcp", "-h", host, "-P", port, "-u", user, &format!("-p{password}"), "-D", database]);
    client.args(arguments).args(["-e", sql]).stdin(Stdio::null());
    client
}

fn ask(url: &str, sql: &str) -> Output {
    client(url, &["--connect-timeout=5"], sql).output().unwrap()
}

fn answer(url: &str, sql: &str) -> String {
    let output = ask(url, sql);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn with_a_table(server: &MariaDb) -> String {
    let url = server.database();
    answer(&url, "CREATE TABLE kept (word varchar(20)); INSERT INTO kept VALUES ('门禁🚪')");
    url
}

#[test]
fn a_database_is_open_to_its_user_alone_and_asks_for_the_password() {
    let server = MariaDb::shared();
    let url = server.database();
    assert_eq!(answer(&url, "SELECT current_user()"), "menjin@127.0.0.1");
    assert!(!ask(&url.replace("menjin:", "menjin:wrong"), "SELECT 1").status.success());
    assert!(!ask(&url.replace("menjin:", "root:"), "SELECT 1").status.success());
    assert!(!ask(&url, "SELECT * FROM mysql.global_priv").status.success());
    assert_eq!(server.query("mysql", "SELECT count(*) FROM global_priv WHERE User = '' OR Host = '%'").unwrap(), "0");
}

#[test]
fn each_database_is_empty_and_another() {
    let server = MariaDb::shared();
    let (one, other) = (with_a_table(server), server.database());
    assert_eq!(answer(&one, "SELECT word FROM kept"), "门禁🚪");
    assert_eq!(answer(&other, "SHOW TABLES"), "");
    server.drop_database(&one).unwrap();
    assert!(!ask(&one, "SELECT 1").status.success());
}

#[test]
fn a_query_is_roots_and_a_wrong_one_is_an_error() {
    let server = MariaDb::shared();
    let url = with_a_table(server);
    assert_eq!(
        server.query(&url, "SELECT word, 1 FROM kept; SELECT current_user()").unwrap(),
        "门禁🚪\t1\nroot@localhost"
    );
    assert!(server.query(&url, "SELECT nothing").unwrap_err().to_string().contains("Unknown column 'nothing'"));
}

#[test]
fn data_survive_a_stop_a_restart_and_a_kill() {
    let server = MariaDb::start().unwrap();
    let url = with_a_table(&server);
    assert_eq!(
        server.query("mysql", "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin").unwrap(),
        "1\t1\t1"
    );
    server.stop().unwrap();
    server.stop().unwrap();
    assert!(!ask(&url, "SELECT 1").status.success());
    server.start_again().unwrap();
    server.restart().unwrap();
    assert_eq!(answer(&url, "SELECT word FROM kept"), "门禁🚪");
    answer(&url, "INSERT INTO kept VALUES ('again')");
    server.kill().unwrap();
    assert!(!ask(&url, "SELECT 1").status.success());
    server.start_again().unwrap();
    assert_eq!(answer(&url, "SELECT count(*) FROM kept"), "2");
    let log = std::fs::read_to_string(server.folder().join("log")).unwrap();
    assert!(log.contains("Starting crash recovery"), "{log}");
}

#[test]
fn a_paused_server_takes_questions_and_answers_them_when_resumed() {
    let server = MariaDb::start().unwrap();
    let url = server.database();
    server.pause().unwrap();
    let mut asked = client(&url, &[], "SELECT 'late'").stdout(Stdio::piped()).spawn().unwrap();
    let refused = client(&url, &["--connect-timeout=2"], "SELECT 1").output().unwrap();
    assert!(!refused.status.success());
    assert!(asked.try_wait().unwrap().is_none());
    server.resume().unwrap();
    assert_eq!(asked.wait_with_output().unwrap().stdout, b"late\n");
}

#[test]
fn settings_are_obeyed() {
    let server = MariaDb::start_with(&["--max-connections=11"]).unwrap();
    assert_eq!(server.query("mysql", "SELECT @@max_connections, @@character_set_server").unwrap(), "11\tutf8mb4");
}

#[test]
fn with_tls_a_connection_without_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = left::certificate(folder.path());
    let server = MariaDb::start_with_tls(&certificate, &key).unwrap();
    let url = server.database();
    let authority = format!("--ssl-ca={}", certificate.display());
    let encrypted = ["--ssl", "--ssl-verify-server-cert", &authority];
    let output = client(&url, &encrypted, "SHOW STATUS LIKE 'Ssl_cipher'").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("Ssl_cipher\tTLS_"), "{output:?}");
    let plain = client(&url, &["--skip-ssl"], "SELECT 1").output().unwrap();
    assert!(!plain.status.success(), "{plain:?}");
}

#[test]
fn a_wrong_setting_is_told_with_the_servers_log() {
    let error = MariaDb::start_with(&["--no-such-setting"]).unwrap_err();
    assert!(error.to_string().contains("unknown option '--no-such-setting'"), "{error}");
}

#[test]
fn two_at_once_do_not_collide() {
    let one = std::thread::spawn(|| MariaDb::start().unwrap());
    let (one, other) = (MariaDb::start().unwrap(), one.join().unwrap());
    assert_ne!(one.port(), other.port());
    with_a_table(&one);
    assert_eq!(answer(&other.database(), "SELECT 1"), "1");
}

#[test]
fn nothing_is_left_of_it() {
    left::nothing_when_its_process_ends("mariadb");
    left::nothing_when_its_process_ends("shared-mariadb");
    left::nothing_when_its_process_is_killed("mariadb");
    left::nothing_when_its_process_is_killed("shared-mariadb");
    let server = MariaDb::start().unwrap();
    let folder = server.folder().to_owned();
    server.pause().unwrap();
    left::nothing_when_dropped(server, &folder);
}
