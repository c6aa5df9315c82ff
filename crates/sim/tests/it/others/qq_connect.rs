//! `graph.qq.com`: three forms of answers, each where the documentation has it.

use menjin_sim::{Decision, Platform};

use super::{QQ, QQ_SITE, start};
use crate::harness::{Platforms, SECRET};

const TO: &str = "http%3A%2F%2F127.0.0.1%2Fback";

fn code_at(platforms: &Platforms, person: &str) -> String {
    let address = format!(
        "https://graph.qq.com/oauth2.0/authorize?response_type=code&client_id={QQ_SITE}&redirect_uri={TO}&state=s1&scope=get_user_info"
    );
    let back = platforms.sim.authorize(&address, person, Decision::Allow).expect("the address is good");
    let back = back.expect("the browser is led back");
    let rest = back.strip_prefix("http://127.0.0.1/back?code=").expect("a code comes first");
    let (code, state) = rest.split_once('&').expect("the state follows");
    assert_eq!(state, "state=s1");
    code.to_owned()
}

fn token(code: &str, to: &str, more: &str) -> String {
    format!(
        "/qq-connect/oauth2.0/token?grant_type=authorization_code&client_id={QQ_SITE}&client_secret={SECRET}&code={code}&redirect_uri={to}{more}"
    )
}

#[tokio::test]
async fn a_token_comes_as_a_query_string_and_errors_as_a_callback() {
    let platforms = start().await;
    let code = code_at(&platforms, "alice");
    let wrong_place = platforms.get(&token(&code, "http%3A%2F%2F127.0.0.1%2Fother", "")).await;
    assert!(wrong_place.body.starts_with("callback( {\"error\":100010,"), "{}", wrong_place.body);
    let given = platforms.get(&token(&code, TO, "")).await;
    assert!(given.body.starts_with("access_token=") && given.body.contains("&expires_in=7776000&refresh_token="));
    let again = platforms.get(&token(&code, TO, "")).await;
    assert_eq!(again.body, "callback( {\"error\":100020,\"error_description\":\"code is reused error\"} );\n");
    let wrong = platforms.get(&token("NONE", TO, "&fmt=json")).await.json();
    assert_eq!(wrong["error"], 100_019);
}

#[tokio::test]
async fn the_person_is_named_in_a_callback_and_with_a_unionid_where_it_is_asked_for() {
    let platforms = start().await;
    let given = platforms.get(&token(&code_at(&platforms, "alice"), TO, "&fmt=json&need_openid=1")).await.json();
    let openid = platforms.sim.openid(QQ_SITE, "alice");
    assert_eq!(given["openid"], openid);
    let access_token = given["access_token"].as_str().unwrap();
    let me = |more: &str| format!("/qq-connect/oauth2.0/me?access_token={access_token}{more}");
    let plain = platforms.get(&me("")).await.body;
    assert_eq!(plain, format!("callback( {{\"client_id\":\"{QQ_SITE}\",\"openid\":\"{openid}\"}} );\n"));
    let named = platforms.get(&me("&unionid=1&fmt=json")).await.json();
    assert_eq!(named["unionid"], platforms.sim.unionid_of(Platform::Qq, "acme", "alice"));
    assert_ne!(openid, platforms.sim.openid(QQ, "alice"), "each app has its own");
    let info = format!(
        "/qq-connect/user/get_user_info?access_token={access_token}&oauth_consumer_key={QQ_SITE}&openid={openid}"
    );
    assert_eq!(platforms.get(&info).await.json()["ret"], 0);
    assert_eq!(platforms.get(&info.replace(&openid, "X")).await.json()["ret"], -1);
    platforms.sim.advance(7_776_000);
    assert!(platforms.get(&me("")).await.body.contains("100014"));
}

#[tokio::test]
async fn somebody_who_declines_comes_back_without_a_code_and_a_strange_place_is_refused() {
    let platforms = start().await;
    let address =
        format!("/qq-connect/oauth2.0/authorize?response_type=code&client_id={QQ_SITE}&redirect_uri={TO}&state=s1");
    let back = platforms.sim.authorize(&address, "alice", Decision::Deny).unwrap().unwrap();
    assert_eq!(back, "http://127.0.0.1/back?usercancel=1&state=s1");
    let strange = address.replace("127.0.0.1", "evil.example");
    assert!(platforms.sim.authorize(&strange, "alice", Decision::Allow).is_err());
    let page = platforms.get(&address).await;
    assert!(page.body.contains("id=\"allow\"") && page.body.contains("name=\"state\" value=\"s1\""), "{}", page.body);
}
