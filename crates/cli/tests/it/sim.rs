//! `menjin sim`: the simulated WeChat by itself.

use serde_json::Value;

use crate::harness::{Server, menjin, run_in};

#[tokio::test]
async fn it_answers_as_wechat_does_for_the_apps_that_were_named() {
    let app = "wx0123456789abcdef:0123456789abcdef0123456789abcdef";
    let server = Server::start(menjin(&["sim", "--port", "0", "--seed", "7", "--app", app]), "/_sim/");
    assert!(server.page.contains("wx0123456789abcdef"), "{}", server.page);
    let url = server.after("simulated WeChat 模拟微信  ").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let code = client.post(format!("{url}/_sim/wx/login")).body(r#"{"person":"alice"}"#).send().await.unwrap();
    let code: Value = code.json().await.unwrap();
    let exchange = format!(
        "{url}/sns/jscode2session?appid=wx0123456789abcdef&secret=0123456789abcdef0123456789abcdef&js_code={}&grant_type=authorization_code",
        code["code"].as_str().unwrap()
    );
    let answer = client.get(exchange).send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("openid"), "{answer}");
}

#[test]
fn an_app_needs_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run_in(folder.path(), &["sim", "--app", "wx0123456789abcdef"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("colon"), "{}", ran.err);
}

#[test]
fn an_app_that_is_named_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let twice = ["sim", "--port", "0", "--app", "wx0123456789abcdef:x", "--app", "wx0123456789abcdef:y"];
    run_in(folder.path(), &twice).refused(&["wx0123456789abcdef", "twice", "--app"]);
}

#[tokio::test]
async fn its_index_shows_commands_with_the_port_that_it_has() {
    let server = Server::start(menjin(&["sim", "--port", "0"]), "/_sim/");
    let url = server.after("simulated WeChat 模拟微信  ").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(format!("{url}/_sim/")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("{url}/_sim/wx/login")) && !page.contains("PORT"), "{page}");
    let hostile = client.get(format!("{url}/_sim/")).header("host", "a<script>").send().await.unwrap();
    let hostile = hostile.text().await.unwrap();
    assert!(hostile.contains("_sim/wx/login") && !hostile.contains("<script>"), "{hostile}");
}

#[tokio::test]
async fn with_tls_a_client_that_knows_only_the_platforms_address_meets_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        menjin(&["sim", "--port", "0", "--proxy-port", "0", "--tls", "--app", "wx0123456789abcdef:s3cret"]);
    command.current_dir(folder.path());
    let server = Server::start(command, "/_sim/");
    let script = std::fs::read_to_string(folder.path().join("menjin-sim-tls/env.sh")).unwrap();
    let set = |name: &str| {
        let line = script.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
        line.unwrap_or_else(|| panic!("{name} is not in {script}")).trim_matches('\'').to_owned()
    };
    assert!(server.page.contains(&format!("HTTPS_PROXY={}", set("HTTPS_PROXY"))), "{}", server.page);
    assert_eq!(set("SSL_CERT_FILE"), set("REQUESTS_CA_BUNDLE"));
    let ca = std::fs::read(set("NODE_EXTRA_CA_CERTS")).unwrap();
    let client = reqwest::Client::builder()
        .proxy(reqwest::Proxy::https(set("HTTPS_PROXY")).unwrap())
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()]);
    let asked =
        "https://api.weixin.qq.com/cgi-bin/token?grant_type=client_credential&appid=wx0123456789abcdef&secret=s3cret";
    let answer: Value = client.build().unwrap().get(asked).send().await.unwrap().json().await.unwrap();
    assert!(answer["access_token"].is_string(), "{answer}");
}

#[tokio::test]
async fn a_scenario_happens_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let app = r#"{"ask": "POST /_sim/apps", "body": {"appid": "qq1", "platform": "qq", "secret": "s"}}"#;
    let person = r#"{"ask": "POST /_sim/people", "body": {"person": "alice", "phone": "13800138000"}}"#;
    let file = folder.path().join("shop.json");
    std::fs::write(&file, format!(r#"{{"version": 1, "seed": 7, "steps": [{app}, {person}]}}"#)).unwrap();
    let server = Server::start(menjin(&["sim", "--port", "0", "--scenario", file.to_str().unwrap()]), "/_sim/");
    assert!(server.page.contains("AppID qq1") && server.page.matches("AppID").count() == 1, "{}", server.page);
    let url = server.after("simulated WeChat 模拟微信  ").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let people = client.get(format!("{url}/_sim/people")).send().await.unwrap().text().await.unwrap();
    assert!(people.contains("13800138000"), "{people}");
    let record = client.get(format!("{url}/_sim/scenario/record")).send().await.unwrap().text().await.unwrap();
    assert!(record.contains(r#""seed": 7"#) && record.contains("POST /_sim/people"), "{record}");
}

#[test]
fn a_scenario_that_cannot_happen_stops_the_start_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    let arguments = ["sim", "--port", "0", "--scenario", file.to_str().unwrap()];
    run_in(folder.path(), &arguments).refused(&["bad.json", "can't be read", "--scenario"]);
    std::fs::write(&file, r#"{"version": 1, "steps": [{"ask": "POST /_sim/people", "body": {"name": "alice"}}]}"#)
        .unwrap();
    run_in(folder.path(), &arguments).refused(&["step 1", "POST /_sim/people", "name"]);
}

#[tokio::test]
async fn an_app_of_another_platform_is_named_with_it() {
    let server = Server::start(menjin(&["sim", "--port", "0", "--app", "qq:1100000001:s3cret"]), "/_sim/");
    let url = server.after("simulated WeChat 模拟微信  ").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let given = client.post(format!("{url}/_sim/qq/login")).body(r#"{"person":"alice"}"#).send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    assert!(given["code"].is_string(), "{given}");
}
