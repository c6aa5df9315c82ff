//! `[[app]] push_token`, `push_aes_key`: what 消息推送 of WeChat's console is set to, where its pushes come here.

use menjin_platform::wechat::{EncodingAesKey, PushToken};

use super::{App, ConfigError, PlatformName};

/// Refuses what the console can't have shown.
pub(super) fn check(app: &App) -> Result<(), ConfigError> {
    let refused = |field: &str, why: &str| Err(ConfigError::refused(format!("app.{}.{field}", app.id), why));
    let (token, key) = (app.push_token.expose(), app.push_aes_key.expose());
    for (field, given) in [("push_token", token), ("push_aes_key", key)] {
        if given.is_some() && app.platform != Some(PlatformName::Wechat) {
            return refused(field, "is for apps with platform \"wechat\" alone");
        }
    }
    match (token, key) {
        (None, Some(_)) => refused(
            "push_token",
            "is missing: the Token of 消息推送, which stands beside the EncodingAESKey in WeChat's console",
        ),
        (Some(token), _) if PushToken::parse(token).is_err() => {
            refused("push_token", "must be the Token of 消息推送 in WeChat's console: 3 to 32 letters and digits")
        }
        (_, Some(key)) if EncodingAesKey::parse(key).is_err() => refused(
            "push_aes_key",
            "must be the EncodingAESKey of 消息推送 in WeChat's console: 43 letters, digits, + and /",
        ),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

pub(super) fn check_for_production(apps: &[App]) -> Result<(), ConfigError> {
    match apps.iter().find(|app| !app.push_token.is_absent() && app.push_aes_key.is_absent()) {
        Some(app) => Err(ConfigError::refused(
            format!("app.{}.push_aes_key", app.id),
            "is missing: pushes in clear are for `menjin dev` alone; choose 安全模式 in WeChat's console and put in its EncodingAESKey, better as `push_aes_key_file`",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

    fn app(rest: &str) -> Result<Config, String> {
        let toml = format!(
            "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"wechat\"\nappid = \"wx0123456789abcdef\"\nsecret = \"s3cret\"\n{rest}"
        );
        Config::parse(&toml, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn token_and_key_are_as_the_console_shows_them_and_named_where_they_are_not() {
        assert!(app(&format!("push_token = \"pamtest\"\npush_aes_key = \"{KEY}\"")).is_ok());
        for (token, key, field) in [
            ("", KEY, "push_token"),
            ("pa", KEY, "push_token"),
            ("with space", KEY, "push_token"),
            ("pamtest", "", "push_aes_key"),
            ("pamtest", "short", "push_aes_key"),
            ("pamtest", &KEY.replace('a', "!"), "push_aes_key"),
        ] {
            let error = app(&format!("push_token = \"{token}\"\npush_aes_key = \"{key}\"")).unwrap_err();
            assert!(error.contains(&format!("app.shop.{field}")), "{token:?} {key:?}: {error}");
            assert!(!error.contains("abcdefghij"), "{error}");
        }
        assert!(app(&format!("push_aes_key = \"{KEY}\"")).unwrap_err().contains("app.shop.push_token"));
        let elsewhere = "[[app]]\nid = \"shop\"\nkind = \"mini_program\"\nplatform = \"qq\"\nappid = \"1110000001\"\nsecret = \"s3cret\"\npush_token = \"pamtest\"";
        let error = Config::parse(elsewhere, Path::new("")).unwrap_err().to_string();
        assert!(error.contains("app.shop.push_token") && error.contains("wechat"), "{error}");
    }

    #[test]
    fn pushes_in_clear_are_refused_in_production() {
        let secure = app(&format!("push_token = \"pamtest\"\npush_aes_key = \"{KEY}\"")).unwrap();
        assert!(secure.refuse_plain_pushes().is_ok());
        let error = app("push_token = \"pamtest\"").unwrap().refuse_plain_pushes().unwrap_err().to_string();
        assert!(error.contains("app.shop.push_aes_key") && error.contains("menjin dev"), "{error}");
    }
}
