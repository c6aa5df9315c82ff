//! What people withdraw is forgotten, in every form that WeChat tells it in; all else is acknowledged and passes by.

use menjin_server::store::Actor;
use menjin_sim::{PushFormat, PushMode, PushOrder, PushTwist};
use menjin_token::UserId;
use serde_json::json;

use super::{alice, count, hearing, known, me, revoke, set_up, start, told};
use crate::broker::until;
use crate::harness::{APPID, TestServer};
use crate::log::Log;
use crate::me::{address, fetch, sample, upload};
use crate::rows::Rows;

#[tokio::test]
async fn a_withdrawn_phone_number_is_forgotten_in_every_form() {
    for format in [PushFormat::Json, PushFormat::Xml] {
        for mode in [PushMode::Secure, PushMode::Compatible] {
            let t = TestServer::with(hearing()).await;
            set_up(&t, format, mode).await;
            let phone = alice(&t).await;
            told(&t, &revoke(&t, "8")).await;
            assert_eq!(known(&me(&phone).await), (true, true, false), "{format:?} {mode:?}");
            let phones = Rows::of(&t).await.all("SELECT id FROM phones").await;
            assert!(phones.is_empty(), "{format:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn each_item_is_forgotten_by_itself_and_what_is_unknown_takes_the_profile() {
    let t = start().await;
    for (items, left) in [
        ("6", (false, false, true)),
        ("19", (false, true, true)),
        ("20", (true, false, true)),
        ("6,8", (false, false, false)),
        ("99", (false, false, true)),
        ("", (false, false, true)),
    ] {
        let phone = alice(&t).await;
        told(&t, &revoke(&t, items)).await;
        assert_eq!(known(&me(&phone).await), left, "{items}");
        // The next one is of another second.
        t.advance(std::time::Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_profile_that_wechat_found_unfit_is_asked_for_again() {
    let t = start().await;
    let mut phone = alice(&t).await;
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!([]));
    told(&t, &PushOrder::event(APPID, "user_info_modified", &t.sim.openid(APPID, "alice"))).await;
    assert_eq!(known(&me(&phone).await), (false, false, true));
    assert_eq!(phone.login(json!({})).await.ok(200)["need"], json!(["profile"]));
}

#[tokio::test]
async fn the_person_is_openid_and_never_from_user_name() {
    let t = start().await;
    let (phone, mut bob) = (alice(&t).await, t.phone_of("bob"));
    bob.login(json!({"profile": {"nickname": "Bob"}})).await.ok(200);
    told(&t, &revoke(&t, "19").with("FromUserName", t.sim.openid(APPID, "bob"))).await;
    assert!(me(&phone).await["nickname"].is_null());
    assert_eq!(me(&bob).await["nickname"], "Bob");
}

#[tokio::test]
async fn stray_blanks_are_no_part_of_a_value() {
    let t = start().await;
    let phone = alice(&t).await;
    told(&t, &PushOrder { twist: Some(PushTwist::StrayBlanks), ..revoke(&t, "8") }).await;
    assert_eq!(known(&me(&phone).await), (true, true, false));
}

#[tokio::test]
async fn what_concerns_nothing_of_ours_is_acknowledged_counted_and_dropped() {
    let log = Log::start();
    let t = start().await;
    let phone = alice(&t).await;
    told(&t, &revoke(&t, "12,13")).await;
    told(&t, &PushOrder { appid: APPID.to_owned(), ..PushOrder::default() }.with("Event", "debug_demo")).await;
    let message = PushOrder { appid: APPID.to_owned(), ..PushOrder::default() };
    told(&t, &message.with("MsgType", "text").with("Content", "hello").with("Event", super::CLOSE)).await;
    assert_eq!(known(&me(&phone).await), (true, true, true));
    assert_eq!(count(&mut Rows::of(&t).await, "1 = 1").await, 0);
    let told_of = |line: &serde_json::Value| line["fields"]["push.items"] == "12,13" && line["level"] == "INFO";
    assert!(log.lines().iter().any(told_of), "which items were withdrawn is in the log");
    assert!(!log.text().contains(&t.sim.openid(APPID, "alice")));
    let metrics = t.admin_get("/metrics").await.text;
    assert!(metrics.contains("menjin_pushes_total{app=\"shop\",outcome=\"ignored\"}"), "{metrics}");
}

#[tokio::test]
async fn what_is_forgotten_leaves_its_lines_in_the_audit() {
    let t = start().await;
    let phone = alice(&t).await;
    told(&t, &revoke(&t, "6,8")).await;
    told(&t, &revoke(&t, "8").with("CreateTime", 1_700_000_000)).await;
    let sql = "SELECT action, app, detail FROM audit WHERE actor = 'platform' ORDER BY seq";
    let lines = Rows::of(&t).await.all(sql).await;
    let lines: Vec<_> =
        lines.iter().map(|row| row.iter().map(|cell| cell.text().unwrap()).collect::<Vec<_>>()).collect();
    let why = "user_authorization_revoke 6,8";
    assert_eq!(lines, [["profile.forgotten", "shop", why], ["phone.forgotten", "shop", why]]);
    phone.get("/v1/me").await.ok(200);
}

/// A merge keeps for 30 days what it left behind, so that it can be undone; what is withdrawn is kept for nothing.
#[tokio::test]
async fn what_a_merge_left_behind_is_forgotten_too() {
    let t = start().await;
    let phone = alice(&t).await;
    let picture = address(&upload(&phone, &t, &sample("camera.png")).await.ok(200));
    t.sim.change_person("bob", |it| "13900005678".clone_into(&mut it.phone.number));
    let mut bob = t.phone_of("bob");
    let profile = json!({"nickname": "Bob", "avatar_url": "https://shop.example.com/bob.png"});
    bob.login(json!({"profile": profile, "phone_code": t.sim.phone_code(APPID, "bob")})).await.ok(200);
    let [former, stays]: [UserId; 2] = [phone.user_id(), bob.user_id()].map(|id| id.parse().unwrap());
    let by = Actor::command();
    t.menjin.merge_users(&by, (former, stays), false).await.unwrap();
    let mut rows = Rows::of(&t).await;
    assert!(rows.texts("users").await.contains("Alice Liddell") && fetch(&picture).await.0 == 200);
    told(&t, &revoke(&t, "6,8")).await;
    assert_eq!(known(&me(&bob).await), (false, false, false), "whose identity it is by now");
    let users = rows.texts("users").await;
    assert!(!users.contains("Alice Liddell") && !users.contains(&picture), "{users}");
    assert!(rows.all("SELECT id FROM phones").await.is_empty());
    until(async || fetch(&picture).await.0 == 404).await;
    t.menjin.unmerge_user(&by, former).await.unwrap();
    let back = t.menjin.account(former).await.unwrap();
    assert_eq!((back.nickname, back.avatar_url, back.phone_masked), (None, None, None));
}

#[tokio::test]
async fn a_picture_that_was_uploaded_here_is_taken_down() {
    let t = start().await;
    let phone = alice(&t).await;
    let address = address(&upload(&phone, &t, &sample("camera.png")).await.ok(200));
    assert_eq!(fetch(&address).await.0, 200);
    told(&t, &revoke(&t, "20")).await;
    assert_eq!(known(&me(&phone).await), (true, false, true));
    until(async || fetch(&address).await.0 == 404).await;
}
