//! A real mini program beside the simulated one: its AppID, and its AppSecret, which is asked for once.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::str::FromStr;

use anyhow::{Context as _, ensure};
use menjin_server::config::is_wechat_appid;

use super::DEMO_APPID;
use crate::terminal::Language;

/// No AppSecret is longer.
const LONGEST: u64 = 256;

/// `wx` and 16 hexadecimal digits, as the platform's console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RealAppId(String);

impl RealAppId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The app's id in menjin.
    pub(super) fn app(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The file of its AppSecret in the data folder.
    pub(super) fn secret_file(&self) -> String {
        format!("{}.appsecret", self.app())
    }

    /// Asks whoever started the program.
    pub(super) fn ask_secret(&self) -> anyhow::Result<String> {
        ask_app_secret(&self.0, "--app")
    }
}

/// Asks for the AppSecret of an app that was named by `option`, or reads it from standard input.
pub(crate) fn ask_app_secret(appid: &str, option: &str) -> anyhow::Result<String> {
    let asked = if io::stdin().is_terminal() {
        let words = Language::of_this_machine();
        rpassword::prompt_password(words.pick(&format!("{appid} 的 AppSecret："), &format!("AppSecret of {appid}: ")))
    } else {
        let mut line = String::new();
        io::stdin().lock().take(LONGEST).read_line(&mut line).map(|_| line)
    };
    let secret = asked.with_context(|| format!("the AppSecret of {appid} can't be read"))?.trim().to_owned();
    ensure!(!secret.is_empty(), "{appid} needs its AppSecret ({option}): type it, or send it on standard input");
    Ok(secret)
}

impl FromStr for RealAppId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !is_wechat_appid(text) {
            return Err("an AppID is wx and 16 hexadecimal digits, as the console of the platform shows it".to_owned());
        }
        if text.eq_ignore_ascii_case(DEMO_APPID) {
            return Err("this is the AppID of the simulated app, which is there already".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_appid_has_the_form_that_the_console_shows() {
        assert_eq!("wx0123456789ABCDEF".parse::<RealAppId>().unwrap().app(), "wx0123456789abcdef");
        for wrong in ["", "demo", "wx", "wx0123456789abcde", "wx0123456789abcdeg", "../../etc/passwd", DEMO_APPID] {
            assert!(wrong.parse::<RealAppId>().is_err(), "{wrong:?}");
        }
    }
}
