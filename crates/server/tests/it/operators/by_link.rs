//! The one-use link: it sets password and second factor, once.

use std::time::Duration;

use menjin_server::store::{Actor, OperatorRole};

use super::hand::{Hand, PASSWORD, between, path_of};
use crate::harness::TestServer;

#[tokio::test]
async fn ad_06_without_a_link_nobody_gets_in_and_no_password_is_there_by_default() {
    let t = TestServer::start().await;
    assert!(t.menjin.operators().await.unwrap().is_empty());
    let mut hand = Hand::new(&t);
    for (name, password) in [("admin", "admin"), ("root", ""), ("dev", "dev"), ("", ""), ("menjin", "menjin")] {
        let answer = hand.try_sign_in(name, password, "000000").await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.text);
        assert_eq!(hand.cookie, None);
    }
    for path in ["/admin/welcome", "/admin/welcome?link=", "/admin/welcome?link=AAAA"] {
        let answer = hand.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("link_invalid") && answer.text.contains("<html"), "{}", answer.text);
    }
}

#[tokio::test]
async fn an_operator_sets_themselves_up_and_is_signed_in() {
    let t = TestServer::start().await;
    let link = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Support).await.unwrap().link;
    let mut hand = Hand { name: "lin".to_owned(), ..Hand::new(&t) };
    let page = hand.get(path_of(&link)).await;
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert!(!page.text.contains("<script") && !page.text.contains("style="), "{}", page.text);
    assert!(page.text.contains("<svg") && page.text.contains(">lin<"), "{}", page.text);

    hand.welcome(&link).await;
    let account = hand.get("/admin/account").await;
    assert!(account.text.contains(">support<"), "{}", account.text);
    let again = hand.get(path_of(&link)).await;
    assert_eq!(again.status, 404, "the link is used");
    let listed = &t.menjin.operators().await.unwrap()[0];
    assert!(listed.set_up_at.is_some() && listed.signed_in_at.is_some());
}

#[tokio::test]
async fn the_cookie_is_out_of_scripts_reach_and_bound_where_there_is_https() {
    for (toml, name, secure) in [
        ("", "menjin-operator=", false),
        ("[admin]\npublic_url = \"https://ops.internal\"", "__Host-menjin-operator=", true),
    ] {
        let t = TestServer::with(crate::harness::Setup { toml: toml.to_owned(), ..Default::default() }).await;
        let link = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Admin).await.unwrap().link;
        assert_eq!(link.starts_with("https://ops.internal/admin/welcome?link="), secure, "{link}");
        let mut hand = Hand { name: "lin".to_owned(), ..Hand::new(&t) };
        hand.welcome(&link).await;
        let (name_code, code) = (hand.name.clone(), hand.next_code());
        let answer = hand.try_sign_in(&name_code, PASSWORD, &code).await;
        let cookie = answer.header("set-cookie");
        assert!(cookie.starts_with(name), "{cookie}");
        assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[tokio::test]
async fn what_is_wrong_of_a_set_up_is_said_and_the_link_stays_good() {
    let t = TestServer::start().await;
    let link = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Admin).await.unwrap().link;
    let mut hand = Hand::new(&t);
    let page = hand.get(path_of(&link)).await;
    let held = between(&page.text, "name=\"link\" value=\"", "\"").to_owned();
    for (password, again, said) in [
        ("short", "short", "12"),
        (PASSWORD, "another one altogether", "differ"),
        ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "everybody tries first"),
        (PASSWORD, PASSWORD, "code is wrong"),
    ] {
        let fields = [("link", held.as_str()), ("password", password), ("again", again), ("code", "12345")];
        let answer = hand.post("/admin/welcome", &fields).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        assert!(between(&answer.text, "role=\"alert\">", "</p>").contains(said), "{}", answer.text);
        assert!(!answer.text.contains(PASSWORD), "a password is never shown again");
    }
    Hand { name: "lin".to_owned(), ..Hand::new(&t) }.welcome(&link).await;
}

#[tokio::test]
async fn a_link_ends_with_its_time_and_with_a_newer_one() {
    let t = TestServer::start().await;
    let first = t.menjin.create_operator(&Actor::command(), "lin", OperatorRole::Admin).await.unwrap().link;
    let second = t.menjin.reset_operator(&Actor::command(), "lin").await.unwrap().link;
    let mut hand = Hand::new(&t);
    assert_eq!(hand.get(path_of(&first)).await.status, 404);
    assert_eq!(hand.get(path_of(&second)).await.status, 200);
    t.advance(Duration::from_mins(30));
    assert_eq!(hand.get(path_of(&second)).await.status, 404);
}
