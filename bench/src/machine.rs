//! What the machine says: its cores, a process's CPU time and memory, this thread's CPU time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::process::is_installed;

/// A core that a process is kept on; `None`: wherever the system puts it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Core(Option<u32>);

/// Where servers run, and where what drives them does.
#[derive(Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) servers: Core,
    pub(crate) drivers: Core,
}

impl Core {
    /// Wherever the system puts it.
    pub(crate) const ANY: Self = Self(None);

    /// The program, kept on this core.
    pub(crate) fn command(self, program: impl AsRef<Path>) -> Command {
        let Some(core) = self.0 else { return Command::new(program.as_ref()) };
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program.as_ref());
        command
    }
}

impl Core {
    /// Brings a process that runs already, with all its threads, to this core.
    pub(crate) fn take(self, process: u32) -> anyhow::Result<()> {
        let Some(core) = self.0 else { return Ok(()) };
        let mut command = Command::new("taskset");
        command.args(["-a", "-p", "-c", &core.to_string(), &process.to_string()]).stdout(Stdio::null());
        ensure!(command.status().context("running taskset")?.success(), "taskset could not move process {process}");
        Ok(())
    }
}

impl Cores {
    /// The first and the last core that we may run on.
    pub(crate) fn of_this_machine() -> Self {
        let allowed = if is_installed("taskset", "--version") { allowed_cores() } else { Vec::new() };
        match allowed.as_slice() {
            [first, .., last] => Self { servers: Core(Some(*first)), drivers: Core(Some(*last)) },
            _ => Self { servers: Core(None), drivers: Core(None) },
        }
    }

    /// For a database server, which takes what there is.
    pub(crate) const SHARED: Self = Self { servers: Core::ANY, drivers: Core::ANY };

    /// For the reader of the table.
    pub(crate) fn said(self) -> String {
        match (self.servers.0, self.drivers.0) {
            (Some(servers), Some(drivers)) => format!("servers on core {servers}, wrk and platform on core {drivers}"),
            _ => "one core, or no taskset: servers, wrk and platform share what there is, so ratios are blurred"
                .to_owned(),
        }
    }
}

/// `Cpus_allowed_list` of this process, such as `0-1,4`.
fn allowed_cores() -> Vec<u32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    list.trim().split(',').flat_map(range).collect()
}

fn range(text: &str) -> Vec<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// User and system time of a process and all its threads, from `/proc/<pid>/stat` in ticks of 10 ms.
pub(crate) fn cpu_of(process: u32) -> Option<Duration> {
    let [user, system, ..] = times_of(process)?;
    Some(user + system)
}

/// The same of a process and of all that it has started, also of what has ended: else the sum would shrink.
pub(crate) fn cpu_of_family(process: u32) -> Option<Duration> {
    let own: Duration = times_of(process)?.into_iter().sum();
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    let children = children.split_whitespace().filter_map(|child| cpu_of_family(child.parse().ok()?));
    Some(own + children.sum::<Duration>())
}

/// User and system time; then the same of children that have ended.
fn times_of(process: u32) -> Option<[Duration; 4]> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(4);
    let times = fields.map(|field| Some(TICK * field.parse::<u32>().ok()?)).collect::<Option<Vec<_>>>()?;
    times.try_into().ok()
}

/// Resident memory of a process in KiB: now, and at most so far.
pub(crate) fn memory_of(process: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        value.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

/// The machine's memory in MiB; a gigabyte where the system does not tell.
pub(crate) fn memory_in_all() -> u64 {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    total.map_or(1024, |kib: u64| kib / 1024)
}

/// CPU time of this thread, which a busy neighbour does not change.
#[cfg(target_os = "linux")]
pub(crate) fn thread_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Elsewhere the wall's time has to do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_cpu() -> Duration {
    static START: std::sync::OnceLock<tokio::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(tokio::time::Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_is_read() {
        let cores = |list: &str| list.split(',').flat_map(range).collect::<Vec<_>>();
        assert_eq!(cores("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(cores("3"), [3]);
        assert!(cores("").is_empty());
    }
}
