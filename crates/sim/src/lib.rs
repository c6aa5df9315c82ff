//! A simulator that answers as the platforms' servers do: real paths, parameters, quirks, lifetimes, errors.
//!
//! It shares no code with the rest of menjin, so that a mistake can't hide on both sides, and listens on loopback only.
//! Lives here: the library's door. What WeChat answers is in `wechat`, how it is steered in `control`.

mod alipay;
mod apps;
mod asking;
mod calls;
mod clock;
mod control;
mod delivery;
mod douyin;
mod entropy;
mod faults;
mod gateway;
mod mini;
mod people;
mod platform;
mod policy;
mod qq;
mod qq_connect;
mod rsa;
mod scenario;
mod tunnel;
mod wechat;
mod world;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

pub use crate::apps::{App, AppKind};
pub use crate::calls::{Call, CallFilter};
pub use crate::delivery::{Attempt, Pushed};
pub use crate::faults::{Fault, FaultKind, Strikes};
pub use crate::people::{Person, Phone};
pub use crate::platform::Platform;
pub use crate::policy::{CountryCode, Limit, Policy, Quotas, SessionKeyPolicy, Validation};
pub use crate::rsa::{ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY, APP_PUBLIC_KEY};
pub use crate::scenario::Scenario;
pub use crate::tunnel::Authority;
pub use crate::wechat::Verdict;
pub use crate::wechat::oauth::Decision;
pub use crate::wechat::push::{PushFormat, PushMode, PushOrder, PushSettings, PushTwist, SignedPush};
use crate::world::World;

/// No request to the simulator may be longer.
const BODY_LIMIT: usize = 64 * 1024;

/// How long `serve` waits, once it is told to stop, for answers under way (a `slow` fault may be sleeping on one).
const GOODBYE: Duration = Duration::from_secs(2);

/// The paths of all platforms' APIs.
fn paths() -> impl Iterator<Item = &'static str> {
    let others = qq::PATHS.iter().chain(&qq_connect::PATHS).chain(&douyin::PATHS).chain(&alipay::PATHS);
    wechat::paths().chain(others.copied())
}

/// Does a platform's API live at this path?
fn answers_at(path: &str) -> bool {
    paths().any(|known| known == path)
}

/// How a simulator starts. The default: a random seed, no apps, WeChat's usual behaviour.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// With a seed, the same requests in the same order get the same codes, keys and tokens.
    pub seed: Option<u64>,
    /// Unix seconds at which the clock starts; `None`: now.
    pub start: Option<i64>,
    /// The apps that exist from the start.
    pub apps: Vec<App>,
    /// How the platforms behave where they leave room.
    pub policy: Policy,
}

/// The simulated platforms. A clone is another handle on the same ones.
#[derive(Clone, Debug)]
pub struct Sim(Arc<Mutex<World>>);

