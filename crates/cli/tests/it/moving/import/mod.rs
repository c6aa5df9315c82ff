//! `menjin import`: people of another system keep who they are, and who can't come in is told why.

mod left_out;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::{APPID, Line, command, count, files};
use crate::harness::{Ran, Server};

/// A data folder whose server has stopped.
fn data() -> TempDir {
    let data = tempdir().unwrap();
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
    data
}

/// Of people of app `demo`, unless the arguments say otherwise: `menjin dev` has more apps than one.
fn import(data: &Path, arguments: &[&str]) -> Ran {
    let app: &[&str] = if arguments.contains(&"--app") { &[] } else { &["--app", "demo"] };
    command(data, &[&["import"], arguments, app].concat())
}

/// What the platform calls a person in the app.
pub(super) async fn openid(server: &Server, data: &Path, person: &str) -> String {
    let line = Line::to(server);
    let simulator = fs::read_to_string(data.join("menjin.toml")).unwrap();
    let (_, simulator) = simulator.split_once("base_url = \"").unwrap();
    let (simulator, _) = simulator.split_once('"').unwrap();
    let secret = fs::read_to_string(data.join("demo.appsecret")).unwrap();
    let code = line.code(person).await;
    let (secret, code) = (secret.trim(), code.as_str().unwrap());
    let query = format!("appid={APPID}&secret={secret}&js_code={code}&grant_type=authorization_code");
    let url = format!("{}/sns/jscode2session?{query}", simulator.trim_end_matches('/'));
    let answer: Value = line.http.get(url).send().await.unwrap().json().await.unwrap();
    answer["openid"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The lines of the report, without the first.
fn rejects(data: &Path) -> Vec<String> {
    let text = fs::read_to_string(data.join("import-rejects.csv")).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

fn users(data: &Path) -> i64 {
    count(&data.join("menjin.db"), "SELECT count(*) FROM users")
}

#[tokio::test]
async fn who_moved_in_signs_in_with_their_old_number_and_the_next_is_one_higher() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let (alice, bob) = (openid(&server, data.path(), "alice").await, openid(&server, data.path(), "bob").await);
    let csv = format!(
        "number,nickname,avatar_url,created_at,openid,gender\n\
         4711,爱丽丝,https://example.com/a.png,2019-05-06 07:08:09,{alice},2\n\
         12,,,,{bob},\n"
    );
    fs::write(data.path().join("users.csv"), csv).unwrap();
    let said = import(data.path(), &["users.csv", "--app", "demo"]).ok();
    for part in ["2  read", "2  new", "0  left out", "number 4712", "gender"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let signed_in = line.sign_in("alice").await;
    assert_eq!((&signed_in["user"]["number"], &signed_in["is_new_user"]), (&json!(4711), &json!(false)));
    assert_eq!(signed_in["user"]["nickname"], "爱丽丝");
    assert_eq!(signed_in["user"]["created_at"], "2019-05-06T07:08:09Z");
    assert_eq!(line.sign_in("bob").await["user"]["number"], 12);
    let carol = line.sign_in("carol").await;
    assert_eq!((&carol["user"]["number"], &carol["is_new_user"]), (&json!(4712), &json!(true)));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_same_source_may_come_again() {
    let data = data();
    let lines = (1..=1000).map(|n| format!("{n},name {n},openid-{n:04}\n")).collect::<Vec<_>>().concat();
    fs::write(data.path().join("users.csv"), format!("number,nickname,openid\n{lines}")).unwrap();
    assert!(import(data.path(), &["users.csv"]).ok().contains("1000  new"));
    let again = import(data.path(), &["users.csv"]).ok();
    assert!(
        again.contains("0  new") && again.contains("1000  already there") && again.contains("number 1001"),
        "{again}"
    );
    assert_eq!(users(data.path()), 1000);
}

#[cfg(unix)]
#[test]
fn a_killed_import_is_finished_by_the_next() {
    use std::process::Stdio;
    let data = data();
    let lines = (1..=60_000).map(|n| format!("{n},openid-{n:06}\n")).collect::<Vec<_>>().concat();
    fs::write(data.path().join("users.csv"), format!("number,openid\n{lines}")).unwrap();
    let mut child = crate::harness::menjin(&["import", "users.csv", "--app", "demo"])
        .current_dir(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = tokio::time::Instant::now();
    while users(data.path()) == 0 {
        assert!(began.elapsed().as_secs() < 60, "it writes nobody");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let written = users(data.path());
    assert!(written > 0 && written < 60_000 && written % 200 == 0, "whole batches: {written}");
    let given = count(&data.path().join("menjin.db"), "SELECT seq FROM sqlite_sequence WHERE name = 'users'");
    assert_eq!(given, 60_000, "nobody who comes meanwhile gets the number of somebody further down");
    let said = import(data.path(), &["users.csv"]).ok();
    assert!(said.contains(&format!("{}  new", 60_000 - written)), "{said}");
    assert!(said.contains(&format!("{written}  already there")), "{said}");
    assert_eq!(users(data.path()), 60_000);
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let data = data();
    fs::write(data.path().join("users.csv"), "number,openid\n5,openid-5\n6,openid-5\nx,openid-7\n").unwrap();
    let ran = import(data.path(), &["users.csv", "--dry-run"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.out.contains("dry run") && ran.out.contains("1  new") && ran.out.contains("2  left out"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("next new user"), "{}", ran.out);
    assert_eq!(users(data.path()), 0);
    assert_eq!(count(&data.path().join("menjin.db"), "SELECT count(*) FROM audit WHERE action = 'users.imported'"), 0);
    assert_eq!(rejects(data.path()).len(), 2);
}

#[test]
fn options_for_a_database_are_refused_with_a_file() {
    let data = data();
    fs::write(data.path().join("users.csv"), "number,openid\n1,openid-1\n").unwrap();
    for option in [
        &["--layout", "django"][..],
        &["--table", "foo"],
        &["--number-column", "id"],
        &["--openid-column", "openid"],
        &["--unionid-column", "unionid"],
        &["--nickname-column", "nick"],
        &["--avatar-column", "avatar"],
        &["--created-column", "created"],
        &["--external-id-column", "external"],
        &["--active-column", "active"],
        &["--disabled-column", "disabled"],
    ] {
        let ran = import(data.path(), &[&["users.csv"], option].concat());
        assert_eq!(ran.code, Some(2), "{}{}", ran.out, ran.err);
        assert!(ran.err.contains(option[0]) && ran.err.contains("--from"), "{}", ran.err);
    }
    assert_eq!(users(data.path()), 0);
}

#[test]
fn rejects_may_be_allowed_and_leave_no_old_report_behind() {
    let data = data();
    let file = data.path().join("users.csv");
    fs::write(&file, "number,openid\n1,openid-1\nx,openid-2\n").unwrap();
    let ran = import(data.path(), &["users.csv", "--allow-rejects"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(rejects(data.path()).len(), 1);
    fs::write(&file, "number,openid\n1,openid-1\n2,openid-2\n").unwrap();
    import(data.path(), &["users.csv"]).ok();
    assert!(files(data.path(), "import-rejects").is_empty());
    fs::write(data.path().join("notes.txt"), "mine").unwrap();
    import(data.path(), &["users.csv", "--rejects", "notes.txt"]).refused(&["notes.txt", "--rejects"]);
    assert_eq!(fs::read(data.path().join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn numbers_of_those_who_are_left_out_are_not_given_to_others() {
    let data = data();
    fs::write(data.path().join("users.csv"), "number,openid\n1,openid-1\n500,秘密\n").unwrap();
    let ran = import(data.path(), &["users.csv", "--allow-rejects"]);
    assert!(ran.out.contains("number 501"), "{}", ran.out);
}

#[tokio::test]
async fn json_lines_bring_any_number_of_identities() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let alice = openid(&server, data.path(), "alice").await;
    let lines = [
        json!({ "number": 8, "external_id": "u-8", "nickname": null, "disabled": false, "created_at": 1_577_934_245,
            "identities": [{ "appid": APPID, "openid": alice, "unionid": "union-8" }] }),
        json!({ "number": "9", "disabled": true, "openid": "openid-9", "extra": [1, 2] }),
        json!({ "number": 10, "openid": ["openid-10"] }),
        json!({ "number": 11, "identities": [{ "app": "nobody", "openid": "openid-11" }] }),
        json!({ "number": 12, "identities": [{ "app": "demo" }] }),
        json!([1]),
        json!({ "number": 600, "identities": "openid-600" }),
        json!({ "number": 600, "openid": "openid-600" }),
        json!({ "number": 13, "openid": "openid-13", "nickname": { "zh": "secret" } }),
    ];
    let text = lines.iter().map(|line| format!("{line}\n\n")).collect::<Vec<_>>().concat();
    fs::write(data.path().join("users.jsonl"), format!("{text}{{")).unwrap();
    let ran = import(data.path(), &["users.jsonl"]);
    assert!(ran.out.contains("3  new") && ran.out.contains("7  left out") && ran.out.contains("extra"), "{}", ran.out);
    assert!(ran.out.contains("number 601"), "{}", ran.out);
    let mut found = rejects(data.path());
    found.sort_by_key(|line| line.split(',').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(
        found,
        [
            "5,openid,is neither text nor a number",
            "7,identities[0].app,no [[app]] of menjin.toml is called so",
            "9,identities[0].openid,is missing",
            "11,line,is no JSON object",
            "13,identities,is no list of objects",
            "15,number,stands twice in the source (first at 13)",
            "17,nickname,only this is left out: is neither text nor a number",
            "19,line,is no JSON object",
        ]
    );
    let signed_in = line.sign_in("alice").await;
    assert_eq!((&signed_in["user"]["number"], &signed_in["is_new_user"]), (&json!(8), &json!(false)));
    let disabled = "SELECT count(*) FROM users WHERE number = 9 AND disabled_at IS NOT NULL";
    assert_eq!(count(&data.path().join("menjin.db"), disabled), 1);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_can_not_be_read_is_refused_as_a_whole() {
    let data = data();
    let at = |name: &str, text: &[u8]| fs::write(data.path().join(name), text).unwrap();
    at("nothing.csv", b"");
    at("no-number.csv", b"name,openid\na,b\n");
    at("twice.csv", b"number,openid,openid\n");
    at("utf16.csv", b"\xff\xfen\0u\0m\0");
    at("users.txt", b"number,openid\n1,openid-1\n");
    for (arguments, words) in [
        (&["nothing.csv"][..], &["number,nickname,openid"][..]),
        (&["no-number.csv"], &["`number`"]),
        (&["twice.csv"], &["\"openid\" stands twice"]),
        (&["utf16.csv"], &["not UTF-8"]),
        (&["users.txt"], &["--format"]),
        (&["missing.csv"], &["missing.csv"]),
        (&["users.txt", "--format", "csv", "--app", "nobody"], &["--app", "demo"]),
        (&["--from", "oracle://x", "--layout", "hapi"], &["sqlite://, postgres:// or mysql://"]),
        (&["--from", "sqlite://old.db"], &["--layout", "--table"]),
        (&["--from", "sqlite://old.db", "--layout", "hapi"], &["old.db is no file"]),
        (&["--from", "sqlite://old.db", "--layout", "django", "--table", "people"], &["--openid-column"]),
    ] {
        import(data.path(), arguments).refused(words);
    }
    import(data.path(), &["users.txt", "--format", "csv"]).ok();
}

/// The `users` of the hapi server, as its migration makes it; `openid` is of number 41.
fn hapi(path: &Path, openid: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, nick_name VARCHAR(255), avatar_url VARCHAR(255),
        gender INTEGER, open_id VARCHAR(255), session_key VARCHAR(255), created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
        INSERT INTO users VALUES (40, '小红', '', 2, 'openid-40', 'key', '2018-08-09 10:11:12.000 +00:00', '2018-08-09 10:11:12.000 +00:00')";
    database.execute_batch(schema).unwrap();
    let insert = "INSERT INTO users VALUES (41, '小明', 'https://example.com/m.png', 1, ?1, 'key', '2018-08-09 10:11:13.000 +00:00', '2020-01-01')";
    database.execute(insert, [openid]).unwrap();
}

#[tokio::test]
async fn the_users_of_a_hapi_server_are_read_directly() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    hapi(&data.path().join("old.db"), &openid(&server, data.path(), "alice").await);
    let before = fs::read(data.path().join("old.db")).unwrap();
    let said = import(data.path(), &["--from", "sqlite://old.db", "--layout", "hapi"]).ok();
    assert!(said.contains("2  new") && said.contains("number 42"), "{said}");
    let alice = line.sign_in("alice").await;
    assert_eq!((&alice["user"]["number"], &alice["is_new_user"]), (&json!(41), &json!(false)));
    assert_eq!(
        (&alice["user"]["nickname"], &alice["user"]["created_at"]),
        (&json!("小明"), &json!("2018-08-09T10:11:13Z"))
    );
    assert_eq!(line.sign_in("bob").await["user"]["number"], 42);
    assert_eq!(fs::read(data.path().join("old.db")).unwrap(), before, "it is only read");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_table_that_is_none_or_lacks_a_column_is_named() {
    let data = data();
    hapi(&data.path().join("old.db"), "openid-41");
    let from = ["--from", "sqlite://old.db", "--layout", "hapi"];
    import(data.path(), &[&from[..], &["--table", "user"]].concat()).refused(&["no table \"user\"", "--table"]);
    let lacking = import(data.path(), &[&from[..], &["--openid-column", "openid"]].concat());
    lacking.refused(&["no column \"openid\"", "open_id", "nick_name"]);
    let said = import(data.path(), &[&from[..], &["--openid-column", "open_id", "--dry-run"]].concat()).ok();
    assert!(said.contains("2  new"), "{said}");
}

/// What other databases say of a table like Django's, with its types.
async fn read_from(url: &str, table: &str) {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let line = Line::to(&server);
    let arguments = [
        "--from",
        url,
        "--layout",
        "django",
        "--table",
        table,
        "--openid-column",
        "openid",
        "--nickname-column",
        "nickname",
    ];
    let ran = import(data.path(), &arguments);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for part in ["4  read", "2  new", "2  left out", "number 9007199254740992"] {
        assert!(ran.out.contains(part), "{part} is not in: {}", ran.out);
    }
    assert_eq!(
        rejects(data.path()),
        [
            "3,openid,\"is missing, and so are external_id and username: nobody could be this user\"",
            "9007199254740993,number,must be from 1 to 9007199254740992"
        ]
    );
    assert!(!format!("{}{}", ran.out, ran.err).contains(url), "the address has a password in it");
    let file = data.path().join("menjin.db");
    assert_eq!(
        count(&file, "SELECT created_at FROM users WHERE number = 1 AND nickname = '小明 🐼' AND disabled_at IS NULL"),
        1_577_934_245_678
    );
    assert_eq!(
        count(&file, "SELECT count(*) FROM users WHERE number = 9007199254740991 AND disabled_at IS NOT NULL"),
        1
    );
    assert_eq!(line.sign_in("somebody new").await["user"]["number"], 9_007_199_254_740_992_i64);
    import(data.path(), &["--from", url, "--layout", "hapi"]).refused(&["no table \"users\""]);
    import(data.path(), &[&arguments[..8], &["--nickname-column", "nick"]].concat())
        .refused(&["no column \"nick\"", "date_joined"]);
    assert_eq!(server.stop(), Some(0));
}

const ROWS: &str = "(1, '小明 🐼', 'openid-1', '2020-01-02 03:04:05.678', true), (3, '', NULL, '2020-01-02 03:04:05', true),
    (9007199254740991, '', 'openid-3', '2020-01-02 03:04:05', false), (9007199254740993, '', 'openid-4', '2020-01-02 03:04:05', true)";

mod on_postgres {
    use menjin_testbed::Postgres;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_of_postgresql_is_read_directly() {
        let database = tokio::task::spawn_blocking(|| {
            let url = Postgres::shared().database();
            let name = url.rsplit_once('/').unwrap().1.to_owned();
            let schema = "CREATE SCHEMA old; CREATE TABLE old.\"Member\" (id BIGINT PRIMARY KEY, nickname VARCHAR(64), openid TEXT,
                date_joined TIMESTAMPTZ NOT NULL, is_active BOOLEAN NOT NULL);
                GRANT USAGE ON SCHEMA old TO menjin; GRANT SELECT ON old.\"Member\" TO menjin;";
            let insert = format!("INSERT INTO old.\"Member\" VALUES {}", super::ROWS);
            Postgres::shared().query(&name, &format!("SET TIME ZONE 'UTC'; {schema} {insert}")).unwrap();
            url
        });
        super::read_from(&database.await.unwrap(), "old.Member").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_that_may_not_be_read_says_what_to_grant() {
        let ran = tokio::task::spawn_blocking(|| {
            let url = Postgres::shared().database();
            let name = url.rsplit_once('/').unwrap().1.to_owned();
            let column = "CREATE TABLE part (id BIGINT, openid TEXT); GRANT SELECT (id) ON part TO menjin;";
            let schema = "CREATE SCHEMA shut; CREATE TABLE shut.people (id BIGINT, openid TEXT);";
            let whole = "CREATE TABLE people (id BIGINT, openid TEXT);";
            Postgres::shared().query(&name, &format!("{whole} {column} {schema}")).unwrap();
            let data = super::data();
            let tables = ["people", "part", "shut.people"];
            tables.map(|table| {
                let from = ["--from", &url, "--table", table, "--openid-column", "openid"];
                (table, super::import(data.path(), &from))
            })
        });
        for (table, ran) in ran.await.unwrap() {
            assert!(!ran.err.contains("at line"), "{}", ran.err);
            ran.refused(&["--from", table, "GRANT SELECT"]);
        }
    }
}

mod on_mariadb {
    use menjin_testbed::MariaDb;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_of_mariadb_is_read_directly() {
        let database = tokio::task::spawn_blocking(|| {
            let url = MariaDb::shared().database();
            let name = url.rsplit_once('/').unwrap().1.to_owned();
            let schema = "CREATE TABLE `Member` (id BIGINT PRIMARY KEY, nickname VARCHAR(64), openid VARCHAR(64),
                date_joined DATETIME(6) NOT NULL, is_active BOOL NOT NULL) CHARACTER SET utf8mb4;";
            let insert = format!("INSERT INTO `Member` VALUES {}", super::ROWS);
            MariaDb::shared().query(&name, &format!("{schema} {insert}")).unwrap();
            url
        });
        super::read_from(&database.await.unwrap(), "Member").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_table_that_may_not_be_read_says_what_to_grant() {
        let ran = tokio::task::spawn_blocking(|| {
            let url = MariaDb::shared().database();
            let (server, name) = url.rsplit_once('/').unwrap();
            let (_, server) = server.rsplit_once('@').unwrap();
            let schema = "CREATE TABLE people (id BIGINT, openid TEXT); CREATE TABLE hidden (id BIGINT, openid TEXT);";
            let reader = format!("CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'reader';");
            let grant = format!("GRANT INSERT ON {name}.people TO {name}@'127.0.0.1'");
            MariaDb::shared().query(name, &format!("{schema} {reader} {grant}")).unwrap();
            let data = super::data();
            let url = format!("mysql://{name}:reader@{server}/{name}");
            ["people", "hidden"].map(|table| {
                let from = ["--from", &url, "--table", table, "--openid-column", "openid"];
                (table, super::import(data.path(), &from))
            })
        });
        for (table, ran) in ran.await.unwrap() {
            ran.refused(&["--from", table, "GRANT SELECT"]);
        }
    }
}

#[test]
fn names_and_passwords_of_auth_user_come_along_where_an_app_takes_them() {
    let data = tempdir().unwrap();
    let database = rusqlite::Connection::open(data.path().join("db.sqlite3")).unwrap();
    let schema = "CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username VARCHAR(150), password VARCHAR(128), is_active BOOL, date_joined DATETIME);
        INSERT INTO auth_user VALUES (7, 'alice', 'pbkdf2_sha256$1000$saltsaltsalt$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM=', 1, '2019-05-06 07:08:09')";
    database.execute_batch(schema).unwrap();
    for passwords in [false, true] {
        let app = format!("[[app]]\nid = \"desk\"\nkind = \"web\"\npasswords = {passwords}\n");
        let server = "[server]\npublic_url = \"https://login.example.com\"\n";
        let top = format!("secret_key = \"{}\"\n", "0123456789abcdef".repeat(4));
        fs::write(data.path().join("menjin.toml"), format!("{top}{server}{app}")).unwrap();
        let ran = command(data.path(), &["import", "--from", "sqlite://db.sqlite3", "--layout", "django"]);
        if passwords {
            assert!(ran.ok().contains("1  new"));
        } else {
            ran.refused(&["no [[app]] of a platform"]);
        }
    }
    let kept = "SELECT count(*) FROM passwords WHERE lookup = 'alice' AND form = 'pbkdf2_sha256$1000'";
    assert_eq!(count(&data.path().join("menjin.db"), kept), 1);
}
