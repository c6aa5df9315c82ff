//! `menjin app …`, on the store of a stopped server and beside a running one.

use std::path::Path;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::{Ran, menjin, run_in};

/// A folder with a configuration, a master key and a store.
fn installed() -> TempDir {
    let folder = tempdir().unwrap();
    run_in(folder.path(), &["init"]).ok();
    run_in(folder.path(), &["migrate"]).ok();
    folder
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let all: Vec<_> = ["app", "--json"].iter().chain(arguments).copied().collect();
    serde_json::from_str(&run_in(folder, &all).ok()).unwrap()
}

fn append(folder: &Path, text: &str) {
    let file = folder.join("menjin.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{before}\n{text}\n")).unwrap();
}

#[test]
fn an_app_is_registered_shown_and_listed_and_its_secret_is_shown_once() {
    let folder = installed();
    let said = run_in(folder.path(), &["app", "add", "reports", "--scope", "session-data,sessions:open"]).ok();
    let secret = said.lines().last().unwrap();
    assert!(said.contains("shown this once") && secret.starts_with("mjs_"), "{said}");
    let arguments = ["add", "site", "--kind", "web", "--name", "网站", "--audience", "shop-api"];
    let added = json(folder.path(), &arguments);
    assert_eq!((&added["app"]["kind"], &added["app"]["name"]), (&"web".into(), &"网站".into()));
    assert!(added["client_secret"].as_str().unwrap().starts_with("mjs_"));
    let list = json(folder.path(), &["list"]);
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|app| app["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["reports", "site"]);
    let table = run_in(folder.path(), &["app", "list"]).ok();
    assert!(table.starts_with("ID") && table.contains("session-data sessions:open"), "{table}");
    let shown = run_in(folder.path(), &["app", "show", "reports"]).ok();
    assert!(shown.contains("session-data sessions:open") && shown.contains("secret"), "{shown}");
    for text in [&table, &shown, &list.to_string()] {
        assert!(!text.contains(secret), "{text}");
    }
    run_in(folder.path(), &["app", "show", "nobody"]).refused(&["nobody", "menjin app list"]);
    run_in(folder.path(), &["app", "add", "reports"]).refused(&["reports", "menjin app show reports"]);
    run_in(folder.path(), &["app", "add", "x", "--scope", "orders:read"]).refused(&["--scope", "session-data"]);
}

#[test]
fn passwords_are_switched_on_and_off() {
    let folder = installed();
    let added = json(folder.path(), &["add", "desk", "--kind", "web", "--passwords"]);
    assert_eq!((&added["app"]["passwords"], &added["app"]["register"]), (&true.into(), &false.into()));
    for (to, passwords, register, told) in [
        ("register", true, true, "people sign in by password, and anybody may register"),
        ("sign-in", true, false, "people sign in by password"),
        ("off", false, false, "nobody signs in by password"),
    ] {
        let said = run_in(folder.path(), &["app", "passwords", "desk", to]).ok();
        assert_eq!(said.trim(), format!("desk: {told}"));
        let app = json(folder.path(), &["show", "desk"]);
        assert_eq!((&app["passwords"], &app["register"]), (&passwords.into(), &register.into()), "{to}");
        let shown = run_in(folder.path(), &["app", "show", "desk"]).ok();
        assert!(shown.lines().any(|line| line.starts_with("passwords") && line.ends_with(told)), "{shown}");
    }
    run_in(folder.path(), &["app", "add", "x", "--kind", "web", "--register"]).refused(&["--register", "passwords"]);
    run_in(folder.path(), &["app", "add", "x", "--passwords"]).refused(&["--passwords", "client_secret"]);
    run_in(folder.path(), &["app", "passwords", "nobody", "off"]).refused(&["nobody", "menjin app list"]);
    json(folder.path(), &["add", "reports"]);
    run_in(folder.path(), &["app", "passwords", "reports", "sign-in"]).refused(&["passwords", "client_secret"]);
}

#[test]
fn secrets_are_added_and_revoked_by_name() {
    let folder = installed();
    json(folder.path(), &["add", "reports"]);
    let another = json(folder.path(), &["secret", "add", "reports"]);
    assert!(another["client_secret"].as_str().unwrap().starts_with("mjs_"));
    run_in(folder.path(), &["app", "secret", "add", "reports"]).refused(&["menjin app secret revoke reports"]);
    let shown = json(folder.path(), &["show", "reports"]);
    let names: Vec<_> = shown["secrets"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    let former = names.into_iter().find(|name| another["id"] != *name).unwrap();
    json(folder.path(), &["secret", "revoke", "reports", former]);
    run_in(folder.path(), &["app", "secret", "revoke", "reports", former]).refused(&["menjin app show reports"]);
    let left = json(folder.path(), &["show", "reports"])["secrets"].clone();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["id"]), (1, &another["id"]));
    let third = run_in(folder.path(), &["app", "secret", "add", "reports"]).ok();
    let shown = run_in(folder.path(), &["app", "show", "reports"]).ok();
    let name = third.split("named ").nth(1).unwrap().split(',').next().unwrap();
    assert!(name.len() == 8 && shown.contains(name), "{shown}");
}

#[test]
fn an_app_is_disabled_enabled_and_removed() {
    let folder = installed();
    json(folder.path(), &["add", "reports"]);
    let state = || run_in(folder.path(), &["app", "list"]).ok().lines().nth(1).unwrap().to_owned();
    assert!(state().contains("live"));
    json(folder.path(), &["disable", "reports"]);
    assert!(state().contains("disabled"));
    json(folder.path(), &["enable", "reports"]);
    assert!(state().contains("live"));
    run_in(folder.path(), &["app", "remove", "reports"]).refused(&["reports", "for good", "无法恢复", "--yes"]);
    assert!(state().contains("live"));
    json(folder.path(), &["remove", "reports", "--yes"]);
    assert_eq!(json(folder.path(), &["list"]), serde_json::json!([]));
    run_in(folder.path(), &["app", "remove", "reports", "--yes"]).refused(&["reports", "menjin app list"]);
    run_in(folder.path(), &["app", "add", "reports"]).refused(&["never used again"]);
}

