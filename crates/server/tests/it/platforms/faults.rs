//! What goes wrong at a platform, told to the person rightly, whichever platform it is.

use menjin_sim::{Fault, FaultKind};
use serde_json::json;

use super::{MINI_PROGRAMS, sign_in, start};
use crate::harness::TestServer;

async fn struck(t: &TestServer, at: usize, kind: FaultKind) -> (String, crate::harness::Answer) {
    let (app, platform, appid, path) = MINI_PROGRAMS[at];
    let code = t.sim.code_of(platform, appid, "alice");
    t.sim.add_fault(Fault::once(kind).on(path));
    let answer = sign_in(t, app, json!({"code": code})).await;
    (code, answer)
}

#[tokio::test]
async fn a_code_is_exchanged_once_on_every_platform() {
    let t = start().await;
    for (app, platform, appid, _) in MINI_PROGRAMS {
        let code = t.sim.code_of(platform, appid, "alice");
        sign_in(&t, app, json!({"code": code})).await.ok(200);
        sign_in(&t, app, json!({"code": code})).await.problem(401, "code_used");
        assert_eq!(t.sim.calls_with_code(&code), 1, "{app}");
    }
}

#[tokio::test]
async fn a_wrong_code_is_invalid_on_every_platform() {
    let t = start().await;
    for (app, ..) in MINI_PROGRAMS {
        let refused = sign_in(&t, app, json!({"code": "0123456789abcdef0123456789abcdef"})).await;
        let refused = refused.problem(401, "code_invalid");
        assert_eq!(refused["action"], "relogin", "{app}");
        assert!(refused["platform"]["errcode"].as_i64().is_some(), "{app}: {refused}");
    }
}

#[tokio::test]
async fn a_platform_that_breaks_off_costs_the_code_and_says_so() {
    let t = start().await;
    for (at, (app, ..)) in MINI_PROGRAMS.into_iter().enumerate() {
        for kind in [FaultKind::Dropped, FaultKind::Malformed, FaultKind::Html] {
            let (code, answer) = struck(&t, at, kind.clone()).await;
            let problem = answer.problem(503, "platform_unavailable");
            assert_eq!(problem["action"], "relogin", "{at} {kind:?}");
            let again = sign_in(&t, app, json!({"code": code})).await;
            again.problem(401, "code_used");
            assert_eq!(t.sim.calls_with_code(&code), 1, "{at} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_busy_qq_leaves_the_code_good_and_the_others_may_have_taken_it() {
    let t = start().await;
    let (code, answer) = struck(&t, 0, FaultKind::Busy).await;
    assert_eq!(answer.problem(503, "platform_unavailable")["action"], "retry");
    sign_in(&t, "qq", json!({"code": code})).await.ok(200);
    for at in 1..MINI_PROGRAMS.len() {
        let (_, answer) = struck(&t, at, FaultKind::Busy).await;
        assert_eq!(answer.problem(503, "platform_unavailable")["action"], "relogin", "{at}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_the_operators_and_names_no_secret() {
    let t = start().await;
    for (at, errcode) in [(0, 40001), (0, 40013), (1, 40015), (1, 40017), (2, 40006)] {
        let (_, answer) = struck(&t, at, FaultKind::Errcode { errcode, errmsg: None }).await;
        let problem = answer.problem(503, "platform_misconfigured");
        assert!(problem.get("platform").is_none(), "{at} {errcode}: {problem}");
    }
}

#[tokio::test]
async fn a_minutes_quota_of_qq_is_told_with_the_time_to_wait() {
    let t = start().await;
    let (code, answer) = struck(&t, 0, FaultKind::Errcode { errcode: 45011, errmsg: None }).await;
    assert_eq!(answer.header("retry-after"), "60");
    answer.problem(503, "platform_unavailable");
    sign_in(&t, "qq", json!({"code": code})).await.ok(200);
}

#[tokio::test]
async fn the_same_request_finds_its_session_again_on_every_platform() {
    let t = start().await;
    for (app, platform, appid, _) in MINI_PROGRAMS {
        let body = json!({"code": t.sim.code_of(platform, appid, "alice")});
        let headers = [("idempotency-key", format!("key-of-{app}"))];
        let send = async || {
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let path = format!("/v1/login/{app}");
            t.anon().send(reqwest::Method::POST, &path, Some(body.to_string()), &headers).await.ok(200)
        };
        let (first, again) = (send().await, send().await);
        assert_eq!(first["session_id"], again["session_id"], "{app}");
    }
    assert_eq!(t.sim.calls(&menjin_sim::CallFilter::default()).len(), MINI_PROGRAMS.len());
}
