//! A whole menjin on a free port, with the simulator as `WeChat`, a frozen clock, and actors that call it.
//!
//! Ready when the listeners are bound; stops when dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_server::config::Config;
use menjin_server::entropy::SeededEntropy;
use menjin_server::{Around, Clock as _, Dev, Listeners, ManualClock, Menjin, Simulator, SystemClock};
use menjin_sim::Sim;
use menjin_token::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::store::Folder;

/// The appid of app `shop`.
pub(crate) const APPID: &str = "wx0123456789abcdef";
/// The appid of app `club`, bound to the same open-platform account.
pub(crate) const OTHER_APPID: &str = "wxfedcba9876543210";
/// The secret of both on the platform.
pub(crate) const APP_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The secret of app `office`.
pub(crate) const CLIENT_SECRET: &str = "office-secret-office-secret-office";
/// The master key, in hex.
pub(crate) const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A menjin with a simulator behind it.
pub(crate) struct TestServer {
    pub(crate) sim: Sim,
    pub(crate) sim_url: String,
    pub(crate) menjin: Menjin,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) url: String,
    pub(crate) admin_url: String,
    pub(crate) folder: Arc<Folder>,
    http: reqwest::Client,
    answers: Mutex<Vec<Answer>>,
    stops: Vec<(oneshot::Sender<()>, JoinHandle<anyhow::Result<()>>)>,
}

/// What a test changes of the usual server.
#[derive(Default)]
pub(crate) struct Setup {
    /// More TOML, after everything else; `PUBLIC_URL` in it is the server's own, `LOCALHOST` the same by that name, and `ADMIN_URL` the
    /// operator's side.
    pub(crate) toml: String,
    /// TOML of app `shop`, in its table.
    pub(crate) shop: String,
    /// TOML before the first table.
    pub(crate) top: String,
    /// The data folder of a server that ran before.
    pub(crate) folder: Option<Arc<Folder>>,
    /// The simulator and the clock of another node.
    pub(crate) beside: Option<(Sim, String, Arc<ManualClock>)>,
    /// More of `[server]`.
    pub(crate) server: String,
    /// All of `[limits]`; off when empty.
    pub(crate) limits: String,
    /// Where `WeChat` is, instead of the simulator.
    pub(crate) wechat: Option<String>,
    /// How long `WeChat` may take; when empty, as long as a busy machine needs.
    pub(crate) deadline: &'static str,
    /// What clients call it, instead of its address.
    pub(crate) public_url: Option<String>,
    /// As `menjin dev` serves, with `/dev`.
    pub(crate) dev: bool,
    /// With `dev`: as it is opened to the local network.
    pub(crate) lan: bool,
}

impl TestServer {
    /// The usual server.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A server with changes.
    pub(crate) async fn with(setup: Setup) -> Self {
        let (sim, sim_url, sim_stop) = match setup.beside.clone() {
            None => {
                let (sim, url, stop) = start_sim().await;
                (sim, url, Some(stop))
            }
            Some((sim, url, _)) => (sim, url, None),
        };
        let folder = setup.folder.clone().unwrap_or_else(|| Arc::new(Folder::new()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let admin_url = format!("http://{}", admin.local_addr().unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let public_url = setup.public_url.as_deref().unwrap_or(&url);
        let places = Places {
            public_url,
            admin_url: &admin_url,
            wechat: setup.wechat.as_deref().unwrap_or(&sim_url),
            store: folder.store_toml().await,
        };
        let toml = toml(&setup, &places);
        let config = Config::parse(&toml, folder.path()).unwrap();
        let own_clock = || Arc::new(ManualClock::new(SystemClock.now()));
        let clock = setup.beside.as_ref().map_or_else(own_clock, |(_, _, clock)| Arc::clone(clock));
        let entropy = SeededEntropy::new(u64::from(rand_seed()));
        let simulator = Simulator::new(sim_url.parse().unwrap()).unwrap();
        let dev = setup.dev.then_some(Dev { simulator, lan: setup.lan });
        let around = Around { clock: Arc::clone(&clock) as _, entropy: Arc::new(entropy), dev };
        let menjin = Menjin::new(config, around).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving =
            menjin.clone().serve(Listeners { public: listener, admin: Some(admin) }, async { drop(stopped.await) });
        let serving = tokio::spawn(serving);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        let stops = std::iter::once((stop, serving)).chain(sim_stop).collect();
        let answers = Mutex::default();
        Self { sim, sim_url, menjin, clock, url, admin_url, folder, http, answers, stops }
    }

    /// Another node on the same data, with the same simulator and clock; of one name, which is this node's address.
    pub(crate) async fn beside(&self, setup: Setup) -> Self {
        Self::with(self.for_another(setup)).await
    }

    /// What `beside` starts with.
    pub(crate) fn for_another(&self, setup: Setup) -> Setup {
        let beside = Some((self.sim.clone(), self.sim_url.clone(), Arc::clone(&self.clock)));
        let folder = Some(Arc::clone(&self.folder));
        Setup { folder, beside, public_url: Some(self.url.clone()), ..setup }
    }

    /// What menjin's clock shows.
    pub(crate) fn menjin_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clocks of menjin and of the simulator.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.sim.advance(u32::try_from(by.as_secs()).unwrap());
    }

    /// From now on both clocks show the same, and stand still.
    pub(crate) fn freeze(&self) {
        self.sim.freeze(true);
        self.sim.set_clock(self.clock.now().secs());
    }

    /// Somebody who has not signed in.
    pub(crate) fn anon(&self) -> Actor<'_> {
        Actor { server: self, person: String::new(), pair: None, language: "en" }
    }

    /// A phone in `person`'s hand, not signed in.
    pub(crate) fn phone_of(&self, person: &str) -> Actor<'_> {
        Actor { person: person.to_owned(), ..self.anon() }
    }

