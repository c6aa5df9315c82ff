//! `/_sim/policy`.

use serde_json::{Value, json};

use crate::harness::Platforms;

#[tokio::test]
async fn only_what_is_given_changes() {
    let platforms = Platforms::start().await;
    let mut expected = platforms.get("/_sim/policy").await.json();
    assert_eq!((&expected["session_key"], &expected["country_code"]), (&json!("min_interval"), &json!("string")));
    let change = json!({ "session_key": "never", "quotas": { "code2session_user_minute": null } });
    let changed = platforms.control("/_sim/policy", change).await;
    expected["session_key"] = json!("never");
    expected["quotas"]["code2session_user_minute"] = Value::Null;
    assert_eq!(changed, expected);
    assert_eq!(platforms.get("/_sim/policy").await.json(), expected);
}

#[tokio::test]
async fn unknown_members_and_values_are_refused_and_change_nothing() {
    let platforms = Platforms::start().await;
    let before = platforms.sim.policy();
    let change = async |body| platforms.post("/_sim/policy", body).await;
    change(json!({ "sesion_key": "never" })).await.complaint(400, "unknown field `sesion_key`");
    change(json!({ "session_key": "sometimes" })).await.complaint(400, "unknown variant `sometimes`");
    change(json!({ "sample_style": true, "quotas": { "logins": 1 } })).await.complaint(400, "unknown field `logins`");
    change(json!([])).await.complaint(400, "invalid");
    assert_eq!(platforms.sim.policy(), before);
}

#[tokio::test]
async fn slashes_are_escaped_on_sns_unless_told_otherwise() {
    let platforms = Platforms::start().await;
    platforms.sim.change_policy(|policy| policy.session_key = menjin_sim::SessionKeyPolicy::Always);
    let key_with_a_slash = async || loop {
        let answer = platforms.exchange(&platforms.code("alice").await).await;
        if answer.body.contains('/') {
            return answer.body;
        }
    };
    assert!(key_with_a_slash().await.contains(r"\/"));
    platforms.control("/_sim/policy", json!({ "escape_slashes": false })).await;
    assert!(!key_with_a_slash().await.contains(r"\/"));
}
