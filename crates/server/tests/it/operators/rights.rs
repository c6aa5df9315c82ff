//! Which role each route of the operator's side asks for (AD-01): a new route is not forgotten, as it must stand here, and one that
//! forgets to ask is found, as whoever is below its role is refused for that alone.

use std::collections::BTreeSet;

use menjin_server::store::{Actor, OperatorRole};
use reqwest::Method;
use serde_json::Value;

use super::hand::Hand;
use crate::harness::{Answer, TestServer};

/// What a route is sent, all of it as it should be.
#[derive(Clone, Copy)]
enum Sent {
    Nothing,
    Query(&'static str),
    Json(&'static str),
    Form(&'static [(&'static str, &'static str)]),
}

use OperatorRole::{Admin, Support, Viewer};
use Sent::{Form, Json, Nothing, Query};

/// Each route, the least role that it lets through, and what it takes. `{…}` stands for what there is, or what there is not; `{new}`
/// for a name that nobody had before.
#[rustfmt::skip]
const ROUTES: &[(&str, OperatorRole, Sent)] = &[
    ("GET /admin/account", Viewer, Nothing),
    ("POST /admin/account/scan", Viewer, Form(&[])),
    ("POST /admin/account/scan/remove", Viewer, Form(&[])),
    ("GET /admin/confirm", Viewer, Nothing),
    ("POST /admin/confirm", Viewer, Form(&[("password", "guess guess guess"), ("code", "000000")])),
    ("POST /admin/confirm/scan", Viewer, Form(&[])),
    ("POST /admin/sign-out", Viewer, Form(&[])),
    ("GET /admin/v1/apps", Viewer, Nothing),
    ("POST /admin/v1/apps", Admin, Json(r#"{"id": "{new}"}"#)),
    ("GET /admin/v1/apps/{app}", Viewer, Nothing),
    ("DELETE /admin/v1/apps/{app}", Admin, Nothing),
    ("POST /admin/v1/apps/{app}/disable", Admin, Nothing),
    ("POST /admin/v1/apps/{app}/enable", Admin, Nothing),
    ("PUT /admin/v1/apps/{app}/passwords", Admin, Json(r#"{"passwords": true}"#)),
    ("POST /admin/v1/apps/{app}/secrets", Admin, Nothing),
    ("DELETE /admin/v1/apps/{app}/secrets/{secret}", Admin, Nothing),
    ("GET /admin/v1/audit", Viewer, Nothing),
    ("GET /admin/v1/audit/{seq}", Viewer, Nothing),
    ("GET /admin/v1/events", Viewer, Nothing),
    ("GET /admin/v1/keys", Viewer, Nothing),
    ("POST /admin/v1/keys/rotate", Admin, Nothing),
    ("POST /admin/v1/keys/{kid}/revoke", Admin, Nothing),
    ("GET /admin/v1/operator", Viewer, Nothing),
    ("GET /admin/v1/operator-tokens", Viewer, Nothing),
    ("POST /admin/v1/operator-tokens", Admin, Json(r#"{"name": "{new}", "role": "viewer"}"#)),
    ("DELETE /admin/v1/operator-tokens/{name}", Admin, Nothing),
    ("GET /admin/v1/operators", Viewer, Nothing),
    ("POST /admin/v1/operators", Admin, Json(r#"{"name": "{new}", "role": "viewer"}"#)),
    ("PUT /admin/v1/operators/{name}", Admin, Json(r#"{"role": "viewer"}"#)),
    ("DELETE /admin/v1/operators/{name}", Admin, Nothing),
    ("POST /admin/v1/operators/{name}/reset", Admin, Nothing),
    ("DELETE /admin/v1/operators/{name}/wechat", Admin, Nothing),
    ("GET /admin/v1/roles", Viewer, Nothing),
    ("GET /admin/v1/roles/{role}", Viewer, Nothing),
    ("PUT /admin/v1/roles/{role}", Admin, Json(r#"{"permissions": ["orders:read"]}"#)),
    ("DELETE /admin/v1/roles/{role}", Admin, Nothing),
    ("GET /admin/v1/roles/{role}/users", Viewer, Nothing),
    ("GET /admin/v1/sessions", Viewer, Nothing),
    ("GET /admin/v1/sessions/{session}", Viewer, Nothing),
    ("DELETE /admin/v1/sessions/{session}", Support, Nothing),
    ("GET /admin/v1/users", Viewer, Nothing),
    ("GET /admin/v1/users/{user}", Viewer, Nothing),
    ("DELETE /admin/v1/users/{user}", Admin, Nothing),
    ("POST /admin/v1/users/{user}/disable", Support, Nothing),
    ("POST /admin/v1/users/{user}/enable", Support, Nothing),
    ("GET /admin/v1/users/{user}/export", Admin, Nothing),
    ("GET /admin/v1/users/{user}/identities", Viewer, Nothing),
    ("DELETE /admin/v1/users/{user}/identities/{identity}", Support, Nothing),
    ("POST /admin/v1/users/{user}/kick", Support, Nothing),
    ("POST /admin/v1/users/{user}/merge", Support, Json(r#"{"into": "{user}"}"#)),
    ("POST /admin/v1/users/{user}/reset-password", Support, Json("{}")),
    ("GET /admin/v1/users/{user}/roles", Viewer, Nothing),
    ("PUT /admin/v1/users/{user}/roles/{role}", Admin, Nothing),
    ("DELETE /admin/v1/users/{user}/roles/{role}", Admin, Nothing),
    ("POST /admin/v1/users/{user}/undelete", Admin, Nothing),
    ("POST /admin/v1/users/{user}/unmerge", Support, Nothing),
    ("GET /console", Viewer, Nothing),
    ("GET /console/apps", Viewer, Nothing),
    ("POST /console/apps", Admin, Form(&[("id", "{new}"), ("kind", "backend")])),
    ("GET /console/apps/{app}", Viewer, Nothing),
    ("POST /console/apps/{app}/disable", Admin, Form(&[])),
    ("POST /console/apps/{app}/enable", Admin, Form(&[])),
    ("POST /console/apps/{app}/passwords", Admin, Form(&[("passwords", "on")])),
    ("POST /console/apps/{app}/remove", Admin, Form(&[("certain", "yes")])),
    ("POST /console/apps/{app}/secrets", Admin, Form(&[])),
    ("POST /console/apps/{app}/secrets/{secret}/revoke", Admin, Form(&[("certain", "yes")])),
    ("GET /console/audit", Viewer, Nothing),
    ("GET /console/events", Viewer, Nothing),
    ("GET /console/keys", Viewer, Nothing),
    ("POST /console/keys/rotate", Admin, Form(&[])),
    ("POST /console/keys/{kid}/revoke", Admin, Form(&[("certain", "yes")])),
    ("GET /console/now", Viewer, Nothing),
    ("POST /console/operator-tokens", Admin, Form(&[("name", "{new}"), ("role", "viewer"), ("days", "30")])),
    ("POST /console/operator-tokens/{name}/revoke", Admin, Form(&[("certain", "yes")])),
    ("GET /console/operators", Viewer, Nothing),
    ("POST /console/operators", Admin, Form(&[("name", "{new}"), ("role", "viewer")])),
    ("POST /console/operators/{name}/remove", Admin, Form(&[])),
    ("POST /console/operators/{name}/reset", Admin, Form(&[])),
    ("POST /console/operators/{name}/role", Admin, Form(&[("role", "viewer")])),
    ("POST /console/operators/{name}/wechat/remove", Admin, Form(&[])),
    ("GET /console/people", Viewer, Nothing),
    ("POST /console/people", Viewer, Form(&[("by", "any"), ("name", "1")])),
    ("GET /console/people/{user}", Viewer, Nothing),
    ("POST /console/people/{user}/ban", Support, Form(&[])),
    ("POST /console/people/{user}/delete", Admin, Form(&[])),
    ("POST /console/people/{user}/erase", Admin, Form(&[("certain", "yes")])),
    ("POST /console/people/{user}/export", Admin, Form(&[("format", "json")])),
    ("POST /console/people/{user}/identities/{identity}/unlink", Support, Form(&[])),
    ("POST /console/people/{user}/kick", Support, Form(&[])),
    ("GET /console/people/{user}/merge", Support, Query("from={user}")),
    ("POST /console/people/{user}/merge", Support, Form(&[("from", "{user}")])),
    ("POST /console/people/{user}/reset-password", Support, Form(&[("username", "")])),
    ("POST /console/people/{user}/roles/grant", Admin, Form(&[("role", "{role}"), ("audience", "")])),
    ("POST /console/people/{user}/roles/revoke", Admin, Form(&[("role", "{role}"), ("audience", "")])),
    ("POST /console/people/{user}/sessions/{session}/end", Support, Form(&[])),
    ("POST /console/people/{user}/unban", Support, Form(&[])),
    ("POST /console/people/{user}/undelete", Admin, Form(&[])),
    ("POST /console/people/{user}/unmerge", Support, Form(&[])),
    ("GET /console/roles", Viewer, Nothing),
    ("POST /console/roles", Admin, Form(&[("role", "{role}"), ("audience", ""), ("description", ""), ("permissions", ""), ("includes", "")])),
    ("GET /console/roles/{role}", Viewer, Nothing),
    ("POST /console/roles/{role}/remove", Admin, Form(&[("audience", "")])),
    ("GET /console/sessions", Viewer, Nothing),
];

/// Where operators sign in: open to everybody.
const OPEN: [&str; 6] = [
    "GET /admin/sign-in",
    "POST /admin/sign-in",
    "GET /admin/welcome",
    "POST /admin/welcome",
    "POST /admin/scan",
    "GET /admin/scan/done",
];

/// What stands in the places of a route.
struct Places(Vec<(&'static str, String)>);

impl Places {
    /// What there is.
    async fn there(t: &TestServer) -> Self {
        let alice = t.phone("alice").await;
        let kid = t.menjin.signing_keys().remove(0).kid;
        let texts = [
            ("{user}", alice.user_id()),
            ("{session}", alice.session_id()),
            ("{identity}", "idn_01jd3v0000zzzzzzzzzzzzzzzz".to_owned()),
            ("{app}", "shop".to_owned()),
            ("{name}", "keeper".to_owned()),
            ("{kid}", kid),
            ("{role}", "staff".to_owned()),
        ];
        Self::of(texts.into())
    }

    /// What there is not, so that nothing is lost that another route needs.
    fn nowhere() -> Self {
        let texts = [
            ("{user}", "usr_01jd3v0000zzzzzzzzzzzzzzzz"),
            ("{session}", "ses_01jd3v0000zzzzzzzzzzzzzzzz"),
            ("{identity}", "idn_01jd3v0000zzzzzzzzzzzzzzzz"),
            ("{app}", "nowhere"),
            ("{name}", "nobody"),
            ("{kid}", "nobodys"),
            ("{role}", "nobodys"),
        ];
        Self::of(texts.map(|(place, text)| (place, text.to_owned())).into())
    }

    fn of(mut all: Vec<(&'static str, String)>) -> Self {
        all.extend([("{secret}", "nobodys".to_owned()), ("{seq}", "1".to_owned())]);
        Self(all)
    }

    fn fill(&self, text: &str, new: &str) -> String {
        self.0.iter().fold(text.replace("{new}", new), |text, (place, with)| text.replace(place, with))
    }
}

/// An operator at a browser, or a program with a token.
enum Caller<'t> {
    Browser(Hand<'t>),
    Program(Hand<'t>, String),
}

impl Caller<'_> {
    /// Whether the route is for them at all: pages are people's.
    fn may_come(&self, route: &str) -> bool {
        matches!(self, Self::Browser(_)) || route.contains(" /admin/v1/")
    }

    async fn ask(&mut self, route: &str, sent: Sent, places: (&Places, &str)) -> Answer {
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let fill = |text: &str| places.0.fill(text, places.1);
        let query = if let Query(query) = sent { format!("?{}", fill(query)) } else { String::new() };
        let path = format!("{}{query}", fill(path));
        let body = if let Json(json) = sent { Some(fill(json)) } else { None };
        match (self, sent) {
            (Self::Browser(hand), Form(fields)) => {
                let mut filled = vec![("form_token".to_owned(), hand.form_token().await)];
                filled.extend(fields.iter().map(|(name, text)| ((*name).to_owned(), fill(text))));
                let filled: Vec<_> = filled.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                hand.post(&path, &filled).await
            }
            (Self::Browser(hand), _) => {
                let headers = [("x-menjin-console", "1"), ("content-type", "application/json")];
                hand.send(method, &path, body, &headers).await
            }
            (Self::Program(hand, bearer), _) => {
                let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
                hand.send(method, &path, body, &headers).await
            }
        }
    }
}

/// Two callers of each role, the least role first.
async fn callers(t: &TestServer) -> Vec<(OperatorRole, Caller<'_>)> {
    let mut all = Vec::new();
    for role in OperatorRole::ALL {
        let made = t.menjin.create_operator_token(&Actor::command(), role.as_str(), role, None).await.unwrap();
        all.push((role, Caller::Browser(Hand::of(t, role.as_str(), role).await)));
        all.push((role, Caller::Program(Hand::new(t), format!("Bearer {}", made.token))));
    }
    all
}

#[test]
fn ad_01_every_route_says_which_role_it_asks_for() {
    let document: Value = serde_json::from_str(&menjin_server::admin_openapi()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        documented.extend(item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let said = ROUTES.iter().map(|(route, ..)| *route).chain(OPEN).map(str::to_owned);
    assert_eq!(said.collect::<BTreeSet<_>>(), documented);
}

#[tokio::test]
async fn ad_01_whoever_is_below_a_routes_role_is_refused_and_nobody_else() {
    let t = TestServer::start().await;
    let _keeper = Hand::of(&t, "keeper", OperatorRole::Admin).await;
    let mut callers = callers(&t).await;
    let (there, nowhere) = (Places::there(&t).await, Places::nowhere());
    for (role, caller) in &mut callers {
        for (route, least, sent) in ROUTES.iter().filter(|(_, least, _)| *role < *least) {
            if caller.may_come(route) {
                let answer = caller.ask(route, *sent, (&there, "new")).await;
                let what = format!("{}: {route}: {} {}", role.as_str(), answer.status, answer.text);
                assert!(answer.status == 403 && answer.text.contains("right_missing"), "{what}");
                assert!(*least > Viewer, "{what}");
            }
        }
    }
    let mut nth = 0;
    for (role, caller) in &mut callers {
        let mut routes: Vec<_> = ROUTES.iter().filter(|(_, least, _)| *role >= *least).collect();
        // What ends the sign-in comes last.
        routes.sort_by_key(|(route, ..)| *route == "POST /admin/sign-out");
        for (route, _, sent) in routes {
            if caller.may_come(route) {
                nth += 1;
                let answer = caller.ask(route, *sent, (&nowhere, &format!("new-{nth}"))).await;
                let what = format!("{}: {route}: {} {}", role.as_str(), answer.status, answer.text);
                assert!(
                    !answer.status.is_server_error() && ![400, 401, 403].contains(&answer.status.as_u16()),
                    "{what}"
                );
                assert!(!answer.text.contains("route_unknown"), "{what}");
            }
        }
    }
}
