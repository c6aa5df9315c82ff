//! Lines of the audit that are old enough to go: written to files first, where `audit.export_folder` names a place, and removed
//! from the store once the disk has them. What can't be written stays.
//!
//! One node does it at a time. A line that was written when the node died before it was removed is written again: `seq` tells.
//! A folder that does not answer holds up nothing but this. Whoever writes a file has it locked.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use menjin_token::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::audited::AuditLineView;
use crate::problem::NotDone;
use crate::state::Menjin;
use crate::store::{Actor, AuditLine, AuditRow, ClaimingPlace, MovingPlace};

/// The name under which the store keeps whose turn it is.
const EXPORT: &str = "export";
const LEASE: Duration = Duration::from_mins(5);
/// Lines that are written at once.
const BATCH: u32 = 500;
const COPY: usize = 64 * 1024;
/// The folder may take so long for them.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so long the rest waits for the next round.
const ROUND: Duration = Duration::from_secs(30);

/// A write that was not waited for to its end. No other one begins before it.
#[derive(Default)]
pub(crate) struct Stuck(Mutex<Option<JoinHandle<anyhow::Result<()>>>>);

impl Stuck {
    fn lock(&self) -> MutexGuard<'_, Option<JoinHandle<anyhow::Result<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_there(&self) -> bool {
        self.lock().as_ref().is_some_and(|writing| !writing.is_finished())
    }

    /// Does it on a thread of its own, and waits no longer than that.
    async fn or_done(
        &self,
        patience: Duration,
        write: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        anyhow::ensure!(!self.is_there(), "it did not answer before, and is still waited for");
        let mut writing = tokio::task::spawn_blocking(write);
        let Ok(done) = timeout(patience, &mut writing).await else {
            *self.lock() = Some(writing);
            anyhow::bail!("it does not answer");
        };
        done?
    }
}

impl Menjin {
    /// Notes that somebody takes lines of the audit with them; before they have them.
    pub async fn note_audit_export(&self, by: &Actor, which: String) -> Result<(), NotDone> {
        let line = AuditLine { detail: Some(which), ..by.line("audit.exported") };
        Ok(self.store.audit(line, self.clock.now()).await?)
    }
}

/// Writes what is older than `before`, and removes it then.
pub(crate) async fn run(menjin: &Menjin, before: Timestamp) -> anyhow::Result<()> {
    let Some(folder) = menjin.config.audit.export_folder.clone() else { return Ok(()) };
    if menjin.store.oldest_audit(before, 1).await?.is_empty() {
        // Another node may have written what this one could not.
        metrics::gauge!("menjin_audit_export_failing").set(0);
        return Ok(());
    }
    // A claim in the hands of who can't write would keep the others from it.
    if menjin.archive_stuck.is_there() {
        metrics::gauge!("menjin_audit_export_failing").set(1);
        anyhow::bail!("{}: it did not answer, and is still waited for", unwritten(&folder));
    }
    let now = menjin.clock.now();
    menjin.store.begin_place(EXPORT, 0).await?;
    let claiming = ClaimingPlace { name: EXPORT.to_owned(), now, until: now.plus(LEASE) };
    let Some(claimed) = menjin.store.claim_place(claiming).await? else { return Ok(()) };
    let exported = export(menjin, &folder, before, claimed.claim).await;
    let waiting = if exported.is_ok() { 0.0 } else { 1.0 };
    metrics::gauge!("menjin_audit_export_failing").set(waiting);
    // What is still being written may come to its end: nobody else begins with the same lines at once.
    if !menjin.archive_stuck.is_there() {
        hold(menjin, claimed.claim, menjin.clock.now()).await?;
    }
    exported
}

fn unwritten(folder: &Path) -> String {
    let shown = folder.display();
    format!("`audit.export_folder`: {shown} can't be written, so old lines of the audit stay in the store")
}

async fn export(menjin: &Menjin, folder: &Path, before: Timestamp, claim: i64) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < ROUND {
        let rows = menjin.store.oldest_audit(before, BATCH).await?;
        if rows.is_empty() {
            break;
        }
        let places: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let to = folder.to_owned();
        let written = menjin.archive_stuck.or_done(PATIENCE, move || write(&to, rows)).await;
        written.with_context(|| unwritten(folder))?;
        if !hold(menjin, claim, menjin.clock.now().plus(LEASE)).await? {
            break;
        }
        let count = menjin.store.forget_audit(places).await?;
        metrics::counter!("menjin_audit_exported_total").increment(count);
    }
    Ok(())
}

