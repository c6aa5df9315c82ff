//! The database can be read and not written, as a primary that an operator holds, or that has become a replica.

use super::{Faulty, assert_in_trouble, in_time, on_each, until};

async fn a_database_that_can_only_be_read_burns_nothing_and_is_used_again_by_itself(f: Faulty) {
    let mut phone = f.t.phone("alice").await;
    phone.refresh().await.ok(200);
    f.operate(&ON, "SET GLOBAL read_only = 1").await;
    // PostgreSQL's connections hear of it one by one.
    let answer = in_time(async {
        loop {
            let answer = phone.refresh().await;
            if answer.status != 200 {
                return answer;
            }
        }
    });
    assert_in_trouble(answer.await);
    until(async || f.t.anon().get("/readyz").await.status != 200).await;
    assert_in_trouble(f.t.anon().get("/readyz").await);
    let held = phone.refresh_token();
    for _ in 0..3 {
        assert_in_trouble(phone.refresh().await);
        assert_in_trouble(f.t.phone_of("bob").login(serde_json::json!({})).await);
    }
    f.operate(&OFF, "SET GLOBAL read_only = 0").await;
    f.is_ready().await;
    until(async || f.t.phone_of("bob").login(serde_json::json!({})).await.status == 200).await;
    let next = phone.refresh().await.ok(200);
    assert_eq!(f.t.anon().refresh_with(&held).await.ok(200)["refresh_token"], next["refresh_token"], "its first use");
    phone.get("/v1/me").await.ok(200);
}

const ON: [&str; 2] = ["ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"];
const OFF: [&str; 2] = ["ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"];

on_each! {
    a_database_that_can_only_be_read_burns_nothing_and_is_used_again_by_itself
}
