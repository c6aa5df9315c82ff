//! Somebody else's client, `wechatpy` as it is published, gets through a login, and reads a push.
//!
//! `wechatpy_flow.py` is the client's side; `cargo xtask test` makes the virtual environment that it runs in.

use std::process::Command;

use menjin_sim::{PushFormat, PushMode, PushOrder, PushSettings};
use serde_json::{Value, json};

use crate::harness::{Platforms, SECRET, SHOP, START};
use crate::tunnel::Tunnel;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wechatpy_flow.py");

#[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
fn python() -> String {
    std::env::var("MENJIN_TEST_PYTHON")
        .expect("MENJIN_TEST_PYTHON is unset: run `cargo xtask test`, which installs wechatpy and sets it")
}

#[tokio::test]
async fn wechatpy_signs_a_person_in_and_learns_profile_and_phone_number() {
    let platforms = Platforms::start_with_two_apps().await;
    platforms.sim.change_person("alice", |alice| alice.nickname = Some("爱丽丝".to_owned()));
    let tunnel = Tunnel::before(platforms).await;
    let platforms = &tunnel.platforms;
    let (aes_key, url) = ("A".repeat(43), "http://127.0.0.1/".to_owned());
    let (format, mode) = (PushFormat::Xml, PushMode::Secure);
    let settings = PushSettings { url, token: "AAAAA".to_owned(), aes_key: Some(aes_key.clone()), format, mode };
    platforms.sim.set_push(SHOP, settings);
    let order = PushOrder::event(SHOP, "user_authorization_revoke", &platforms.sim.openid(SHOP, "alice"));
    let push = platforms.sim.sign_push(&order.with("RevokeInfo", "6"));
    let query = push.url.split_once('?').expect("a push is signed in its query").1;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut command = Command::new(python());
    tunnel.lead(&mut command, folder.path());
    command.args([SCRIPT, &platforms.base, SHOP, SECRET, &push.body, query, "AAAAA", &aes_key]);
    let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let ran = ran.expect("the interpreter named by MENJIN_TEST_PYTHON starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let learnt: Value = serde_json::from_slice(&ran.stdout).expect("the script prints JSON");
    let expected = json!({
        "openid": platforms.sim.openid(SHOP, "alice"),
        "unionid": platforms.sim.unionid("acme", "alice"),
        "second_use": 40163,
        "bad_text": 87014,
        "good_text": null,
        "code": "ffd8ff",
        "revoked": "6",
        "nickname": "爱丽丝",
        "watermark": { "timestamp": START, "appid": SHOP },
        "phone_from_encrypted_data": "13580006666",
        "phone_from_code": "13580006666",
        "stale_token_was_replaced": true,
    });
    assert_eq!(learnt, expected);
}
