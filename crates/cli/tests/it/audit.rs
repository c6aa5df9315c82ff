//! `menjin audit …`: what was done by commands, listed, shown and exported.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::harness::run_in;

/// More than are read at once.
const MANY: i64 = 1200;

/// A folder with a store in which a user was banned and let in again, and a key rotated.
fn used() -> TempDir {
    let folder = tempdir().unwrap();
    let run = |arguments: &[&str]| run_in(folder.path(), arguments).ok();
    run(&["init"]);
    run(&["migrate"]);
    let file = folder.path().join("menjin.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let app = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
               secret = \"0123456789abcdef0123456789abcdef\"\n";
    std::fs::write(file, format!("{before}\n{app}")).unwrap();
    std::fs::write(folder.path().join("people.csv"), "number,openid\n1,openid-a\n2,openid-b\n").unwrap();
    run(&["import", "people.csv", "--app", "shop"]);
    run(&["user", "disable", "1"]);
    run(&["user", "enable", "1"]);
    run(&["user", "disable", "2"]);
    run(&["key", "rotate"]);
    folder
}

/// Lines that an older menjin might have written, oldest first.
fn add_many(folder: &Path) {
    let store = rusqlite::Connection::open(folder.join("menjin.db")).unwrap();
    let sql = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
        INSERT INTO audit (at, action, actor, app, detail) SELECT 1000 * n, 'app.added', 'operator', 'old', '=1+1' FROM n";
    store.execute(sql, [MANY]).unwrap();
}

fn listed(folder: &Path, more: &[&str]) -> Vec<Value> {
    let text = run_in(folder, &[&["audit", "list", "--json"], more].concat()).ok();
    serde_json::from_str(&text).unwrap()
}

fn actions(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["action"].as_str().unwrap()).collect()
}

/// The lines of an export, each a JSON object.
fn exported(folder: &Path, more: &[&str]) -> Vec<Value> {
    let text = run_in(folder, &[&["audit", "export"], more].concat()).ok();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn places(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["seq"].as_i64().unwrap()).collect()
}

#[test]
fn lines_are_listed_by_what_they_are_about_the_newest_first() {
    let folder = used();
    let all = listed(folder.path(), &[]);
    assert_eq!(actions(&all)[..5], ["key.rotated", "user.disabled", "user.enabled", "user.disabled", "users.imported"]);
    assert!(places(&all).is_sorted_by(|newer, older| newer > older), "{all:?}");
    let (first, key) = (&all[3], &all[0]);
    assert_eq!((&first["actor"], &first["actor_id"], &first["app"]), (&json!("operator"), &Value::Null, &Value::Null));
    assert!(first["user"].as_str().unwrap().starts_with("usr_") && key["detail"].is_string(), "{all:?}");
    assert_eq!(listed(folder.path(), &["--limit", "2"]), all[..2]);
    assert_eq!(listed(folder.path(), &["--user", "1"]), all[2..4]);
    assert_eq!(listed(folder.path(), &["--user", first["user"].as_str().unwrap()]), all[2..4]);
    assert_eq!(listed(folder.path(), &["--action", "user.disabled"]), [all[1].clone(), all[3].clone()]);
    assert_eq!(listed(folder.path(), &["--user", "1", "--action", "user.enabled"]), all[2..3]);
    assert_eq!(listed(folder.path(), &["--since", "2020-01-01", "--until", "2100-01-01T00:00:00Z"]), all);
    let of_operators: Vec<_> = all.iter().filter(|line| line["actor"] == "operator").cloned().collect();
    assert_eq!(listed(folder.path(), &["--actor", "operator"]), of_operators);
    let before = first["seq"].to_string();
    assert_eq!(listed(folder.path(), &["--before", &before]), all[4..]);
    assert_eq!(listed(folder.path(), &["--user", "1", "--before", &before]), Vec::<Value>::new());
    let nobodys = ["--session", "ses_01jd3v0000zzzzzzzzzzzzzzzz"];
    assert_eq!(listed(folder.path(), &nobodys), Vec::<Value>::new());
    for nothing in [["--since", "2100-01-01"], ["--until", "2020-01-01"], ["--by", "lin"], ["--app", "old"]] {
        assert_eq!(listed(folder.path(), &nothing), Vec::<Value>::new(), "{nothing:?}");
    }
    let table = run_in(folder.path(), &["audit", "list"]).ok();
    let mut rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    assert_eq!(rows.next().unwrap(), ["AT", "ACTION", "BY", "USER", "SESSION", "APP", "DETAIL"]);
    assert_eq!(rows.nth(1).unwrap()[1..4], ["user.disabled", "operator", all[1]["user"].as_str().unwrap()]);
}

