//! Roles and permissions: in tokens, at proxies, by introspection; and that a change holds at once without signing anybody out.

mod bounds;
mod changes;

use menjin_guard::Guard;
use menjin_server::NewRole;
use menjin_server::problem::Problem;
use menjin_server::store::{Actor, RoleName};
use menjin_token::UserId;
use reqwest::Method;
use serde_json::{Value, json};

use crate::broker::basic;
use crate::guarding::{SECRET, with_gate};
use crate::harness::{Actor as Phone, OTHER_APPID, TestServer, claims};
use crate::rows::Rows;

fn role(name: &str, audience: Option<&str>) -> RoleName {
    RoleName { name: name.to_owned(), audience: audience.map(str::to_owned) }
}

fn new(permissions: &[&str], includes: &[&str]) -> NewRole {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    NewRole { description: String::new(), permissions: texts(permissions), includes: texts(includes) }
}

/// Defines a role of every audience.
async fn define(t: &TestServer, name: &str, permissions: &[&str], includes: &[&str]) {
    t.menjin.put_role(&Actor::command(), &role(name, None), new(permissions, includes)).await.unwrap();
}

async fn grant(t: &TestServer, user: &str, role: &str, audience: Option<&str>) -> bool {
    let user: UserId = user.parse().unwrap();
    t.menjin.grant_role(&Actor::command(), user, role, audience).await.unwrap()
}

async fn revoke(t: &TestServer, user: &str, role: &str, audience: Option<&str>) -> bool {
    let user: UserId = user.parse().unwrap();
    t.menjin.revoke_role(&Actor::command(), user, role, audience).await.unwrap()
}

