//! The example behind a whole menjin, with the simulator as `WeChat`.

use std::sync::Arc;
use std::time::Duration;

use menjin_server::config::Config;
use menjin_server::entropy::SeededEntropy;
use menjin_server::store::{Actor, RoleName};
use menjin_server::{Around, Listeners, Menjin, NewRole, SystemClock};
use menjin_sim::Sim;
use orders::{App, Settings, router};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const APPID: &str = "wx0123456789abcdef";
const SECRET: &str = "shop-backend-secret-0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(20);

/// menjin, the platform and the example.
struct World {
    menjin: Menjin,
    sim: Sim,
    menjin_url: String,
    orders_url: String,
    http: Client,
    tasks: Vec<JoinHandle<()>>,
    _stops: [oneshot::Sender<()>; 2],
    _folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl World {
    async fn new() -> Self {
        let app = menjin_sim::App::mini_program(APPID, "0123456789abcdef0123456789abcdef");
        let sim = Sim::new(menjin_sim::Options { apps: vec![app], ..menjin_sim::Options::default() });
        let (sim_listener, sim_url) = listen().await;
        let (stop_sim, sim_stopped) = oneshot::channel::<()>();
        let serving = sim.clone().serve(sim_listener, async { drop(sim_stopped.await) });
        let sim_task = tokio::spawn(async move { serving.await.unwrap() });

        let (public, folder) = (std::net::TcpListener::bind("127.0.0.1:0").unwrap(), tempfile::tempdir().unwrap());
        let menjin_url = format!("http://{}", public.local_addr().unwrap());
        let config = Config::parse(&toml(&menjin_url, &sim_url), folder.path()).unwrap();
        let around = Around { clock: Arc::new(SystemClock), entropy: Arc::new(SeededEntropy::new(7)), dev: None };
        let menjin = Box::pin(Menjin::new(config, around)).await.unwrap();
        let (stop_menjin, menjin_stopped) = oneshot::channel::<()>();
        let listeners = Listeners { public, admin: None };
        let serving = menjin.clone().serve(listeners, async { drop(menjin_stopped.await) });
        let menjin_task = tokio::spawn(async move { serving.await.unwrap() });

        let settings = Settings {
            issuer: menjin_url.clone(),
            audience: "shop".to_owned(),
            app: Some(("shop-backend".to_owned(), SECRET.to_owned())),
            old_system: None,
        };
        let router = router(App::new(settings).unwrap());
        let (listener, orders_url) = listen().await;
        let orders_task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let tasks = vec![sim_task, menjin_task, orders_task];
        Self { menjin, sim, menjin_url, orders_url, http, tasks, _stops: [stop_sim, stop_menjin], _folder: folder }
    }

    /// Signs somebody in as a mini program does; gives menjin's answer.
    async fn sign_in(&self, person: &str) -> Value {
        let body = json!({ "code": self.sim.js_code(APPID, person) });
        let answer = self.http.post(format!("{}/v1/login/shop", self.menjin_url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn ask(&self, method: Method, path: &str, session: &Value, body: Option<Value>) -> (u16, Value) {
        let token = session["access_token"].as_str().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.orders_url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The answer that is no longer the one of before, once the program has heard of a change.
    async fn changed(&self, path: &str, session: &Value, before: u16) -> (u16, Value) {
        let changed = async {
            loop {
                let (status, answer) = self.get(path, session).await;
                if status != before {
                    return (status, answer["code"].clone());
                }
            }
        };
        tokio::time::timeout(PATIENCE, changed).await.expect("the feed tells it")
    }

    /// The next pair.
    async fn refresh(&self, session: &Value) -> Value {
        let body = json!({ "refresh_token": session["refresh_token"] });
        let answer = self.http.post(format!("{}/v1/token/refresh", self.menjin_url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    async fn get(&self, path: &str, session: &Value) -> (u16, Value) {
        self.ask(Method::GET, path, session, None).await
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn toml(public_url: &str, sim_url: &str) -> String {
    format!(
        r#"
secret_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
[server]
public_url = "{public_url}"
[store]
url = "sqlite://menjin.db"
[limits]
enabled = false
[wechat]
base_url = "{sim_url}"
[[app]]
id = "shop"
kind = "mini_program"
platform = "wechat"
appid = "{APPID}"
secret = "0123456789abcdef0123456789abcdef"
[[app]]
id = "shop-backend"
kind = "backend"
audience = "shop"
client_secret = "{SECRET}"
scopes = ["revocations:read", "session-data"]
[audience.shop.claims]
userId = "user.number"
"#
    )
}

#[tokio::test]
async fn a_ban_reaches_the_program_while_it_serves() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_in("alice").await, world.sign_in("bob").await);
    assert_eq!(world.get("/orders", &alice).await.0, 200);
    let user = alice["user"]["id"].as_str().unwrap().parse().unwrap();
    world.menjin.disable_user(&Actor::command(), user).await.unwrap();
    assert_eq!(world.changed("/orders", &alice, 200).await, (401, json!("user_disabled")));
    assert_eq!(world.get("/orders", &bob).await.0, 200);
}

#[tokio::test]
async fn a_role_opens_a_route_and_its_end_closes_it_while_the_program_serves() {
    let world = World::new().await;
    let (by, alice) = (Actor::command(), world.sign_in("alice").await);
    let user = alice["user"]["id"].as_str().unwrap().parse().unwrap();
    let orders = NewRole { permissions: vec!["orders:*".to_owned()], ..NewRole::default() };
    assert_eq!(world.get("/staff/orders", &alice).await.0, 403);
    world.menjin.put_role(&by, &RoleName::everywhere("clerk"), orders).await.unwrap();
    world.menjin.grant_role(&by, user, "clerk", Some("shop")).await.unwrap();
    assert_eq!(world.changed("/staff/orders", &alice, 403).await, (401, json!("token_expired")));
    let clerk = world.refresh(&alice).await;
    let all = json!({ "read_by": alice["user"]["id"], "orders": 2048 });
    assert_eq!(world.get("/staff/orders", &clerk).await, (200, all));
    world.menjin.revoke_role(&by, user, "clerk", Some("shop")).await.unwrap();
    assert_eq!(world.changed("/staff/orders", &clerk, 200).await, (401, json!("token_expired")));
    let nobody = world.refresh(&clerk).await;
    assert_eq!(world.get("/staff/orders", &nobody).await.0, 403);
    assert_eq!(world.get("/orders", &nobody).await.0, 200);
}

#[tokio::test]
async fn a_cart_belongs_to_one_sign_in_and_loses_nothing() {
    let world = World::new().await;
    let (phone, tablet) = (world.sign_in("alice").await, world.sign_in("alice").await);
    assert_eq!(world.get("/cart", &phone).await, (200, json!([])));
    let add = async |item: &str| world.ask(Method::POST, "/cart", &phone, Some(json!({ "item": item }))).await.0;
    assert_eq!(tokio::join!(add("tea"), add("cup"), add("pot")), (200, 200, 200));
    let (_, cart) = world.get("/cart", &phone).await;
    let mut items: Vec<&str> = cart.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect();
    items.sort_unstable();
    assert_eq!(items, ["cup", "pot", "tea"]);
    assert_eq!(world.get("/cart", &tablet).await, (200, json!([])));
    let huge = json!({ "item": "x".repeat(3000) });
    let (status, problem) = world.ask(Method::POST, "/cart", &phone, Some(huge)).await;
    assert_eq!((status, &problem["code"]), (413, &json!("session_data_full")));
    assert_eq!(world.ask(Method::DELETE, "/cart", &phone, None).await.0, 200);
    assert_eq!(world.get("/cart", &phone).await, (200, json!([])));
}

#[tokio::test]
async fn every_route_serves_who_has_signed_in_from_a_mini_program() {
    let world = World::new().await;
    let alice = world.sign_in("alice").await;
    let user = alice["user"]["id"].as_str().unwrap();
    assert_eq!(world.get("/greeting", &alice).await, (200, json!(format!("hello, {user}"))));
    assert_eq!(world.get("/account", &alice).await, (200, json!({ "id": 1, "user": user })));
    assert_eq!(world.get("/number", &alice).await, (200, json!(alice["user"]["number"])));
    assert_eq!(world.get("/who", &alice).await, (200, json!({ "user": user, "session": alice["session_id"] })));
    let (status, problem) = world.get("/staff/orders", &alice).await;
    assert_eq!((status, &problem["code"]), (403, &json!("forbidden")));
}
