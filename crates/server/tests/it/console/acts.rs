//! Acts of the console by the forms that its pages show, and what comes of each outside.

use std::time::Duration;

use menjin_server::store::OperatorRole;
use reqwest::Method;
use serde_json::json;

use super::form::press;
use crate::harness::{APPID, Answer, OTHER_APPID, Setup, TestServer};
use crate::operators::hand::{Hand, PASSWORD, between};

/// The box of a form whose act can't be undone.
const CERTAIN: &[(&str, &str)] = &[("certain", "yes")];

/// Where a form led.
#[track_caller]
fn led_to(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location")
}

/// What is shown once.
#[track_caller]
fn secret(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    between(&answer.text, "id=\"secret\">", "</code>").to_owned()
}

/// The code on the page of a refusal.
#[track_caller]
fn refused(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text);
    between(between(&answer.text, "role=\"alert\">", "</section>"), "<code>", "</code>").to_owned()
}

/// What the audit says that an operator did, the newest first; sessions that ended by it aside.
async fn acts(hand: &mut Hand<'_>) -> Vec<String> {
    let name = hand.name.clone();
    let page = hand.get(&format!("/console/audit?actor_id={name}")).await.text;
    let lines = page.split("<tr data-action=\"").skip(1).map(|row| row.split('"').next().unwrap().to_owned());
    lines.filter(|action| action != "session.ended").collect()
}

#[tokio::test]
async fn a_way_to_sign_in_is_taken_away_but_never_the_last() {
    let t = TestServer::start().await;
    let here = t.phone("alice").await;
    let mut there = t.phone_of("alice");
    there.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    assert_eq!(there.user_id(), here.user_id(), "one person by unionid");
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let page = format!("/console/people/{}", here.user_id());
    let own = |text: &str| {
        let ways = between(text, "id=\"identities\"", "</section>").to_owned();
        [APPID, OTHER_APPID].map(|appid| ways.contains(appid))
    };
    let shown = lin.get(&page).await.text;
    assert_eq!(own(&shown), [true, true]);
    let club = shown.split("<li>").find(|way| way.contains(OTHER_APPID)).unwrap();
    let unlink = between(club, "action=\"", "\"").to_owned();
    assert_eq!(led_to(&press(&mut lin, &page, &unlink, &[]).await), format!("{page}?done=unlinked"));
    assert_eq!(own(&lin.get(&page).await.text), [true, false]);
    there.get("/v1/me").await.problem(401, "session_kicked");
    here.get("/v1/me").await.ok(200);
    assert_eq!(refused(&press(&mut lin, &page, "/unlink", &[]).await, 409), "last_identity");
    assert_eq!(own(&lin.get(&page).await.text), [true, false]);
    here.get("/v1/me").await.ok(200);
    assert_eq!(acts(&mut lin).await[0], "identity.unlinked");
}

#[tokio::test]
async fn somebody_is_to_leave_and_stays_or_is_erased_at_once() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let user = phone.user_id();
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let page = format!("/console/people/{user}");
    let later = press(&mut boss, &page, "/delete", &[]).await;
    assert_eq!(led_to(&later), format!("{page}?done=leaving"));
    phone.get("/v1/me").await.problem(401, "user_deleting");
    let shown = boss.get(&page).await.text;
    assert!(shown.contains("id=\"leaving\"") && !shown.contains("id=\"delete\""), "{shown}");
    assert_eq!(led_to(&press(&mut boss, &page, "/undelete", &[]).await), format!("{page}?done=undeleted"));
    assert!(!boss.get(&page).await.text.contains("id=\"leaving\""));
    assert_eq!(phone.login(json!({})).await.ok(200)["user"]["id"], user);

    assert_eq!(refused(&press(&mut boss, &page, "/erase", &[]).await, 400), "field_invalid");
    phone.get("/v1/me").await.ok(200);
    let now = press(&mut boss, &page, "/erase", CERTAIN).await;
    assert_eq!(led_to(&now), "/console/people?done=erased");
    phone.get("/v1/me").await.problem(401, "account_closed");
    assert_eq!(phone.login(json!({})).await.ok(200)["is_new_user"], true);
    let gone = boss.get(&page).await.text;
    assert!(gone.contains("id=\"erased\"") && !gone.contains("<form"), "there is nothing to do about them: {gone}");
    assert_eq!(acts(&mut boss).await[..3], ["user.erased", "user.deletion_cancelled", "user.deletion_requested"]);
}