/// What a token says of roles and permissions, with spaces between.
fn said(token: &str) -> (String, String) {
    let claims = claims(token);
    let words = |claim: &str| -> String {
        let list = claims[claim].as_array().cloned().unwrap_or_default();
        list.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    (words("roles"), words("permissions"))
}

async fn introspected(t: &TestServer, app: &str, token: &str) -> Value {
    let headers = [("authorization", &*basic(app, SECRET)), ("content-type", "application/x-www-form-urlencoded")];
    t.anon().send(Method::POST, "/oauth2/introspect", Some(format!("token={token}")), &headers).await.ok(200)
}

/// Status and code of what a proxy hears.
async fn gate(phone: &Phone<'_>, require: &str) -> (u16, String) {
    let answer = phone.get(&format!("/auth/nginx?audience=shop-api&require={require}")).await;
    (answer.status.as_u16(), answer.json["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_token_says_what_its_person_may_do_with_wildcards() {
    let t = TestServer::with(with_gate()).await;
    let mut phone = t.phone("alice").await;
    assert!(claims(&phone.access_token())["rv"].is_null(), "who never had a role has no version");
    define(&t, "reader", &["orders:read"], &[]).await;
    define(&t, "clerk", &["orders:*", "shop:stock:read"], &["reader"]).await;
    assert!(grant(&t, &phone.user_id(), "clerk", None).await);
    assert!(!grant(&t, &phone.user_id(), "clerk", None).await, "they have it");
    phone.get("/v1/me").await.problem(401, "token_expired");
    phone.refresh().await.ok(200);
    let expected = ("clerk reader".to_owned(), "orders:* orders:read shop:stock:read".to_owned());
    assert_eq!(said(&phone.access_token()), expected);
    assert!(claims(&phone.access_token())["rv"].as_i64().unwrap() > 0);
    phone.login(json!({})).await.ok(200);
    assert_eq!(said(&phone.access_token()), expected);
    let mine = phone.get("/v1/me/roles").await;
    assert_eq!(mine.header("cache-control"), "no-store");
    let mine = mine.ok(200);
    assert_eq!(mine["roles"], json!(["clerk", "reader"]));
    assert_eq!(mine["version"], claims(&phone.access_token())["rv"]);
    let told = introspected(&t, "gate", &phone.access_token()).await;
    assert_eq!((&told["roles"], &told["permissions"]), (&mine["roles"], &mine["permissions"]));
    t.anon().get("/v1/me/roles").await.problem(401, "token_missing");
}

#[tokio::test]
async fn mt_01_what_somebody_may_do_at_one_back_end_is_in_no_token_for_another() {
    let t = TestServer::with(with_gate()).await;
    let by = Actor::command();
    let mut phone = t.phone("alice").await;
    let mut club = t.phone_of("alice");
    club.login_to("club", OTHER_APPID, json!({})).await.ok(200);
    let shop = role("clerk", Some("shop-api"));
    t.menjin.put_role(&by, &shop, new(&["orders:*"], &[])).await.unwrap();
    t.menjin.put_role(&by, &role("clerk", Some("club")), new(&["tables:*"], &[])).await.unwrap();
    define(&t, "guest", &["look"], &[]).await;
    let user = phone.user_id();
    assert_eq!(user, club.user_id());
    grant(&t, &user, "clerk", Some("shop-api")).await;
    grant(&t, &user, "guest", Some("shop-api")).await;
    for phone in [&mut phone, &mut club] {
        phone.refresh().await.ok(200);
    }
    assert_eq!(said(&phone.access_token()), ("clerk guest".to_owned(), "look orders:*".to_owned()));
    assert_eq!(said(&club.access_token()), (String::new(), String::new()));
    assert_eq!(club.get("/v1/me/roles").await.ok(200)["permissions"], json!([]));
    grant(&t, &user, "clerk", Some("club")).await;
    grant(&t, &user, "guest", None).await;
    for phone in [&mut phone, &mut club] {
        phone.refresh().await.ok(200);
    }
    assert_eq!(said(&phone.access_token()).1, "look orders:*");
    assert_eq!(said(&club.access_token()).1, "look tables:*");
    // A role of one back end is given for no other, and for nobody everywhere.
    let user: UserId = user.parse().unwrap();
    t.menjin.remove_role(&by, &role("clerk", Some("club"))).await.unwrap();
    for audience in [Some("club"), None] {
        let refused = t.menjin.grant_role(&by, user, "clerk", audience).await.unwrap_err();
        assert_eq!(refused.spec().code, "role_unknown", "{audience:?}");
    }
    club.refresh().await.ok(200);
    assert_eq!(said(&club.access_token()).1, "look");
}

#[tokio::test]
async fn a_proxy_asks_for_roles_and_permissions() {
    let t = TestServer::with(with_gate()).await;
    let mut phone = t.phone("alice").await;
    define(&t, "clerk", &["orders:*"], &[]).await;
    grant(&t, &phone.user_id(), "clerk", Some("shop-api")).await;
    assert_eq!(gate(&phone, "role:clerk").await, (401, "token_expired".to_owned()));
    phone.refresh().await.ok(200);
    for passes in ["role:clerk", "perm:orders:read", "perm:orders:read:own", "role:clerk,perm:orders:write"] {
        assert_eq!(gate(&phone, passes).await.0, 200, "{passes}");
    }
    for lacks in ["role:boss", "perm:orders", "perm:stock:read", "role:clerk,perm:stock:read"] {
        assert_eq!(gate(&phone, lacks).await, (403, "forbidden".to_owned()), "{lacks}");
    }
    let answer = phone.get("/auth/nginx?audience=shop-api&assertion=orders").await;
    assert_eq!(answer.header("x-menjin-roles"), "clerk");
    let asserted = claims(answer.header("x-menjin-assertion"));
    assert_eq!((&asserted["roles"], &asserted["permissions"]), (&json!(["clerk"]), &json!(["orders:*"])));
    assert_eq!(asserted["rv"], claims(&phone.access_token())["rv"]);
    // A change is seen at once, and the same session goes on with what is left.
    t.menjin.put_role(&Actor::command(), &role("clerk", None), new(&["stock:read"], &[])).await.unwrap();
    assert_eq!(gate(&phone, "role:clerk").await, (401, "token_expired".to_owned()));
    phone.refresh().await.ok(200);
    assert_eq!(gate(&phone, "perm:orders:read").await.0, 403);
    assert_eq!(gate(&phone, "perm:stock:read").await.0, 200);
}

/// That they ask nothing of the tables of roles is shown by taking these away.
#[tokio::test]
async fn who_never_had_a_role_costs_no_question_more() {
    let t = TestServer::start().await;
    let mut bob = t.phone("bob").await;
    let mut alice = t.phone("alice").await;
    define(&t, "clerk", &[], &[]).await;
    grant(&t, &alice.user_id(), "clerk", None).await;
    let mut rows = Rows::of(&t).await;
    rows.breaks("roles_counter").await;
    bob.refresh().await.ok(200);
    bob.login(json!({})).await.ok(200);
    t.phone("carol").await.get("/v1/me").await.ok(200);
    alice.refresh().await.problem(503, "store_unavailable");
    rows.mends("roles_counter").await;
    alice.refresh().await.ok(200);
}

fn code_of(refused: Result<impl std::fmt::Debug, Problem>) -> &'static str {
    refused.unwrap_err().spec().code
}

#[tokio::test]
async fn what_can_t_be_is_refused_each_with_its_problem() {
    let t = TestServer::start().await;
    let (by, menjin) = (Actor::command(), &t.menjin);
    let user: UserId = t.phone("alice").await.user_id().parse().unwrap();
    define(&t, "a", &[], &[]).await;
    define(&t, "b", &[], &["a"]).await;
    let put = async |name: RoleName, new: NewRole| code_of(menjin.put_role(&by, &name, new).await);
    assert_eq!(put(role("a", None), new(&[], &["b"])).await, "role_cycle");
    assert_eq!(put(role("a", None), new(&[], &["a"])).await, "role_cycle");
    assert_eq!(put(role("c", None), new(&[], &["nobody"])).await, "role_unknown");
    assert_eq!(put(role("A", None), new(&[], &[])).await, "role_name_invalid");
    assert_eq!(put(role("*", None), new(&[], &[])).await, "role_name_invalid");
    assert_eq!(put(role("c", Some("nowhere")), new(&[], &[])).await, "audience_unknown");
    for odd in ["", "Orders:read", "orders:re*d", "orders::read", "orders read", "订单", "a,b", "a\"b", "a\u{7f}"] {
        assert_eq!(put(role("c", None), new(&[odd], &[])).await, "permission_invalid", "{odd:?}");
    }
    let many: Vec<String> = (0..501).map(|nth| format!("p{nth}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(put(role("c", None), new(&many, &[])).await, "too_many_permissions");
    let description = "x\ny".to_owned();
    assert_eq!(put(role("c", None), NewRole { description, ..NewRole::default() }).await, "field_invalid");
    let stranger: UserId = "usr_01jd3v0000zzzzzzzzzzzzzzzz".parse().unwrap();
    assert_eq!(code_of(menjin.grant_role(&by, stranger, "a", None).await), "user_unknown");
    assert_eq!(code_of(menjin.grant_role(&by, user, "x", None).await), "role_unknown");
    assert_eq!(code_of(menjin.grant_role(&by, user, "a", Some("nowhere")).await), "audience_unknown");
    assert_eq!(code_of(menjin.revoke_role(&by, user, "x", None).await), "role_unknown");
    assert_eq!(code_of(menjin.remove_role(&by, &role("x", None)).await), "role_unknown");
    assert_eq!(code_of(menjin.role(&role("x", None)).await), "role_unknown");
    assert_eq!(code_of(menjin.holders_of(&role("a", None), Some("zz"), 10).await), "field_invalid");
    for nth in 0..32 {
        define(&t, &format!("r{nth}"), &[], &[]).await;
        menjin.grant_role(&by, user, &format!("r{nth}"), None).await.unwrap();
    }
    assert_eq!(code_of(menjin.grant_role(&by, user, "a", None).await), "too_many_roles");
}

#[tokio::test]
async fn operators_see_roles_and_who_has_them_and_every_act_has_its_line() {
    let t = TestServer::start().await;
    let (by, menjin) = (Actor { kind: "operator", id: Some("mei".into()), ip: None }, &t.menjin);
    let clerk = role("clerk", Some("shop-api"));
    let mut people = Vec::new();
    menjin.put_role(&by, &clerk, new(&["b", "a", "b"], &[])).await.unwrap();
    for name in ["alice", "bob", "carol"] {
        let user: UserId = t.phone(name).await.user_id().parse().unwrap();
        menjin.grant_role(&by, user, "clerk", Some("shop-api")).await.unwrap();
        people.push(user);
    }
    let shown = menjin.role(&clerk).await.unwrap();
    assert_eq!(
        (shown.permissions, shown.audience.as_deref()),
        (vec!["a".to_owned(), "b".to_owned()], Some("shop-api"))
    );
    let first = menjin.holders_of(&clerk, None, 2).await.unwrap();
    let second = menjin.holders_of(&clerk, first.next.as_deref(), 2).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (2, 1, None));
    let found: Vec<UserId> = first.items.iter().chain(&second.items).map(|holder| holder.user).collect();
    // All of them got it in the same millisecond of a clock that stands still.
    assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>(), people.iter().collect());
    assert_eq!(menjin.roles_of(people[0]).await.unwrap()[0].role, "clerk");
    menjin.revoke_role(&by, people[0], "clerk", Some("shop-api")).await.unwrap();
    menjin.remove_role(&by, &clerk).await.unwrap();
    assert!(menjin.roles().await.unwrap().is_empty() && menjin.roles_of(people[1]).await.unwrap().is_empty());
    let mut rows = Rows::of(&t).await;
    let lines = rows.all("SELECT action, detail, actor_id FROM audit WHERE action LIKE 'role.%' ORDER BY seq").await;
    let lines: Vec<_> =
        lines.iter().map(|row| row.iter().map(|cell| cell.text().unwrap()).collect::<Vec<_>>()).collect();
    let expected = ["changed", "granted", "granted", "granted", "revoked", "removed"];
    assert_eq!(
        lines,
        expected.map(|act| vec![format!("role.{act}"), "clerk for shop-api".to_owned(), "mei".to_owned()])
    );
}

/// A guard for `shop-api` elsewhere, which reads this node's feed. Tokens bear the name of `name`.
fn guard_of(name: &TestServer, node: &TestServer) -> Guard {
    let guard = Guard::remote(&name.url, "shop-api").menjin_url(&node.url).as_app("gate", SECRET);
    guard.revocation_max_lag(std::time::Duration::from_mins(10)).build().unwrap()
}
