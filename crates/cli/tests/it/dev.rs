//! `menjin dev`: ready at once, kept between starts, stopped gracefully.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::harness::{Server, menjin, run_in, run_with};

async fn post(url: &str, body: Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{url}: {}", answer.text().await.unwrap());
    let text = answer.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

async fn status(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().status().as_u16()
}

async fn code(url: &str, person: &str) -> Value {
    post(&format!("{url}/dev/wx/login"), json!({ "person": person })).await["code"].clone()
}

async fn sign_in(url: &str, person: &str) -> Value {
    let code = code(url, person).await;
    post(&format!("{url}/v1/login/demo"), json!({ "code": code })).await
}

/// What the secrets of a data folder are.
fn secrets(data: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let secret =
        files.filter(|name| ["key", "secret", "appsecret"].iter().any(|kind| name.ends_with(&format!(".{kind}"))));
    secret.map(|name| (name.clone(), fs::read_to_string(data.join(name)).unwrap())).collect()
}

#[tokio::test]
async fn somebody_registers_and_signs_in_by_password_with_nothing_to_configure() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let alice = json!({"username": "alice", "password": "correct horse battery"});
    let made = post(&format!("{}/v1/register/demo", server.url()), alice.clone()).await;
    let signed_in = post(&format!("{}/v1/login/demo/password", server.url()), alice).await;
    assert_eq!((&signed_in["user"]["id"], &signed_in["is_new_user"]), (&made["user"]["id"], &json!(false)));
}

/// The commands below a heading of a page, against this server instead of one on the usual ports.
fn commands_of(page: &str, heading: &str, server: &Server) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page)).unwrap();
    let below = page.split_once(heading).unwrap_or_else(|| panic!("{heading} is a heading")).1;
    let commands = below.split("```").nth(1).unwrap().strip_prefix("sh\n").unwrap();
    let simulator = server.page.split_whitespace().find_map(|word| word.strip_suffix("/_sim/"));
    let simulator = simulator.unwrap_or_else(|| panic!("the simulator is named: {}", server.page));
    commands.replace("http://127.0.0.1:7601", simulator).replace("http://127.0.0.1:7600", &server.url())
}

#[test]
fn what_the_readme_shows_works_as_it_stands() {
    for (page, heading) in [("README.md", "## A login in 60 seconds"), ("README.zh-CN.md", "## 60 秒")] {
        let data = tempdir().unwrap();
        let server = Server::dev(data.path());
        let commands = commands_of(page, heading, &server);
        let ran = Command::new("sh").args(["-euc", &commands]).output().unwrap();
        let shown = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success(), "{page}: {shown}{}", String::from_utf8_lossy(&ran.stderr));
        let answers: Vec<Value> =
            shown.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
        let [pair, me, refreshed, refused] = &answers[..] else { panic!("{page}: {shown}") };
        assert!(pair["is_new_user"] == true && me["user"]["id"] == pair["user"]["id"], "{page}: {shown}");
        assert!(refreshed["access_token"].is_string(), "{page}: {shown}");
        assert_eq!(refused["code"], "session_ended", "{page}: {shown}");
    }
}

#[tokio::test]
async fn the_start_page_names_everything_that_a_beginner_needs() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let url = server.url();
    for part in
        ["/dev", "POST http://", "/v1/login/demo", "/docs", "/.well-known/jwks.json", "/_sim/", "demo-backend", "curl"]
    {
        assert!(server.page.contains(part), "{part} is not in: {}", server.page);
    }
    assert!(!server.page.contains('\u{1b}'), "no colours where nobody sees them");
    let backend_secret = fs::read_to_string(data.path().join("demo-backend.secret")).unwrap();
    assert!(server.page.contains(backend_secret.trim()));
    for path in ["/dev", "/docs", "/metrics", "/readyz", "/.well-known/jwks.json"] {
        let status = status(&format!("{url}{path}")).await;
        assert!(status < 400, "{path}: {status}");
    }
}

