//! Stores that can't be used: each command says in one line which key it is about and what helps, and never the password.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;

use tempfile::{TempDir, tempdir};
use tokio::net::TcpSocket;

use crate::harness::{Ran, run_in};

const APP: &str = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
    secret = \"0123456789abcdef0123456789abcdef\"\n";
const KEY: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
const OTHER_KEY: &str = "/wARIjNEVWZ3iJmqu8zd7v8AESIzRFVmd4iZqrvM3e4=";
/// What asks for the store.
const COMMANDS: [&[&str]; 3] = [&["serve"], &["migrate"], &["key", "list"]];

fn toml(url: &str, key: &str, more: &str) -> String {
    let sides = "[server]\npublic_url = \"https://login.menjin.test\"\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    format!("{key}\n{sides}[store]\nurl = \"{url}\"\n{more}\n{APP}")
}

fn on(url: &str) -> TempDir {
    with(url, &format!("secret_key = \"{KEY}\""), "")
}

fn with(url: &str, key: &str, more: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("menjin.toml"), toml(url, key, more)).unwrap();
    folder
}

/// The command refuses with these words, and tells no password.
fn refuses(url: &str, command: &[&str], words: &[&str]) {
    refuses_in(&on(url), url, command, words);
}

fn refuses_in(folder: &TempDir, url: &str, command: &[&str], words: &[&str]) {
    let ran = run_in(folder.path(), command);
    tells_no_password(&ran, url);
    ran.refused(words);
}

fn tells_no_password(ran: &Ran, url: &str) {
    let password = url.split_once("//").and_then(|(_, rest)| rest.split_once('@')?.0.split_once(':'));
    let (_, password) = password.expect("each address here has a password");
    assert!(password.len() > 5 && !ran.err.contains(password) && !ran.out.contains(password), "{}{}", ran.out, ran.err);
}

#[test]
fn an_address_that_is_none_is_refused_by_all_that_read_it() {
    for (url, words) in [
        ("oracle://menjin:hunter2@db/menjin", "must begin with sqlite://, postgres:// or mysql://"),
        ("postgres://menjin:hunter2@db.menjin.test", "names no database"),
        ("mysql://menjin:hunter2@db.menjin.test/", "names no database"),
        ("postgres://menjin:hun/ter2@db.menjin.test/menjin", "in the password"),
        ("postgres://menjin:hunter2@db.menjin.test/menjin?password=hunter2", "user:password@host"),
    ] {
        for command in COMMANDS.into_iter().chain([&["config", "check"][..]]) {
            refuses(url, command, &["`store.url`", words]);
        }
    }
}

#[test]
fn a_way_that_is_not_checked_is_remarked_on() {
    for (url, remarked) in [
        ("postgres://menjin:hunter2@db.menjin.test/menjin?sslmode=require", true),
        ("mysql://menjin:hunter2@db.menjin.test/menjin?ssl-mode=REQUIRED", true),
        ("postgres://menjin:hunter2@db.menjin.test/menjin", false),
        ("mysql://menjin:hunter2@127.0.0.1/menjin?ssl-mode=DISABLED", false),
    ] {
        let ran = run_in(on(url).path(), &["config", "check"]);
        tells_no_password(&ran, url);
        let checked = ran.ok();
        assert_eq!(checked.lines().any(|line| line.starts_with("# `store.url`")), remarked, "{checked}");
    }
}

#[test]
fn a_mode_that_there_is_not_is_refused_with_those_that_there_are() {
    for (url, modes) in [
        (
            "postgres://menjin:hunter2@db.menjin.test/menjin?sslmode=nonsense",
            "disable, allow, prefer, require, verify-ca",
        ),
        ("mysql://menjin:hunter2@db.menjin.test/menjin?ssl-mode=require", "disabled, preferred, required, verify_ca"),
    ] {
        for command in COMMANDS.into_iter().chain([&["config", "check"][..]]) {
            refuses(url, command, &["`store.url`", modes]);
        }
    }
}

/// Of a path that was mistyped nobody makes an empty database.
#[test]
fn a_file_in_a_folder_that_does_not_exist_is_refused_and_nothing_is_made() {
    let folder = on("sqlite://typo/menjin.db");
    fs::write(folder.path().join("users.csv"), "number,openid\n1,openid-1\n").unwrap();
    for command in [&["serve"][..], &["config", "check"], &["migrate"], &["import", "users.csv"]] {
        let ran = run_in(folder.path(), command);
        assert_eq!(ran.err.matches("typo/menjin.db").count(), 1, "{}", ran.err);
        ran.refused(&["`store.url`", "does not exist", "mkdir -p typo"]);
    }
    run_in(folder.path(), &["key", "list"]).refused(&["`store.url`", "typo/menjin.db does not exist"]);
    run_in(folder.path(), &["backup", "b.db"]).refused(&["`store.url`", "typo/menjin.db does not exist"]);
    fs::write(folder.path().join("b.db"), "").unwrap();
    run_in(folder.path(), &["restore", "b.db"]).refused(&["`store.url`", "does not exist", "mkdir -p typo"]);
    assert!(!folder.path().join("typo").exists());
    fs::create_dir(folder.path().join("typo")).unwrap();
    run_in(folder.path(), &["migrate"]).ok();
    let elsewhere = ["move", "--from", "sqlite://typo/menjin.db", "--to", "sqlite://tpyo/menjin.db"];
    run_in(folder.path(), &elsewhere).refused(&["--to tpyo/menjin.db", "mkdir -p tpyo"]);
    assert!(!folder.path().join("tpyo").exists());
}

