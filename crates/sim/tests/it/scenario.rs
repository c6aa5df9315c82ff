//! Scenarios and seeds: the same again, to the last byte.

use menjin_sim::{App, Options, Scenario, Sim};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Answer, Platforms, SECRET, SHOP, START, code2session};

/// Some of everything: people, sign-ins, tokens, refusals, faults, time.
async fn a_day(platforms: &Platforms) -> Vec<String> {
    let mut said = Vec::new();
    let mut ask = async |request: RequestBuilder| {
        let answer = Answer::of(request).await;
        said.push(answer.body.clone());
        answer
    };
    let control = |path: &str, body: Value| platforms.request(Method::POST, &format!("/_sim{path}")).json(&body);
    let get = |path: &str| platforms.request(Method::GET, path);
    ask(control("/people", json!({ "person": "bob", "blocked": true }))).await;
    ask(control("/apps", json!({ "name": "second" }))).await;
    let alice = json!({ "person": "alice", "appid": SHOP });
    for person in [&alice, &json!({ "person": "bob", "appid": SHOP })] {
        let code = ask(control("/wx/login", person.clone())).await.json()["code"].as_str().expect("a code").to_owned();
        ask(get(&code2session(SHOP, SECRET, &code))).await;
        ask(get(&code2session(SHOP, SECRET, &code))).await;
    }
    ask(control("/wx/getPhoneNumber", alice.clone())).await;
    ask(control("/faults", json!({ "kind": "busy", "share": 0.5 }))).await;
    for _ in 0..10 {
        ask(get(&format!("/cgi-bin/token?grant_type=client_credential&appid={SHOP}&secret={SECRET}"))).await;
        ask(control("/clock", json!({ "advance": 7 }))).await;
    }
    ask(platforms.request(Method::DELETE, "/_sim/faults")).await;
    ask(control("/wx/nonsense", json!({}))).await;
    ask(control("/wx/getUserProfile", alice)).await;
    said
}

async fn afterwards(platforms: &Platforms) -> Vec<String> {
    let login = json!({ "person": "carol", "appid": SHOP });
    let code = platforms.control("/_sim/wx/login", login).await["code"].as_str().expect("a code").to_owned();
    let session = platforms.exchange(&code).await.body;
    let clock = platforms.get("/_sim/clock").await.body;
    let known = platforms.get("/_sim/people").await.body + &platforms.get("/_sim/apps").await.body;
    vec![code, session, clock, known, platforms.get("/_sim/calls").await.body]
}

#[tokio::test]
async fn the_same_seed_and_the_same_requests_get_the_same_bytes() {
    let (one, other) = (Platforms::start().await, Platforms::start().await);
    let said = a_day(&one).await;
    assert!(
        said.iter().any(|body| body.contains("40163")) && said.iter().any(|body| body.contains("40226")),
        "{said:#?}"
    );
    assert_eq!(said, a_day(&other).await);
}

#[tokio::test]
async fn what_was_recorded_happens_again_and_goes_on_alike() {
    let first = Platforms::start().await;
    a_day(&first).await;
    let recorded = first.get("/_sim/scenario/record").await;
    let scenario = Scenario::read(&recorded.body).expect("what is recorded can be read");
    let again = Platforms::of(Sim::new(Options { seed: scenario.seed, ..Options::default() })).await;
    again.sim.freeze(true);
    again.sim.replay(&scenario).await.expect("it can happen again");
    assert_eq!(afterwards(&again).await, afterwards(&first).await);
    assert_eq!(again.get("/_sim/scenario/record").await.body, first.get("/_sim/scenario/record").await.body);
}

/// Sixteen phones that sign in forty times each, at once; every code with whose it is.
async fn a_rush(platforms: &Platforms) -> Vec<(String, String)> {
    let mut phones = JoinSet::new();
    for phone in 0..16 {
        let person = format!("person {phone}");
        let login = json!({ "person": person, "appid": SHOP });
        let ask = platforms.request(Method::POST, "/_sim/wx/login").json(&login);
        phones.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..40 {
                let answer = Answer::of(ask.try_clone().expect("its body is at hand")).await.json();
                codes.push((answer["code"].as_str().expect("a code").to_owned(), person.clone()));
            }
            codes
        });
    }
    phones.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_asked_at_once_happens_again_with_the_same_codes_for_the_same_people() {
    let first = Platforms::start().await;
    let codes = a_rush(&first).await;
    let scenario = Scenario::read(&first.get("/_sim/scenario/record").await.body).expect("it can be read");
    let again = Platforms::of(Sim::new(Options { seed: scenario.seed, ..Options::default() })).await;
    again.sim.freeze(true);
    again.sim.replay(&scenario).await.expect("it can happen again");
    for (code, person) in codes {
        assert_eq!(again.exchange(&code).await.json()["openid"], again.sim.openid(SHOP, &person), "{person}: {code}");
    }
}

