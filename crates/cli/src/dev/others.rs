//! Demonstration apps of the other platforms: what the configuration and the simulator of a `menjin dev` know of them.
//!
//! All of them lead to the same back end as the first one. Their keys are worth nothing: the simulator gives them to anybody.

use menjin_sim::{ALIPAY_PUBLIC_KEY, APP_PUBLIC_KEY, App, Platform};
use url::Url;

use super::DEMO;

/// Files of the data folder.
pub(super) const PRIVATE_KEY: &str = "demo.private_key";
pub(super) const AES_KEY: &str = "demo.aes_key";

/// Of the form that the platforms' have, and nobody's that menjin would ever ask the platform about.
const QQ: &str = "9900000001";
const DOUYIN: &str = "ttde30de30de30de30";
const ALIPAY: &str = "2099000000000001";

/// Ids and `AppID`s, for whoever reads what `menjin dev` prints.
pub(super) const APPS: [(&str, &str); 3] = [("demo-qq", QQ), ("demo-douyin", DOUYIN), ("demo-alipay", ALIPAY)];

/// Their part of the configuration.
pub(super) fn configuration(simulator: &Url, app_secret: &str) -> String {
    format!(
        r#"
[qq]
base_url = "{simulator}qq/"
connect_url = "{simulator}qq-connect/"

[douyin]
base_url = "{simulator}douyin/"
open_url = "{simulator}douyin/"

[alipay]
gateway_url = "{simulator}alipay/gateway.do"
authorize_url = "{simulator}alipay/oauth2/publicAppAuthorize.htm"

[[app]]
id = "demo-qq"
kind = "mini_program"
audience = "{DEMO}"
platform = "qq"
appid = "{QQ}"
secret_file = "{app_secret}"
open_account = "{DEMO}"

[[app]]
id = "demo-douyin"
kind = "mini_program"
audience = "{DEMO}"
platform = "douyin"
appid = "{DOUYIN}"
secret_file = "{app_secret}"
private_key_file = "{PRIVATE_KEY}"
open_account = "{DEMO}"

[[app]]
id = "demo-alipay"
kind = "mini_program"
audience = "{DEMO}"
platform = "alipay"
appid = "{ALIPAY}"
private_key_file = "{PRIVATE_KEY}"
alipay_public_key = "{ALIPAY_PUBLIC_KEY}"
alipay_aes_key_file = "{AES_KEY}"
open_account = "{DEMO}"
"#
    )
}

/// The same apps in the simulator.
pub(super) fn simulated(secret: &str, aes_key: &str) -> [App; 3] {
    let apps = [
        App::of(Platform::Qq, QQ, secret),
        App::of(Platform::Douyin, DOUYIN, secret).with_public_key(APP_PUBLIC_KEY),
        App::of(Platform::Alipay, ALIPAY, "").with_public_key(APP_PUBLIC_KEY).with_aes_key(aes_key),
    ];
    let mut ids = APPS.iter();
    apps.map(|mut app| {
        if let Some((id, _)) = ids.next() {
            (*id).clone_into(&mut app.name);
        }
        app.bound_to(DEMO)
    })
}