#[tokio::test]
async fn an_app_has_two_secrets_is_shut_out_let_in_and_removed() {
    let t = TestServer::start().await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let fields = [("id", "reports"), ("kind", "backend"), ("scopes", "revocations:read")];
    let first = secret(&press(&mut boss, "/console/apps", "/console/apps", &fields).await);
    let page = "/console/apps/reports";
    let second = secret(&press(&mut boss, page, "/secrets", &[]).await);
    assert_ne!(first, second);
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let asks = async |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id=reports&client_secret={secret}");
        t.anon().send(Method::POST, "/oauth2/token", Some(form), &kind).await.status.as_u16()
    };
    assert_eq!((asks(&first).await, asks(&second).await), (200, 200));
    assert_eq!(refused(&press(&mut boss, page, "/secrets", &[]).await, 409), "client_secrets_full");
    let shown = boss.get(page).await.text;
    assert!(!shown.contains(&first) && !shown.contains(&second), "{shown}");
    assert_eq!(refused(&press(&mut boss, page, "/revoke", &[]).await, 400), "field_invalid");
    assert_eq!((asks(&first).await, asks(&second).await), (200, 200), "nothing is done that is not said twice");
    assert_eq!(led_to(&press(&mut boss, page, "/revoke", CERTAIN).await), format!("{page}?done=secret_revoked"));
    assert_eq!(asks(&first).await + asks(&second).await, 200 + 401, "one of them is good");
    let good = if asks(&first).await == 200 { first } else { second };

    assert_eq!(led_to(&press(&mut boss, page, "/disable", &[]).await), format!("{page}?done=disabled"));
    assert_eq!(asks(&good).await, 401);
    assert_eq!(led_to(&press(&mut boss, page, "/enable", &[]).await), format!("{page}?done=enabled"));
    assert_eq!(asks(&good).await, 200);
    assert_eq!(refused(&press(&mut boss, page, "/remove", &[]).await, 400), "field_invalid");
    assert_eq!(asks(&good).await, 200);
    assert_eq!(led_to(&press(&mut boss, page, "/remove", CERTAIN).await), "/console/apps?done=removed");
    assert_eq!(asks(&good).await, 401);
    assert!(!boss.get("/console/apps").await.text.contains(page));
    assert_eq!(refused(&boss.get(page).await, 404), "app_unknown");
    let again = press(&mut boss, "/console/apps", "/console/apps", &fields).await;
    assert_eq!(refused(&again, 409), "app_id_used");
    let lines = acts(&mut boss).await;
    assert_eq!(lines[..4], ["app.removed", "app.enabled", "app.disabled", "app.secret_revoked"]);
}

