//! `menjin serve`: what it refuses, that it serves, and that it stops.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::{menjin, run_in};

const KEY: &str = "secret_key = \"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\"\n";

fn configured(text: &str) -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("menjin.toml"), text).unwrap();
    folder
}

fn serve(folder: &Path) -> crate::harness::Ran {
    run_in(folder, &["serve"])
}

#[test]
fn without_a_master_key_it_does_not_start() {
    let folder = configured("[server]\npublic_url = \"https://login.example.com\"\n");
    serve(folder.path()).refused(&["`secret_key`", "menjin init"]);
    let placeholder = "0".repeat(64);
    let folder =
        configured(&format!("secret_key = \"{placeholder}\"\n[server]\npublic_url = \"https://a.example.com\"\n"));
    serve(folder.path()).refused(&["`secret_key`", "placeholder"]);
}

#[test]
fn without_an_https_address_it_does_not_start() {
    serve(configured(KEY).path()).refused(&["`server.public_url`", "missing"]);
    let plain = format!("{KEY}[server]\npublic_url = \"http://login.example.com\"\n");
    serve(configured(&plain).path()).refused(&["`server.public_url`", "https"]);
}

#[test]
fn with_the_simulator_for_wechat_it_does_not_start() {
    let start = format!("{KEY}[server]\npublic_url = \"https://login.example.com\"\n");
    let for_all = format!("{start}[wechat]\nbase_url = \"http://127.0.0.1:7601\"\n");
    serve(configured(&for_all).path()).refused(&["`wechat.base_url`"]);
    let app =
        "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n";
    let for_one = format!("{start}{app}secret = \"s\"\nbase_url = \"http://127.0.0.1:7601\"\n");
    serve(configured(&for_one).path()).refused(&["`app.shop.base_url`"]);
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder =
        configured(&format!("{KEY}[server]\nlisten = \"{address}\"\npublic_url = \"https://a.example.com\"\n"));
    let ran = serve(folder.path());
    assert!(ran.err.contains("`server.listen`") && ran.err.contains(&address.to_string()), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let folder = tempdir().unwrap();
    for arguments in
        [&["serve", "--nonsense"][..], &["nonsense"], &["dev", "--port", "70000"], &["dev", "--app", "shop"]]
    {
        assert_eq!(run_in(folder.path(), arguments).code, Some(2), "{arguments:?}");
    }
    assert_eq!(run_in(folder.path(), &["--help"]).code, Some(0));
}

#[cfg(unix)]
#[test]
fn it_serves_and_stops_when_it_is_told_to() {
    let listen = "listen = \"127.0.0.1:0\"\n";
    let folder =
        configured(&format!("{KEY}[server]\n{listen}public_url = \"https://login.example.com\"\n[admin]\n{listen}"));
    let mut command = menjin(&["serve"]);
    command.current_dir(folder.path());
    let server = crate::harness::Server::start(command, "menjin serves");
    let line: serde_json::Value = serde_json::from_str(server.page.lines().last().unwrap()).unwrap();
    assert_eq!(line["level"], "INFO", "{line}");
    for side in ["server.listen", "admin.listen"] {
        let address = line[side].as_str().unwrap();
        std::net::TcpStream::connect(address).unwrap();
    }
    assert_eq!(server.stop(), Some(0));
}
