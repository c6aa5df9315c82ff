//! Requests that the simulator sends, to servers on this machine alone: a push, and the question whether a URL is an app's.
//!
//! What is sent is `wechat::push`'s affair.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::Serialize;

use crate::Sim;
use crate::wechat::push::{self, PushOrder, PushSettings, PushTwist, SignedPush};

/// WeChat's patience with an answer, and how often it tries.
/// <https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html>
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
pub(crate) const TRIES: u32 = 3;
/// So much of an answer is shown.
const SHOWN: usize = 2000;

/// How a push went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// It was answered with `success` or nothing, in time.
    pub accepted: bool,
    /// One a try.
    pub attempts: Vec<Attempt>,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// `None`: no answer came.
    pub status: Option<u16>,
    /// The answer, or why there was none.
    pub answer: String,
}

impl Attempt {
    fn is_good(&self) -> bool {
        self.status == Some(200) && matches!(self.answer.as_str(), "success" | "")
    }
}

impl Sim {
    /// Sets where an app's pushes go, without asking that address anything.
    pub fn set_push(&self, appid: &str, settings: PushSettings) {
        self.with(|world| world.wechat.push.insert(appid.to_owned(), settings));
    }

    /// Asks the URL to prove that it is the app's, as the console does before it saves settings, and then saves them.
    pub async fn save_push(&self, appid: &str, settings: PushSettings) -> Result<(), String> {
        check(&settings)?;
        let (url, echo) = self.with(|world| push::question(world, &settings));
        let answer = sent(client()?.get(url).timeout(PATIENCE)).await;
        if answer.status == Some(200) && answer.answer == echo {
            self.set_push(appid, settings);
            return Ok(());
        }
        let status = answer.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        Err(format!("the URL did not answer with echostr: {status}, {:?}", answer.answer))
    }

    /// A push as it would be sent now, without sending it.
    ///
    /// # Panics
    /// If the app has no push settings.
    pub fn sign_push(&self, order: &PushOrder) -> SignedPush {
        self.with(|world| {
            let settings = world.wechat.push.get(&order.appid).cloned();
            let settings = settings.unwrap_or_else(|| panic!("no push settings for {}", order.appid));
            let now = world.now();
            push::sign(world, &settings, order, now)
        })
    }

    /// Sends a push, up to three times, five seconds each; every time signed anew, but for a replay.
    ///
    /// # Panics
    /// If the app has no push settings.
    pub async fn push(&self, order: &PushOrder) -> Pushed {
        self.push_within(order, PATIENCE, TRIES).await.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) async fn push_within(
        &self,
        order: &PushOrder,
        patience: Duration,
        tries: u32,
    ) -> Result<Pushed, String> {
        let settings = self.with(|world| world.wechat.push.get(&order.appid).cloned());
        let settings = settings.ok_or_else(|| format!("no push settings for {}", order.appid))?;
        check(&settings)?;
        let (client, created) = (client()?, self.now());
        let mut attempts = Vec::new();
        let signed = |sim: &Self| sim.with(|world| push::sign(world, &settings, order, created));
        let mut push = signed(self);
        while attempts.len() < usize::try_from(tries).unwrap_or(1) {
            let request = client.post(&push.url).header("content-type", push.content_type).timeout(patience);
            let attempt = sent(request.body(push.body.clone())).await;
            let is_good = attempt.is_good();
            attempts.push(attempt);
            match order.twist {
                // The same once more, whatever was said to it.
                Some(PushTwist::Replay) if attempts.len() < 2 => {}
                Some(PushTwist::Replay) => break,
                _ if is_good => break,
                _ => push = signed(self),
            }
        }
        Ok(Pushed { accepted: attempts.last().is_some_and(Attempt::is_good), attempts })
    }
}

async fn sent(request: reqwest::RequestBuilder) -> Attempt {
    let answered = async {
        let response = request.send().await?;
        Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
    };
    match answered.await {
        Ok((status, answer)) => Attempt { status: Some(status), answer: answer.chars().take(SHOWN).collect() },
        Err(error) if error.is_timeout() => Attempt { status: None, answer: "no answer in time".to_owned() },
        Err(error) => Attempt { status: None, answer: error.without_url().to_string() },
    }
}

fn client() -> Result<Client, String> {
    let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build();
    client.map_err(|error| format!("no HTTP client: {error}"))
}

/// A page in somebody's browser could ask for a push, so none leaves this machine.
fn check(settings: &PushSettings) -> Result<(), String> {
    // As the client itself reads it: two readings of one address could name two hosts.
    let url = Url::parse(&settings.url).map_err(|error| format!("bad url: {error}"))?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !(is_here && matches!(url.scheme(), "http" | "https")) {
        return Err("the url is not on this machine: pushes go to http(s)://127.0.0.1, [::1] or localhost".to_owned());
    }
    if settings.mode != push::PushMode::Plain && !settings.aes_key.as_deref().is_some_and(push::is_key) {
        return Err("this mode needs aes_key, the EncodingAESKey of 43 characters".to_owned());
    }
    if settings.token.is_empty() { Err("the token is empty".to_owned()) } else { Ok(()) }
}
