//! Who is signed in, listed: by user, app and state, page by page.

use std::time::Duration;

use menjin_server::store::OperatorRole;
use serde_json::json;

use crate::harness::{APPID, Actor, OTHER_APPID, TestServer};
use crate::operators::hand::{Hand, between};

/// The sessions that a page lists.
fn listed(page: &str) -> Vec<String> {
    page.split("<tr data-session=\"").skip(1).map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn sessions_are_listed_by_user_app_and_state_the_newest_first() {
    let t = TestServer::start().await;
    let mut phones = Vec::new();
    for (person, app, appid) in
        [("alice", "shop", APPID), ("bob", "shop", APPID), ("bob", "club", OTHER_APPID), ("carol", "club", OTHER_APPID)]
    {
        t.advance(Duration::from_secs(1));
        let mut phone = t.phone_of(person);
        phone.login_to(app, appid, json!({})).await.ok(200);
        phones.push(phone);
    }
    let sessions: Vec<_> = phones.iter().rev().map(Actor::session_id).collect();
    let [carols, clubs, bobs, alices] = [0, 1, 2, 3].map(|nth| sessions[nth].as_str());
    phones[1].post("/v1/logout", json!({})).await.ok(204);
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    for (query, found) in [
        ("", vec![carols, clubs, bobs, alices]),
        ("?user=&app=&state=", vec![carols, clubs, bobs, alices]),
        ("?user=2", vec![clubs, bobs]),
        ("?app=shop", vec![bobs, alices]),
        ("?state=live", vec![carols, clubs, alices]),
        ("?user=2&state=ended", vec![bobs]),
        ("?app=club&user=1", vec![]),
    ] {
        assert_eq!(listed(&lin.get(&format!("/console/sessions{query}")).await.text), found, "{query}");
    }
    let first = lin.get("/console/sessions?limit=3&app=").await.text;
    let next = between(&first, "id=\"next\" href=\"", "\"").replace("&amp;", "&").replace("&#38;", "&");
    assert_eq!(listed(&lin.get(&next).await.text), [alices]);
    assert!(first.contains("127.0.0.0/24") && !first.contains("127.0.0.1<"), "{first}");
    let over = lin.get("/console/sessions?state=ended").await.text;
    assert!(over.contains("session_ended") && over.contains("/console/people/usr_"), "{over}");
    for (query, status) in [("user=99", 404), ("user=nobody", 400), ("state=odd", 400), ("colour=red", 400)] {
        assert_eq!(lin.get(&format!("/console/sessions?{query}")).await.status, status, "{query}");
    }
}
