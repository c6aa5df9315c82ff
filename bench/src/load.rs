//! Driving with wrk: 32 threads with a connection each, so that each has its own state, and what came of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::machine::Core;
use crate::process::is_installed;

/// Connections, and threads: one for each.
pub(crate) const CONNECTIONS: usize = 32;

/// An answer that takes longer is an error.
const PATIENCE: &str = "10s";

const SCRIPTS: [(&str, &str); 3] = [
    ("get.lua", include_str!("../lua/get.lua")),
    ("login.lua", include_str!("../lua/login.lua")),
    ("refresh.lua", include_str!("../lua/refresh.lua")),
];
const REPORT: &str = include_str!("../lua/report.lua");

/// wrk on a core of its own, with its scripts in a folder.
pub(crate) struct Wrk {
    core: Core,
    folder: PathBuf,
}

/// What is asked for how long.
pub(crate) struct Drive<'a> {
    pub(crate) server: SocketAddr,
    pub(crate) path: &'a str,
    /// Its file name.
    pub(crate) script: &'a str,
    pub(crate) arguments: &'a [String],
    pub(crate) seconds: u32,
    pub(crate) connections: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Driven {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) longest_ms: f64,
}

impl Driven {
    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.seconds
    }

    /// Of requests.
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    pub(crate) fn count(&self) -> f64 {
        self.requests as f64
    }

    /// What was used, in microseconds a request.
    pub(crate) fn each(&self, used: Duration) -> f64 {
        used.as_secs_f64() * 1e6 / self.count()
    }
}

impl Wrk {
    /// Writes the scripts into `folder`.
    pub(crate) fn new(core: Core, folder: &Path) -> anyhow::Result<Self> {
        ensure!(is_installed("wrk", "-v"), "wrk is not installed; on Debian: apt-get install wrk");
        for (name, script) in SCRIPTS {
            std::fs::write(folder.join(name), format!("{REPORT}\n{script}"))?;
        }
        Ok(Self { core, folder: folder.to_owned() })
    }

    /// Drives a server; an answer that is no success is an error.
    pub(crate) fn drive(&self, drive: &Drive<'_>) -> anyhow::Result<Driven> {
        let count = drive.connections.to_string();
        let ran = self
            .core
            .command("wrk")
            .args([
                "-t",
                &count,
                "-c",
                &count,
                "-d",
                &format!("{}s", drive.seconds),
                "--timeout",
                PATIENCE,
                "--latency",
                "-s",
            ])
            .arg(self.folder.join(drive.script))
            .arg(format!("http://{}{}", drive.server, drive.path))
            .arg("--")
            .args(drive.arguments)
            .output()
            .context("running wrk")?;
        let said = String::from_utf8_lossy(&ran.stdout);
        ensure!(ran.status.success(), "wrk failed: {said}{}", String::from_utf8_lossy(&ran.stderr));
        let result = said.lines().find_map(|line| line.strip_prefix("result "));
        driven(result.with_context(|| format!("wrk reported nothing: {said}"))?)
            .with_context(|| format!("driving {}", drive.path))
    }
}

/// Reads the line that `report.lua` prints.
fn driven(line: &str) -> anyhow::Result<Driven> {
    let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>().context("wrk's report")?;
    let [requests, micros, p50, p99, longest, refused, broken] = numbers[..] else {
        bail!("wrk's report has another form")
    };
    ensure!(refused == 0, "{refused} of {requests} answers were 4xx or 5xx");
    ensure!(broken == 0, "{broken} connections failed or timed out");
    ensure!(requests > 0, "nothing was answered");
    Ok(Driven {
        requests: requests.into(),
        seconds: f64::from(micros) / 1e6,
        p50_ms: f64::from(p50) / 1e3,
        p99_ms: f64::from(p99) / 1e3,
        longest_ms: f64::from(longest) / 1e3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let read = driven("300 2000000 1500 9000 12000 0 0").unwrap();
        let expected = Driven { requests: 300, seconds: 2.0, p50_ms: 1.5, p99_ms: 9.0, longest_ms: 12.0 };
        assert_eq!(read, expected);
    }

    #[test]
    fn an_answer_that_is_no_success_fails() {
        assert!(driven("300 2000000 1500 9000 12000 1 0").is_err());
        assert!(driven("300 2000000 1500 9000 12000 0 1").is_err());
        assert!(driven("0 2000000 0 0 0 0 0").is_err());
    }
}
