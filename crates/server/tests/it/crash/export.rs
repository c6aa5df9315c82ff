//! A server is killed when lines of the audit stand in their file and not yet outside the store: none is lost by that.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::install;
use super::server::Server;
use crate::broker::until;
use crate::harness::start_sim;
use crate::rows::Rows;
use crate::store::Folder;

/// Lines that are written at once, and how many there are.
const BATCH: usize = 500;
const LINES: usize = 1200;
/// Lines from before are old; in milliseconds.
const OLD: i64 = 1_000_000_000;

async fn old_lines(rows: &mut Rows) -> Vec<i64> {
    let found = rows.all(&format!("SELECT seq FROM audit WHERE at < {OLD} ORDER BY seq")).await;
    found.iter().map(|row| row[0].int()).collect()
}

/// How often each line stands in the file of its day; half a line at the end is none yet.
fn written(folder: &Path) -> BTreeMap<i64, usize> {
    let text = std::fs::read_to_string(folder.join("archive/audit-1970-01-01.jsonl")).unwrap_or_default();
    let mut lines = BTreeMap::new();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let line: Value = serde_json::from_str(line).unwrap();
        *lines.entry(line["seq"].as_i64().unwrap()).or_default() += 1;
    }
    lines
}

/// Whoever removes this line waits for a long time.
async fn hold(rows: &mut Rows, line: i64) {
    let held = format!("BEGIN; SELECT seq FROM audit WHERE seq = {line} FOR UPDATE");
    let slow =
        "CREATE VIEW slow AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
        SELECT max(i) AS i FROM n; CREATE TRIGGER held BEFORE DELETE ON audit BEGIN SELECT i FROM slow; END";
    rows.run_own(slow, &held, &held).await;
}

async fn let_go(rows: &mut Rows) {
    rows.run_own("DROP TRIGGER held; DROP VIEW slow", "ROLLBACK", "ROLLBACK").await;
    // The killed one's turn.
    rows.run("UPDATE places SET held_until = 0 WHERE name = 'export'").await;
}

#[tokio::test]
async fn a_kill_between_the_file_and_the_store_loses_no_line_of_the_audit() {
    let (sim, sim_url, _serving) = start_sim().await;
    let folder = install(Folder::new(), &sim_url).await;
    let toml = folder.path().join("menjin.toml");
    let before = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, before + "[audit]\nexport_folder = \"archive\"\n").unwrap();
    // It makes the tables; nothing in them is old.
    Server::start(folder.path(), &sim).await.kill().await;
    let mut rows = Rows::at(&folder).await;
    let values: Vec<_> = (1..=LINES).map(|nth| format!("({nth}, 'app.added', 'operator')")).collect();
    rows.run(&format!("INSERT INTO audit (at, action, actor) VALUES {}", values.join(", "))).await;
    let old = old_lines(&mut rows).await;
    assert_eq!(old.len(), LINES);
    hold(&mut rows, old[BATCH / 2]).await;
    let server = Server::start(folder.path(), &sim).await;
    until(async || written(folder.path()).len() == BATCH).await;
    server.kill().await;
    let_go(&mut rows).await;
    assert_eq!(old_lines(&mut rows).await, old, "nothing had left the store");
    let _server = Server::start(folder.path(), &sim).await;
    until(async || old_lines(&mut rows).await.is_empty()).await;
    let written = written(folder.path());
    assert_eq!(written.keys().copied().collect::<Vec<_>>(), old, "all of them are in the file");
    let twice: Vec<_> = written.iter().filter(|(_, times)| **times > 1).map(|(seq, times)| (*seq, *times)).collect();
    let expected: Vec<_> = old[..BATCH].iter().map(|seq| (*seq, 2)).collect();
    assert_eq!(twice, expected, "those of the broken round once more");
}