#[test]
fn the_app_secret_of_a_mini_program_is_asked_for_or_read_from_a_file() {
    const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
    let folder = installed();
    let add = |id: &str, appid: &str, more: &[&str], input: &str| -> Ran {
        let file = folder.path().join("input");
        std::fs::write(&file, input).unwrap();
        let mut arguments = vec!["app", "add", id, "--kind", "mini_program", "--appid", appid];
        arguments.extend(more);
        let stdin = std::fs::File::open(file).unwrap();
        menjin(&arguments).current_dir(folder.path()).stdin(stdin).output().unwrap().into()
    };
    assert!(add("shop", "wx0123456789abcdef", &[], &format!("{APP_SECRET}\n")).ok().contains("shop is registered"));
    std::fs::write(folder.path().join("club.appsecret"), APP_SECRET).unwrap();
    add("club", "wxfedcba9876543210", &["--app-secret-file", "club.appsecret"], "").ok();
    add("kiosk", "wx00000000000000c3", &[], "").refused(&["AppSecret", "--appid"]);
    add("kiosk", "wx00000000000000c3", &["--app-secret-file", "none"], "").refused(&["none", "--app-secret-file"]);
    add("kiosk", "wx0123456789abcdef", &[], APP_SECRET).refused(&["--appid"]);
    add("kiosk", "nonsense", &[], APP_SECRET).refused(&["--appid"]);
    add("qq", "1110000001", &["--platform", "qq"], APP_SECRET).ok();
    add("tt", "1110000001", &["--platform", "douyin"], APP_SECRET).refused(&["--appid"]);
    add("my", "2021000000000001", &["--platform", "alipay"], APP_SECRET).refused(&["--platform", "menjin.toml"]);
    let qq = run_in(folder.path(), &["app", "show", "qq"]).ok();
    assert!(qq.lines().any(|line| line.starts_with("platform") && line.ends_with("qq")), "{qq}");
    let shown = run_in(folder.path(), &["app", "show", "shop"]).ok();
    assert!(shown.contains("wx0123456789abcdef") && !shown.contains(APP_SECRET), "{shown}");
    let status = run_in(folder.path(), &["key", "status"]).ok();
    assert!(status.lines().any(|line| line.contains("apps") && line.ends_with('3')), "{status}");
}

#[test]
fn the_same_id_in_the_file_and_in_the_store_stops_the_start_and_a_command_mends_it() {
    let folder = installed();
    json(folder.path(), &["add", "reports"]);
    append(
        folder.path(),
        "[[app]]\nid = \"reports\"\nkind = \"backend\"\nclient_secret = \"0123456789abcdef0123456789abcdef\"",
    );
    let serve = |words: &[&str]| {
        let mut command = menjin(&["serve"]);
        command.current_dir(folder.path()).env("MENJIN__SERVER__PUBLIC_URL", "https://login.acme.test");
        command.env("MENJIN__SERVER__LISTEN", "127.0.0.1:0").env("MENJIN__ADMIN__LISTEN", "127.0.0.1:0");
        Ran::from(command.stdin(std::process::Stdio::null()).output().unwrap()).refused(words);
    };
    serve(&["app.reports", "menjin.toml", "store.url", "menjin app remove reports"]);
    for command in ["disable", "enable"] {
        run_in(folder.path(), &["app", command, "reports"]).refused(&["reports", "menjin.toml"]);
    }
    run_in(folder.path(), &["app", "remove", "reports", "--yes"]).ok();
    let left = json(folder.path(), &["list"]);
    assert_eq!((left[0]["id"].as_str(), left[0]["source"].as_str()), (Some("reports"), Some("menjin.toml")));
    run_in(folder.path(), &["app", "remove", "reports", "--yes"]).refused(&["reports", "menjin.toml"]);
}

#[test]
fn an_installation_may_have_its_apps_in_the_store_alone() {
    let folder = installed();
    let check = || {
        let mut command = menjin(&["config", "check"]);
        command.current_dir(folder.path()).env("MENJIN__SERVER__PUBLIC_URL", "https://login.menjin.test");
        Ran::from(command.output().unwrap())
    };
    check().refused(&["`app`", "[[app]]", "menjin app add"]);
    json(folder.path(), &["add", "reports"]);
    assert!(check().ok().ends_with("\nok\n"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_running_server_learns_of_a_registered_app_and_of_its_end() {
    let data = tempdir().unwrap();
    let server = crate::harness::Server::dev(data.path());
    let added = json(data.path(), &["add", "reports", "--scope", "platform-token:demo"]);
    let secret = added["client_secret"].as_str().unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let until = async |status: u16| {
        let form = [("grant_type", "client_credentials"), ("client_id", "reports"), ("client_secret", secret)];
        let asked = async {
            loop {
                let url = format!("{}/oauth2/token", server.url());
                if client.post(url).form(&form).send().await.unwrap().status() == status {
                    break;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), asked).await.expect("the feed is read often");
    };
    until(200).await;
    json(data.path(), &["disable", "reports"]);
    until(401).await;
    json(data.path(), &["enable", "reports"]);
    until(200).await;
    json(data.path(), &["remove", "reports", "--yes"]);
    until(401).await;
}