#[tokio::test]
async fn sign_in_by_password_is_switched_for_a_registered_app() {
    let t = TestServer::start().await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let fields = [("id", "desk"), ("kind", "web"), ("passwords", "register")];
    assert_eq!(press(&mut boss, "/console/apps", "/console/apps", &fields).await.status, 200);
    let alice = json!({"username": "alice", "password": "correct horse battery"});
    let asked = async |path: &str| t.anon().post(path, alice.clone()).await.status.as_u16();
    assert_eq!(asked("/v1/register/desk").await, 201);
    let page = "/console/apps/desk";
    for (passwords, login, said) in
        [("", 404, "<option value=\"\" selected>"), ("on", 200, "<option value=\"on\" selected>")]
    {
        let changed = press(&mut boss, page, "/console/apps/desk/passwords", &[("passwords", passwords)]).await;
        assert_eq!(led_to(&changed), format!("{page}?done=passwords_changed"));
        assert_eq!(asked("/v1/login/desk/password").await, login, "{passwords:?}");
        let shown = boss.get(&format!("{page}?done=passwords_changed")).await.text;
        assert!(shown.contains(said) && shown.contains("Sign-in by password is as you set it."), "{shown}");
    }
    assert_eq!(acts(&mut boss).await[..2], ["app.passwords_changed", "app.passwords_changed"]);
    let of_file = boss.get("/console/apps/shop").await.text;
    assert!(!of_file.contains("/console/apps/shop/passwords"), "what stands in the file is changed there: {of_file}");
}

#[tokio::test]
async fn the_page_of_somebody_ends_nobody_elses_session() {
    let t = TestServer::start().await;
    let (alice, bob) = (t.phone("alice").await, t.phone("bob").await);
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let token = lin.form_token().await;
    let (page, of_bob) = (format!("/console/people/{}", alice.user_id()), bob.session_id());
    let others = lin.post(&format!("{page}/sessions/{of_bob}/end"), &[("form_token", &token)]).await;
    assert_eq!(refused(&others, 404), "session_unknown");
    bob.get("/v1/me").await.ok(200);
    let own = press(&mut lin, &page, &format!("/sessions/{}/end", alice.session_id()), &[]).await;
    assert_eq!(led_to(&own), format!("{page}?done=session_ended"));
    alice.get("/v1/me").await.problem(401, "session_kicked");
}

#[tokio::test]
async fn tokens_that_end_with_an_operator_are_named_before() {
    let t = TestServer::start().await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let mut wei = Hand::of(&t, "wei", OperatorRole::Admin).await;
    let page = "/console/operators";
    for (name, role) in [("looks", "viewer"), ("does-all", "admin")] {
        let fields = [("name", name), ("role", role), ("days", "30")];
        secret(&press(&mut wei, page, "/console/operator-tokens", &fields).await);
    }
    let demoted = press(&mut boss, page, "/console/operators/wei/role", &[("role", "support")]).await;
    assert_eq!(led_to(&demoted), "/console/operators?done=operator_and_tokens_changed");
    let shown = boss.get(led_to(&demoted)).await.text;
    assert!(shown.contains("that may do more have ended") && !shown.contains("does-all"), "{shown}");
    let form = between(&shown, "/console/operators/wei/remove", "</form>");
    assert!(form.contains("The tokens that they made end, too:") && form.contains("<code>looks</code>"), "{form}");
    let removed = press(&mut boss, page, "/console/operators/wei/remove", &[]).await;
    assert_eq!(led_to(&removed), "/console/operators?done=operator_and_tokens_removed");
    assert!(!boss.get(page).await.text.contains("data-token=\"looks\""));
}

#[tokio::test]
async fn a_revoked_key_signs_for_nobody_any_more() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    t.advance(Duration::from_secs(1));
    assert_eq!(refused(&press(&mut boss, "/console/keys", "/revoke", &[]).await, 400), "field_invalid");
    phone.get("/v1/me").await.ok(200);
    assert_eq!(led_to(&press(&mut boss, "/console/keys", "/revoke", CERTAIN).await), "/console/keys?done=key_revoked");
    let states = |text: &str| -> Vec<String> {
        text.split("<tr data-state=\"").skip(1).map(|row| row.split('"').next().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&boss.get("/console/keys").await.text), ["active", "revoked"]);
    phone.get("/v1/me").await.problem(401, "token_invalid");
    phone.refresh().await.ok(200);
    phone.get("/v1/me").await.ok(200);
    assert_eq!(acts(&mut boss).await[0], "key.revoked");
}

