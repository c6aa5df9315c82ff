//! The platform fails, refuses or is badly configured: every answer says what helps, and no user is made of it.

use std::time::Duration;

use menjin_sim::{Fault, FaultKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{APPID, Answer, OTHER_APPID, Setup, TestServer};
use crate::log::Log;
use crate::rows::{Cell, Rows};

async fn post(t: &TestServer, code: &str) -> Answer {
    t.anon().post("/v1/login/shop", json!({"code": code})).await
}

async fn keyed(t: &TestServer, key: &str, code: &str) -> Answer {
    let body = json!({"code": code}).to_string();
    t.anon().send(Method::POST, "/v1/login/shop", Some(body), &[("idempotency-key", key)]).await
}

fn errcode(errcode: i64) -> FaultKind {
    FaultKind::Errcode { errcode, errmsg: None }
}

#[tokio::test]
async fn a_busy_platform_asks_for_the_same_code_again() {
    let t = TestServer::start().await;
    for (kind, wait) in [(FaultKind::Busy, "2"), (errcode(-1), "2"), (errcode(45011), "60")] {
        let code = t.code("alice");
        t.sim.add_fault(Fault::once(kind.clone()));
        let answer = keyed(&t, &code, &code).await;
        assert_eq!(answer.header("retry-after"), wait, "{kind:?}");
        let body = answer.problem(503, "platform_unavailable");
        assert_eq!((&body["action"], body.get("platform")), (&json!("retry"), None));
        keyed(&t, &code, &code).await.ok(200);
        assert_eq!(t.sim.calls_with_code(&code), 2);
    }
}

#[tokio::test]
async fn a_platform_that_can_not_be_reached_spends_no_code() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let t = TestServer::with(Setup { wechat: Some(closed), ..Setup::default() }).await;
    let code = t.code("alice");
    for _ in 0..2 {
        let answer = post(&t, &code).await;
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.problem(503, "platform_unavailable")["action"], "retry");
    }
}

#[tokio::test]
async fn an_answer_that_never_came_whole_costs_the_code_and_makes_no_user() {
    let t = TestServer::with(Setup { deadline: "1s", ..Setup::default() }).await;
    let kinds = [
        FaultKind::Slow(Duration::from_mins(1)),
        FaultKind::Dropped,
        FaultKind::Malformed,
        FaultKind::Html,
        errcode(99_999),
    ];
    for kind in kinds {
        let code = t.code("alice");
        t.sim.add_fault(Fault::once(kind.clone()));
        let answer = keyed(&t, &code, &code).await;
        assert_eq!(answer.header("retry-after"), "1", "{kind:?}");
        let body = answer.problem(503, "platform_unavailable");
        assert_eq!(body["action"], "relogin", "{kind:?}");
        assert!(body["detail"].as_str().unwrap().contains("wx.login"), "{body}");
        let again = keyed(&t, &code, &code).await.problem(503, "platform_unavailable");
        assert_eq!((&again["action"], &again["detail"]), (&body["action"], &body["detail"]), "{kind:?}");
        post(&t, &code).await.problem(401, "code_used");
        assert_eq!(t.sim.calls_with_code(&code), 1, "{kind:?}");
    }
    let first = t.phone_of("bob").login(json!({})).await.ok(200);
    assert_eq!(first["user"]["number"], 1, "nobody was made before");
}

#[tokio::test]
async fn a_daily_quota_that_is_used_up_sends_nobody_before_sign_in_again_and_is_told_the_operator_once_a_minute() {
    let log = Log::start();
    let t = TestServer::start().await;
    let used_up = Fault { strikes: menjin_sim::Strikes::Share(1.0), ..Fault::once(errcode(45009)) };
    t.sim.add_fault(used_up);
    let code = t.code("alice");
    for _ in 0..2 {
        let answer = keyed(&t, "quota-1", &code).await;
        assert_eq!(answer.header("retry-after"), "3600", "the first and its repeat");
        let body = answer.problem(503, "platform_quota");
        assert_eq!((&body["action"], body.get("platform")), (&json!("none"), None));
        assert!(body["detail"].as_str().unwrap().contains("quota"), "{body}");
    }
    assert_eq!(t.sim.calls_with_code(&code), 1);
    let mut chinese = t.anon();
    chinese.language = "zh-CN";
    let body = chinese.post("/v1/login/shop", json!({"code": t.code("bob")})).await.problem(503, "platform_quota");
    assert!(body["detail"].as_str().unwrap().contains("额度"), "{body}");
    let errors = || log.lines().into_iter().filter(|line| line["level"] == "ERROR").collect::<Vec<Value>>();
    let told = errors();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["fields"]["errcode"], &told[0]["fields"]["app.id"]), (&json!(45009), &json!("shop")));
    assert!(told[0]["fields"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("quota")), "{told:?}");
    t.advance(Duration::from_mins(1));
    post(&t, &t.code("carol")).await.problem(503, "platform_quota");
    assert_eq!(errors().len(), 2, "and once more a minute later");
}

