//! `/docs`: Swagger UI without the internet, under a policy that lets no foreign script in.

use super::browser::Browser;
use crate::harness::TestServer;

#[tokio::test]
async fn every_route_is_shown_and_can_be_tried_without_the_internet() {
    let t = TestServer::start().await;
    let policy = t.anon().get("/docs/").await.header("content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");

    let browser = Browser::start("en").await;
    browser.open(&format!("{}/docs", t.url)).await;
    browser.until("document.querySelector('.information-container .title')?.innerText.startsWith('menjin')").await;
    let documented = t.anon().get("/openapi.json").await.ok(200);
    let operations = documented["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
    let shown = browser.run("document.querySelectorAll('.opblock').length").await;
    assert_eq!(shown, operations.sum::<usize>());

    browser.click("[id$='jwks'] .opblock-summary-control").await;
    browser.click("[id$='jwks'] .try-out button").await;
    browser.click("[id$='jwks'] .execute").await;
    browser
        .until("document.querySelector('.live-responses-table tbody .response-col_status')?.innerText.includes('200')")
        .await;
    assert!(browser.text(".live-responses-table").await.contains("ES256"));
    let requests =
        browser.run("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)").await;
    let requests = requests.as_array().unwrap();
    assert!(requests.len() > 3 && requests.iter().all(|origin| origin == &t.url), "{requests:?}");
    let console = browser.console().await;
    assert!(console.is_empty(), "{console:#?}");
}