async fn hold(menjin: &Menjin, claim: i64, until: Timestamp) -> anyhow::Result<bool> {
    let (name, due_at) = (EXPORT.to_owned(), Timestamp::from_secs(0));
    Ok(menjin.store.move_place(MovingPlace { name, claim, seq: 0, tries: 0, due_at, until }).await?)
}

/// Adds lines to the files of their days; they are on the disk when this returns.
fn write(folder: &Path, rows: Vec<AuditRow>) -> anyhow::Result<()> {
    let mut days: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        let day: String = row.at.to_string().chars().take("2027-01-15".len()).collect();
        let lines = days.entry(day).or_default();
        lines.push_str(&serde_json::to_string(&AuditLineView::from(row))?);
        lines.push('\n');
    }
    std::fs::create_dir_all(folder)?;
    for (day, lines) in days {
        append(&folder.join(format!("audit-{day}.jsonl")), &lines)?;
    }
    // A new file's name is on the disk only with its folder.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn append(path: &PathBuf, lines: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| path.display().to_string())?;
    // Whoever was so slow that their turn went to another node writes still, and what they cut may be that one's lines. Where
    // a folder has no locks, turns are all there is.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        anyhow::bail!("{}: another node is still writing it", path.display());
    }
    let end = whole_lines(&mut file)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(lines.as_bytes()).and_then(|()| file.sync_all()).with_context(|| path.display().to_string())
}

/// How long the file is up to its last whole line: half a line was being written when a node died, and is in the store still.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut copy = vec![0; COPY];
    while end > 0 {
        let start = end.saturating_sub(COPY as u64);
        let part = &mut copy[..usize::try_from(end - start).unwrap_or(COPY)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64, secs: i64) -> AuditRow {
        AuditRow {
            seq,
            at: Timestamp::from_secs(secs),
            action: "key.rotated".to_owned(),
            actor: "operator".to_owned(),
            by: None,
            user: None,
            session: None,
            app: None,
            ip: None,
            detail: Some("line\nbreak".to_owned()),
        }
    }

    #[test]
    fn lines_stand_in_the_file_of_their_day_and_half_a_line_goes() {
        let folder = tempfile::tempdir().unwrap();
        let day = 1_800_000_000 / 86_400 * 86_400;
        write(folder.path(), vec![row(1, day), row(2, day + 86_399), row(3, day + 86_400)]).unwrap();
        let first = folder.path().join("audit-2027-01-15.jsonl");
        let mut file = OpenOptions::new().append(true).open(&first).unwrap();
        file.write_all(b"{\"seq\": 9, \"at\":").unwrap();
        write(folder.path(), vec![row(4, day)]).unwrap();
        let lines = std::fs::read_to_string(&first).unwrap();
        let seqs: Vec<_> =
            lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].clone()).collect();
        assert_eq!(seqs, [1, 2, 4]);
        assert!(folder.path().join("audit-2027-01-16.jsonl").exists());
    }

    #[test]
    fn a_file_that_another_node_still_writes_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let day = 1_800_000_000 / 86_400 * 86_400;
        let path = folder.path().join("audit-2027-01-15.jsonl");
        let mut slow = File::create(&path).unwrap();
        slow.lock().unwrap();
        slow.write_all(b"{\"seq\": 1, \"at\":").unwrap();
        let error = write(folder.path(), vec![row(2, day)]).unwrap_err();
        assert!(error.to_string().contains("still writing"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"seq\": 1, \"at\":");
        drop(slow);
        write(folder.path(), vec![row(2, day)]).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("{\"seq\":2,"));
    }

    #[tokio::test]
    async fn a_folder_that_does_not_answer_is_asked_once_until_it_does() {
        let stuck = Stuck::default();
        let (answer, answered) = std::sync::mpsc::channel::<()>();
        let hangs = move || Ok(answered.recv()?);
        let error = stuck.or_done(Duration::from_millis(1), hangs).await.unwrap_err();
        assert!(error.to_string().contains("does not answer") && stuck.is_there(), "{error}");
        let error = stuck.or_done(PATIENCE, || panic!("it is begun again")).await.unwrap_err();
        assert!(error.to_string().contains("still waited for"), "{error}");
        answer.send(()).unwrap();
        let late = stuck.lock().take().unwrap();
        late.await.unwrap().unwrap();
        assert!(!stuck.is_there());
        stuck.or_done(PATIENCE, || Ok(())).await.unwrap();
    }
}
