//! The configuration of a `menjin dev`, as text: it is also written into the data folder, so that `menjin key` and the like
//! can work on it. It holds no secret, only the names of their files.

use std::fmt::Write as _;

use url::Url;

use super::real_app::RealAppId;
use super::{DEMO, DEMO_APPID, DEMO_ONE, DEMO_ONE_APPID, others, sites};

/// The back end that is there from the start.
pub(super) const BACKEND: &str = "demo-backend";

/// Files of the data folder.
pub(super) const MASTER_KEY: &str = "secret.key";
pub(super) const APP_SECRET: &str = "demo.appsecret";
pub(super) const BACKEND_SECRET: &str = "demo-backend.secret";
pub(super) const HAPI_SECRET: &str = "hapi.secret";

/// What differs from one start to the next.
#[derive(Debug)]
pub(super) struct Places<'a> {
    pub(super) public_url: &'a Url,
    /// The same server from this machine alone.
    pub(super) local_url: &'a Url,
    pub(super) simulator: &'a Url,
    pub(super) lan: bool,
    pub(super) apps: &'a [RealAppId],
}

pub(super) fn text(places: &Places<'_>) -> String {
    let Places { public_url, local_url, simulator, lan, apps } = places;
    let public_url = public_url.as_str().trim_end_matches('/');
    let mut text = format!(
        r#"# Written by `menjin dev` at every start: changes are lost. For commands beside it, e.g.
# `menjin key list --config menjin-dev/menjin.toml`. 每次启动时重写，改动不保留。
secret_key_file = "{MASTER_KEY}"

[server]
public_url = "{public_url}"
drain = "2s"

[admin]
public_url = "{local_url}"
wechat_app = "demo-site"

[store]
url = "sqlite://menjin.db"

[limits]
enabled = {lan}

[log]
level = "warn"
format = "text"

[[app]]
id = "{DEMO}"
kind = "mini_program"
platform = "wechat"
appid = "{DEMO_APPID}"
secret_file = "{APP_SECRET}"
open_account = "{DEMO}"
base_url = "{simulator}"
passwords = true
register = true

[[app]]
id = "{DEMO_ONE}"
kind = "mini_program"
audience = "{DEMO}"
platform = "wechat"
appid = "{DEMO_ONE_APPID}"
secret_file = "{APP_SECRET}"
open_account = "{DEMO}"
base_url = "{simulator}"
sessions_per_device_class = 1

[[app]]
id = "{BACKEND}"
kind = "backend"
audience = "{DEMO}"
client_secret_file = "{BACKEND_SECRET}"
scopes = ["session-data", "sessions:open", "revocations:read", "platform-token:{DEMO}"]

[[compat]]
kind = "hapi"
app = "{DEMO}"
secret_file = "{HAPI_SECRET}"
"#
    );
    text.push_str(&others::configuration(simulator, APP_SECRET));
    text.push_str(&sites::configuration(local_url, simulator, APP_SECRET));
    for app in *apps {
        write!(
            text,
            r#"
[[app]]
id = "{}"
kind = "mini_program"
audience = "{DEMO}"
platform = "wechat"
appid = "{}"
secret_file = "{}"
"#,
            app.app(),
            app.as_str(),
            app.secret_file(),
        )
        .expect("writing to a string");
    }
    text
}
