//! `wxa/msg_sec_check`, version 2: may this nickname be shown?
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/sec-center/sec-check/msgSecCheck.html>

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::WeChat;
use super::answer::{ask, lacks};
use crate::http::Call;
use crate::{AccessToken, Error, Moderation, OpenId, Verdict};

/// The scene of a profile; 2 to 4 are comments, forums and logs.
const PROFILE: u8 = 1;
/// The person was not in the mini program within two hours.
const UNSEEN: i64 = 61010;
/// What version 1 answered to a bad text.
const RISKY: i64 = 87014;

#[derive(Serialize)]
struct Request<'a> {
    content: &'a str,
    version: u8,
    scene: u8,
    openid: &'a str,
}

#[derive(Deserialize)]
struct Judged {
    result: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    suggest: Option<String>,
}

#[async_trait]
impl Moderation for WeChat {
    async fn check_nickname(&self, token: &AccessToken, openid: &OpenId, text: &str) -> Result<Verdict, Error> {
        // As raw UTF-8: some of WeChat's interfaces take escapes literally.
        let request = Request { content: text, version: 2, scene: PROFILE, openid: openid.as_str() };
        let body = serde_json::to_vec(&request).expect("texts and numbers are JSON");
        let query = [("access_token", token.expose())];
        let call = Call { path: "/wxa/msg_sec_check", query: &query, body: Some(body) };
        let answer = ask::<Judged>(&self.caller, call, &[token.expose(), openid.as_str(), text]).await;
        match answer {
            Ok(Judged { result }) => verdict(result.and_then(|it| it.suggest).as_deref()),
            Err(error) => match error.errcode() {
                Some(UNSEEN) => Ok(Verdict::Unseen),
                Some(RISKY) => Ok(Verdict::Risky),
                _ => Err(error),
            },
        }
    }
}

fn verdict(suggest: Option<&str>) -> Result<Verdict, Error> {
    match suggest {
        Some("pass") => Ok(Verdict::Pass),
        Some("review") => Ok(Verdict::Review),
        Some("risky") => Ok(Verdict::Risky),
        Some(_) | None => Err(lacks("result.suggest is none that we know")),
    }
}