#[tokio::test]
async fn starting_again_keeps_people_keys_and_secrets() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let url = server.url();
    let (alice, bob) = (sign_in(&url, "alice").await, sign_in(&url, "bob").await);
    assert_ne!(alice["user"]["id"], bob["user"]["id"]);
    let kept = secrets(data.path());
    assert_eq!(kept.len(), 4, "{:?}", kept.keys());
    assert_eq!(server.stop(), Some(0));

    let server = Server::dev(data.path());
    let again = sign_in(&server.url(), "alice").await;
    assert_eq!(again["user"]["id"], alice["user"]["id"]);
    assert_eq!(again["is_new_user"], false);
    assert_eq!(secrets(data.path()), kept);
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn people_of_every_platform_sign_in_for_one_back_end() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let url = server.url();
    for (call, member, app) in [
        ("wx/login", "code", "demo"),
        ("qq/login", "code", "demo-qq"),
        ("tt/login", "code", "demo-douyin"),
        ("my/getAuthCode", "authCode", "demo-alipay"),
    ] {
        let given = post(&format!("{url}/dev/{call}"), json!({ "person": "alice" })).await;
        let body = json!({ "code": given[member] });
        let signed_in = post(&format!("{url}/v1/login/{app}"), body).await;
        assert_eq!(signed_in["token_type"], "Bearer", "{app}: {signed_in}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test]
async fn clients_of_the_old_hapi_system_sign_in_as_before() {
    let data = tempdir().unwrap();
    let url = Server::dev(data.path());
    let (server, url) = (&url, url.url());
    let token = post(&format!("{url}/users/wxLogin"), json!({ "code": code(&url, "carol").await })).await;
    assert_eq!(token.as_str().map(|token| token.matches('.').count()), Some(2), "{}", server.page);
}

#[test]
fn the_data_folder_is_its_owners_alone_and_stays_out_of_git() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempdir().unwrap();
    let data = parent.path().join("menjin-dev");
    assert_eq!(Server::dev(&data).stop(), Some(0));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for name in secrets(&data).keys().map(String::as_str).chain(["menjin.db"]) {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(data.join(".gitignore")).unwrap(), "*\n");
    let written = fs::read_to_string(data.join("menjin.toml")).unwrap();
    assert!(secrets(&data).values().all(|secret| !written.contains(secret.trim())), "{written}");
}

#[test]
fn a_folder_with_other_things_in_it_is_not_hidden_from_git() {
    let data = tempdir().unwrap();
    fs::write(data.path().join("app.js"), "").unwrap();
    drop(Server::dev(data.path()));
    assert!(!data.path().join(".gitignore").exists());
}

#[test]
fn a_port_in_use_is_named_with_its_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = tempdir().unwrap();
    run_in(data.path(), &["dev", "--port", &port, "--sim-port", "0"]).refused(&["--port", &port, "in use"]);
    run_in(data.path(), &["dev", "--port", "0", "--sim-port", &port]).refused(&["--sim-port", &port, "in use"]);
}

#[test]
fn a_real_app_is_asked_for_its_secret_once() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments =
        ["dev", "--data", data.to_str().unwrap(), "--port", "0", "--sim-port", "0", "--app", "wx0123456789ABCDEF"];
    run_with(b"", &arguments).refused(&["AppSecret", "--app"]);
    fs::create_dir_all(&data).unwrap();
    let input = folder.path().join("typed");
    fs::write(&input, "0123456789abcdef0123456789abcdef\n").unwrap();
    let mut command = menjin(&arguments);
    command.stdin(fs::File::open(&input).unwrap());
    let server = Server::start_as_it_is(command, "Ctrl-C");
    assert!(server.page.contains("/v1/login/wx0123456789abcdef"), "{}", server.page);
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(menjin(&arguments), "Ctrl-C");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn the_page_begins_in_chinese_where_the_machine_does() {
    let data = tempdir().unwrap();
    let mut command = menjin(&["dev", "--port", "0", "--sim-port", "0", "--data", data.path().to_str().unwrap()]);
    command.env("LC_ALL", "zh_CN.UTF-8");
    let server = Server::start(command, "Ctrl-C");
    assert!(server.page.contains("试一试 Try it"), "{}", server.page);
    let console = server.page.lines().find(|line| line.contains("控制台 Console")).expect("the console is named");
    assert!(console.contains(&format!("{}/console", server.url())), "{console}");
}

#[test]
fn the_page_shows_the_tour_as_a_command_that_can_be_run() {
    let data = tempdir().unwrap();
    let server = Server::dev(data.path());
    let program = server.page.lines().find_map(|line| line.trim().split_once(" tour --url ")).unwrap().0;
    let out = std::process::Command::new(program).arg("--version").output().unwrap();
    assert!(out.status.success() && out.stdout.starts_with(b"menjin "), "{program}");
}

#[test]
fn a_data_folder_belongs_to_one_dev_at_a_time_and_is_free_after_a_crash() {
    let data = tempdir().unwrap();
    let first = Server::dev(data.path());
    let written = fs::read_to_string(data.path().join("menjin.toml")).unwrap();
    let folder = data.path().to_str().unwrap();
    let again = ["dev", "--port", "0", "--sim-port", "0", "--data", folder];
    run_in(data.path(), &again).refused(&[folder, "running", "--data"]);
    assert_eq!(fs::read_to_string(data.path().join("menjin.toml")).unwrap(), written, "the first one's is untouched");
    drop(first);
    assert_eq!(Server::dev(data.path()).stop(), Some(0));
}
