//! Phone numbers: bound by the platform's proof for this very person alone, and never the reason that a sign-in fails.

use std::time::Duration;

use futures_util::future::join_all;
use menjin_sim::{CallFilter, Fault, FaultKind, Phone, SessionKeyPolicy};
use serde_json::{Value, json};

use super::{encrypt, sealed, wx};
use crate::broker::until;
use crate::harness::{APP_SECRET, APPID, OTHER_APPID, Setup, TestServer};

const BY_CODE: &str = "/wxa/business/getuserphonenumber";
const TOKEN: &str = "/cgi-bin/stable_token";

fn number(t: &TestServer, person: &str, number: &str) {
    let phone = Phone { number: number.to_owned(), country_code: "86".to_owned() };
    t.sim.change_person(person, |it| it.phone = phone);
}

fn calls(t: &TestServer, path: &str) -> usize {
    t.sim.calls(&CallFilter { path: Some(path.to_owned()), ..CallFilter::default() }).len()
}

#[tokio::test]
async fn a_phone_code_binds_the_number_which_is_shown_masked() {
    let t = TestServer::start().await;
    number(&t, "alice", "13800001234");
    let mut phone = t.phone_of("alice");
    let answer = phone.login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    assert_eq!((&answer["user"]["phone_masked"], &answer["need"]), (&json!("138****1234"), &json!(["profile"])));
    let me = phone.get("/v1/me").await;
    assert!(!me.text.contains("13800001234"));
    assert_eq!(me.ok(200)["user"]["phone_masked"], "138****1234");
    let asked = t.sim.calls(&CallFilter { path: Some(BY_CODE.into()), ..CallFilter::default() });
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].openid, Some(t.sim.openid(APPID, "alice")), "WeChat compares whose code it is");
}

#[tokio::test]
async fn a_phone_code_that_fails_leaves_the_sign_in_whole_and_the_number_needed() {
    let t = TestServer::start().await;
    let spent = t.sim.phone_code(APPID, "alice");
    t.phone_of("alice").login(json!({"phone_code": spent})).await.ok(200);
    let codes = [
        "nonsense".to_owned(),
        spent,
        t.sim.phone_code(APPID, "bob"),
        t.sim.phone_code(OTHER_APPID, "carol"),
        t.code("carol"),
    ];
    for code in codes {
        let mut phone = t.phone_of("carol");
        let answer = phone.login(json!({"phone_code": code})).await.ok(200);
        assert_eq!(answer["user"]["phone_masked"], Value::Null, "{code}");
        assert_eq!(answer["need"], json!(["phone", "profile"]), "{code}");
        phone.get("/v1/me").await.ok(200);
    }
    let bound = t.phone("bob").await.get("/v1/me").await.ok(200);
    assert_eq!(bound["user"]["phone_masked"], Value::Null, "nobody else got one either");
}

#[tokio::test]
async fn a_platform_that_fails_over_the_number_leaves_the_sign_in_whole_and_quick() {
    let t = TestServer::with(Setup { deadline: "1s", ..Setup::default() }).await;
    let faults = [
        (FaultKind::Busy, BY_CODE),
        (FaultKind::Dropped, BY_CODE),
        (FaultKind::Malformed, BY_CODE),
        (FaultKind::Html, TOKEN),
        (FaultKind::Errcode { errcode: 45009, errmsg: None }, TOKEN),
        (FaultKind::Errcode { errcode: 40164, errmsg: None }, TOKEN),
        (FaultKind::Slow(Duration::from_mins(1)), TOKEN),
    ];
    for (kind, path) in faults {
        t.sim.add_fault(Fault::once(kind.clone()).on(path));
        if path == TOKEN {
            t.advance(Duration::from_hours(3));
        }
        let answer = t.phone_of("alice").login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
        assert_eq!(answer["need"], json!(["phone", "profile"]), "{kind:?}");
        t.sim.clear_faults();
    }
    // Whoever comes while the slow answer is still waited for waits with the others; the next one is bound.
    let is_bound = async || {
        let answer = t.phone_of("alice").login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
        answer["need"] == json!(["profile"])
    };
    until(is_bound).await;
}

#[tokio::test]
async fn an_encrypted_number_binds_under_the_newest_key_alone() {
    let t = TestServer::start().await;
    t.freeze();
    t.sim.change_policy(|policy| policy.session_key = SessionKeyPolicy::Always);
    number(&t, "alice", "13900005678");
    let code = t.code("alice");
    let mut body = sealed(&wx(&t, "getPhoneNumber", "alice").await);
    let stale = body.clone();
    body["code"] = code.into();
    let answer = t.anon().post("/v1/login/shop", body).await.ok(200);
    assert_eq!((&answer["user"]["phone_masked"], &answer["need"]), (&json!("139****5678"), &json!(["profile"])));
    number(&t, "bob", "13900009999");
    let code = t.code("bob");
    let theirs = sealed(&wx(&t, "getPhoneNumber", "bob").await);
    t.anon().post("/v1/login/shop", json!({"code": code})).await.ok(200);
    t.advance(Duration::from_secs(5));
    let mut phone = t.phone_of("bob");
    let answer = phone.login(theirs).await.ok(200);
    assert_eq!(answer["user"]["phone_masked"], Value::Null, "the key was superseded by this very sign-in");
    assert_eq!(answer["need"], json!(["phone", "profile"]), "so the button must be tapped again");
    let answer = phone.login(stale).await.ok(200);
    assert_eq!(answer["user"]["phone_masked"], Value::Null, "another person's number opens under no key of theirs");
}

