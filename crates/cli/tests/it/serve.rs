//! `menjin serve`: what it refuses, that it serves, and that it stops.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::{menjin, run_in};

/// What clients call it: nobody's example.
const URL: &str = "public_url = \"https://login.menjin.test\"\n";

const APP: &str = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
    secret = \"0123456789abcdef0123456789abcdef\"\n";

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
    let start = format!("{KEY}[server]\n{URL}");
    let for_all = format!("{start}[wechat]\nbase_url = \"http://127.0.0.1:7601\"\n");
    serve(configured(&for_all).path()).refused(&["`wechat.base_url`"]);
    let for_one = format!("{start}{APP}base_url = \"http://127.0.0.1:7601\"\n");
    serve(configured(&for_one).path()).refused(&["`app.shop.base_url`"]);
}

#[test]
fn for_trying_it_takes_http_of_this_machine_and_refuses_all_that_reaches_others() {
    let sides = "[admin]\nlisten = \"127.0.0.1:0\"\n[server]\nlisten = \"127.0.0.1:0\"\n";
    let text = format!(
        "{KEY}{sides}public_url = \"http://127.0.0.1:7600\"\n[wechat]\nbase_url = \"http://127.0.0.1:7601\"\n{APP}"
    );
    let try_it = |text: &str| run_in(configured(text).path(), &["serve", "--insecure-for-trying"]);
    try_it(&text.replace(KEY, "")).refused(&["`secret_key`"]);
    try_it(&text.replace("public_url = \"http://127.0.0.1:7600\"\n", "")).refused(&["`server.public_url`"]);
    try_it(&text.replace("http://127.0.0.1:7600", "http://login.menjin.test")).refused(&["`server.public_url`"]);
    try_it(&text.replace("http://127.0.0.1:7601", "http://10.0.0.5")).refused(&["`wechat.base_url`"]);
    let of_one = "base_url = \"http://localhost.menjin.test\"\n";
    try_it(&format!("{text}{of_one}")).refused(&["`app.shop.base_url`"]);
    let open = text.replacen("127.0.0.1:0", "0.0.0.0:0", 1);
    try_it(&open).refused(&["`admin.listen`", "--insecure-for-trying"]);
    let open = text.replace("[server]\nlisten = \"127.0.0.1:0\"", "[server]\nlisten = \"[::]:0\"");
    try_it(&open).refused(&["`server.listen`", "--insecure-for-trying"]);
    serve(configured(&text).path()).refused(&["`server.public_url`", "https"]);
    let folder = configured(&text);
    let mut command = menjin(&["serve", "--insecure-for-trying"]);
    command.current_dir(folder.path());
    let server = crate::harness::Server::start(command, "menjin serves");
    let warned = server.page.lines().any(|line| line.contains("\"WARN\"") && line.contains("--insecure-for-trying"));
    assert!(warned, "{}", server.page);
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = configured(&format!("{KEY}[server]\nlisten = \"{address}\"\n{URL}{APP}"));
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
    let folder = configured(&format!("{KEY}[server]\n{listen}{URL}[admin]\n{listen}{APP}"));
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

#[test]
fn what_init_leaves_to_be_filled_in_is_refused_by_serve_and_by_check() {
    let example = format!("{KEY}[server]\npublic_url = \"https://login.example.com\"\n{APP}");
    let no_app = format!("{KEY}[server]\n{URL}");
    for (text, key) in [(example, "`server.public_url`"), (no_app, "`app`")] {
        let folder = configured(&text);
        serve(folder.path()).refused(&[key]);
        let checked = run_in(folder.path(), &["config", "check"]);
        assert!(!checked.out.ends_with("ok\n"), "{}", checked.out);
        checked.refused(&[key]);
    }
    let folder = configured(&format!("{KEY}[server]\n{URL}{APP}"));
    let checked = run_in(folder.path(), &["config", "check"]).ok();
    assert!(!checked.lines().any(|line| line.starts_with('#')) && checked.ends_with("\nok\n"), "{checked}");
}

#[test]
fn an_audience_that_no_other_app_has_is_remarked_upon_by_check() {
    let hook = "[[webhook]]\nname = \"news\"\naudience = \"zzz\"\nurl = \"https://crm.example.com/in\"\n\
                secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n";
    let back_end = "[[app]]\nid = \"crm\"\nkind = \"backend\"\naudience = \"shpo\"\n";
    let folder = configured(&format!("{KEY}[server]\n{URL}{APP}{back_end}{hook}"));
    let checked = run_in(folder.path(), &["config", "check"]).ok();
    for key in ["# `webhook.news.audience`: no [[app]] has the audience zzz", "# `app.crm.audience`: no other [[app]]"]
    {
        assert!(checked.lines().any(|line| line.starts_with(key)), "{key} is not in: {checked}");
    }
    let right =
        format!("{KEY}[server]\n{URL}{APP}{back_end}{hook}").replace("\"zzz\"", "\"shop\"").replace("shpo", "shop");
    let checked = run_in(configured(&right).path(), &["config", "check"]).ok();
    assert!(!checked.lines().any(|line| line.starts_with('#')), "{checked}");
}

/// A configuration whose master key stands in a file.
fn with_key_file() -> tempfile::TempDir {
    let listen = "listen = \"127.0.0.1:0\"\n";
    configured(&format!("secret_key_file = \"secret.key\"\n[server]\n{listen}{URL}[admin]\n{listen}{APP}"))
}

#[test]
fn a_master_key_file_that_is_missing_or_empty_is_named_with_what_helps() {
    let folder = with_key_file();
    for (text, is) in [(None, "secret.key does not exist"), (Some("\n"), "secret.key is empty")] {
        if let Some(text) = text {
            fs::write(folder.path().join("secret.key"), text).unwrap();
        }
        for command in [&["serve"][..], &["config", "check"], &["migrate"], &["key", "list"]] {
            run_in(folder.path(), command).refused(&["`secret_key_file`", is, "menjin init"]);
        }
    }
    assert!(!folder.path().join("menjin.db").exists());
}

#[cfg(unix)]
#[test]
fn a_file_of_a_secret_that_others_may_read_is_warned_about_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = with_key_file();
    let file = folder.path().join("secret.key");
    let key = KEY.split('"').nth(1).unwrap();
    fs::write(&file, key).unwrap();
    for (mode, warnings) in [(0o644, 1), (0o600, 0)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let checked = run_in(folder.path(), &["config", "check"]).ok();
        assert_eq!(checked.matches("# `secret_key_file`").count(), warnings, "{checked}");
        let mut command = menjin(&["serve"]);
        command.current_dir(folder.path());
        let server = crate::harness::Server::start(command, "menjin serves");
        let warned = server.page.lines().filter(|line| line.contains("\"WARN\"") && line.contains("chmod 600"));
        assert_eq!(warned.count(), warnings, "{}", server.page);
        assert!(!server.page.contains(key), "{}", server.page);
        assert_eq!(server.stop(), Some(0));
    }
}

