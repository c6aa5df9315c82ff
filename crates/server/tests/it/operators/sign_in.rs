//! Signing in and out: what opens, what is said, what ends.

use std::time::Duration;

use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::json;

use super::hand::{Hand, PASSWORD, between};
use crate::broker::until;
use crate::harness::{Setup, TestServer};
use crate::rows::Rows;

#[tokio::test]
async fn an_operator_signs_in_and_out() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let form_token = lin.form_token().await;
    let stolen = lin.cookie.clone();
    let out = lin.post("/admin/sign-out", &[("form_token", &form_token)]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/admin/sign-in"));
    assert_eq!(lin.cookie, None);
    lin.cookie = stolen;
    let gone = lin.get("/admin/account").await;
    assert_eq!(gone.status, 303, "the cookie of before is worth nothing");
    assert_eq!(gone.header("location"), "/admin/sign-in?next=%2Fadmin%2Faccount");
    lin.cookie = None;
    lin.sign_in().await;
    assert_eq!(lin.get("/admin/account").await.status, 200);
    assert_eq!(lin.get("/admin/sign-in?next=/admin/account").await.header("location"), "/admin/account");
}

#[tokio::test]
async fn what_was_wrong_of_name_password_and_code_is_not_said() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    lin.cookie = None;
    let used = lin.code();
    let good = lin.next_code();
    let mut said = Vec::new();
    for (name, password, code) in [
        ("nobody", PASSWORD, good.as_str()),
        ("lin", "another one altogether", &good),
        ("lin", PASSWORD, "000000"),
        ("lin", PASSWORD, &used),
        ("lin", "", &good),
    ] {
        let answer = lin.try_sign_in(name, password, code).await;
        assert_eq!((answer.status.as_u16(), &lin.cookie), (422, &None), "{}", answer.text);
        said.push(answer.text.replace("value=\"nobody\"", "value=\"lin\""));
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
    lin.t.advance(Duration::from_hours(1));
    lin.sign_in().await;
}

#[tokio::test]
async fn ad_06_a_code_works_once() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let code = lin.next_code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 303);
    let mut other = Hand::new(&t);
    assert_eq!(other.try_sign_in("lin", PASSWORD, &code).await.status, 422);
    assert_eq!(other.cookie, None);
}

#[tokio::test]
async fn ad_06_guessing_gets_slower_and_the_owner_gets_in_again() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let mut thief = Hand::new(&t);
    for _ in 0..5 {
        assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 422);
    }
    let barred = thief.try_sign_in("lin", "guess guess guess", "000000").await;
    assert_eq!((barred.status.as_u16(), barred.header("retry-after")), (429, "30"));
    assert!(barred.text.contains("Too many tries: try again in 30 s."), "{}", barred.text);
    thief.language = "zh-CN";
    let barred = thief.try_sign_in("lin", "guess guess guess", "000000").await;
    assert!(barred.text.contains("请 30 秒后重试"), "{}", barred.text);
    let code = lin.code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 429, "also with what is right");
    t.advance(Duration::from_secs(30));
    let code = lin.code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 303);
    assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 422, "counted anew");
}

#[tokio::test]
async fn a_sign_in_ends_when_nobody_asks_and_at_the_latest_after_its_time() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    for _ in 0..16 {
        t.advance(Duration::from_mins(29));
        assert_eq!(lin.get("/admin/account").await.status, 200);
    }
    t.advance(Duration::from_mins(16));
    assert_eq!(lin.get("/admin/account").await.status, 303, "eight hours are over");
    lin.sign_in().await;
    t.advance(Duration::from_mins(30));
    assert_eq!(lin.get("/admin/account").await.status, 303, "thirty minutes without asking");
}

#[tokio::test]
async fn a_reset_ends_every_sign_in_at_once() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let link = t.menjin.reset_operator(&Actor::command(), "lin").await.unwrap().link;
    assert_eq!(lin.get("/admin/account").await.status, 303);
    let code = lin.next_code();
    assert_eq!(lin.try_sign_in("lin", PASSWORD, &code).await.status, 422, "the password is forgotten");
    lin.cookie = None;
    lin.welcome(&link).await;
    assert_eq!(lin.get("/admin/account").await.status, 200);
}

