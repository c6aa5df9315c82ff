//! Starting the program, reading what it prints line by line, and stopping it.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// The program with these arguments, in a language that does not depend on the machine, and without its configuration.
pub(crate) fn menjin(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menjin"));
    command.args(arguments).env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE").env_remove("NO_COLOR");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MENJIN__") {
            command.env_remove(name);
        }
    }
    command
}

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// It did what it should, silently on standard error; gives what it printed.
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// It refused with one line on standard error, which has these words.
    pub(crate) fn refused(self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        assert!(self.err.starts_with("menjin: ") && self.err.lines().count() == 1, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}

/// Runs to the end, in `folder`.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    menjin(arguments).current_dir(folder).stdin(Stdio::null()).output().expect("the program starts").into()
}

/// Runs to the end with this on standard input.
pub(crate) fn run_with(input: &[u8], arguments: &[&str]) -> Ran {
    let mut command = menjin(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    std::thread::scope(|scope| {
        // The program may refuse before it has read all.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it can be waited for").into()
    })
}

/// A program that runs until it is stopped; killed when dropped.
pub(crate) struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has printed so far.
    pub(crate) page: String,
}

impl Server {
    /// Starts it and reads up to the line that has `last` in it.
    pub(crate) fn start(mut command: Command, last: &str) -> Self {
        command.stdin(Stdio::null());
        Self::start_as_it_is(command, last)
    }

    /// The same, with the standard input that the command has.
    pub(crate) fn start_as_it_is(mut command: Command, last: &str) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut server = Self { child, lines: BufReader::new(stdout).lines(), page: String::new() };
        server.read_up_to(last);
        server
    }

    /// Reads on, up to the line that has `last` in it.
    pub(crate) fn read_up_to(&mut self, last: &str) {
        loop {
            let Some(line) = self.lines.next() else {
                let complaint = self.stderr();
                panic!("it ended early: {}{complaint}", self.page);
            };
            let line = line.expect("the program prints UTF-8");
            self.page.push_str(&line);
            self.page.push('\n');
            if line.contains(last) {
                return;
            }
        }
    }

    /// A `menjin dev` on free ports.
    pub(crate) fn dev(data: &Path) -> Self {
        let data = data.to_str().expect("a temporary folder has a plain name");
        let command = menjin(&["dev", "--port", "0", "--sim-port", "0", "--data", data]);
        Self::start(command, "Ctrl-C")
    }

    /// What stands on the page after `before`, up to white space.
    pub(crate) fn after(&self, before: &str) -> &str {
        let (_, rest) = self.page.split_once(before).unwrap_or_else(|| panic!("no {before:?} in: {}", self.page));
        rest.split_whitespace().next().unwrap_or_default()
    }

    /// Where a `menjin dev` serves, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        let url = self.after("menjin tour --url ");
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        url.to_owned()
    }

    /// Asks it to stop, as an operating system does; gives the exit status.
    #[cfg(unix)]
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.send("-TERM");
        self.child.wait().expect("it can be waited for").code()
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn send(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    }

    fn stderr(&mut self) -> String {
        let mut text = String::new();
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut text).expect("the program prints UTF-8");
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