#[test]
fn an_app_with_an_odd_appid_or_a_placeholder_for_its_secret_is_refused() {
    let right = "secret = \"0123456789abcdef0123456789abcdef\"";
    let cases = [
        ("wx0123456789abcdef", "shop", "`app.shop.appid`"),
        ("wx0123456789abcdef", "wx0123456789abcde", "`app.shop.appid`"),
        ("wx0123456789abcdef", "wx0123456789abcdeg", "`app.shop.appid`"),
        (right, "secret = \"…\"", "`app.shop.secret`"),
        (right, "secret = \"  \"", "`app.shop.secret`"),
        (right, "", "`app.shop.secret`"),
        (right, &format!("{right}\nclient_secret = \"...\""), "`app.shop.client_secret`"),
    ];
    for (given, wrong, key) in cases {
        let folder = configured(&format!("{KEY}[server]\n{URL}{}", APP.replace(given, wrong)));
        serve(folder.path()).refused(&[key]);
        run_in(folder.path(), &["config", "check"]).refused(&[key]);
    }
}

#[test]
fn a_value_that_serving_would_break_on_is_refused_by_its_key() {
    let server = [
        ("trusted_proxies = [\"10.0.0.0/8\", \"0.0.0.0/0\"]", "`server.trusted_proxies`"),
        ("trusted_proxies = [\"::/0\"]", "`server.trusted_proxies`"),
        ("max_body = 0", "`server.max_body`"),
        ("max_body = 1023", "`server.max_body`"),
        ("max_connections = 0", "`server.max_connections`"),
        ("request_timeout = \"0s\"", "`server.request_timeout`"),
        ("header_timeout = \"0s\"", "`server.header_timeout`"),
        ("request_timeout = \"5s\"", "`wechat.deadline`"),
        ("[wechat]\ndeadline = \"10s\"", "`wechat.deadline`"),
        ("[wechat]\ndeadline = \"0s\"", "`wechat.deadline`"),
        ("[lifetimes]\nrefresh_grace = \"11m\"", "`lifetimes.refresh_grace`"),
        ("[lifetimes]\nrefresh_idle = \"20s\"", "`lifetimes.refresh_grace`"),
        ("[lifetimes]\nrefresh_grace = \"1m\"", "`app.shop.refresh_idle`"),
    ];
    for (wrong, key) in server {
        let folder = configured(&format!("{KEY}[server]\n{URL}{wrong}\n{APP}refresh_idle = \"59s\"\n"));
        serve(folder.path()).refused(&[key]);
        run_in(folder.path(), &["config", "check"]).refused(&[key]);
    }
}

#[cfg(unix)]
#[test]
fn an_operators_side_that_is_open_to_the_network_is_warned_about() {
    let listen = "listen = \"127.0.0.1:0\"\n";
    let open = "listen = \"0.0.0.0:0\"\n";
    let folder = configured(&format!("{KEY}[server]\n{listen}{URL}[admin]\n{open}{APP}"));
    let checked = run_in(folder.path(), &["config", "check"]).ok();
    assert!(checked.lines().any(|line| line.starts_with("# `admin.listen`")), "{checked}");
    let mut command = menjin(&["serve"]);
    command.current_dir(folder.path());
    let server = crate::harness::Server::start(command, "menjin serves");
    let warned = server.page.lines().find(|line| line.contains("\"WARN\"")).unwrap_or_default();
    assert!(warned.contains("admin.listen"), "{}", server.page);
    assert_eq!(server.stop(), Some(0));
}