    /// A phone signed in to app `shop`.
    pub(crate) async fn phone(&self, person: &str) -> Actor<'_> {
        let mut phone = self.phone_of(person);
        phone.login(json!({})).await.ok(200);
        phone
    }

    /// Somebody who holds this access token and nothing else.
    pub(crate) fn phone_with_token(&self, token: &str) -> Actor<'_> {
        Actor { pair: Some(json!({"access_token": token})), ..self.anon() }
    }

    /// A fresh login code for app `shop`.
    pub(crate) fn code(&self, person: &str) -> String {
        self.sim.js_code(APPID, person)
    }

    /// A call of the simulator's control side.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}/_sim/{path}", self.sim_url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// What somebody else's program asks of the platform.
    pub(crate) async fn as_another_program(&self, path: &str, body: Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.sim_url)).json(&body).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Everything that actors were answered.
    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap().clone()
    }

    /// What the operator's side answers.
    pub(crate) async fn admin_get(&self, path: &str) -> Answer {
        Answer::read(self.http.get(format!("{}{path}", self.admin_url)).send().await.unwrap()).await
    }

    /// Stops gracefully and gives the data folder back.
    pub(crate) async fn stop(mut self) -> Arc<Folder> {
        for (stop, serving) in self.stops.drain(..) {
            stop.send(()).ok();
            serving.await.unwrap().unwrap();
        }
        self.folder
    }
}

pub(crate) async fn start_sim() -> (Sim, String, (oneshot::Sender<()>, JoinHandle<anyhow::Result<()>>)) {
    let apps = [APPID, OTHER_APPID].map(|appid| menjin_sim::App::mini_program(appid, APP_SECRET).bound_to("company"));
    let sim = Sim::new(menjin_sim::Options { apps: apps.into(), ..menjin_sim::Options::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(sim.clone().serve(listener, async { drop(stopped.await) }));
    (sim, url, (stop, serving))
}

/// Another seed for each server: ids must differ when a folder is used twice.
fn rand_seed() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Where everything is.
struct Places<'a> {
    public_url: &'a str,
    admin_url: &'a str,
    wechat: &'a str,
    /// `[store]`.
    store: String,
}

fn toml(setup: &Setup, places: &Places<'_>) -> String {
    let Places { public_url, admin_url, wechat, store } = places;
    format!(
        r#"
secret_key = "{MASTER_KEY}"
{top}
[server]
public_url = "{public_url}"
{server}
{store}[limits]
{limits}
[wechat]
base_url = "{wechat}"
open_url = "{wechat}"
deadline = "{deadline}"
[qq]
base_url = "{wechat}/qq"
connect_url = "{wechat}/qq-connect"
[douyin]
base_url = "{wechat}/douyin"
open_url = "{wechat}/douyin"
[alipay]
gateway_url = "{wechat}/alipay/gateway.do"
authorize_url = "{wechat}/alipay/oauth2/publicAppAuthorize.htm"
[[app]]
id = "shop"
kind = "mini_program"
platform = "wechat"
appid = "{APPID}"
secret = "{APP_SECRET}"
open_account = "company"
audience = "shop-api"
{shop}
[[app]]
id = "club"
kind = "mini_program"
platform = "wechat"
appid = "{OTHER_APPID}"
secret = "{APP_SECRET}"
open_account = "company"
[[app]]
id = "office"
kind = "backend"
client_secret = "{CLIENT_SECRET}"
{toml}
"#,
        top = setup.top,
        deadline = if setup.deadline.is_empty() { "5s" } else { setup.deadline },
        server = setup.server,
        limits = if setup.limits.is_empty() { "enabled = false" } else { &setup.limits },
        shop = setup.shop,
        toml = setup
            .toml
            .replace("PUBLIC_URL", public_url)
            .replace("ADMIN_URL", admin_url)
            .replace("LOCALHOST", &public_url.replace("127.0.0.1", "localhost")),
    )
}

/// Somebody who calls: all have the same verbs.
#[derive(Clone)]
pub(crate) struct Actor<'a> {
    server: &'a TestServer,
    pub(crate) person: String,
    pair: Option<Value>,
    pub(crate) language: &'static str,
}

