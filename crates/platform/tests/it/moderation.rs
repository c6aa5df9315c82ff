//! `wxa/msg_sec_check`.

use menjin_platform::{Error, Kind, Platform as _, Verdict};
use serde_json::{Value, json};

use crate::stub::{OPENID, Stub, openid, token};

async fn ask(stub: &Stub, text: &str) -> Result<Verdict, Error> {
    stub.wechat.moderation().expect("WeChat judges texts").check_nickname(&token(), &openid(), text).await
}

#[tokio::test]
async fn a_nickname_is_judged_as_a_profile_of_its_person() {
    for (suggest, verdict) in [("pass", Verdict::Pass), ("review", Verdict::Review), ("risky", Verdict::Risky)] {
        let body =
            format!(r#"{{"errcode":0,"errmsg":"ok","detail":[],"result":{{"suggest":"{suggest}","label":100}}}}"#);
        let stub = Stub::answering(&body).await;
        assert_eq!(ask(&stub, "小\"明").await.unwrap(), verdict);
        let asked = &stub.asked()[0];
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/wxa/msg_sec_check"));
        assert_eq!(asked.query, [("access_token".to_owned(), token().expose().to_owned())]);
        let sent: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(sent, json!({"content": "小\"明", "version": 2, "scene": 1, "openid": OPENID}));
        assert!(asked.body.contains("小"), "as it is, and not as an escape");
    }
}

#[tokio::test]
async fn what_the_older_version_says_and_people_who_were_not_there_are_verdicts_too() {
    for (errcode, verdict) in [(87014, Verdict::Risky), (61010, Verdict::Unseen)] {
        let stub = Stub::answering(&format!(r#"{{"errcode":{errcode},"errmsg":"no rid: 1-2-3"}}"#)).await;
        assert_eq!(ask(&stub, "小明").await.unwrap(), verdict);
    }
}

#[tokio::test]
async fn an_answer_without_a_verdict_is_no_verdict() {
    for (body, kind) in [
        (r#"{"errcode":0,"errmsg":"ok"}"#, Kind::Malformed),
        (r#"{"errcode":0,"result":{"suggest":"perhaps"}}"#, Kind::Malformed),
        (r#"{"errcode":0,"result":{}}"#, Kind::Malformed),
        (r#"{"errcode":40001,"errmsg":"stale"}"#, Kind::TokenStale),
        (r#"{"errcode":44991,"errmsg":"too many"}"#, Kind::Busy),
        (r#"{"errcode":45009,"errmsg":"quota"}"#, Kind::Quota),
        (r#"{"errcode":43104,"errmsg":"whose?"}"#, Kind::BadInput),
    ] {
        assert_eq!(ask(&Stub::answering(body).await, "小明").await.unwrap_err().kind(), kind, "{body}");
    }
}
