//! What holds for every list, read from the document: filters by an allow-list, bounds, cursors, and hostile input (AD-04).

use serde_json::Value;

use super::Program;
use crate::harness::TestServer;

/// The lists, with something in each of their places, and their parameters.
async fn lists(t: &TestServer) -> Vec<(String, Vec<String>)> {
    let alice = t.phone("alice").await.user_id();
    let document: Value = serde_json::from_str(&menjin_server::admin_openapi()).unwrap();
    let mut lists = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let id = item["get"]["operationId"].as_str().unwrap_or_default();
        if !id.starts_with("list_") {
            continue;
        }
        let parameters: Vec<_> = item["get"]["parameters"].as_array().into_iter().flatten().collect();
        let queried = |it: &&&Value| it["in"] == "query";
        let names: Vec<String> =
            parameters.iter().filter(queried).map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        assert!(["limit", "cursor"].iter().all(|name| names.contains(&(*name).to_owned())), "{id}: {names:?}");
        let path = path.strip_prefix("/admin/v1").unwrap();
        lists.push((path.replace("{user}", &alice).replace("{role}", "clerk"), names));
    }
    assert!(lists.len() >= 12, "{lists:?}");
    lists
}

async fn with_clerk(t: &TestServer) -> Program<'_> {
    let admin = Program::admin(t).await;
    admin.put("/roles/clerk", serde_json::json!({"permissions": ["orders:read"]})).await.ok(200);
    admin
}

#[tokio::test]
async fn ad_04_an_unknown_filter_is_named_with_those_that_there_are() {
    let t = TestServer::start().await;
    let admin = with_clerk(&t).await;
    for (path, names) in lists(&t).await {
        for unknown in ["colour", "Limit", "user.id", "id--"] {
            let problem = admin.get(&format!("{path}?{unknown}=1")).await.problem(400, "field_invalid");
            assert_eq!(problem["field"], unknown, "{path}");
            for name in &names {
                assert!(problem["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{path} {name}: {problem}");
            }
        }
        let refused = admin.get(&format!("{path}?id'%20OR%201=1%20--=1")).await.problem(400, "field_invalid");
        assert_eq!(refused["field"], "query", "{path}: what is no name is not repeated");
    }
}

#[tokio::test]
async fn ad_04_bounds_and_cursors_are_checked_in_every_list() {
    let t = TestServer::start().await;
    let admin = with_clerk(&t).await;
    let lists = lists(&t).await;
    let users = admin.get("/users?limit=1").await.ok(200);
    assert!(users["next"].is_null(), "there is one");
    t.phone("bob").await;
    let cursor = admin.get("/users?limit=1").await.ok(200)["next"].as_str().unwrap().to_owned();
    for (path, _) in lists {
        for limit in ["0", "201", "-1", "ten", "1.5", "18446744073709551616"] {
            let problem = admin.get(&format!("{path}?limit={limit}")).await.problem(400, "field_invalid");
            assert_eq!(problem["field"], "limit", "{path} {limit}");
        }
        admin.get(&format!("{path}?limit=200")).await.ok(200);
        let foreign = path != "/users";
        let mut odd = vec!["x", "AAAA", "%00", "..%2F..", "bgAAAAAAAAQAAA"];
        odd.extend(foreign.then_some(cursor.as_str()));
        for cursor in odd {
            let problem = admin.get(&format!("{path}?cursor={cursor}")).await.problem(400, "field_invalid");
            assert_eq!(problem["field"], "cursor", "{path} {cursor}");
        }
        let twice = admin.get(&format!("{path}?limit=1&limit=1")).await.problem(400, "field_invalid");
        assert_eq!(twice["field"], "limit", "{path}");
    }
}

#[tokio::test]
async fn ad_04_hostile_values_find_nobody_and_break_nothing() {
    let t = TestServer::start().await;
    let admin = with_clerk(&t).await;
    let hostile = [
        "' OR 1=1 --",
        "\"; DROP TABLE users; --",
        "%",
        "_",
        "\\",
        "\u{202e}",
        "门禁' UNION SELECT 1",
        "$1",
        "?1",
        "{{7*7}}",
        "<script>",
        "\u{0}",
        "a\u{0}b",
        "\u{ffff}",
    ];
    for (path, names) in lists(&t).await {
        for name in names.iter().filter(|name| !["limit", "cursor"].contains(&name.as_str())) {
            for value in hostile.iter().map(|value| (*value).to_owned()).chain(["x".repeat(513), "é".repeat(512)]) {
                let pair = [(name.as_str(), value.as_str()), ("openid", "o")];
                let beside = usize::from(["platform", "appid"].contains(&name.as_str())) + 1;
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pair[..beside]).finish();
                let answer = admin.get(&format!("{path}?{query}")).await;
                let what = format!("{path}?{query}: {} {}", answer.status, answer.text);
                match answer.status.as_u16() {
                    200 => assert_eq!(answer.json["items"], serde_json::json!([]), "{what}"),
                    400 => assert_eq!(answer.json["code"], "field_invalid", "{what}"),
                    404 => {}
                    _ => panic!("{what}"),
                }
            }
        }
    }
    assert_eq!(admin.all("/users").await.len(), 1, "nobody was dropped");
}

#[tokio::test]
async fn the_document_of_the_operators_side_is_served_to_operators_as_it_is_printed() {
    let t = TestServer::start().await;
    let viewer = Program::of(&t, menjin_server::store::OperatorRole::Viewer).await;
    let printed: Value = serde_json::from_str(&menjin_server::admin_openapi()).unwrap();
    assert_eq!(viewer.get("/openapi.json").await.ok(200), printed);
    let mut hand = crate::operators::hand::Hand::of(&t, "lin", menjin_server::store::OperatorRole::Viewer).await;
    assert_eq!(hand.get("/admin/openapi.json").await.ok(200), printed);
    assert_eq!(t.admin_get("/admin/v1/openapi.json").await.status, 401);
    let mut ids: Vec<&str> = Vec::new();
    for item in printed["paths"].as_object().unwrap().values() {
        for (method, operation) in item.as_object().unwrap() {
            ids.push(operation["operationId"].as_str().unwrap());
            assert!(operation["summary"].as_str().is_some_and(|it| !it.contains('\n')), "{method} {operation}");
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each operation has a name of its own");
}
