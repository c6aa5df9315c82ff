//! `openapi.alipay.com`, judged by somebody else's client: `python-alipay-sdk` as it is published signs the requests and
//! verifies the answers.

use menjin_sim::Decision;

use super::{ALIPAY, ALIPAY_SITE, start};

#[tokio::test]
async fn a_request_without_a_good_signature_is_refused() {
    let platforms = start().await;
    let path = |sign: &str| {
        format!(
            "/alipay/gateway.do?app_id={ALIPAY}&method=alipay.system.oauth.token&charset=utf-8&format=JSON&sign_type=RSA2&timestamp=2026-01-02%2003:04:05&version=1.0&grant_type=authorization_code&code=x&sign={sign}"
        )
    };
    let refused = platforms.get(&path("AAAA")).await.json();
    assert_eq!(refused["error_response"]["sub_code"], "isv.invalid-signature");
    assert!(refused["sign"].as_str().unwrap().len() == 344);
    let missing = platforms.get(&path("")).await.json();
    assert_eq!(missing["error_response"]["sub_code"], "isv.missing-parameter");
    let unknown = platforms.get(&path("AAAA").replace(ALIPAY, "2021000000000009")).await.json();
    assert_eq!(unknown["error_response"]["sub_code"], "isv.invalid-app-id");
}

#[tokio::test]
async fn a_browser_comes_back_with_an_auth_code() {
    let platforms = start().await;
    let address = format!(
        "https://openauth.alipay.com/oauth2/publicAppAuthorize.htm?app_id={ALIPAY_SITE}&scope=auth_user&redirect_uri=http%3A%2F%2F127.0.0.1%2Fback&state=s1"
    );
    let back = platforms.sim.authorize(&address, "alice", Decision::Allow).unwrap().unwrap();
    assert!(
        back.starts_with(&format!("http://127.0.0.1/back?app_id={ALIPAY_SITE}&scope=auth_user&auth_code=")),
        "{back}"
    );
    assert!(platforms.sim.authorize(&address.replace("auth_user", "all"), "alice", Decision::Allow).is_err());
    assert!(platforms.sim.authorize(&address.replace(ALIPAY_SITE, ALIPAY), "alice", Decision::Allow).is_err());
}

mod by_python {
    use std::process::Command;

    use menjin_sim::{ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY};
    use serde_json::{Value, json};

    use crate::others::{ALIPAY, start};

    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/others/alipay_flow.py");

    #[expect(clippy::disallowed_methods, reason = "the test runner says where the interpreter is")]
    fn python() -> String {
        std::env::var("MENJIN_TEST_PYTHON")
            .expect("MENJIN_TEST_PYTHON is unset: run `cargo xtask test`, which installs python-alipay-sdk and sets it")
    }

    #[tokio::test]
    async fn python_alipay_sdk_signs_a_person_in_and_verifies_a_phone_number() {
        let platforms = start().await;
        let phone = platforms.control("/_sim/my/getPhoneNumber", json!({"person": "alice"})).await;
        let code = platforms.control("/_sim/my/getAuthCode", json!({"person": "alice", "scopes": ["auth_user"]})).await;
        let input = json!({
            "gateway": format!("{}/alipay/gateway.do", platforms.base), "appid": ALIPAY, "code": code["authCode"],
            "app_private_key": APP_PRIVATE_KEY, "alipay_public_key": ALIPAY_PUBLIC_KEY, "phone": phone["response"],
        });
        let mut command = Command::new(python());
        command.args([SCRIPT, &input.to_string()]);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let ran = ran.expect("the interpreter named by MENJIN_TEST_PYTHON starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let learnt: Value = serde_json::from_slice(&ran.stdout).expect("the script prints JSON");
        assert_eq!(learnt["open_id"], platforms.sim.openid(ALIPAY, "alice"));
        assert_eq!(learnt["nick_name"], "alice");
        assert_eq!(learnt["phone_is_signed"], true);
        assert_eq!(learnt["second_use"], "isv.code-invalid");
        assert_eq!(learnt["with_another_key"], "isv.invalid-signature");
    }
}
