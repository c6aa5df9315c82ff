//! `cgi-bin/ticket/getticket`.

use menjin_sim::App;
use serde_json::json;

use crate::harness::{Answer, Platforms, SECRET, SHOP};

const ACCOUNT: &str = "wxaaaaaaaaaaaaaaaa";

async fn start() -> Platforms {
    Platforms::with(vec![App::mini_program(SHOP, SECRET), App::official_account(ACCOUNT, SECRET)]).await
}

async fn ask(platforms: &Platforms, appid: &str, kind: &str) -> Answer {
    let token = platforms.access_token(appid).await;
    platforms.get(&format!("/cgi-bin/ticket/getticket?access_token={token}&type={kind}")).await
}

#[tokio::test]
async fn a_ticket_is_the_same_until_it_ends_and_each_type_has_its_own() {
    let platforms = start().await;
    let first = ask(&platforms, ACCOUNT, "jsapi").await.json();
    assert_eq!((&first["errcode"], &first["errmsg"], &first["expires_in"]), (&json!(0), &json!("ok"), &json!(7200)));
    assert_eq!(first["ticket"].as_str().expect("a ticket").len(), 86);
    assert_ne!(ask(&platforms, ACCOUNT, "wx_card").await.json()["ticket"], first["ticket"]);
    platforms.sim.advance(7199);
    let last = ask(&platforms, ACCOUNT, "jsapi").await.json();
    assert_eq!((&last["ticket"], &last["expires_in"]), (&first["ticket"], &json!(1)));
    platforms.sim.advance(1);
    assert_ne!(ask(&platforms, ACCOUNT, "jsapi").await.json()["ticket"], first["ticket"]);
}

#[tokio::test]
async fn only_an_official_account_with_a_good_token_gets_one_of_a_known_type() {
    let platforms = start().await;
    ask(&platforms, SHOP, "jsapi").await.refused(48001, "api unauthorized");
    for kind in ["", "other"] {
        ask(&platforms, ACCOUNT, kind).await.refused(40097, "invalid args");
    }
    platforms.get("/cgi-bin/ticket/getticket?type=jsapi").await.refused(41001, "access_token missing");
}
