//! `/dev/{qq,tt,my}/…`: what `menjin dev` passes on to the simulator.

use serde_json::json;

use super::{sign_in, start_with};
use crate::harness::Setup;

#[tokio::test]
async fn codes_of_all_platforms_come_through_menjin() {
    let t = start_with(Setup { dev: true, ..Setup::default() }).await;
    for (call, member, app) in [
        ("/dev/qq/login", "code", "qq"),
        ("/dev/tt/login", "code", "douyin"),
        ("/dev/my/getAuthCode", "authCode", "alipay"),
        ("/dev/wx/login", "code", "shop"),
    ] {
        let code = t.anon().post(call, json!({"person": "alice"})).await.ok(200)[member].clone();
        sign_in(&t, app, json!({"code": code})).await.ok(200);
    }
    for unknown in ["/dev/qq/getPhoneNumber", "/dev/my/login", "/dev/tt/authorize", "/dev/bd/login"] {
        assert_eq!(t.anon().post(unknown, json!({"person": "alice"})).await.status.as_u16(), 404, "{unknown}");
    }
}