#[tokio::test]
async fn pages_speak_the_browsers_language_or_the_chosen_one() {
    let t = TestServer::start().await;
    let mut hand = Hand::new(&t);
    assert!(hand.get("/admin/sign-in").await.text.contains("Operators sign in"));
    hand.language = "zh-CN,zh;q=0.9";
    let page = hand.get("/admin/sign-in?next=/console/people").await;
    assert!(page.text.contains("运维登录") && page.text.contains("<html lang=\"zh-CN\">"), "{}", page.text);
    let switch = between(&page.text, "href=\"/admin/language", "\"").replace("&amp;", "&").replace("&#38;", "&");
    let switched = hand.get(&format!("/admin/language{switch}")).await;
    assert_eq!(switched.header("location"), "/admin/sign-in?next=/console/people");
    assert!(hand.get("/admin/sign-in").await.text.contains("Operators sign in"), "it is kept");
    let away = hand.get("/admin/language?to=zh&next=https://evil.example").await;
    assert_eq!(away.header("location"), "/console", "it leads nowhere else");
}

#[tokio::test]
async fn ad_07_sign_ins_and_refusals_are_written_down_without_what_was_typed() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    for name in ["lin", "lin", "my-password-in-the-wrong-field", "another-one-of-mine"] {
        assert_eq!(lin.try_sign_in(name, "guess guess guess", "000000").await.status, 422);
    }
    lin.sign_in().await;
    let form_token = lin.form_token().await;
    lin.post("/admin/sign-out", &[("form_token", &form_token)]).await;
    // A refusal is written down after its answer.
    let of_lin = ["operator.refused", "operator", "lin", "127.0.0.1", ""];
    let of_nobody = ["operator.refused", "operator", "", "127.0.0.1", ""];
    until(async || {
        let told = audited(&t).await;
        told.iter().any(|line| *line == of_lin) && told.iter().any(|line| *line == of_nobody)
    })
    .await;
    let (refused, rest): (Vec<_>, Vec<_>) =
        audited(&t).await.into_iter().partition(|line| line[0] == "operator.refused");
    assert_eq!(refused.len(), 2, "one of a name, and one of all that are nobody's: {refused:?}");
    assert_eq!(
        rest,
        [
            ["operator.created", "operator", "", "", "lin admin"],
            ["operator.set_up", "operator", "lin", "127.0.0.1", ""],
            ["operator.signed_in", "operator", "lin", "127.0.0.1", ""],
            ["operator.signed_out", "operator", "lin", "127.0.0.1", ""],
        ]
    );
}

async fn audited(t: &TestServer) -> Vec<Vec<String>> {
    let lines = Rows::of(t).await.all("SELECT action, actor, actor_id, ip, detail FROM audit ORDER BY seq").await;
    lines.iter().map(|line| line.iter().map(|cell| cell.text().unwrap_or_default()).collect()).collect()
}

/// What can't be anybody's password is told so without a hash: it must neither count nor be written down, or it would be a free way
/// to fill both.
#[tokio::test]
async fn what_can_be_nobodys_password_is_no_try() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let long = "x".repeat(5000);
    for nth in 0..40 {
        for password in ["", &long] {
            assert_eq!(lin.try_sign_in("lin", password, "000000").await.status, 422, "{nth}");
            assert_eq!(lin.try_sign_in(&format!("nobody-{nth}"), password, "000000").await.status, 422, "{nth}");
        }
    }
    lin.sign_in().await;
    assert!(audited(&t).await.iter().all(|line| line[0] != "operator.refused"), "{:?}", audited(&t).await);
}

#[tokio::test]
async fn who_guesses_from_elsewhere_keeps_nobody_out_from_where_they_work() {
    let setup = || Setup { server: "trusted_proxies = [\"127.0.0.1\"]".to_owned(), ..Setup::default() };
    let t = TestServer::with(setup()).await;
    let other = t.beside(setup()).await;
    let sign_in = async |hand: &mut Hand<'_>, ip: &str, password: &str, code: &str| {
        let origin = hand.url.clone();
        let fields = [("name", "lin"), ("password", password), ("code", code)];
        let headers = [("origin", origin.as_str()), ("x-forwarded-for", ip)];
        hand.form("/admin/sign-in", &fields, &headers).await.status.as_u16()
    };
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let code = lin.next_code();
    assert_eq!(sign_in(&mut lin, "2001:db8:1::7", PASSWORD, &code).await, 303);
    let mut there = Hand::new(&other);
    for knows in ["the sign-in tells where they work", "they were there since this node began"] {
        let code = lin.next_code();
        let (mut thief, mut tried) = (Hand::new(&other), 0);
        for nth in 0..40 {
            let ip = format!("198.51.100.{}", nth / 5);
            tried += u32::from(sign_in(&mut thief, &ip, "guess guess guess", "000000").await == 422);
        }
        assert_eq!(tried, 30, "over all addresses the name is barred by now");
        there.cookie = None;
        assert_eq!(sign_in(&mut there, "203.0.113.9", PASSWORD, &code).await, 429, "from a new place they wait");
        assert_eq!(sign_in(&mut there, "2001:db8:1::8", PASSWORD, &code).await, 303, "{knows}");
        for hand in [&mut lin, &mut there] {
            let form_token = hand.form_token().await;
            assert_eq!(hand.post("/admin/sign-out", &[("form_token", &form_token)]).await.status, 303);
        }
        // Whoever guessed rests.
        t.advance(Duration::from_hours(1));
        let code = lin.next_code();
        assert_eq!(sign_in(&mut lin, "192.0.2.1", PASSWORD, &code).await, 303);
    }
}

