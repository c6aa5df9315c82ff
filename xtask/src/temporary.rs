//! Where tests keep what goes with them: in memory, where the machine has enough of it. Each test of another store makes and
//! drops a database of some hundred files, which takes the file system of a disk longer than the test takes for itself.
//!
//! Not here: what is kept between runs (`needs`).

use std::ffi::OsString;
use std::fs;
use std::process::Command;

/// Linux has it everywhere; containers often a small one.
const MEMORY: &str = "/dev/shm";
/// In KiB. What the tests were seen to hold at once is less than a quarter of it.
const ENOUGH: u64 = 8 << 20;

/// What tells programs where temporary files go: nothing, where somebody chose already.
#[expect(clippy::disallowed_methods, reason = "somebody who runs the tests may have chosen")]
pub(crate) fn variable() -> Option<(&'static str, OsString)> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let is_good = std::env::var_os("TMPDIR").is_none()
        && is_memory(&text("/proc/mounts"))
        && available(&text("/proc/meminfo")).is_some_and(|it| it >= ENOUGH)
        && room().is_some_and(|it| it >= ENOUGH);
    is_good.then(|| ("TMPDIR", MEMORY.into()))
}

/// Whether it is what it is called, and programs may stand in it.
fn is_memory(mounts: &str) -> bool {
    // What is mounted later lies above.
    let mount = mounts.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>());
    let mut mount = mount.filter(|fields| fields.get(1) == Some(&MEMORY));
    mount
        .next()
        .is_some_and(|fields| fields[2] == "tmpfs" && !fields[3].split(',').any(|it| it == "noexec" || it == "ro"))
}

/// Of the machine's memory.
fn available(memory: &str) -> Option<u64> {
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// In the folder.
fn room() -> Option<u64> {
    let done = Command::new("df").args(["-k", "--output=avail", MEMORY]).output().ok()?;
    String::from_utf8(done.stdout).ok()?.lines().nth(1)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_tmpfs_in_which_programs_run() {
        let others = "/dev/vda / ext4 rw 0 0\ntmpfs /dev/shm/x tmpfs rw 0 0\n";
        for (mount, expected) in [
            ("tmpfs /dev/shm tmpfs rw,relatime,size=24684092k 0 0\n", true),
            ("shm /dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k 0 0\n", false),
            ("tmpfs /dev/shm tmpfs ro 0 0\n", false),
            ("/dev/vdb /dev/shm ext4 rw 0 0\n", false),
            ("tmpfs /dev/shm tmpfs rw 0 0\n/dev/vdb /dev/shm ext4 rw 0 0\n", false),
            ("", false),
        ] {
            assert_eq!(is_memory(&format!("{others}{mount}")), expected, "{mount}");
        }
    }

    #[test]
    fn what_is_available_is_read_in_kib() {
        assert_eq!(available("MemTotal:       24684096 kB\nMemAvailable:   20000000 kB\n"), Some(20_000_000));
        assert_eq!(available("MemTotal:       24684096 kB\n"), None);
    }
}
