//! What operators see of a running menjin from outside: traces, as a collector gets them, and metrics, as the dashboard and the alarms
//! name them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, menjin};

const OPENID: &str = "oPENIDoPENIDoPENIDoPENIDoPEN";
const CODE: &str = "0a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// WeChat and a collector in one program.
#[derive(Default)]
struct Heard {
    exported: Vec<Bytes>,
    /// What WeChat was sent as `traceparent`.
    carried: Vec<String>,
}

type Shared = Arc<Mutex<Heard>>;

async fn start_others() -> (String, Shared) {
    let heard = Shared::default();
    let wechat = async |State(heard): State<Shared>, headers: HeaderMap| {
        let carried = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
        heard.lock().unwrap().carried.extend(carried);
        Json(json!({"openid": OPENID, "session_key": "tiihtNczf5v6AKRyjwEUhQ=="}))
    };
    let collect = async |State(heard): State<Shared>, headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        heard.lock().unwrap().exported.push(body);
    };
    let router = Router::new().route("/sns/jscode2session", get(wechat)).route("/v1/traces", post(collect));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router.with_state(Arc::clone(&heard));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, heard)
}

/// A menjin in production's clothes, where it listens, and its operator's side.
fn serve(others: &str, more: &str) -> (TempDir, Server, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "secret_key = \"ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=\"\n\
        [admin]\nlisten = \"127.0.0.1:0\"\n[wechat]\nbase_url = \"{others}\"\nopen_url = \"{others}\"\n\
        [qq]\nbase_url = \"{others}\"\nconnect_url = \"{others}\"\n\
        [server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"http://127.0.0.1:7600\"\n{more}\
        [[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\n\
        secret = \"0123456789abcdef0123456789abcdef\"\naudience = \"shop-api\"\n\
        [[webhook]]\nname = \"crm\"\naudience = \"shop-api\"\nurl = \"http://127.0.0.1:9/\"\nprivate_address = true\n\
        secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n"
    );
    std::fs::write(folder.path().join("menjin.toml"), text).unwrap();
    let mut command = menjin(&["serve", "--insecure-for-trying"]);
    command.current_dir(folder.path());
    let server = Server::start(command, "menjin serves");
    let line: Value = serde_json::from_str(server.page.lines().last().unwrap()).unwrap();
    let [public, admin] =
        ["server.listen", "admin.listen"].map(|side| format!("http://{}", line[side].as_str().unwrap()));
    (folder, server, public, admin)
}

async fn sign_in(public: &str) -> Value {
    let body = json!({"code": CODE, "device": {"name": "Alice's phone"}});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{public}/v1/login/shop")).json(&body);
    let answer = request.header("traceparent", format!("00-{TRACE}-{PARENT}-01")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[cfg(unix)]
mod traces {
    use super::*;

    fn spans(heard: &Shared) -> Vec<Span> {
        let exported = heard.lock().unwrap().exported.clone();
        let requests = exported.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} is not in {names:?}"))
    }

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|half| char::from_digit(half.into(), 16).unwrap())
            .collect()
    }

    fn attribute(span: &Span, key: &str) -> String {
        let found = span.attributes.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("{key}: {span:?}"));
        let value = found.value.clone().unwrap().value.unwrap();
        if let Any::IntValue(int) = value {
            return int.to_string();
        }
        let Any::StringValue(text) = value else { panic!("{value:?}") };
        text
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_request_and_its_call_of_the_platform_are_in_the_trace_of_a_trusted_proxy() {
        let (others, heard) = start_others().await;
        let more = format!("trusted_proxies = [\"127.0.0.1\"]\n[telemetry]\notlp_endpoint = \"{others}\"\n");
        let (_folder, server, public, _) = serve(&others, &more);
        let signed_in = sign_in(&public).await;
        let stopped = tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
        assert_eq!(stopped, Some(0), "what is left is sent before it goes");
        let spans = spans(&heard);
        let request = named(&spans, "POST /v1/login/{app}");
        assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
        assert_eq!(request.kind(), SpanKind::Server);
        assert_eq!(attribute(request, "http.response.status_code"), "200");
        assert_eq!(
            (attribute(request, "http.request.method"), attribute(request, "app.id")),
            ("POST".into(), "shop".into())
        );
        let call = named(&spans, "platform /sns/jscode2session");
        assert_eq!((&call.trace_id, &call.parent_span_id), (&request.trace_id, &request.span_id));
        assert_eq!(call.kind(), SpanKind::Client);
        let carried = heard.lock().unwrap().carried.clone();
        assert_eq!(carried, [format!("00-{TRACE}-{}-01", hex(&call.span_id))]);
        let user = signed_in["user"]["id"].as_str().unwrap();
        for secret in [
            OPENID,
            CODE,
            user,
            "Alice",
            "0123456789abcdef0123456789abcdef",
            signed_in["access_token"].as_str().unwrap(),
        ] {
            let is_there = |body: &Bytes| body.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!heard.lock().unwrap().exported.iter().any(is_there), "{secret}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_else_says_which_trace_a_request_belongs_to() {
        let (others, heard) = start_others().await;
        let more = format!("[telemetry]\notlp_endpoint = \"{others}\"\n");
        let (_folder, server, public, _) = serve(&others, &more);
        sign_in(&public).await;
        tokio::task::spawn_blocking(move || server.stop()).await.unwrap();
        let spans = spans(&heard);
        let request = named(&spans, "POST /v1/login/{app}");
        assert!(hex(&request.trace_id) != TRACE && request.parent_span_id.is_empty(), "{request:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_collector_that_is_down_costs_no_request() {
        let (others, heard) = start_others().await;
        let more = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\n";
        let (_folder, server, public, _) = serve(&others, more);
        sign_in(&public).await;
        assert_eq!(tokio::task::spawn_blocking(move || server.stop()).await.unwrap(), Some(0));
        assert!(heard.lock().unwrap().exported.is_empty());
    }
}

/// Names of metrics that a text asks for.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_ours = |word: &&str| (word.starts_with("menjin_") || word.starts_with("http_re")) && word.contains('_');
    words.filter(is_ours).map(str::to_owned).collect()
}

/// What is there only with Redis or with `[tls]`; tests of those look for them.
const ELSEWHERE: [&str; 2] = ["menjin_redis_up", "menjin_tls_certificate_expires_timestamp_seconds"];
/// What is there once it has happened: a password, an operator.
const LATER: [&str; 2] = ["menjin_password_hash_seconds_bucket", "menjin_operator_sign_ins_total"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_that_the_dashboard_and_the_alarms_name_is_there() {
    let (others, _) = start_others().await;
    let (_folder, _server, public, admin) = serve(&others, "");
    sign_in(&public).await;
    reqwest::get(format!("{admin}/metrics")).await.unwrap();
    let shown = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
    let exported: BTreeSet<&str> = shown.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
    // A refused sign-in by an operator's name, an app of a platform without errors yet: these begin with the first.
    let first = ["menjin_platform_errors_total"];
    for (file, text) in [
        ("menjin.json", include_str!("../../../../deploy/grafana/menjin.json")),
        ("alerts.yml", include_str!("../../../../deploy/prometheus/alerts.yml")),
    ] {
        let named = metrics_in(text);
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            let is_known =
                ELSEWHERE.contains(&name.as_str()) || LATER.contains(&name.as_str()) || first.contains(&name.as_str());
            assert!(is_known || exported.contains(name.as_str()), "{file}: {name} is not in:\n{shown}");
            assert!(
                include_str!("../../../../docs/operations.md").contains(name.trim_end_matches("_bucket")),
                "{name}"
            );
        }
    }
}

/// Prometheus' own tool judges what it would read.
mod by_promtool {
    use std::io::Write as _;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test runner says where the program is")]
    fn promtool() -> Command {
        let folders = std::env::var_os("MENJIN_TEST_PROMETHEUS")
            .expect("MENJIN_TEST_PROMETHEUS is unset: run `cargo xtask test`, which installs promtool and sets it");
        let programs = std::env::split_paths(&folders).map(|folder| folder.join("promtool"));
        Command::new(programs.into_iter().find(|program| program.is_file()).expect("promtool is in one of them"))
    }

    /// Runs it to the end with this on standard input; gives what it prints, once it is content.
    fn judged(arguments: &[&str], input: &str) -> String {
        let pipe = Stdio::piped;
        let mut command = promtool();
        command.args(arguments).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus"));
        let mut child = command.stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(ran.status.success(), "{said}");
        said
    }

    #[test]
    fn the_rules_of_the_alarms_are_good() {
        let rules = include_str!("../../../../deploy/prometheus/alerts.yml");
        let count = rules.matches("- alert: ").count();
        let said = judged(&["check", "rules", "--lint-fatal", "alerts.yml"], "");
        assert!(count > 10 && said.contains(&format!("SUCCESS: {count} rules found")), "{said}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn metrics_are_named_as_is_usual() {
        let (others, _) = start_others().await;
        let (_folder, _server, public, admin) = serve(&others, "");
        sign_in(&public).await;
        let shown = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
        assert!(shown.contains("menjin_logins_total{"), "{shown}");
        assert_eq!(judged(&["check", "metrics"], &shown), "");
    }
}

#[test]
fn every_alarm_is_in_the_manual_and_no_other() {
    let rules = include_str!("../../../../deploy/prometheus/alerts.yml");
    let alarms: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let manual = include_str!("../../../../docs/operations.md");
    let (_, table) = manual.split_once("| alarm | means | do |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let named: BTreeSet<&str> =
        rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').filter(|it| it.starts_with("Menjin"))).collect();
    assert_eq!(named, alarms);
}
