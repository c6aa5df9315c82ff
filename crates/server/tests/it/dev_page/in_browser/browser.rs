//! A real Chromium, driven through chromedriver's `WebDriver` protocol (<https://www.w3.org/TR/webdriver2/>). Waits for what the
//! page shows, never for time; ends with the test, whatever its outcome.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::Instant;

/// How long a page may take to show what a test waits for, in milliseconds.
const PATIENCE: u64 = 20_000;

/// How often the driver may be started.
const TRIES: usize = 5;

const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--window-size=1440,1000",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A click meets what stands still.
    "--force-prefers-reduced-motion",
];

/// Resolves once the condition holds: looks at each change of the page, and now and then, as what a picture or the page itself
/// has loaded, where the focus is and what is typed are no changes of it.
const UNTIL: &str = "const done = arguments[arguments.length - 1];
const holds = () => Boolean(CONDITION);
const watcher = new MutationObserver(look);
const clock = setInterval(look, 50);
function look() { if (holds()) { watcher.disconnect(); clearInterval(clock); done(true); } }
watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
look();";

/// What is too near to its ground for the eye, with the contrast, of the PLACES.
const FAINT: &str = "PLACES.map((it) => {
    const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map((it) => it / 255).map((it) => (it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    let ground = it;
    while (!/^rgb\\(/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const [one, other] = [light(getComputedStyle(it).color), light(getComputedStyle(ground).backgroundColor)].sort((a, b) => b - a);
    return [`${it.className} ${it.textContent}`, (one + 0.05) / (other + 0.05)];
  }).filter(([, contrast]) => contrast < 4.5)";

/// A browser with one window, and the driver that it hangs on.
pub(crate) struct Browser {
    session: String,
    port: u16,
    http: reqwest::Client,
    /// Closed when the browser has ended.
    alive: Option<TcpStream>,
    _driver: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
}

/// Starts the driver. It takes a free port of one protocol and gives up where the other's is taken: then there is none.
async fn driver(folder: &Path) -> Option<(Child, Lines<BufReader<ChildStdout>>, u16)> {
    let mut driver = Command::new(chromedriver());
    driver
        .env("TMPDIR", folder)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut driver = driver.spawn().expect("the program named by MENJIN_TEST_CHROMEDRIVER starts");
    let mut stdout = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = stdout.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            return Some((driver, stdout, port.trim_end_matches('.').parse().unwrap()));
        }
    }
    None
}

