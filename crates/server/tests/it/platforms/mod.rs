//! The other platforms over HTTP: sign-in, phone numbers, and what each platform's misfortunes mean to a person.

mod alipay;
mod dev;
mod douyin;
mod faults;
mod qq;
mod registered;

use menjin_sim::{ALIPAY_PUBLIC_KEY, APP_PRIVATE_KEY, APP_PUBLIC_KEY, App, Platform};
use serde_json::{Value, json};

use crate::harness::{APP_SECRET, Answer, Setup, TestServer};
use crate::web_sign_in::PAGE;

const QQ: &str = "1110000001";
const QQ_SITE: &str = "101000001";
const DOUYIN: &str = "tt0123456789abcdef";
const ALIPAY: &str = "2021000000000001";
/// An app that is so old that it sees `user_id`s.
const ALIPAY_OLD: &str = "2016000000000001";
const ALIPAY_SITE: &str = "2021000000000002";
const AES_KEY: &str = "YWVzIGtleSBvZiBhcHBzIQ==";

/// A mini program of each platform, and sites of two, all for one back end.
fn apps() -> String {
    let app = |id: &str, rest: &str| {
        format!("[[app]]\nid = \"{id}\"\nopen_account = \"company\"\naudience = \"shop-api\"\n{rest}\n")
    };
    let mini = |platform: &str, appid: &str, rest: &str| {
        format!("kind = \"mini_program\"\nplatform = \"{platform}\"\nappid = \"{appid}\"\n{rest}")
    };
    let site = |platform: &str, appid: &str, rest: &str| {
        format!("kind = \"web\"\nplatform = \"{platform}\"\nappid = \"{appid}\"\nredirect_uris = [\"{PAGE}\"]\n{rest}")
    };
    let secret = format!("secret = \"{APP_SECRET}\"");
    let keys = format!("private_key = \"{APP_PRIVATE_KEY}\"\nalipay_public_key = \"{ALIPAY_PUBLIC_KEY}\"");
    let with_aes = format!("{keys}\nalipay_aes_key = \"{AES_KEY}\"\nneed = [\"phone\"]");
    let with_key = format!("{secret}\nprivate_key = \"{APP_PRIVATE_KEY}\"\nneed = [\"phone\"]");
    [
        app("qq", &mini("qq", QQ, &secret)),
        app("qq-site", &site("qq", QQ_SITE, &secret)),
        app("douyin", &mini("douyin", DOUYIN, &with_key)),
        app("alipay", &mini("alipay", ALIPAY, &with_aes)),
        app("alipay-old", &mini("alipay", ALIPAY_OLD, &keys)),
        app("alipay-site", &site("alipay", ALIPAY_SITE, &keys)),
    ]
    .concat()
}

pub(crate) async fn start_with(setup: Setup) -> TestServer {
    let server = TestServer::with(Setup { toml: apps() + &setup.toml, ..setup }).await;
    let keyed = |app: App| app.with_public_key(APP_PUBLIC_KEY).with_aes_key(AES_KEY);
    let mut old = keyed(App::of(Platform::Alipay, ALIPAY_OLD, ""));
    old.sees_user_ids = true;
    let mut site = keyed(App::website_of(Platform::Alipay, ALIPAY_SITE, ""));
    site.sees_user_ids = true;
    for app in [
        App::of(Platform::Qq, QQ, APP_SECRET),
        App::website_of(Platform::Qq, QQ_SITE, APP_SECRET),
        keyed(App::of(Platform::Douyin, DOUYIN, APP_SECRET)),
        keyed(App::of(Platform::Alipay, ALIPAY, "")),
        old,
        site,
    ] {
        server.sim.add_app(app.bound_to("company"));
    }
    server
}

async fn start() -> TestServer {
    start_with(Setup::default()).await
}

/// The three mini programs: app, platform, appid, and the path at which the platform exchanges codes.
const MINI_PROGRAMS: [(&str, Platform, &str, &str); 3] = [
    ("qq", Platform::Qq, QQ, "/qq/sns/jscode2session"),
    ("douyin", Platform::Douyin, DOUYIN, "/douyin/api/apps/v2/jscode2session"),
    ("alipay", Platform::Alipay, ALIPAY, "/alipay/gateway.do"),
];

async fn sign_in(server: &TestServer, app: &str, body: Value) -> Answer {
    server.anon().post(&format!("/v1/login/{app}"), body).await
}

async fn sign_in_as(server: &TestServer, (app, platform, appid): (&str, Platform, &str), person: &str) -> Value {
    let code = server.sim.code_of(platform, appid, person);
    sign_in(server, app, json!({"code": code})).await.ok(200)
}
