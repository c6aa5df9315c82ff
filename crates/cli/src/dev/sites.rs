//! Demonstration apps outside mini programs: pages inside WeChat, a site and a native app, and what the simulator knows of them.
//!
//! All of them lead to the same back end and the same people as the first one.

use std::fmt::Write as _;

use menjin_sim::App;
use url::Url;

use super::DEMO;

const H5: &str = "wxde30de30de30de31";
const SITE: &str = "wxde30de30de30de32";
const NATIVE: &str = "wxde30de30de30de33";

/// Ids, for whoever reads what `menjin dev` prints.
pub(super) const APPS: [&str; 3] = ["demo-h5", "demo-site", "demo-native"];

/// Where front ends are served while they are made, by the usual tools.
const PORTS: [u16; 4] = [3000, 5173, 8000, 8080];

/// Their part of the configuration; the page that shows them is on `local`, the side of this machine alone.
pub(super) fn configuration(local: &Url, simulator: &Url, app_secret: &str) -> String {
    let page = format!("{local}dev/sign-in");
    let mut pages = vec![page.replacen("127.0.0.1", "localhost", 1), page];
    pages.extend(PORTS.iter().flat_map(|port| ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{port}/"))));
    let mut text = format!("\n[wechat]\nopen_url = \"{simulator}\"\n");
    for (id, appid, kind) in [
        ("demo-h5", H5, "kind = \"web\"\nsign_in = \"official_account\""),
        ("demo-site", SITE, "kind = \"web\"\nsign_in = \"website\""),
        ("demo-native", NATIVE, "kind = \"native\""),
    ] {
        let back = if appid == NATIVE { String::new() } else { format!("\nredirect_uris = {pages:?}") };
        write!(
            text,
            r#"
[[app]]
id = "{id}"
{kind}{back}
audience = "{DEMO}"
platform = "wechat"
appid = "{appid}"
secret_file = "{app_secret}"
open_account = "{DEMO}"
base_url = "{simulator}"
"#
        )
        .expect("writing to a string");
    }
    text
}

/// The same apps in the simulator.
pub(super) fn simulated(secret: &str) -> [App; 3] {
    let apps = [App::official_account(H5, secret), App::website(SITE, secret), App::native(NATIVE, secret)];
    let mut ids = APPS.iter();
    apps.map(|mut app| {
        if let Some(id) = ids.next() {
            (*id).clone_into(&mut app.name);
        }
        app.bound_to(DEMO)
    })
}