impl Sim {
    /// A simulator in which nothing has happened yet.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Mutex::new(World::new(options))))
    }

    /// All routes: the platforms' own paths, `/_sim/…`, and a gateway's 404 page for the rest.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(wechat::routes())
            .merge(qq::routes())
            .merge(qq_connect::routes())
            .merge(douyin::routes())
            .merge(alipay::routes())
            .merge(control::routes())
            .route("/", get(|| async { Redirect::temporary("/_sim/") }))
            .fallback(|| async {
                gateway::page(
                    StatusCode::NOT_FOUND,
                    "<!-- This is menjin's simulator; /_sim/ lists what it knows. -->\n",
                )
            })
            .layer(from_fn_with_state(self.clone(), scenario::record))
            .with_state(self.clone())
    }

    /// Serves until `stop` resolves. Refuses a listener that others than this machine can reach: there are no secrets here to
    /// keep them out.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr().context("asking the simulator's listener for its address")?;
        ensure!(address.ip().to_canonical().is_loopback(), "the simulator listens on loopback only, not on {address}");
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let stop = async move {
            stop.await;
            // It fails only if the server has ended already, and then nobody needs the news.
            stopping.send(()).ok();
        };
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
        });
        let goodbye = async {
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GOODBYE).await;
        };
        tokio::select! {
            served = axum::serve(listener, self.router()).with_graceful_shutdown(stop).into_future() => served.context("serving the simulator"),
            () = goodbye => Ok(()),
        }
    }

    /// Adds an app, or replaces the one with its appid.
    pub fn add_app(&self, app: App) {
        self.with(|world| world.apps.put(app));
    }

    /// The apps, by appid.
    pub fn apps(&self) -> Vec<App> {
        self.with(|world| world.apps.all().cloned().collect())
    }

    /// A fresh login code, as `wx.login` gives it to the app on that person's phone.
    ///
    /// # Panics
    /// If the simulator knows no such app.
    pub fn js_code(&self, appid: &str, person: &str) -> String {
        self.in_app(appid, person, wechat::device::login)
    }

    /// A fresh phone-number code, as a tap on `getPhoneNumber` gives it.
    ///
    /// # Panics
    /// If the simulator knows no such app.
    pub fn phone_code(&self, appid: &str, person: &str) -> String {
        self.in_app(appid, person, |world, who| wechat::device::phone_number(world, who).code)
    }

    /// What a person makes of the page to which an app's server sent their browser: where it goes next, or nowhere. The error
    /// is what WeChat's page would say instead.
    pub fn authorize(&self, address: &str, person: &str, decision: Decision) -> Result<Option<String>, String> {
        use wechat::oauth::{Request, decide};
        let path = address.split('?').next().unwrap_or_default();
        if asking::is_asked_at(path) {
            return self.with(|world| asking::decide(world, address, (person, decision))).map(Some);
        }
        let decided =
            Request::read(address).and_then(|request| self.with(|world| decide(world, &request, (person, decision))));
        decided.map_err(|bad| format!("{} {}", bad.0, bad.1))
    }

    /// The code that WeChat's SDK gives a native app.
    ///
    /// # Panics
    /// If the simulator knows no such native app.
    pub fn native_code(&self, appid: &str, person: &str) -> String {
        let code = self.with(|world| wechat::oauth::send_auth(world, appid, person));
        code.unwrap_or_else(|| panic!("the simulator knows no native app {appid}"))
    }

    /// The person's current `session_key` in the app, if they have signed in there and it has not expired.
    pub fn session_key(&self, appid: &str, person: &str) -> Option<String> {
        self.with(|world| {
            world.wechat.keys.current(&people::openid(person, appid), world.clock.now()).map(str::to_owned)
        })
    }

    /// The openid of the person in the app, whether or not they have ever been there.
    pub fn openid(&self, appid: &str, person: &str) -> String {
        let platform = self.with(|world| world.apps.find(appid).map(|app| app.platform));
        platform.unwrap_or_default().openid(person, appid)
    }

    /// The unionid of the person under the open-platform account.
    pub fn unionid(&self, open_account: &str, person: &str) -> String {
        people::unionid(person, open_account)
    }

    /// The same on another platform than WeChat.
    pub fn unionid_of(&self, platform: Platform, open_account: &str, person: &str) -> String {
        platform.unionid(person, open_account)
    }

    /// The text that the other platforms' `login` or `getAuthCode` gives.
    ///
    /// # Panics
    /// If the simulator knows no such app.
    pub fn code_of(&self, platform: Platform, appid: &str, person: &str) -> String {
        self.with(|world| {
            let app = world.apps.of(platform, appid).cloned();
            let app = app.unwrap_or_else(|| panic!("the simulator knows no app {appid} there"));
            let who = world.people.meet_as(person, &app);
            match platform {
                Platform::WeChat => wechat::device::login(world, &who),
                Platform::Qq => qq::login(world, &who),
                Platform::Douyin => douyin::login(world, &who, false)["code"].as_str().unwrap_or_default().to_owned(),
                Platform::Alipay => alipay::auth_code(world, &who, false),
            }
        })
    }

    /// Changes a person, made on sight.
    pub fn change_person(&self, person: &str, change: impl FnOnce(&mut Person)) {
        self.with(|world| change(world.people.meet(person)));
    }

    /// Unix seconds by the simulator's clock.
    pub fn now(&self) -> i64 {
        self.with(|world| world.now())
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u32) {
        self.with(|world| world.clock.advance(seconds.into()));
    }

    /// Sets the clock; it runs on from there unless it is frozen.
    pub fn set_clock(&self, unix_seconds: i64) {
        self.with(|world| world.clock.set(unix_seconds));
    }

    /// Stops the clock, or lets it run on.
    pub fn freeze(&self, frozen: bool) {
        self.with(|world| world.clock.freeze(frozen));
    }

    /// How the platforms behave now.
    pub fn policy(&self) -> Policy {
        self.with(|world| world.policy.clone())
    }

    /// Changes how the platforms behave from now on.
    pub fn change_policy(&self, change: impl FnOnce(&mut Policy)) {
        self.with(|world| change(&mut world.policy));
    }

    /// Orders a fault; it waits for its call. Returns its id.
    pub fn add_fault(&self, fault: Fault) -> u64 {
        self.with(|world| world.faults.add(fault))
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.with(|world| world.faults.clear());
    }

    /// What the platforms were asked, oldest first.
    pub fn calls(&self, filter: &CallFilter) -> Vec<Call> {
        self.with(|world| world.calls.matching(filter))
    }

    /// How often this code was presented, at any endpoint.
    pub fn calls_with_code(&self, code: &str) -> usize {
        self.calls(&CallFilter { code: Some(code.to_owned()), ..CallFilter::default() }).len()
    }

    /// Forgets all calls.
    pub fn clear_calls(&self) {
        self.with(|world| world.calls.clear());
    }

    fn in_app<T>(&self, appid: &str, person: &str, act: impl FnOnce(&mut World, &people::Who) -> T) -> T {
        self.with(|world| {
            let app = world.apps.of(Platform::WeChat, appid).cloned();
            let app = app.unwrap_or_else(|| panic!("the simulator knows no app {appid} of WeChat's"));
            let who = world.people.meet_as(person, &app);
            act(world, &who)
        })
    }

    /// A handler that panicked left nothing half-done that later ones could not live with.
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