/// Each name that is made up is a hash, and others wait for theirs: a place by itself must not have them all.
#[tokio::test]
async fn one_place_has_so_many_wrong_tries_whichever_names_it_makes_up() {
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    let t = TestServer::with(Setup { server, ..Setup::default() }).await;
    let sign_in = async |hand: &mut Hand<'_>, ip: &str, name: &str, password: &str, code: &str| {
        let origin = hand.url.clone();
        let fields = [("name", name), ("password", password), ("code", code)];
        let headers = [("origin", origin.as_str()), ("x-forwarded-for", ip)];
        hand.form("/admin/sign-in", &fields, &headers).await
    };
    let (mut lin, mut thief) = (Hand::of(&t, "lin", OperatorRole::Viewer).await, Hand::new(&t));
    for _ in 0..5 {
        let code = lin.next_code();
        let right = sign_in(&mut lin, "2001:db8:1::7", "lin", PASSWORD, &code).await;
        assert_eq!(right.status, 303, "what is right counts nothing: {}", right.text);
    }
    let mut tried = 0;
    let barred = loop {
        // A known name counts as one that is made up does.
        let name = if tried % 20 == 0 { "lin".to_owned() } else { format!("nobody-{tried}") };
        let ip = format!("2001:db8:1::{tried:x}");
        let answer = sign_in(&mut thief, &ip, &name, "guess guess guess", "000000").await;
        match answer.status.as_u16() {
            422 => tried += 1,
            status => break (status, answer),
        }
        assert!(tried < 70, "one more for each minute that has passed meanwhile");
    };
    assert!(barred.0 == 429 && tried >= 60, "{} after {tried}", barred.0);
    let seconds: u64 = barred.1.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let code = lin.next_code();
    let here = sign_in(&mut lin, "2001:db8:1::8", "lin", PASSWORD, &code).await;
    assert_eq!(here.status, 429, "the place is barred, for everybody there");
    lin.cookie = None;
    let there = sign_in(&mut lin, "2001:db8:2::8", "lin", PASSWORD, &code).await;
    assert_eq!(there.status, 303, "and nobody elsewhere");
    assert_eq!(sign_in(&mut thief, "192.0.2.1", "nobody", "guess guess guess", "000000").await.status, 422);
}

#[tokio::test]
async fn one_home_of_ipv6_is_one_place() {
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    let t = TestServer::with(Setup { server, ..Setup::default() }).await;
    let mut thief = Hand::new(&t);
    let mut said = Vec::new();
    for nth in 1..=6 {
        let (origin, ip) = (t.admin_url.clone(), format!("2001:db8::{nth}"));
        let headers = [("origin", origin.as_str()), ("x-forwarded-for", ip.as_str())];
        let fields = [("name", "lin"), ("password", "guess guess guess"), ("code", "000000")];
        said.push(thief.form("/admin/sign-in", &fields, &headers).await.status.as_u16());
    }
    assert_eq!(said, [422, 422, 422, 422, 422, 429]);
}

#[tokio::test]
async fn who_guesses_a_name_keeps_nobody_from_confirming_and_who_guesses_there_is_slowed() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let mut thief = Hand::new(&t);
    for _ in 0..5 {
        assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 422);
    }
    assert_eq!(thief.try_sign_in("lin", "guess guess guess", "000000").await.status, 429);
    lin.confirm().await;
    let token = lin.form_token().await;
    let fields = [("form_token", token.as_str()), ("password", "guess guess guess"), ("code", "000000")];
    for _ in 0..5 {
        assert_eq!(lin.post("/admin/confirm", &fields).await.status, 422);
    }
    let barred = lin.post("/admin/confirm", &fields).await;
    assert_eq!((barred.status.as_u16(), barred.header("retry-after")), (429, "30"), "{}", barred.text);
}