#[tokio::test]
async fn a_role_is_changed_where_it_stands_and_removed_from_all() {
    let t = TestServer::start().await;
    let mut phone = t.phone("alice").await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let fields = [("role", "clerk"), ("permissions", "orders:read")];
    led_to(&press(&mut boss, "/console/roles", "/console/roles", &fields).await);
    let user = phone.user_id();
    let person = format!("/console/people/{user}");
    let granted = press(&mut boss, &person, "/roles/grant", &[("role", "clerk"), ("audience", "shop-api")]).await;
    assert_eq!(led_to(&granted), format!("{person}?done=granted"));
    let page = "/console/roles/clerk";
    let fields = [("permissions", "orders:read orders:refund"), ("description", "Answers \"customers\" <all>")];
    assert_eq!(led_to(&press(&mut boss, page, "/console/roles", &fields).await), "/console/roles?done=role_saved");
    phone.get("/v1/me").await.problem(401, "token_expired");
    phone.refresh().await.ok(200);
    let may = |phone: &crate::harness::Actor<'_>| crate::harness::claims(&phone.access_token())["permissions"].clone();
    assert_eq!(may(&phone), json!(["orders:read", "orders:refund"]));
    let shown = boss.get(page).await.text;
    assert!(between(&shown, "id=\"holders\"", "</section>").contains(&user), "{shown}");
    let cycle = press(&mut boss, page, "/console/roles", &[("includes", "clerk")]).await;
    assert_eq!(refused(&cycle, 409), "role_cycle");
    assert_eq!(led_to(&press(&mut boss, page, "/remove", &[]).await), "/console/roles?done=role_removed");
    phone.get("/v1/me").await.problem(401, "token_expired");
    phone.refresh().await.ok(200);
    assert_eq!(may(&phone), json!(null));
    assert_eq!(refused(&boss.get(page).await, 404), "role_unknown");
    assert_eq!(acts(&mut boss).await[..3], ["role.removed", "role.changed", "role.granted"]);
}

#[tokio::test]
async fn an_operators_role_is_changed_and_their_sign_in_reset_and_ended() {
    let t = TestServer::start().await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let mut wei = Hand::of(&t, "wei", OperatorRole::Support).await;
    let kick = format!("/console/people/{}/kick", t.phone("alice").await.user_id());
    let kicks = async |hand: &mut Hand<'_>| {
        let token = hand.form_token().await;
        hand.post(&kick, &[("form_token", &token)]).await
    };
    led_to(&kicks(&mut wei).await);
    let page = "/console/operators";
    let role = "/console/operators/wei/role";
    let changed = press(&mut boss, page, role, &[("role", "viewer")]).await;
    assert_eq!(led_to(&changed), "/console/operators?done=operator_changed");
    assert_eq!(refused(&kicks(&mut wei).await, 403), "right_missing");
    let same = press(&mut boss, page, role, &[("role", "viewer")]).await;
    assert_eq!(led_to(&same), "/console/operators?done=nothing");
    let last = press(&mut boss, page, "/console/operators/boss/role", &[("role", "support")]).await;
    assert_eq!(refused(&last, 409), "last_admin");

    let link = secret(&press(&mut boss, page, "/console/operators/wei/reset", &[]).await);
    assert_eq!(led_to(&wei.get("/console").await), "/admin/sign-in?next=%2Fconsole");
    assert_eq!(wei.try_sign_in("wei", PASSWORD, &wei.next_code()).await.status, 422);
    assert!(between(&boss.get(page).await.text, "data-operator=\"wei\"", "</td>").contains("link not opened"));
    wei.welcome(&link).await;
    assert_eq!(wei.get("/console").await.status, 200);
    let removed = press(&mut boss, page, "/console/operators/wei/remove", &[]).await;
    assert_eq!(led_to(&removed), "/console/operators?done=operator_removed");
    assert_eq!(led_to(&wei.get("/console").await), "/admin/sign-in?next=%2Fconsole");
    assert!(!boss.get(page).await.text.contains("data-operator=\"wei\""));
    let lines = acts(&mut boss).await;
    assert_eq!(lines[..3], ["operator.removed", "operator.reset", "operator.role_changed"]);
}