impl Actor<'_> {
    /// Signs in to app `shop` with a fresh code and what else `body` says; keeps the pair.
    pub(crate) async fn login(&mut self, body: Value) -> Answer {
        self.login_to("shop", APPID, body).await
    }

    /// Signs in to another app.
    pub(crate) async fn login_to(&mut self, app: &str, appid: &str, mut body: Value) -> Answer {
        body["code"] = self.server.sim.js_code(appid, &self.person).into();
        let answer = self.post(&format!("/v1/login/{app}"), body).await;
        if answer.status == StatusCode::OK {
            self.pair = Some(answer.json.clone());
        }
        answer
    }

    /// Trades the refresh token it holds; keeps the next pair.
    pub(crate) async fn refresh(&mut self) -> Answer {
        let answer = self.refresh_with(&self.refresh_token()).await;
        if answer.status == StatusCode::OK {
            self.pair = Some(answer.json.clone());
        }
        answer
    }

    /// Trades a given refresh token; keeps nothing.
    pub(crate) async fn refresh_with(&self, refresh_token: &str) -> Answer {
        self.server.anon().post("/v1/token/refresh", json!({"refresh_token": refresh_token})).await
    }

    pub(crate) fn refresh_token(&self) -> String {
        self.text("refresh_token")
    }

    pub(crate) fn access_token(&self) -> String {
        self.text("access_token")
    }

    pub(crate) fn session_id(&self) -> String {
        self.text("session_id")
    }

    /// The user's id, as the login answered.
    pub(crate) fn user_id(&self) -> String {
        self.pair.as_ref().unwrap()["user"]["id"].as_str().unwrap().to_owned()
    }

    fn text(&self, member: &str) -> String {
        self.pair.as_ref().expect("signed in")[member].as_str().unwrap().to_owned()
    }

    /// Forgets what it holds, as a cleared storage does.
    pub(crate) fn forget(&mut self) {
        self.pair = None;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string()), &[]).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string()), &[]).await
    }

    /// Any request: a body is sent as JSON unless `headers` say otherwise.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .server
            .http
            .request(method, format!("{}{path}", self.server.url))
            .header("accept-language", self.language);
        let given = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if let Some(pair) = self.pair.as_ref().filter(|_| !given("authorization")) {
            request = request.bearer_auth(pair["access_token"].as_str().unwrap());
        }
        if let Some(body) = body {
            if !given("content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        self.server.answers.lock().unwrap().push(answer.clone());
        answer
    }
}

/// What menjin answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) async fn read(answer: reqwest::Response) -> Self {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, json }
    }

    /// The body of a success with this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json
    }

    /// A problem with this status and code, whole in every member; gives its body.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json["type"], format!("/problems/{code}"));
        assert_eq!(self.json["status"], status);
        for member in ["title", "detail", "action", "request_id"] {
            assert!(self.json[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {}", self.text);
        }
        let challenge = self.header("www-authenticate");
        if code == "client_invalid" {
            assert_eq!(challenge, "Basic realm=\"menjin\", charset=\"UTF-8\"");
            return self.json;
        }
        assert_eq!(status == 401, challenge.starts_with("Bearer realm=\"menjin\""), "{challenge}");
        assert_eq!(challenge.contains("error="), status == 401 && code != "token_missing", "{challenge}");
        self.json
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

/// The header of a token.
pub(crate) fn header(token: &str) -> Value {
    part(token, 0)
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// Seconds of a `NumericDate`, as a timestamp.
pub(crate) fn time(value: &Value) -> Timestamp {
    Timestamp::from_secs(value.as_i64().unwrap())
}