/// A password that was not compared is no guess: whoever fills the line bars nobody.
#[tokio::test]
async fn a_full_line_of_hashes_bars_no_operator() {
    let toml = "[passwords]\nat_once = 1\nwaiting = 0\n".to_owned();
    let server = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    let t = TestServer::with(Setup { toml, server, ..Setup::default() }).await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    // Each comes from a place of its own, as one alone is soon barred.
    let fills = async |first: u32| {
        let mut hand = Hand::new(&t);
        for nth in first.. {
            let (origin, name) = (hand.url.clone(), format!("nobody-{nth}"));
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + nth).to_string();
            let fields = [("name", name.as_str()), ("password", "guess guess guess"), ("code", "000000")];
            let headers = [("origin", origin.as_str()), ("x-forwarded-for", ip.as_str())];
            hand.form("/admin/sign-in", &fields, &headers).await;
        }
    };
    t.advance(Duration::from_mins(1));
    let comes = async {
        let mut in_a_row = 0;
        while in_a_row < 7 {
            let (code, name) = (lin.code(), lin.name.clone());
            match lin.try_sign_in(&name, PASSWORD, &code).await.status.as_u16() {
                503 => in_a_row += 1,
                // They got in between: with the next code they begin anew.
                303 => {
                    in_a_row = 0;
                    t.advance(Duration::from_mins(1));
                }
                status => panic!("{status} after {in_a_row}"),
            }
        }
    };
    tokio::select! {
        () = comes => {}
        _ = futures_util::future::join4(fills(0), fills(1_000_000), fills(2_000_000), fills(3_000_000)) => {}
    }
    // What filled the line last may be under way still.
    let (code, name) = (lin.next_code(), lin.name.clone());
    let status = loop {
        match lin.try_sign_in(&name, PASSWORD, &code).await.status.as_u16() {
            503 => {}
            status => break status,
        }
    };
    assert_eq!(status, 303);
}

#[tokio::test]
async fn a_password_is_kept_in_todays_form_after_the_next_sign_in() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Viewer).await;
    let kept = async || Rows::of(&t).await.all("SELECT sealed FROM operators").await.remove(0).remove(0).bytes();
    let former = kept().await;
    lin.sign_in().await;
    assert_eq!(kept().await, former, "it is in today's form");
    let toml = "[passwords]\nmemory = 8192\niterations = 5\n".to_owned();
    let other = t.beside(Setup { toml, ..Setup::default() }).await;
    let mut there = Hand::new(&other);
    there.secret.clone_from(&lin.secret);
    assert_eq!(there.try_sign_in("lin", "guess guess guess", &lin.next_code()).await.status, 422);
    assert_eq!(kept().await, former, "nobody who only guesses has it kept anew");
    assert_eq!(there.try_sign_in("lin", PASSWORD, &lin.next_code()).await.status, 303);
    let anew = kept().await;
    assert_ne!(anew, former);
    assert_eq!(there.try_sign_in("lin", PASSWORD, &lin.next_code()).await.status, 303, "the same password opens it");
    assert_eq!(kept().await, anew);
}

#[tokio::test]
async fn a_zero_in_a_name_is_nobodys_and_breaks_nothing() {
    let t = TestServer::start().await;
    let mut lin = Hand::of(&t, "lin", OperatorRole::Admin).await;
    let body = "name=a%00b&password=guess+guess+guess&code=000000".to_owned();
    let own = [("origin", t.admin_url.clone()), ("content-type", "application/x-www-form-urlencoded".to_owned())];
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(lin.send(Method::POST, "/admin/sign-in", Some(body), &own).await.status, 422);
    for (method, path, body) in [
        (Method::PUT, "/admin/v1/operators/a%00", Some(json!({"role": "viewer"}))),
        (Method::DELETE, "/admin/v1/operators/a%00", None),
        (Method::POST, "/admin/v1/operators/a%00/reset", None),
        (Method::DELETE, "/admin/v1/operator-tokens/a%00", None),
        (Method::GET, "/admin/v1/apps/a%00", None),
        (Method::POST, "/admin/v1/apps/a%00/disable", None),
        (Method::DELETE, "/admin/v1/apps/a%00", None),
        (Method::POST, "/admin/v1/keys/a%00/revoke", None),
    ] {
        let answer = lin.call(method.clone(), path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    let token = lin.form_token().await;
    let fields = [("form_token", token.as_str()), ("role", "viewer"), ("certain", "yes")];
    for path in [
        "/console/operators/a%00/role",
        "/console/operators/a%00/remove",
        "/console/operator-tokens/a%00/revoke",
        "/console/apps/a%00/disable",
        "/console/keys/a%00/revoke",
    ] {
        let answer = lin.post(path, &fields).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}