impl Browser {
    /// Starts one that prefers `language`.
    pub(crate) async fn start(language: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut started = None;
        for _ in 0..TRIES {
            started = driver(folder.path()).await;
            if started.is_some() {
                break;
            }
        }
        let (driver, stdout, port) = started.expect("chromedriver says its port");
        let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
        flags.push(format!("--user-data-dir={}", folder.path().join("profile").display()));
        flags.push(format!("--accept-lang={language}"));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        let mut browser =
            Self { session: String::new(), port, http, alive: None, _driver: driver, _stdout: stdout, _folder: folder };
        let mut options = json!({"args": flags});
        if let Some(chromium) = chromium() {
            options["binary"] = chromium.into();
        }
        let wanted = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE, "implicit": PATIENCE},
        });
        let session = browser.ask("session", json!({"capabilities": {"alwaysMatch": wanted}})).await;
        browser.session = format!("session/{}", session["sessionId"].as_str().unwrap());
        let debugger = session["capabilities"]["goog:chromeOptions"]["debuggerAddress"].as_str().unwrap();
        browser.alive = Some(TcpStream::connect(debugger).unwrap());
        browser
    }

    /// One command; its value. Its failure ends the test.
    async fn ask(&self, command: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{}/{command}", self.port);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        let (status, body): (_, Value) = (answer.status(), answer.json().await.unwrap());
        assert!(status.is_success(), "{command}: {}", body["value"]["message"]);
        body["value"].clone()
    }

    async fn command(&self, command: &str, body: Value) -> Value {
        self.ask(&format!("{}/{command}", self.session), body).await
    }

    async fn element(&self, css: &str) -> String {
        let found = self.command("element", json!({"using": "css selector", "value": css})).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Opens a page and waits until it has loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.command("url", json!({"url": url})).await;
    }

    /// Opens one more tab, and looks at it. Its name is for [`Self::look_at`].
    pub(crate) async fn new_tab(&self, url: &str) -> String {
        let opened = self.command("window/new", json!({"type": "tab"})).await;
        let tab = opened["handle"].as_str().unwrap().to_owned();
        self.look_at(&tab).await;
        self.open(url).await;
        tab
    }

    /// What is asked from now on is asked of this tab.
    pub(crate) async fn look_at(&self, tab: &str) {
        self.command("window", json!({"handle": tab})).await;
    }

    /// Closes the tab that is looked at; another one must be looked at next.
    pub(crate) async fn close_tab(&self) {
        let url = format!("http://127.0.0.1:{}/{}/window", self.port, self.session);
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// Clicks where a person would.
    pub(crate) async fn click(&self, css: &str) {
        self.until(&format!(
            "document.querySelector({css:?})?.checkVisibility() && !document.querySelector({css:?}).matches(':disabled, [aria-disabled=true]')"
        ))
        .await;
        let element = self.element(css).await;
        self.command(&format!("element/{element}/click"), json!({})).await;
    }

    /// Types, key by key; what no keyboard has a key for comes as from a list of emoji.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        let typed = text.chars().take_while(|it| *it <= '\u{ffff}').collect::<String>();
        self.command(&format!("element/{element}/value"), json!({"text": typed})).await;
        if typed != text {
            self.devtools("Input.insertText", json!({"text": &text[typed.len()..]})).await;
        }
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.command("execute/sync", json!({"script": format!("return {script}"), "args": []})).await
    }

    /// Which of some places, of which there must be any, have text that can't be read well.
    pub(crate) async fn faint(&self, places: &str) -> Value {
        assert_ne!(self.run(&format!("{places}.length")).await, 0, "there is nothing to look at");
        self.run(&FAINT.replace("PLACES", places)).await
    }

    /// The text that an element shows.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.run(&format!("document.querySelector({css:?}).innerText")).await.as_str().unwrap().to_owned()
    }

    /// Waits until an expression of the page holds.
    pub(crate) async fn until(&self, condition: &str) {
        let url = format!("http://127.0.0.1:{}/{}/execute/async", self.port, self.session);
        let body = json!({"script": UNTIL.replace("CONDITION", condition), "args": []});
        let until = Instant::now() + Duration::from_millis(PATIENCE);
        let held = loop {
            let answer = self.http.post(&url).json(&body).send().await.unwrap();
            if answer.status().is_success() {
                break Ok(());
            }
            let answer: Value = answer.json().await.unwrap();
            let said = answer["value"]["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
            // A page that is left takes the script with it, which the driver may call a timeout at once: the next one is looked at.
            let was_left = said.contains("unload") || said.contains("script timeout");
            if !was_left || Instant::now() >= until {
                break Err(said.to_owned());
            }
        };
        if let Err(said) = held {
            panic!("it never came to {condition}: {said}; the page shows:\n{}", self.text("body").await);
        }
    }

    /// What the console holds since it was last asked: errors, refused policies, failed requests.
    pub(crate) async fn console(&self) -> Vec<String> {
        let entries = self.command("se/log", json!({"type": "browser"})).await;
        let line =
            |entry: &Value| format!("{} {}", entry["source"].as_str().unwrap(), entry["message"].as_str().unwrap());
        entries.as_array().unwrap().iter().map(line).collect()
    }

    /// What the window shows, as PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        let url = format!("http://127.0.0.1:{}/{}/screenshot", self.port, self.session);
        let answer: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        STANDARD.decode(answer["value"].as_str().unwrap()).unwrap()
    }

    /// A command of Chromium's own protocol, such as `Emulation.setEmulatedMedia`.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) {
        self.command("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await;
    }
}

/// The driver is told to go and takes the browser along; killed, it would leave it behind. Waits for both, as the browser
/// writes to its profile until the end.
impl Drop for Browser {
    fn drop(&mut self) {
        let Ok(mut driver) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let request = format!("GET /shutdown HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port);
        if driver.write_all(request.as_bytes()).is_ok() {
            until_closed(&mut driver);
            self.alive.as_mut().map(until_closed);
        }
    }
}

fn until_closed(connection: &mut TcpStream) {
    let bounded = connection.set_read_timeout(Some(Duration::from_secs(10)));
    drop(bounded.and_then(|()| connection.read_to_end(&mut Vec::new())));
}

#[expect(clippy::disallowed_methods, reason = "the test runner says where the driver is")]
fn chromedriver() -> String {
    std::env::var("MENJIN_TEST_CHROMEDRIVER")
        .expect("MENJIN_TEST_CHROMEDRIVER is unset: run `cargo xtask test`, which installs Chromium and sets it")
}

/// Where the browser is, if the driver could not find it by itself.
#[expect(clippy::disallowed_methods, reason = "the test runner says where the browser is")]
fn chromium() -> Option<String> {
    std::env::var("MENJIN_TEST_CHROMIUM").ok()
}