/// Without an `[[app]]` the store is asked whether it has some.
#[test]
fn checking_a_configuration_leaves_the_store_as_it_is() {
    let folder = on("sqlite://there.db");
    let file = folder.path().join("menjin.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace(APP, "")).unwrap();
    fs::write(folder.path().join("there.db"), "").unwrap();
    let checked = || run_in(folder.path(), &["config", "check"]);
    checked().refused(&["`app`", "menjin app add"]);
    let migrated = run_in(folder.path(), &["migrate"]).ok();
    assert!(migrated.ends_with("there.db was empty, and is up to date\n"), "{migrated}");
    checked().refused(&["`app`", "menjin app add"]);
    run_in(folder.path(), &["app", "add", "reports"]).ok();
    assert!(checked().ok().ends_with("ok\n"));
}

#[test]
fn a_folder_or_a_file_of_somebody_else_is_named_once_and_left_as_it_is() {
    let folder = on("sqlite://there");
    let there = folder.path().join("there");
    fs::create_dir(&there).unwrap();
    for command in [&["serve"][..], &["migrate"]] {
        let ran = run_in(folder.path(), command);
        ran.refused(&["`store.url`: there: can't be opened: it is a folder", "there/menjin.db"]);
    }
    fs::remove_dir(&there).unwrap();
    fs::write(&there, "These are my notes. ".repeat(100)).unwrap();
    for command in COMMANDS {
        let ran = run_in(folder.path(), command);
        assert_eq!(ran.err.matches("there").count(), 1, "{}", ran.err);
        ran.refused(&["`store.url`: there: can't be opened: file is not a database"]);
    }
}

/// A port of ours that we do not listen on, so that nobody else does.
fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

#[test]
fn where_nothing_listens_it_says_so_within_seconds() {
    let (_ours, port) = closed_port();
    std::thread::scope(|scope| {
        for scheme in ["postgres", "mysql"] {
            for command in COMMANDS {
                scope.spawn(move || {
                    let url = format!("{scheme}://menjin:hunter2@127.0.0.1:{port}/menjin");
                    let place = format!("{scheme}://127.0.0.1:{port}/menjin");
                    refuses(&url, command, &["`store.url`", &place, "does it run there, and is the port right?"]);
                });
            }
        }
    });
}

#[test]
fn a_host_that_does_not_exist_or_does_not_answer_is_told_apart() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    std::thread::scope(|scope| {
        for scheme in ["postgres", "mysql"] {
            scope.spawn(move || {
                let url = format!("{scheme}://menjin:hunter2@db.menjin.invalid/menjin");
                refuses(&url, &["migrate"], &["`store.url`", "is the host right"]);
                let url = format!("{scheme}://menjin:hunter2@{silent}/menjin");
                refuses(&url, &["migrate"], &["`store.url`", "did not answer in time"]);
            });
        }
    });
}

#[test]
fn who_is_no_database_is_told_as_such() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in web.incoming() {
            // Whoever asks may be gone.
            drop(stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://menjin:hunter2@{address}/menjin");
        refuses(&url, &["migrate"], &["`store.url`", "is it such a database that listens there?"]);
    }
}

