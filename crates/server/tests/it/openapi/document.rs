//! The document read member by member: nothing is left unnamed or undescribed, and it names what the manual names.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::harness::TestServer;

const MANUAL: &str = include_str!("../../../../../docs/http-api.md");

/// For people, not for generated clients; `/metrics` is the operator's.
const OUTSIDE: [&str; 4] = ["/docs", "/openapi.json", "/problems/{code}", "/metrics"];

struct Operation {
    name: String,
    it: Value,
}

impl Operation {
    /// Its answers by status.
    fn answers(&self) -> impl Iterator<Item = (u16, &Value)> {
        let answers = self.it["responses"].as_object().unwrap();
        answers.iter().map(|(status, answer)| (status.parse().expect("each status by itself"), answer))
    }

    /// Whether its errors are those of RFC 6749, and no problems.
    fn is_oauths(&self) -> bool {
        self.it["tags"][0] == "oauth"
    }

    /// Whether people see its answers in a browser, which it leads on.
    fn is_page(&self) -> bool {
        self.it["tags"][0] == "pages"
    }

    fn gives(&self, status: u16) -> bool {
        self.answers().any(|(it, _)| it == status)
    }
}

fn document() -> Value {
    serde_json::from_str(&menjin_server::openapi()).unwrap()
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |it| (path, it)));
    let operations: Vec<_> = methods
        .map(|(path, (method, it))| Operation { name: format!("{} {path}", method.to_uppercase()), it: it.clone() })
        .collect();
    assert!(operations.len() >= 11, "{}", operations.len());
    operations
}

