//! A server is killed after it has acknowledged a push and before it could do anything about it: another one does.

use std::sync::Arc;
use std::time::Duration;

use menjin_sim::PushOrder;
use serde_json::json;

use super::install;
use super::server::Server;
use crate::harness::{APPID, Setup, TestServer, start_sim};
use crate::push::{AES_KEY, CLOSE, TOKEN, hearing, is_carried_out};
use crate::rows::Rows;

#[tokio::test]
async fn a_push_that_was_acknowledged_survives_a_kill() {
    let (sim, sim_url, _serving) = start_sim().await;
    let folder = install(crate::store::Folder::new(), &sim_url).await;
    let file = folder.path().join("menjin.toml");
    let toml = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{toml}push_token = \"{TOKEN}\"\npush_aes_key = \"{AES_KEY}\"\n")).unwrap();
    let server = Server::start(folder.path(), &sim).await;
    let body = json!({"code": sim.js_code(APPID, "alice"), "profile": {"nickname": "Alice Liddell"}});
    let signed_in = server.line.post("/v1/login/shop", &body, None).await.unwrap();
    let token = signed_in.text("access_token");
    let settings = menjin_sim::PushSettings {
        url: format!("{}/v1/push/shop", server.line.url),
        token: TOKEN.to_owned(),
        aes_key: Some(AES_KEY.to_owned()),
        format: menjin_sim::PushFormat::Json,
        mode: menjin_sim::PushMode::Secure,
    };
    sim.save_push(APPID, settings).await.unwrap();
    // Whatever is begun with it fails.
    Rows::at(&folder).await.breaks("identities").await;
    let pushed = sim.push(&PushOrder::event(APPID, CLOSE, &sim.openid(APPID, "alice"))).await;
    assert!(pushed.accepted, "{pushed:?}");
    server.kill().await;
    let nicknames = async |rows: &mut Rows| rows.all("SELECT id FROM users WHERE nickname IS NOT NULL").await.len();
    let mut rows = Rows::at(&folder).await;
    rows.mends("identities").await;
    assert_eq!(nicknames(&mut rows).await, 1, "nobody has done it yet");
    let t = TestServer::with(Setup { folder: Some(Arc::new(folder)), ..hearing() }).await;
    // The killed one may have claimed it.
    t.clock.advance(Duration::from_mins(1));
    t.menjin.upkeep().await.unwrap();
    is_carried_out(&t).await;
    assert_eq!(nicknames(&mut rows).await, 0);
    assert!(rows.all("SELECT id FROM identities").await.is_empty());
    let ended = "SELECT end_reason FROM sessions";
    assert_eq!(rows.all(ended).await[0][0].text().as_deref(), Some("account_closed"));
    assert!(!token.is_empty());
}
