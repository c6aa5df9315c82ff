//! `[[app]] sign_in`, `redirect_uris`: apps whose people sign in by a browser that goes to the platform and comes back.

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Admin, App, AppKind, ConfigError, PlatformName};

/// Of an address, which stands in every redirect to it.
const LONGEST: usize = 512;

/// What a site is at `WeChat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInBy {
    /// 公众号网页: pages inside `WeChat`.
    OfficialAccount,
    /// 网站应用: people scan a picture.
    Website,
}

/// The app through which operators sign in by a scan leads to their side, too.
pub(super) fn lead_operators_back(admin: &Admin, apps: &mut [App]) -> Result<(), ConfigError> {
    let Some(id) = &admin.wechat_app else { return Ok(()) };
    let refused = |why: String| Err(ConfigError::refused("admin.wechat_app", why));
    let page = admin.scan_page();
    if !is_good(&page) {
        let url = admin.url();
        return refused(format!(
            "needs an `admin.public_url` of https, or of this machine: {url} can't be come back to with a code"
        ));
    }
    match apps.iter_mut().find(|app| app.id == *id) {
        Some(app) if app.sign_in == Some(SignInBy::Website) => {
            app.redirect_uris.push(page);
            Ok(())
        }
        _ => refused(format!("{id}: no [[app]] of this id has sign_in = \"website\", whose people scan a picture")),
    }
}

/// Refuses a site that nobody could come back to, and addresses that mean nothing.
pub(super) fn check(app: &App) -> Result<(), ConfigError> {
    let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    let is_site = app.kind == AppKind::Web && app.platform.is_some();
    if is_site && app.platform == Some(PlatformName::Wechat) && app.sign_in.is_none() {
        return refused(
            "sign_in",
            "is missing: \"official_account\" for pages inside WeChat, \"website\" for scanning",
        );
    }
    if app.sign_in.is_some() && !(is_site && app.platform == Some(PlatformName::Wechat)) {
        return refused("sign_in", "is for apps of kind \"web\" with platform \"wechat\" alone");
    }
    if is_site && app.redirect_uris.is_empty() {
        return refused(
            "redirect_uris",
            "is missing: the pages that people come back to, e.g. [\"https://shop.example.com/signed-in\"]",
        );
    }
    if !is_site && !app.redirect_uris.is_empty() {
        return refused("redirect_uris", "is for apps of kind \"web\" with a platform alone");
    }
    match app.redirect_uris.iter().find(|uri| !is_good(uri)) {
        Some(bad) => refused(
            "redirect_uris",
            &format!(
                "{bad:?} can't stand: a whole https address of at most {LONGEST} bytes without * and #; http on this machine alone"
            ),
        ),
        None => Ok(()),
    }
}

fn is_good(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_literal =
        uri.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'\\' | b'"' | b'<' | b'>'));
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_near);
    is_safe && is_plain && is_literal && uri.len() <= LONGEST
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    fn app(rest: &str) -> Result<Config, String> {
        let toml = format!(
            "[[app]]\nid = \"site\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\nsecret = \"s3cret\"\n{rest}"
        );
        Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
    }

    fn site(uri: &str) -> Result<Config, String> {
        app(&format!("kind = \"web\"\nsign_in = \"website\"\nredirect_uris = [\"{uri}\"]"))
    }

    #[test]
    fn people_come_back_to_a_whole_https_address_or_to_this_machine() {
        for good in [
            "https://shop.example.com",
            "https://shop.example.com/signed-in?from=menjin",
            "http://127.0.0.1:8080/back",
            "http://localhost/",
            "http://[::1]:3000/",
        ] {
            assert!(site(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/signed-in",
            "shop.example.com/back",
            "http://shop.example.com/back",
            "http://localhost.example.com/back",
            "https://*.example.com/back",
            "https://shop.example.com/back#x",
            "https://me@shop.example.com/back",
            "javascript:alert(1)",
            "https://shop.example.com/a b",
            &format!("https://shop.example.com/{}", "a".repeat(512)),
        ] {
            let error = site(bad).unwrap_err();
            assert!(error.contains("app.site.redirect_uris"), "{bad}: {error}");
        }
    }

    #[test]
    fn operators_come_back_from_a_scan_to_their_own_side() {
        let by = |admin: &str, rest: &str| {
            let toml = format!(
                "[admin]\nwechat_app = \"site\"\n{admin}\n[[app]]\nid = \"site\"\nkind = \"web\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\nsecret = \"s3cret\"\n{rest}"
            );
            Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
        };
        for (admin, page) in [
            ("", "http://127.0.0.1:7610/admin/scan/done"),
            ("public_url = \"https://ops.internal\"", "https://ops.internal/admin/scan/done"),
        ] {
            let config = by(admin, "sign_in = \"website\"").unwrap();
            assert_eq!(config.app[0].redirect_uris, [page], "an app of operators alone needs no page of its own");
        }
        for (admin, rest) in [
            ("public_url = \"http://ops.internal\"", "sign_in = \"website\""),
            ("listen = \"0.0.0.0:7610\"", "sign_in = \"website\""),
            ("", "sign_in = \"official_account\"\nredirect_uris = [\"https://a.example/\"]"),
        ] {
            let error = by(admin, rest).unwrap_err();
            assert!(error.contains("`admin.wechat_app`"), "{admin} {rest}: {error}");
        }
        let error = Config::parse("[admin]\nwechat_app = \"nobody\"", Path::new("")).unwrap_err().to_string();
        assert!(error.contains("`admin.wechat_app`") && error.contains("nobody"), "{error}");
    }

    #[test]
    fn a_site_says_what_it_is_at_the_platform_and_other_apps_do_not() {
        for (rest, key) in [
            ("kind = \"web\"\nredirect_uris = [\"https://a.example/\"]", "`app.site.sign_in`"),
            ("kind = \"web\"\nsign_in = \"website\"", "`app.site.redirect_uris`"),
            ("kind = \"web\"\nsign_in = \"scan\"\nredirect_uris = [\"https://a.example/\"]", "official_account"),
            ("kind = \"mini_program\"\nsign_in = \"website\"", "`app.site.sign_in`"),
            ("kind = \"native\"\nredirect_uris = [\"https://a.example/\"]", "`app.site.redirect_uris`"),
        ] {
            let error = app(rest).unwrap_err();
            assert!(error.contains(key), "{rest}: {error}");
        }
        assert!(app("kind = \"native\"").is_ok());
    }
}