#[tokio::test]
async fn a_phone_code_that_fails_says_in_the_log_why_and_what_helps_and_never_what_was_sent() {
    let log = Log::start();
    let t = TestServer::with(Setup { deadline: "1s", ..Setup::default() }).await;
    for (number, path) in [(45009, "/wxa/business/getuserphonenumber"), (48001, "/wxa/business/getuserphonenumber")] {
        t.sim.add_fault(Fault::once(errcode(number)).on(path));
        let phone_code = t.sim.phone_code(APPID, "alice");
        t.phone_of("alice").login(json!({"phone_code": phone_code})).await.ok(200);
        let warned = log.lines().into_iter().rfind(|line| line["level"] == "WARN").unwrap();
        assert_eq!((&warned["fields"]["errcode"], &warned["span"]["app.id"]), (&json!(number), &json!("shop")));
        assert!(warned["fields"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("console")), "{warned}");
        assert!(!log.text().contains(&phone_code), "{}", log.text());
    }
    t.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_mins(1))).on("/wxa/business/getuserphonenumber"));
    let body = json!({"phone_code": t.sim.phone_code(APPID, "alice")});
    let warnings = || log.lines().into_iter().filter(|line| line["level"] == "WARN").collect::<Vec<_>>();
    let before = warnings().len();
    t.phone_of("alice").login(body).await.ok(200);
    let new = warnings().split_off(before);
    let [warned] = &new[..] else { panic!("{new:?}") };
    assert!(warned["fields"]["message"].as_str().is_some_and(|text| text.contains("phone code")), "{warned}");
    assert_eq!(warned["fields"].get("errcode"), None, "it never answered");
}

#[tokio::test]
async fn who_is_signed_in_notices_nothing_of_a_platform_that_is_down() {
    let server = "request_timeout = \"2m\"".to_owned();
    let t = TestServer::with(Setup { deadline: "1m", server, ..Setup::default() }).await;
    let mut phone = t.phone("alice").await;
    let down =
        Fault { strikes: menjin_sim::Strikes::Share(1.0), ..Fault::once(FaultKind::Slow(Duration::from_mins(1))) };
    t.sim.add_fault(down);
    let code = t.code("bob");
    let waiting = post(&t, &code);
    let going_on = async {
        while t.sim.calls_with_code(&code) == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            phone.get("/v1/me").await.ok(200);
            phone.refresh().await.ok(200);
        }
    };
    tokio::select! {
        biased;
        answer = waiting => panic!("the platform has not answered yet: {}", answer.text),
        () = going_on => {}
    }
}

#[tokio::test]
async fn a_code_that_the_platform_does_not_take_is_invalid_with_the_platforms_words() {
    let t = TestServer::start().await;
    let expired = t.code("alice");
    t.sim.advance(300);
    let codes =
        ["0nonsense".to_owned(), expired, t.sim.js_code(OTHER_APPID, "alice"), t.sim.phone_code(APPID, "alice")];
    for code in codes {
        let body = keyed(&t, &code, &code).await.problem(401, "code_invalid");
        assert_eq!((&body["action"], &body["platform"]["errcode"]), (&json!("relogin"), &json!(40029)));
        assert!(body["platform"]["errmsg"].as_str().unwrap().starts_with("invalid code"), "{body}");
        let again = keyed(&t, &code, &code).await.problem(401, "code_invalid");
        assert_eq!(again["platform"], body["platform"], "a repeat hears the same");
        post(&t, &code).await.problem(401, "code_used");
        assert_eq!(t.sim.calls_with_code(&code), 1);
    }
    let used = t.code("alice");
    t.sim.add_fault(Fault::once(errcode(40163)));
    for _ in 0..2 {
        keyed(&t, "used-1", &used).await.problem(401, "code_used");
    }
    assert_eq!(t.phone_of("bob").login(json!({})).await.ok(200)["user"]["number"], 1);
}

