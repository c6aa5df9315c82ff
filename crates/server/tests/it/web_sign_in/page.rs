//! The page that a person sees where a sign-in can't go on.

use reqwest::Method;

use super::browser::Browser;
use super::start;

#[tokio::test]
async fn the_page_speaks_the_persons_language_and_says_what_to_do() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let lost = "/v1/login/h5/callback?code=0&state=0123456789abcdef0123456789abcdef";
    let chinese = browser.visit_with(&server, lost, (Method::GET, "zh-CN,zh;q=0.9,en;q=0.8")).await;
    chinese.page(400, "sign_in_not_under_way");
    assert!(
        chinese.text.contains("<html lang=\"zh-CN\">") && chinese.text.contains("请返回网站重新登录"),
        "{}",
        chinese.text
    );
    let english = browser.visit(lost).await;
    assert!(english.text.contains("<html lang=\"en\">") && english.text.contains("sign in again"), "{}", english.text);
}

#[tokio::test]
async fn the_page_runs_nothing_loads_nothing_and_repeats_nothing() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let hostile = "/v1/login/%3Cscript%3Ealert(1)%3C%2Fscript%3E/start?state=%3Cimg%20src=x%3E";
    let visit = browser.visit(hostile).await;
    visit.page(404, "app_unknown");
    assert!(!visit.text.contains("alert") && !visit.text.contains("<img"), "{}", visit.text);
    let policy = visit.headers["content-security-policy"].to_str().unwrap();
    for part in
        ["default-src 'none'", "style-src 'sha256-", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in
        [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(visit.headers[name], value);
    }
}

#[tokio::test]
async fn no_answer_of_a_redirect_is_kept_or_told_to_the_next_page() {
    let server = start().await;
    let mut browser = Browser::at(&server);
    let begun = browser.visit(Browser::begin("h5").as_str()).await;
    let back = browser.decide(begun.location.as_ref().unwrap(), "alice", menjin_sim::Decision::Allow);
    for visit in [begun, browser.visit(&back).await] {
        assert_eq!(visit.headers["cache-control"], "no-store");
        assert_eq!(visit.headers["referrer-policy"], "no-referrer");
        assert_eq!(visit.text, "");
    }
}

/// What people copy is what the tests of this folder run in a browser.
#[test]
fn the_manual_has_the_script_of_the_example_page() {
    let manual = include_str!("../../../../../docs/web-sign-in.md");
    assert!(manual.contains(include_str!("../../../src/pages/sign_in/sign_in.js")));
}
