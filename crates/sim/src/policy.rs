//! How the simulated platforms behave where the real ones leave room: rotation, quirks, limits. Changeable while running.
//!
//! Each value's default is what WeChat is known or reported to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// When `wx.login` replaces a person's `session_key`.
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKeyPolicy {
    /// On every login.
    Always,
    /// On a login that comes at least `min_interval` seconds after the key was made. What WeChat does.
    MinInterval,
    /// Only when the former one has expired.
    Never,
}

/// How `countryCode` of a phone number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountryCode {
    /// `"86"`, as WeChat answers today.
    String,
    /// `86`, as an older page of its documentation showed.
    Number,
}

/// In which order `jscode2session` finds fault with a request. WeChat publishes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// All parameters are there → appid → secret → code.
    MissingFirst,
    /// appid there and known → secret there and right → code there and good.
    InTurn,
}

/// Calls that an app, or a person, may make; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quotas {
    /// jscode2session for one person, a minute (45011).
    pub code2session_user_minute: Option<u32>,
    /// `cgi-bin/token`, a day (45009).
    pub token_day: Option<u32>,
    /// `stable_token`, a minute (45011).
    pub stable_token_minute: Option<u32>,
    /// `stable_token`, a day (45009).
    pub stable_token_day: Option<u32>,
    /// `stable_token` with `force_refresh`, a day (45009).
    pub forced_token_day: Option<u32>,
    /// `resetusersessionkey`, a minute (45011).
    pub reset_session_key_minute: Option<u32>,
    /// `msg_sec_check`, a minute (44991).
    pub msg_sec_check_minute: Option<u32>,
    /// `msg_sec_check`, a day (45009).
    pub msg_sec_check_day: Option<u32>,
    /// `getwxacodeunlimit`, a minute (45009).
    pub unlimited_code_minute: Option<u32>,
    /// Codes of `getwxacode` and `createwxaqrcode`, ever (45029).
    pub limited_codes: Option<u32>,
    /// `clear_quota`, a month (48006).
    pub clear_quota_month: Option<u32>,
}

/// How often an app may call one path; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// A minute (45011).
    pub minute: Option<u32>,
    /// A day of China (45009).
    pub day: Option<u32>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            code2session_user_minute: Some(100),
            token_day: Some(2000),
            stable_token_minute: Some(10_000),
            stable_token_day: Some(500_000),
            forced_token_day: Some(20),
            reset_session_key_minute: Some(60_000),
            msg_sec_check_minute: Some(4000),
            msg_sec_check_day: Some(2_000_000),
            unlimited_code_minute: Some(5000),
            limited_codes: Some(100_000),
            clear_quota_month: Some(10),
        }
    }
}

/// Everything that `POST /_sim/policy` can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// When a `session_key` is replaced; an app may have its own.
    pub session_key: SessionKeyPolicy,
    /// Seconds for [`SessionKeyPolicy::MinInterval`]. WeChat's own figure is not published.
    pub min_interval: i64,
    /// Seconds that a `session_key` lives after the person's last activity. Not published either; "about 3 days" is hearsay.
    pub session_key_life: i64,
    /// How `countryCode` is written.
    pub country_code: CountryCode,
    /// `jscode2session` succeeds with `errcode: 0`, as the documentation's sample does and the service does not.
    pub sample_style: bool,
    /// `/` is written `\/` in the answers of `sns/*`.
    pub escape_slashes: bool,
    /// The order of jscode2session's checks.
    pub validation: Validation,
    /// The errcode when getuserphonenumber is given another person's openid. Undocumented.
    pub phone_openid_mismatch: i64,
    /// The errcode when getpluginopenpid is given a bad code. Its own are documented without a meaning.
    pub bad_plugin_code: i64,
    /// A text that holds one of these is `risky` to `msg_sec_check`.
    pub risky_words: Vec<String>,
    /// A text that holds one of these is to be looked at: `review`.
    pub review_words: Vec<String>,
    /// Pages that no version of the mini programs has: getwxacodeunlimit refuses them unless `check_path` is false.
    pub missing_pages: Vec<String>,
    /// How often what may be called.
    pub quotas: Quotas,
    /// More limits, by path of a WeChat API and for each app.
    pub limits: BTreeMap<String, Limit>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            session_key: SessionKeyPolicy::MinInterval,
            min_interval: 60,
            session_key_life: 3 * 86_400,
            country_code: CountryCode::String,
            sample_style: false,
            escape_slashes: true,
            validation: Validation::MissingFirst,
            phone_openid_mismatch: 40029,
            bad_plugin_code: 1003,
            risky_words: vec!["违规".to_owned()],
            review_words: vec!["疑似".to_owned()],
            missing_pages: Vec::new(),
            quotas: Quotas::default(),
            limits: BTreeMap::new(),
        }
    }
}