#[test]
fn a_line_is_shown_by_its_number() {
    let folder = used();
    let line = listed(folder.path(), &["--limit", "2"]).remove(1);
    let seq = line["seq"].to_string();
    let shown: Value = serde_json::from_str(&run_in(folder.path(), &["audit", "show", &seq, "--json"]).ok()).unwrap();
    assert_eq!(shown, line);
    let text = run_in(folder.path(), &["audit", "show", &seq]).ok();
    assert!(text.contains("user.disabled") && text.contains(line["user"].as_str().unwrap()), "{text}");
    run_in(folder.path(), &["audit", "show", "999999"]).refused(&["no line 999999", "`lifetimes.audit`"]);
}

#[test]
fn an_export_has_each_line_once_and_stands_in_the_audit_itself() {
    let folder = used();
    add_many(folder.path());
    let before = listed(folder.path(), &["--limit", "100000"]);
    assert!(before.len() > usize::try_from(MANY).unwrap());
    for as_json in [&[][..], &["--json"]] {
        let lines = exported(folder.path(), as_json);
        let (own, rest) = lines.split_at(lines.len() - before.len());
        assert_eq!(rest, before, "as they are listed");
        assert!(actions(own).iter().all(|action| *action == "audit.exported") && !own.is_empty(), "{own:?}");
        assert_eq!(places(&lines).into_iter().collect::<BTreeSet<_>>().len(), lines.len());
    }
    let noted = listed(folder.path(), &["--action", "audit.exported"]);
    assert_eq!(noted.len(), 2);
    assert_eq!(
        (&noted[0]["actor"], &noted[0]["detail"]),
        (&json!("operator"), &json!("since - until - user - by - action - app -"))
    );
}

#[test]
fn an_export_of_some_lines_has_these_and_the_audit_says_which() {
    let folder = used();
    add_many(folder.path());
    let old = exported(folder.path(), &["--app", "old", "--until", "2020-01-01"]);
    assert_eq!(old.len(), usize::try_from(MANY).unwrap());
    assert!(old.iter().all(|line| line["app"] == "old"));
    assert_eq!(exported(folder.path(), &["--by", "lin"]), Vec::<Value>::new());
    let noted = listed(folder.path(), &["--action", "audit.exported"]);
    let details: Vec<_> = noted.iter().map(|line| line["detail"].as_str().unwrap()).collect();
    assert_eq!(
        details,
        [
            "since - until - user - by lin action - app -",
            "since - until 2020-01-01T00:00:00Z user - by - action - app old",
        ]
    );
}

#[test]
fn a_table_for_spreadsheets_carries_nothing_out() {
    let folder = used();
    add_many(folder.path());
    let csv = run_in(folder.path(), &["audit", "export", "--csv", "--app", "old"]).ok();
    let (head, lines) = csv.split_once('\n').unwrap();
    assert_eq!(head, "seq,at,action,actor,actor_id,user,session,app,ip,detail");
    assert_eq!(lines.lines().count(), usize::try_from(MANY).unwrap());
    assert!(lines.lines().all(|line| line.ends_with(",\"old\",\"\",\"'=1+1\"")), "{lines}");
}

#[test]
fn what_can_t_be_asked_for_is_refused() {
    let folder = used();
    run_in(folder.path(), &["audit", "list", "--limit", "0"]).refused(&["--limit"]);
    run_in(folder.path(), &["audit", "list", "--user", "41"]).refused(&["no user has the number 41"]);
    run_in(folder.path(), &["audit", "export", "--user", "alice"]).refused(&["alice", "usr_"]);
    for (arguments, word) in [
        (&["list", "--since", "yesterday"][..], "2026-11-01"),
        (&["export", "--csv", "--json"], "--json"),
        (&["list", "--user", "1", "--by", "lin"], "--by"),
        (&["list", "--session", "alice"], "ses_"),
        (&["list", "--actor", "nobody"], "platform"),
    ] {
        let ran = run_in(folder.path(), &[&["audit"], arguments].concat());
        assert!(ran.code == Some(2) && ran.err.contains(word) && ran.out.is_empty(), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(listed(folder.path(), &["--action", "audit.exported"]), Vec::<Value>::new(), "nobody got anything");
}
