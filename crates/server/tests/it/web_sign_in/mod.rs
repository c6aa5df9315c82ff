//! Sign-in outside mini programs: pages inside `WeChat`, sites with a picture to scan, native apps; over real HTTP, with the
//! simulator as the platform and a small browser that keeps cookies and follows where it is told.

pub(crate) mod browser;
mod cookies;
mod happy;
mod in_browser;
mod page;
mod refused;
mod repeated;
mod several_nodes;

use menjin_sim::App;

use crate::harness::{APP_SECRET, Setup, TestServer};

const H5_APPID: &str = "wx5555555555555555";
const SITE_APPID: &str = "wx5173517351735173";
const NATIVE_APPID: &str = "wxa9a9a9a9a9a9a9a9";

/// The page that people come back to.
pub(crate) const PAGE: &str = "https://shop.example.com/signed-in?from=menjin";

/// Apps `h5`, `site` and `phone-app` beside the usual ones, of the same open-platform account.
fn apps() -> String {
    let app = |rest: &str, appid: &str| {
        format!(
            "[[app]]\n{rest}\nplatform = \"wechat\"\nappid = \"{appid}\"\nsecret = \"{APP_SECRET}\"\nopen_account = \"company\"\naudience = \"shop-api\"\n"
        )
    };
    let web = |id: &str, sign_in: &str| {
        format!(
            "id = \"{id}\"\nkind = \"web\"\nsign_in = \"{sign_in}\"\nredirect_uris = [\"https://shop.example.com/other\", \"{PAGE}\"]"
        )
    };
    [
        app(&web("h5", "official_account"), H5_APPID),
        app(&web("site", "website"), SITE_APPID),
        app("id = \"phone-app\"\nkind = \"native\"", NATIVE_APPID),
    ]
    .concat()
}

fn with_apps(setup: Setup) -> Setup {
    Setup { toml: apps() + &setup.toml, ..setup }
}

/// The platform knows them too.
fn register(server: &TestServer) {
    for app in [
        App::official_account(H5_APPID, APP_SECRET),
        App::website(SITE_APPID, APP_SECRET),
        App::native(NATIVE_APPID, APP_SECRET),
    ] {
        server.sim.add_app(app.bound_to("company"));
    }
}

async fn start_with(setup: Setup) -> TestServer {
    let server = TestServer::with(with_apps(setup)).await;
    register(&server);
    server
}

async fn start() -> TestServer {
    start_with(Setup::default()).await
}