/// What both servers have in common.
fn refusals_of_a_server(database: &dyn Fn() -> String, query: &dyn Fn(&str, &str), words: [&str; 2]) {
    let url = database();
    let [unknown_database, no_rights] = words;
    let wrong = url.replacen("menjin:", "menjin:wrong", 1);
    let nowhere = format!("{}/nowhere", url.rsplit_once('/').unwrap().0);
    for command in COMMANDS {
        refuses(&wrong, command, &["`store.url`", "check user and password"]);
        refuses(&nowhere, command, &["`store.url`", unknown_database]);
    }
    // Empty: only `migrate` makes tables, unless the configuration says otherwise.
    for command in [&["serve"][..], &["key", "list"]] {
        refuses(&url, command, &["`store.url`", "version 0", "`menjin migrate`"]);
    }
    let migrated = run_in(on(&url).path(), &["migrate"]);
    tells_no_password(&migrated, &url);
    assert!(migrated.ok().ends_with("was empty, and is up to date\n"));
    let again = run_in(on(&url).path(), &["migrate"]).ok();
    assert!(again.ends_with("is up to date\n") && !again.contains(" was "), "{again}");
    let rotated = run_in(on(&url).path(), &["key", "list"]).ok();
    assert!(rotated.contains("active"), "{rotated}");
    let by_itself = with(&database(), &format!("secret_key = \"{KEY}\""), "migrate = \"auto\"");
    assert!(run_in(by_itself.path(), &["key", "list"]).ok().contains("active"));

    // A used database, and another master key or none.
    let other_key = with(&url, &format!("secret_key = \"{OTHER_KEY}\""), "");
    for command in [&["serve"][..], &["key", "list"]] {
        refuses_in(&other_key, &url, command, &["`secret_key`", "`old_secret_keys`"]);
        refuses_in(&with(&url, "", ""), &url, command, &["`secret_key`", "menjin init"]);
    }

    query(&url, "UPDATE _migrations SET oldest_program = '99.0.0', version = version + 100");
    for command in COMMANDS {
        refuses(&url, command, &["`store.url`", "needs menjin 99.0.0 or newer"]);
    }

    let theirs = database();
    query(&theirs, "CREATE TABLE users (number BIGINT PRIMARY KEY, name TEXT)");
    refuses(&theirs, &["migrate"], &["`store.url`", "`users`", "a database of its own"]);
    query(&theirs, "DROP TABLE users; CREATE TABLE _migrations (name TEXT)");
    for command in COMMANDS {
        refuses(&theirs, command, &["`store.url`", "`_migrations`", "a database of its own"]);
    }

    let bare = database();
    query(&bare, no_rights);
    refuses(&bare, &["migrate"], &["`store.url`", "give the user all rights in this database"]);
}

mod on_postgres {
    use menjin_testbed::Postgres;

    use super::*;

    #[test]
    fn what_can_not_be_used_is_refused_with_the_remedy() {
        let server = Postgres::shared();
        let query = |url: &str, sql: &str| {
            let name = url.rsplit('/').next().unwrap();
            server.query(url, &sql.replace("THIS", name)).unwrap();
        };
        let words = ["make the database first", "ALTER DATABASE THIS OWNER TO postgres"];
        refusals_of_a_server(&|| server.database(), &query, words);
    }

    #[test]
    fn a_server_that_lets_nobody_in_from_here_is_told_by_the_file_to_change() {
        let url = Postgres::shared().database().replacen("menjin:", "somebody:", 1);
        refuses(&url, &["migrate"], &["`store.url`", "pg_hba.conf"]);
    }

    #[test]
    fn a_database_that_can_only_be_read_is_refused() {
        let server = Postgres::start().unwrap();
        let url = server.database();
        run_in(on(&url).path(), &["migrate"]).ok();
        let name = url.rsplit('/').next().unwrap();
        let read_only = |on: &str| format!("ALTER DATABASE {name} SET default_transaction_read_only = {on}");
        server.query("postgres", &read_only("on")).unwrap();
        for command in COMMANDS {
            refuses(&url, command, &["`store.url`", "can only be read", "primary"]);
        }
        server.query("postgres", &read_only("off")).unwrap();
        run_in(on(&url).path(), &["key", "list"]).ok();
        server.stop().unwrap();
        fs::write(server.folder().join("data/standby.signal"), "").unwrap();
        server.start_again().unwrap();
        for command in COMMANDS {
            refuses(&url, command, &["`store.url`", "it is a standby", "name the primary"]);
        }
    }
}

mod on_mariadb {
    use menjin_testbed::MariaDb;

    use super::*;

    #[test]
    fn what_can_not_be_used_is_refused_with_the_remedy() {
        let server = MariaDb::shared();
        let query = |url: &str, sql: &str| {
            let name = url.rsplit('/').next().unwrap();
            server.query(url, &sql.replace("THIS", name)).unwrap();
        };
        let no_rights = "REVOKE ALL ON THIS.* FROM menjin@'127.0.0.1'; GRANT SELECT ON THIS.* TO menjin@'127.0.0.1'";
        refusals_of_a_server(&|| server.database(), &query, ["make the database first", no_rights]);
    }

    #[test]
    fn a_database_that_can_only_be_read_is_refused() {
        let server = MariaDb::start_with(&["--read-only=1"]).unwrap();
        let url = server.database();
        for command in COMMANDS {
            refuses(&url, command, &["`store.url`", "can only be read", "primary"]);
        }
        server.query("mysql", "SET GLOBAL read_only = 0").unwrap();
        run_in(on(&url).path(), &["migrate"]).ok();
    }
}
