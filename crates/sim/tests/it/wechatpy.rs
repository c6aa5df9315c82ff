//! Somebody else's client, `wechatpy` as it is published, gets through a login against the simulator.
//!
//! `wechatpy_flow.py` is the client's side; `cargo xtask test` makes the virtual environment that it runs in.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Platforms, SECRET, SHOP, START};

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
    let mut command = Command::new(python());
    command.args([SCRIPT, &platforms.base, SHOP, SECRET]);
    let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let ran = ran.expect("the interpreter named by MENJIN_TEST_PYTHON starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let learnt: Value = serde_json::from_slice(&ran.stdout).expect("the script prints JSON");
    let expected = json!({
        "openid": platforms.sim.openid(SHOP, "alice"),
        "unionid": platforms.sim.unionid("acme", "alice"),
        "second_use": 40163,
        "nickname": "爱丽丝",
        "watermark": { "timestamp": START, "appid": SHOP },
        "phone_from_encrypted_data": "13580006666",
        "phone_from_code": "13580006666",
        "stale_token_was_replaced": true,
    });
    assert_eq!(learnt, expected);
}
