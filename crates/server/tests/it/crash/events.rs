//! A server is killed amid its deliveries: what it acknowledged to people is told, and nothing twice under another id.

use std::collections::BTreeSet;

use serde_json::json;

use super::install;
use super::server::Server;
use crate::broker::until;
use crate::events::receiver::Receiver;
use crate::harness::{APPID, start_sim};

#[tokio::test]
async fn what_was_acknowledged_is_told_through_every_kill() {
    let (sim, sim_url, _serving) = start_sim().await;
    let folder = install(crate::store::Folder::new(), &sim_url).await;
    let receiver = Receiver::start().await;
    let file = folder.path().join("menjin.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, toml + &receiver.entry("crm", "shop")).unwrap();
    let mut acknowledged = Vec::new();
    // The first run fixes from where on the receiver is told.
    let server = Server::start(folder.path(), &sim).await;
    let mut rows = crate::rows::Rows::at(&folder).await;
    until(async || rows.all("SELECT name FROM places WHERE name = 'webhook/crm'").await.len() == 1).await;
    server.kill().await;
    for round in 0..4 {
        receiver.answers(if round % 2 == 0 { 200 } else { 503 });
        let server = Server::start(folder.path(), &sim).await;
        for nth in 0..15 {
            let body = json!({"code": sim.js_code(APPID, &format!("person {round} {nth}"))});
            let answer = server.line.post("/v1/login/shop", &body, None).await.unwrap();
            acknowledged.push(answer.body["user"]["id"].as_str().unwrap().to_owned());
        }
        server.kill().await;
    }
    receiver.answers(200);
    // The pause that the killed ones gave the receiver, and their claims.
    rows.run("UPDATE places SET due_at = 0, held_until = 0 WHERE name = 'webhook/crm'").await;
    let _server = Server::start(folder.path(), &sim).await;
    let told = || {
        let mut ids = BTreeSet::new();
        let events =
            receiver.taken().into_iter().map(|sent| sent.event()).filter(|event| ids.insert(event["id"].to_string()));
        events.map(|event| event["data"]["user"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    until(async || told().len() >= acknowledged.len()).await;
    assert_eq!(told(), acknowledged, "all of them, in order, and each under one id");
}
