//! `menjin sim`: the simulated WeChat by itself.

use crate::harness::{Server, menjin, run_in};

#[tokio::test]
async fn it_answers_as_wechat_does_for_the_apps_that_were_named() {
    let app = "wx0123456789abcdef:0123456789abcdef0123456789abcdef";
    let server = Server::start(menjin(&["sim", "--port", "0", "--seed", "7", "--app", app]), "/_sim/");
    assert!(server.page.contains("wx0123456789abcdef"), "{}", server.page);
    let url = server.after("simulated WeChat 模拟微信  ").to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let code = client.post(format!("{url}/_sim/wx/login")).body(r#"{"person":"alice"}"#).send().await.unwrap();
    let code: serde_json::Value = code.json().await.unwrap();
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