#[tokio::test]
async fn a_person_whom_the_platform_blocks_is_told_so_and_does_not_retry() {
    let t = TestServer::start().await;
    t.sim.change_person("mallory", |person| person.blocked = true);
    let code = t.code("mallory");
    let body = keyed(&t, "blocked-1", &code).await.problem(403, "platform_blocked");
    assert_eq!((&body["action"], &body["platform"]["errcode"]), (&json!("none"), &json!(40226)));
    let again = keyed(&t, "blocked-1", &code).await.problem(403, "platform_blocked");
    assert_eq!(again["platform"], body["platform"]);
    assert_eq!(t.sim.calls_with_code(&code), 1);
}

#[tokio::test]
async fn a_misconfigured_app_is_loud_in_the_log_and_says_nothing_to_clients() {
    let log = Log::start();
    let t = TestServer::start().await;
    t.sim.add_app(menjin_sim::App::mini_program(APPID, "ffffffffffffffffffffffffffffffff"));
    let code = t.code("alice");
    for _ in 0..2 {
        let answer = keyed(&t, "wrong-1", &code).await;
        assert_eq!(answer.header("retry-after"), "60");
        let body = answer.problem(503, "platform_misconfigured");
        assert_eq!((&body["action"], body.get("platform")), (&json!("none"), None));
    }
    t.sim.add_fault(Fault::once(errcode(40013)));
    post(&t, &t.code("alice")).await.problem(503, "platform_misconfigured");
    let errors: Vec<Value> = log.lines().into_iter().filter(|line| line["level"] == "ERROR").collect();
    let errcodes: Vec<&Value> = errors.iter().map(|line| &line["fields"]["errcode"]).collect();
    assert_eq!(errcodes, [40125, 40125, 40013]);
    for line in &errors {
        assert_eq!(line["span"]["app.id"], "shop", "the operator sees whose secret it is: {line}");
        assert!(line["fields"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("console")), "{line}");
    }
    let text = log.text();
    assert!(!text.contains("0123456789abcdef0123456789abcdef") && !text.contains(&code), "{text}");
}

#[tokio::test]
async fn a_number_that_a_misconfigured_app_can_not_fetch_is_loud_in_the_log_too() {
    let log = Log::start();
    let t = TestServer::start().await;
    t.sim.add_fault(Fault::once(errcode(40164)).on("/cgi-bin/stable_token"));
    t.phone_of("alice").login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    let error = log.lines().into_iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!((&error["fields"]["errcode"], &error["span"]["app.id"]), (&json!(40164), &json!("shop")));
}

#[tokio::test]
async fn a_store_that_fails_after_the_exchange_asks_for_a_fresh_code() {
    let t = TestServer::start().await;
    let mut rows = Rows::of(&t).await;
    t.sim.add_fault(Fault::once(FaultKind::Slow(Duration::from_millis(300))));
    let code = t.code("alice");
    let signing_in = keyed(&t, "lost-1", &code);
    let breaking = async {
        while t.sim.calls_with_code(&code) == 0 {
            tokio::task::yield_now().await;
        }
        rows.breaks("grants").await;
    };
    let (answer, ()) = tokio::join!(signing_in, breaking);
    let body = answer.problem(503, "store_unavailable");
    assert_eq!(body["action"], "relogin", "{body}");
    assert!(body["detail"].as_str().unwrap().contains("wx.login"), "{body}");
    rows.mends("grants").await;
    assert_eq!(keyed(&t, "lost-1", &code).await.problem(503, "store_unavailable")["action"], "relogin");
    post(&t, &code).await.problem(401, "code_used");
    assert_eq!(rows.all("SELECT number FROM users").await, Vec::<Vec<Cell>>::new(), "nobody was made");
    assert_eq!(t.phone_of("alice").login(json!({})).await.ok(200)["is_new_user"], true);
}

#[tokio::test]
async fn a_code_of_any_characters_arrives_whole() {
    let t = TestServer::start().await;
    for code in ["0a&secret=x#frag", "a+b/c=d?e%20f", "'\"<>;\\", "%00", "&appid=wx1&js_code=2"] {
        post(&t, code).await.problem(401, "code_invalid");
        assert_eq!(t.sim.calls_with_code(code), 1, "{code}");
    }
    let asked = t.sim.calls(&menjin_sim::CallFilter::default());
    assert!(asked.iter().all(|call| call.appid.as_deref() == Some(APPID)), "{asked:?}");
    let mock = post(&t, "the code is a mock one").await.problem(400, "field_invalid");
    let detail = mock["detail"].as_str().unwrap();
    assert!(mock["field"] == "code" && detail.contains("AppID") && detail.contains("developer tools"), "{mock}");
    for odd in ["", "码", "a\u{0}b", &"0".repeat(129)] {
        assert_eq!(post(&t, odd).await.problem(400, "field_invalid")["field"], "code");
    }
}
