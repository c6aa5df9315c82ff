//! The platforms other than WeChat, as their documentation has them.

mod alipay;
mod douyin;
mod qq;
mod qq_connect;

use menjin_sim::{APP_PUBLIC_KEY, App, Platform};

use crate::harness::{Platforms, SECRET};

const QQ: &str = "1110000001";
const QQ_SITE: &str = "101000001";
const DOUYIN: &str = "tt0123456789abcdef";
const ALIPAY: &str = "2021000000000001";
const ALIPAY_SITE: &str = "2021000000000002";
const AES_KEY: &str = "YWVzIGtleSBvZiBhcHBzIQ==";

async fn start() -> Platforms {
    let keyed = |app: App| app.with_public_key(APP_PUBLIC_KEY).with_aes_key(AES_KEY);
    Platforms::with(vec![
        App::of(Platform::Qq, QQ, SECRET).bound_to("acme"),
        App::website_of(Platform::Qq, QQ_SITE, SECRET).bound_to("acme"),
        keyed(App::of(Platform::Douyin, DOUYIN, SECRET)),
        keyed(App::of(Platform::Alipay, ALIPAY, "")),
        keyed(App::website_of(Platform::Alipay, ALIPAY_SITE, "")),
    ])
    .await
}