#[tokio::test]
async fn a_programs_token_is_shown_once_works_and_is_revoked() {
    let t = TestServer::start().await;
    let mut boss = Hand::of(&t, "boss", OperatorRole::Admin).await;
    let (page, make) = ("/console/operators", "/console/operator-tokens");
    for days in ["0", "3651", "soon", "-1"] {
        let odd = press(&mut boss, page, make, &[("name", "nightly"), ("role", "viewer"), ("days", days)]).await;
        assert_eq!(refused(&odd, 400), "field_invalid", "{days}");
    }
    let fields = [("name", "nightly"), ("role", "viewer"), ("days", "30")];
    let token = secret(&press(&mut boss, page, make, &fields).await);
    assert!(token.starts_with("mjo_"), "{token}");
    assert_eq!(refused(&press(&mut boss, page, make, &fields).await, 409), "operator_exists");
    let bearer = format!("Bearer {token}");
    let asks = async |path: &str| {
        let headers = [("authorization", bearer.as_str())];
        Hand::new(&t).send(Method::GET, path, None, &headers).await.status.as_u16()
    };
    assert_eq!(asks("/admin/v1/users").await, 200);
    let shown = boss.get(page).await.text;
    let row = between(&shown, "data-token=\"nightly\"", "</tr>");
    assert!(row.contains("viewer") && row.contains("boss") && !shown.contains(&token), "{row}");
    let by_mistake = press(&mut boss, page, "/nightly/revoke", &[]).await;
    assert_eq!(refused(&by_mistake, 400), "field_invalid");
    let words = "what can't be undone is done only where the box that says so is ticked";
    assert!(by_mistake.text.replace("&#39;", "'").contains(words), "{}", by_mistake.text);
    assert_eq!(asks("/admin/v1/users").await, 200);
    assert_eq!(
        led_to(&press(&mut boss, page, "/nightly/revoke", CERTAIN).await),
        "/console/operators?done=token_revoked"
    );
    assert_eq!(asks("/admin/v1/users").await, 401);
    assert!(!boss.get(page).await.text.contains("data-token="));
    // One that is not revoked ends with its days.
    let token = secret(&press(&mut boss, page, make, &fields).await);
    t.advance(Duration::from_hours(30 * 24));
    let bearer = format!("Bearer {token}");
    let late = Hand::new(&t).send(Method::GET, "/admin/v1/users", None, &[("authorization", &bearer)]).await;
    late.problem(401, "operator_required");
}

#[tokio::test]
async fn a_reset_code_is_shown_once_and_sets_a_password() {
    let t = TestServer::with(Setup { shop: "passwords = true".to_owned(), ..Setup::default() }).await;
    let user = t.phone("alice").await.user_id();
    let mut lin = Hand::of(&t, "lin", OperatorRole::Support).await;
    let page = format!("/console/people/{user}");
    let code = secret(&press(&mut lin, &page, "/reset-password", &[("username", "alice")]).await);
    let redeem = async || {
        t.anon().post("/v1/password/reset", json!({"code": code, "new_password": "five words make it one"})).await
    };
    redeem().await.ok(204);
    redeem().await.problem(403, "reset_code_invalid");
    let body = json!({"username": "alice", "password": "five words make it one"});
    assert_eq!(t.anon().post("/v1/login/shop/password", body).await.ok(200)["user"]["id"], user);
    let shown = lin.get(&page).await.text;
    assert!(!shown.contains(&code) && shown.contains("<bdi>alice</bdi>"), "{shown}");
    // Who has a name is asked for none.
    secret(&press(&mut lin, &page, "/reset-password", &[]).await);
}
