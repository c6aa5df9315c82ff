//! A simulator on a free port with a frozen clock and a seed, and a client that speaks to it as a mini program's server would.

use menjin_sim::{App, Options, Sim};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const SHOP: &str = "wx0123456789abcdef";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const OTHER: &str = "wxfedcba9876543210";
/// 2026-11-21 04:00:00 UTC.
pub(crate) const START: i64 = 1_795_233_600;

pub(crate) struct Platforms {
    pub(crate) sim: Sim,
    pub(crate) base: String,
    http: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

impl Platforms {
    /// One mini program, bound to no open-platform account.
    pub(crate) async fn start() -> Self {
        Self::with(vec![App::mini_program(SHOP, SECRET)]).await
    }

    /// Two mini programs with the same secret; the shop is bound to an open-platform account.
    pub(crate) async fn start_with_two_apps() -> Self {
        let shop = App::mini_program(SHOP, SECRET).bound_to("acme");
        Self::with(vec![shop, App::mini_program(OTHER, SECRET)]).await
    }

    pub(crate) async fn with(apps: Vec<App>) -> Self {
        let sim = Sim::new(Options { seed: Some(1), apps, start: Some(START), ..Options::default() });
        sim.freeze(true);
        // A second may have passed before it stood.
        sim.set_clock(START);
        Self::of(sim).await
    }

    pub(crate) async fn of(sim: Sim) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let base = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or_default() };
        tokio::spawn(sim.clone().serve(listener, stopped));
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.build().expect("a plain client can be built");
        Self { sim, base, http, _stop: stop }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// The control API, where it is to succeed.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    /// `wx.login` on the person's phone, in the shop.
    pub(crate) async fn code(&self, person: &str) -> String {
        let answer = self.control("/_sim/wx/login", json!({ "person": person, "appid": SHOP })).await;
        answer["code"].as_str().expect("a login gives a code").to_owned()
    }

    pub(crate) async fn exchange(&self, code: &str) -> Answer {
        self.exchange_as(SHOP, SECRET, code).await
    }

    pub(crate) async fn exchange_as(&self, appid: &str, secret: &str, code: &str) -> Answer {
        self.get(&code2session(appid, secret, code)).await
    }

    /// The person has signed in: openid and `session_key`.
    pub(crate) async fn session(&self, person: &str) -> (String, String) {
        let session = self.exchange(&self.code(person).await).await.json();
        let text = |name: &str| session[name].as_str().expect("a session has both").to_owned();
        (text("openid"), text("session_key"))
    }

    pub(crate) async fn access_token(&self, appid: &str) -> String {
        let path = format!("/cgi-bin/token?grant_type=client_credential&appid={appid}&secret={SECRET}");
        self.get(&path).await.json()["access_token"].as_str().expect("a token").to_owned()
    }
}

/// Lower-hex, written anew here.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

pub(crate) fn code2session(appid: &str, secret: &str, code: &str) -> String {
    format!("/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code")
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the simulator answers");
        let status = response.status();
        let content_type = response.headers().get("content-type");
        let content_type =
            content_type.map(|value| value.to_str().expect("it is ASCII").to_owned()).unwrap_or_default();
        Self { status, content_type, body: response.text().await.expect("the answer is whole") }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A platform's refusal: HTTP 200, this errcode, this text before the rid.
    pub(crate) fn refused(&self, errcode: i64, text: &str) {
        let json = self.json();
        assert_eq!((self.status, &json["errcode"]), (StatusCode::OK, &json!(errcode)), "{}", self.body);
        let errmsg = json["errmsg"].as_str().expect("a refusal has a text");
        let (before, _) = errmsg.split_once("rid: ").expect("a refusal has a rid");
        assert_eq!(before.trim_end_matches([',', ' ']), text);
    }

    /// The control API's refusal, with a hint.
    pub(crate) fn complaint(&self, status: u16, error: &str) {
        let json = self.json();
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert!(json["error"].as_str().is_some_and(|text| text.contains(error)), "{}", self.body);
        assert!(json["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{}", self.body);
    }
}