#[tokio::test]
async fn who_is_answered_late_holds_nobody_up() {
    let platforms = Platforms::start().await;
    let code = platforms.code("alice").await;
    let slow = json!({ "kind": "slow", "delay_ms": 3_600_000, "path": "/sns/jscode2session" });
    platforms.control("/_sim/faults", slow).await;
    let late = tokio::spawn(Answer::of(platforms.request(Method::GET, &code2session(SHOP, SECRET, &code))));
    while platforms.sim.calls_with_code(&code) == 0 {
        tokio::task::yield_now().await;
    }
    assert_ne!(platforms.code("bob").await, code);
    assert!(!late.is_finished());
    late.abort();
}

#[tokio::test]
async fn a_scenario_is_written_by_hand_as_one_would_ask() {
    let text = json!({
        "version": 1,
        "steps": [
            { "ask": "POST /_sim/apps", "body": { "appid": SHOP, "secret": SECRET, "open_account": "acme" } },
            { "ask": "POST /_sim/people", "body": { "person": "alice", "phone": "13800138000", "verdict": "risky" } },
            { "ask": "POST /_sim/policy", "body": { "session_key": "always" } },
            { "ask": "POST /_sim/faults", "body": { "kind": "slow", "delay_ms": 600_000, "path": "/cgi-bin/token" } },
            { "ask": format!("GET /cgi-bin/token?grant_type=client_credential&appid={SHOP}&secret={SECRET}") },
            { "ask": "POST /_sim/clock", "body": { "freeze": true, "set": START } },
        ],
    });
    let sim = Sim::new(Options::default());
    sim.replay(&Scenario::read(&text.to_string()).expect("a scenario")).await.expect("it can happen");
    assert_eq!(
        (sim.now(), sim.apps().len(), sim.policy().session_key),
        (START, 1, menjin_sim::SessionKeyPolicy::Always)
    );
}

#[tokio::test]
async fn a_step_that_goes_wrong_is_named() {
    let replay = async |step: Value| {
        let text = json!({ "version": 1, "steps": [{ "ask": "GET /_sim/apps" }, step] }).to_string();
        format!(
            "{:#}",
            Sim::new(Options::default()).replay(&Scenario::read(&text).expect("a scenario")).await.unwrap_err()
        )
    };
    let unknown = replay(json!({ "ask": "POST /_sim/people", "body": { "person": "a", "fone": "1" } })).await;
    assert!(
        unknown.contains("step 2") && unknown.contains("400 Bad Request instead of 200 OK") && unknown.contains("fone"),
        "{unknown}"
    );
    assert!(replay(json!({ "ask": "/_sim/people" })).await.contains("ask is a method and a path"));
    let bad = |text: Value| format!("{:#}", Scenario::read(&text.to_string()).unwrap_err());
    assert!(bad(json!({ "version": 2, "steps": [] })).contains("version 2 is not known"));
    assert!(bad(json!({ "version": 1 })).contains("steps"));
}

#[tokio::test]
async fn a_record_leaves_out_what_changes_nothing() {
    let platforms = Platforms::with(vec![App::mini_program(SHOP, SECRET)]).await;
    platforms.get("/_sim/people").await;
    platforms.get("/_sim/").await;
    platforms.get("/").await;
    assert_eq!(platforms.post("/_sim/wx/login", json!({})).await.status, StatusCode::BAD_REQUEST);
    let record = platforms.get("/_sim/scenario/record").await;
    assert_eq!(record.content_type, "application/json");
    let steps = record.json()["steps"].clone();
    let asked: Vec<_> = steps.as_array().expect("steps").iter().map(|step| (&step["ask"], &step["status"])).collect();
    let expected = [(json!("POST /_sim/apps"), Value::Null), (json!("POST /_sim/wx/login"), json!(400))];
    assert_eq!(asked, expected.iter().map(|(ask, status)| (ask, status)).collect::<Vec<_>>());
}
