//! Running other programs from the repo's root.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use anyhow::Context as _;

use crate::Outcome;

/// The repo's root: where xtask's own folder is, or was when it was built.
#[expect(clippy::disallowed_methods, reason = "cargo tells its programs by environment where they are")]
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    Path::new(&own).parent().expect("xtask is a folder of the repo").to_owned()
}

/// The cargo that runs us.
#[expect(clippy::disallowed_methods, reason = "cargo tells its programs by environment which it is")]
pub(crate) fn cargo() -> Command {
    run(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// A command that will run in the repo's root.
pub(crate) fn run(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs it with our input and output; whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> anyhow::Result<bool> {
    let status = command.status().with_context(|| format!("running {}", command.get_program().display()))?;
    Ok(status.success())
}

/// Runs it silently; false also when there is no such program.
pub(crate) fn succeeds_silently(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

/// Runs it and ends as it ends.
pub(crate) fn pass_on(command: &mut Command) -> Outcome {
    let status = command.status().with_context(|| format!("running {}", command.get_program().display()))?;
    Ok(code_of(status))
}

/// The same, and `hear` gets each line of its standard output too.
pub(crate) fn pass_on_heard(command: &mut Command, mut hear: impl FnMut(&str)) -> Outcome {
    let context = format!("running {}", command.get_program().display());
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| context.clone())?;
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).with_context(|| context.clone())? > 0 {
        // Whoever reads ours may have gone; the tests run on all the same.
        _ = io::stdout().write_all(&line);
        hear(String::from_utf8_lossy(&line).trim_end_matches('\n'));
        line.clear();
    }
    Ok(code_of(child.wait().context(context)?))
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