#[tokio::test]
async fn a_number_of_odd_form_is_no_number() {
    let t = TestServer::start().await;
    t.code("alice");
    for odd in [json!({"purePhoneNumber": "138-0000", "countryCode": "86"}), json!({"purePhoneNumber": "13800001234"})]
    {
        let body = encrypt(&t, "alice", odd, None).await;
        let answer = t.phone_of("alice").login(body).await.ok(200);
        assert_eq!(answer["user"]["phone_masked"], Value::Null);
    }
    let abroad = json!({"purePhoneNumber": "91234567", "countryCode": 852, "phoneNumber": "85291234567"});
    let body = encrypt(&t, "alice", abroad, None).await;
    assert_eq!(t.phone_of("alice").login(body).await.ok(200)["user"]["phone_masked"], "+852 91****67");
}

#[tokio::test]
async fn a_number_goes_to_whom_the_platform_proved_it_for_last_and_merges_nobody() {
    let t = TestServer::start().await;
    for person in ["alice", "bob"] {
        number(&t, person, "13800001234");
    }
    let mut alice = t.phone_of("alice");
    alice.login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    let mut bob = t.phone_of("bob");
    let answer = bob.login(json!({"phone_code": t.sim.phone_code(APPID, "bob")})).await.ok(200);
    assert_eq!((&answer["user"]["number"], &answer["user"]["phone_masked"]), (&json!(2), &json!("138****1234")));
    let former = alice.get("/v1/me").await.ok(200);
    assert_eq!((&former["user"]["number"], &former["user"]["phone_masked"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn the_platforms_token_is_fetched_once_for_everybody() {
    let t = TestServer::start().await;
    let people: Vec<String> = (0..12).map(|at| format!("person-{at}")).collect();
    let logins = people.iter().map(|person| {
        let mut phone = t.phone_of(person);
        let code = t.sim.phone_code(APPID, person);
        async move { phone.login(json!({"phone_code": code})).await.ok(200) }
    });
    for answer in join_all(logins).await {
        assert!(answer["user"]["phone_masked"].is_string());
    }
    assert_eq!((calls(&t, TOKEN), calls(&t, BY_CODE)), (1, 12));
    t.advance(Duration::from_mins(110));
    t.phone_of("late").login(json!({"phone_code": t.sim.phone_code(APPID, "late")})).await.ok(200);
    assert_eq!(calls(&t, TOKEN), 1, "it lives two hours");
    t.advance(Duration::from_mins(6));
    let answer = t.phone_of("later").login(json!({"phone_code": t.sim.phone_code(APPID, "later")})).await.ok(200);
    assert_eq!(calls(&t, TOKEN), 2, "and is replaced ahead of its end");
    assert!(answer["user"]["phone_masked"].is_string());
}

#[tokio::test]
async fn a_token_that_the_platform_calls_stale_is_renewed_once() {
    let t = TestServer::start().await;
    t.phone_of("alice").login(json!({"phone_code": t.sim.phone_code(APPID, "alice")})).await.ok(200);
    t.sim.add_fault(Fault::once(FaultKind::Errcode { errcode: 40001, errmsg: None }).on(BY_CODE));
    let answer = t.phone_of("bob").login(json!({"phone_code": t.sim.phone_code(APPID, "bob")})).await.ok(200);
    assert!(answer["user"]["phone_masked"].is_string(), "{answer}");
    assert_eq!(calls(&t, TOKEN), 3, "asked normally, which changed nothing, and then by force");
    let stale = Fault {
        strikes: menjin_sim::Strikes::Share(1.0),
        ..Fault::once(FaultKind::Errcode { errcode: 42001, errmsg: None })
    };
    t.sim.add_fault(stale.on(BY_CODE));
    for person in ["carol", "dave", "erin"] {
        let answer = t.phone_of(person).login(json!({"phone_code": t.sim.phone_code(APPID, person)})).await.ok(200);
        assert_eq!(answer["need"], json!(["phone", "profile"]));
    }
    assert_eq!(
        calls(&t, TOKEN),
        4,
        "forced at most once a minute; asked normally in vain once, and then not for as long"
    );
}

#[tokio::test]
async fn wx_08_a_token_that_died_under_many_requests_is_renewed_once_and_all_get_their_number() {
    let t = TestServer::start().await;
    t.phone_of("first").login(json!({"phone_code": t.sim.phone_code(APPID, "first")})).await.ok(200);
    let forced =
        json!({"grant_type": "client_credential", "appid": APPID, "secret": APP_SECRET, "force_refresh": true});
    t.as_another_program(TOKEN, forced).await;
    let before = calls(&t, TOKEN);
    let people: Vec<String> = (0..20).map(|at| format!("person-{at}")).collect();
    let logins = people.iter().map(|person| {
        let mut phone = t.phone_of(person);
        let code = t.sim.phone_code(APPID, person);
        async move { phone.login(json!({"phone_code": code})).await.ok(200) }
    });
    for answer in join_all(logins).await {
        assert!(answer["user"]["phone_masked"].is_string(), "{answer}");
    }
    assert_eq!(calls(&t, TOKEN) - before, 1, "one of them asked, the others waited for it");
}

#[tokio::test]
async fn a_phone_code_that_no_platform_gave_is_refused_by_name() {
    let t = TestServer::start().await;
    let code = t.code("alice");
    for odd in ["", "with space", "数", &"0".repeat(129)] {
        let answer = t.anon().post("/v1/login/shop", json!({"code": code, "phone_code": odd})).await;
        assert_eq!(answer.problem(400, "field_invalid")["field"], "phone_code");
    }
    assert_eq!(t.sim.calls_with_code(&code), 0);
}