fn has_words(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

#[tokio::test]
async fn the_served_document_is_the_printed_one() {
    let t = TestServer::start().await;
    assert_eq!(t.anon().get("/openapi.json").await.ok(200), document());
}

#[test]
fn every_operation_has_a_name_of_its_own_a_summary_and_a_known_tag() {
    let document = document();
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut names = BTreeSet::new();
    for Operation { name, it } in operations(&document) {
        assert!(has_words(&it["operationId"]) && names.insert(it["operationId"].to_string()), "{name}");
        assert!(has_words(&it["summary"]), "{name}");
        assert!(!it["summary"].as_str().unwrap().contains('\n'), "{name}: a summary is a line");
        let own: Vec<&str> = it["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).collect();
        assert!(own.len() == 1 && tags.contains(&own[0]), "{name}: {own:?}");
        for parameter in it["parameters"].as_array().into_iter().flatten() {
            assert!(has_words(&parameter["description"]), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_answer_is_described_and_every_refusal_is_a_problem() {
    let document = document();
    for operation in operations(&document) {
        let name = &operation.name;
        let good = if operation.is_page() { 300..400 } else { 200..300 };
        assert!(operation.answers().any(|(status, _)| good.contains(&status)), "{name}");
        for (status, answer) in operation.answers() {
            assert!(has_words(&answer["description"]), "{name} {status}");
            let (kind, schema) = if operation.is_oauths() {
                ("application/json", "#/components/schemas/OAuthError")
            } else {
                ("application/problem+json", "#/components/schemas/Problem")
            };
            let found = if operation.is_page() {
                answer["content"]["text/html"]["schema"]["type"] == "string" && answer["content"][kind].is_null()
            } else {
                answer["content"][kind]["schema"]["$ref"] == schema
            };
            assert_eq!(status >= 400, found, "{name} {status}: {answer}");
            let has = |header: &str| has_words(&answer["headers"][header]["description"]);
            assert_eq!(status == 401, has("WWW-Authenticate"), "{name} {status}");
            assert_eq!(matches!(status, 429 | 503), has("Retry-After"), "{name} {status}");
        }
    }
}

#[test]
fn what_every_route_of_a_kind_can_refuse_is_said_of_each() {
    let document = document();
    for operation in operations(&document) {
        let Operation { name, it } = &operation;
        if operation.is_oauths() {
            let all = [400, 401, 408, 413, 429, 500, 503];
            assert!(it.get("requestBody").is_none() || all.iter().all(|status| operation.gives(*status)), "{name}");
            continue;
        }
        let has_body = it.get("requestBody").is_some();
        for status in [408, 413, 415] {
            assert_eq!(has_body, operation.gives(status), "{name} {status}");
        }
        let has_path = name.contains('{');
        let has_parameters = it["parameters"].as_array().is_some_and(|all| !all.is_empty());
        assert!(operation.gives(400) || !has_body && !has_path, "{name} 400");
        assert!(!operation.gives(400) || has_body || has_parameters, "{name} 400");
        assert!(it.get("security").is_none() || operation.gives(401), "{name} 401");
        let is_limited =
            ["sign-in", "pages", "profile", "privacy", "back-end"].contains(&it["tags"][0].as_str().unwrap());
        assert_eq!(is_limited, operation.gives(429), "{name} 429");
        let needing_nothing = ["/healthz", "/jwks.json", "/.well-known/menjin", "/sdk/miniprogram.js"];
        let needs_nothing = needing_nothing.iter().any(|route| name.ends_with(route));
        assert_eq!(needs_nothing, !operation.gives(503), "{name} 503");
    }
}

#[test]
fn the_codes_that_a_refusal_names_have_its_status() {
    let mut named = 0;
    for operation in operations(&document()).into_iter().filter(|it| !it.is_oauths()) {
        for (status, answer) in operation.answers() {
            let words = answer["description"].as_str().unwrap().split('`').skip(1).step_by(2);
            let codes = words.filter_map(|word| menjin_server::problem::catalogue().get(word).map(|it| (word, it)));
            let codes: Vec<_> = codes.collect();
            assert!(status < 400 || !codes.is_empty(), "{} {status} names no code", operation.name);
            for (code, words) in codes {
                assert_eq!(words.status, status, "{} {code}", operation.name);
                named += 1;
            }
        }
    }
    assert!(named > 50, "{named}");
}

#[test]
fn the_refusals_of_oauth_have_the_names_of_its_rfcs() {
    let known = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "invalid_token",
        "unsupported_grant_type",
        "unsupported_token_type",
        "temporarily_unavailable",
        "server_error",
    ];
    let mut named = BTreeSet::new();
    for operation in operations(&document()).into_iter().filter(Operation::is_oauths) {
        for (status, answer) in operation.answers().filter(|(status, _)| *status >= 400) {
            let words = answer["description"].as_str().unwrap().split('`').skip(1).step_by(2);
            let own: Vec<&str> = known.into_iter().filter(|name| words.clone().any(|word| word == *name)).collect();
            assert!(!own.is_empty(), "{} {status}", operation.name);
            named.extend(own);
        }
    }
    assert_eq!(named, known.into());
}

#[test]
fn the_problem_has_every_action_of_the_catalogue() {
    let document = document();
    let actions = document["components"]["schemas"]["Action"]["enum"].as_array().unwrap().iter();
    let actions: BTreeSet<&str> = actions.map(|action| action.as_str().unwrap()).collect();
    let catalogue = menjin_server::problem::catalogue().values().flat_map(|words| &words.actions);
    let used: BTreeSet<&str> = catalogue.map(String::as_str).collect();
    assert!(used.is_subset(&actions), "{used:?} {actions:?}");
    for action in actions {
        assert!(MANUAL.contains(&format!("| `{action}` |")), "{action}");
    }
}

/// `GET /v1/me` and the like, as the manual's table of routes has them.
fn in_the_manual() -> BTreeSet<String> {
    let (_, table) = MANUAL.split_once("## Routes").unwrap();
    let (table, _) = table.split_once("`menjin dev`").unwrap();
    let routes = table.split('`').skip(1).step_by(2).filter(|text| text.contains(" /"));
    routes.filter(|route| !OUTSIDE.contains(&route.split_once(' ').unwrap().1)).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_document_the_manual_and_the_server_have_the_same_routes() {
    let t = TestServer::start().await;
    let documented: BTreeSet<String> = operations(&document()).into_iter().map(|it| it.name).collect();
    assert_eq!(documented, in_the_manual());
    for route in documented {
        let (method, path) = route.split_once(' ').unwrap();
        let answer = t.anon().send(method.parse::<Method>().unwrap(), path, None, &[]).await;
        assert!(
            !["route_unknown", "method_unknown"].contains(&answer.json["code"].as_str().unwrap_or_default()),
            "{route}"
        );
    }
}
