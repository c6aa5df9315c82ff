//! What servers write to their logs. A test's own server runs on the test's own thread, so its lines are told apart;
//! those of other threads, writers of stores among them, are collected together.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use serde_json::Value;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// All that our crates have to say, and the outline of the rest.
const FILTER: &str =
    "info,menjin_server=trace,menjin_platform=trace,menjin_guard=trace,menjin_token=trace,menjin_sim=info";

static INSTALLED: Once = Once::new();
static ELSEWHERE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

thread_local! {
    static HERE: RefCell<Option<Arc<Mutex<Vec<u8>>>>> = const { RefCell::new(None) };
}

/// The log of this test, from its making on.
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects from now on. For tests on one thread, as `#[tokio::test]` is without arguments.
    pub(crate) fn start() -> Self {
        INSTALLED.call_once(|| {
            let filter = EnvFilter::new(FILTER);
            tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(Sorted).init();
        });
        let lines = Arc::new(Mutex::default());
        HERE.set(Some(Arc::clone(&lines)));
        Self(lines)
    }

    /// All lines of this test.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// All lines of other threads.
    pub(crate) fn elsewhere() -> String {
        String::from_utf8(ELSEWHERE.lock().unwrap().clone()).unwrap()
    }

    /// Each line of this test as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Log {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with what failed")]
    fn drop(&mut self) {
        HERE.set(None);
        if std::thread::panicking() {
            let text = self.text();
            let bad = text.lines().filter(|line| line.contains("\"ERROR\"") || line.contains("\"WARN\""));
            eprintln!("what the servers complained of:\n{}", bad.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Writes each line to where its thread belongs.
struct Sorted;

struct Line(Option<Arc<Mutex<Vec<u8>>>>);

impl MakeWriter<'_> for Sorted {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(HERE.try_with(|here| here.borrow().clone()).ok().flatten())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let lines = self.0.as_deref().unwrap_or(&ELSEWHERE);
        lines.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
