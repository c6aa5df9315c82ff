//! Other people's SDKs, unchanged, through the proxy: all that they are told is in their environment.
//!
//! Their programs are in `tests/sdks`; `cargo xtask test` installs them.

use std::path::PathBuf;
use std::process::Command;

use menjin_sim::App;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use crate::harness::{Platforms, SECRET, SHOP, hex};
use crate::tunnel::Tunnel;

const ACCOUNT: &str = "wxaaaaaaaaaaaaaaaa";
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdks");

#[expect(clippy::disallowed_methods, reason = "the test runner says where the SDKs are")]
fn installed() -> PathBuf {
    std::env::var_os("MENJIN_TEST_SDKS")
        .expect("MENJIN_TEST_SDKS is unset: run `cargo xtask test`, which installs the SDKs and sets it")
        .into()
}

fn python(sdk: &str) -> Command {
    let inside = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    Command::new(installed().join(sdk).join(inside))
}

/// Node itself knows no proxy before version 24; `global-agent` teaches it.
fn node() -> Command {
    installed();
    let mut command = Command::new("node");
    command.env("NODE_OPTIONS", format!("--require \"{PROGRAMS}/node_modules/global-agent/bootstrap.js\""));
    command
}

async fn start() -> Tunnel {
    let apps =
        vec![App::mini_program(SHOP, SECRET).bound_to("acme"), App::official_account(ACCOUNT, SECRET).bound_to("acme")];
    Tunnel::before(Platforms::with(apps).await).await
}

/// Runs a program and gives what it learnt.
async fn learnt(tunnel: &Tunnel, mut command: Command, program: &str) -> Value {
    command.arg(format!("{PROGRAMS}/{program}")).args([tunnel.platforms.base.as_str(), SHOP, SECRET, ACCOUNT]);
    let folder = tempfile::tempdir().expect("a folder can be made");
    // Some SDKs keep tokens where they are.
    command.current_dir(folder.path());
    tunnel.lead(&mut command, folder.path());
    let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let ran = ran.expect("the program can be started");
    assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn alice(tunnel: &Tunnel) -> String {
    tunnel.platforms.sim.openid(SHOP, "alice")
}

#[tokio::test]
async fn python_weixin_signs_in_fetches_a_token_and_decrypts() {
    let tunnel = start().await;
    let learnt = learnt(&tunnel, python("python-weixin"), "python_weixin.py").await;
    let expected = json!({ "openid": alice(&tunnel), "again": 40163, "expires_in": 7200, "phone": "13580006666" });
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn weixin_python_signs_in_by_a_mini_program_and_by_an_official_account() {
    let tunnel = start().await;
    tunnel.platforms.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".to_owned()));
    let learnt = learnt(&tunnel, python("weixin-python"), "weixin_python.py").await;
    let expected = json!({
        "openid": alice(&tunnel),
        "again": "40163",
        "state": "state1",
        "account_openid": tunnel.platforms.sim.openid(ACCOUNT, "alice"),
        "nickname": "爱丽丝",
        "unionid": tunnel.platforms.sim.unionid("acme", "alice"),
    });
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn co_wechat_api_signs_in_draws_codes_and_replaces_a_stale_token() {
    let tunnel = start().await;
    let learnt = learnt(&tunnel, node(), "co_wechat_api.mjs").await;
    assert_eq!(learnt, json!({ "openid": alice(&tunnel), "again": 40163, "jpeg": ["ffd8ff", "ffd8ff"] }));
}

#[tokio::test]
async fn wechat_jssdk_signs_in_checks_signatures_decrypts_and_signs_a_page() {
    let tunnel = start().await;
    let learnt = learnt(&tunnel, node(), "wechat_jssdk.mjs").await;
    let (openid, page) = (alice(&tunnel), &learnt["page"]);
    let part = |name: &str| page[name].as_str().expect("the signature of a page has it");
    let (nonce, timestamp) = (part("nonceStr"), part("timestamp"));
    let token = tunnel.platforms.access_token(ACCOUNT).await;
    let path = format!("/cgi-bin/ticket/getticket?access_token={token}&type=jsapi");
    let given = tunnel.platforms.get(&path).await.json();
    let ticket = given["ticket"].as_str().expect("a ticket");
    let signed =
        format!("jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url=https://shop.example.com/a?b=c");
    assert_eq!(part("signature"), hex(&Sha1::digest(signed)));
    let expected = json!({
        "openid": openid, "again": 40163, "forged": "refused", "nickname": "爱丽丝", "inside": openid, "page": page,
    });
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn node_easywechat_signs_in_learns_phone_numbers_and_has_texts_checked() {
    let tunnel = start().await;
    let learnt = learnt(&tunnel, node(), "node_easywechat.mjs").await;
    let expected = json!({
        "openid": alice(&tunnel), "phones": ["13580006666", "13580006666"], "checked": ["pass", "risky"],
    });
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn wechat_oauth_signs_in_and_decrypts() {
    let tunnel = start().await;
    let learnt = learnt(&tunnel, node(), "wechat_oauth.mjs").await;
    assert_eq!(learnt, json!({ "openid": alice(&tunnel), "again": 40163, "nickname": "爱丽丝" }));
}

#[tokio::test]
async fn nodes_own_fetch_meets_it_by_undicis_agent() {
    let tunnel = start().await;
    let mut command = node();
    command.env_remove("NODE_OPTIONS");
    let learnt = learnt(&tunnel, command, "undici_fetch.mjs").await;
    assert_eq!(learnt, json!({ "openid": alice(&tunnel) }));
}
