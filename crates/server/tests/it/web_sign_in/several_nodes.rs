//! Any node goes on with what another one began.

use menjin_sim::Decision;

use super::browser::Browser;
use super::{start, with_apps};
use crate::harness::Setup;

#[tokio::test]
async fn one_node_begins_another_takes_back_and_the_first_exchanges() {
    let one = start().await;
    let other = one.beside(with_apps(Setup::default())).await;
    let mut browser = Browser::at(&one);
    let at_platform = browser.start("h5").await;
    let back = browser.decide(&at_platform, "alice", Decision::Allow);
    let code = browser.visit_at(&other, &back).await.code();
    assert_eq!(browser.visit_at(&one, &back).await.code(), code, "a reload that meets the other node");
    browser.exchange("h5", &code).await.ok(200);
    Browser::at(&other).exchange("h5", &code).await.problem(401, "code_used");
}
