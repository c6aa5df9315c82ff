//! What is left of a server when the process that started it is gone. The tests by kind ask this.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Processes that work in the folder.
fn processes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path().join("cwd"));
    entries.filter(|cwd| fs::read_link(cwd).is_ok_and(|cwd| cwd.starts_with(folder))).collect()
}

/// A process of its own with a server in it, and that server's folder.
fn somebody_else(kind: &str) -> (Child, PathBuf) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throwaway"));
    let mut child = command.arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    let (_url, folder) = (printed.next().unwrap().unwrap(), printed.next().unwrap().unwrap());
    let folder = PathBuf::from(folder);
    assert!(folder.join("log").is_file(), "{kind} did not start");
    assert!(!processes(&folder).is_empty());
    (child, folder)
}

#[expect(clippy::disallowed_methods, reason = "the deadline of a wait, which only makes the test fail")]
fn assert_nothing_is_left(folder: &Path) {
    let start = Instant::now();
    while folder.exists() || !processes(folder).is_empty() {
        let left = processes(folder);
        assert!(start.elapsed() < Duration::from_mins(1), "{} is left, with {left:?}", folder.display());
        std::thread::yield_now();
    }
}

pub(crate) fn nothing_when_its_process_ends(kind: &str) {
    let (mut child, folder) = somebody_else(kind);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_nothing_is_left(&folder);
}

pub(crate) fn nothing_when_its_process_is_killed(kind: &str) {
    let (mut child, folder) = somebody_else(kind);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_nothing_is_left(&folder);
}

pub(crate) fn nothing_when_dropped<Server>(server: Server, folder: &Path) {
    assert!(!processes(folder).is_empty());
    drop(server);
    assert!(processes(folder).is_empty() && !folder.exists());
}

/// A certificate for 127.0.0.1 that stands for itself, and its key, as files.
pub(crate) fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key)
}
