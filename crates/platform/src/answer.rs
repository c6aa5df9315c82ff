//! What the answers of all platforms have in common: JSON whatever the `Content-Type`, numbers that may be texts, an
//! error number that a table explains, error texts that must not repeat what was sent in confidence.
//!
//! Not here: the request (`http.rs`), the members that a platform answers with.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{Call, Caller};
use crate::{Error, Explained, Kind};

const LONGEST_ERRMSG: usize = 300;
/// WeChat's and QQ's "the minute's quota is used up".
const MINUTE_QUOTA: i64 = 45011;

/// A string or a number where the documentation wavers between the two.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TextOrNumber {
    Number(i64),
    Text(String),
}

impl TextOrNumber {
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// How WeChat and QQ mini programs say whether they did what was asked.
#[derive(Deserialize)]
struct Verdict {
    errcode: Option<TextOrNumber>,
    errmsg: Option<Value>,
}

/// Sends the call and reads an answer that says `errcode` where it failed. `confidential` is cut out of the error's text,
/// should it come back.
pub(crate) async fn ask<T: DeserializeOwned>(
    caller: &Caller,
    call: Call<'_>,
    confidential: &[&str],
    explain: fn(i64) -> Option<&'static Explained>,
) -> Result<T, Error> {
    let path = call.path;
    let body = heard(path, caller.send(call).await)?;
    let verdict: Verdict = read(&body)?;
    let absent_is_success = Some(0);
    let errcode = verdict.errcode.as_ref().map_or(absent_is_success, TextOrNumber::number);
    let errcode = errcode.ok_or_else(|| lacks("errcode is no number"))?;
    answered(path, errcode);
    if errcode == 0 {
        return read(&body);
    }
    let errmsg = verdict.errmsg.as_ref().and_then(Value::as_str).unwrap_or_default();
    Err(refused(explain(errcode), errcode, shown(errmsg, confidential)))
}

/// Tells the log that somebody who is proved comes without a profile: that fails nothing, and the operator may wonder.
pub(crate) fn faceless(error: &Error) {
    tracing::warn!(%error, "the platform gave no profile of somebody who has just signed in");
}

/// Passes an answer on, and tells the log where there was none.
pub(crate) fn heard<T>(path: &str, answer: Result<T, Error>) -> Result<T, Error> {
    answer.inspect_err(|error| {
        tracing::debug!(platform.path = path, error.kind = error.kind().as_str(), "the platform gave no answer");
    })
}

/// Tells the log what came back.
pub(crate) fn answered(path: &str, errcode: i64) {
    tracing::debug!(platform.path = path, platform.errcode = errcode, "the platform answered");
}

/// What stands for "the platform keeps its word, but not in this member".
pub(crate) fn lacks(what: &'static str) -> Error {
    Error::Malformed { status: 200, why: what }
}

pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let why = if error.is_data() { "a member has the wrong type" } else { "the body is not JSON" };
        lacks(why)
    })
}

/// A platform's text without what was sent in confidence, without control characters, and of bounded length.
pub(crate) fn shown(text: &str, confidential: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in confidential.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[hidden]");
    }
    text.chars().filter(|character| !character.is_control()).take(LONGEST_ERRMSG).collect()
}

/// The error that the table makes of a number.
pub(crate) fn refused(explained: Option<&Explained>, errcode: i64, errmsg: String) -> Error {
    let remedy = explained.map(|explained| explained.remedy_en);
    let kind = explained.map_or(Kind::Unexpected, |explained| explained.kind);
    let retry_after = retry_after(kind, errcode);
    match kind {
        Kind::BadCode => Error::BadCode { errcode, errmsg },
        Kind::CodeUsed => Error::CodeUsed { errcode, errmsg },
        Kind::Blocked => Error::Blocked { errcode, errmsg },
        Kind::Busy => Error::Busy { retry_after, errcode, errmsg },
        Kind::Quota => Error::Quota { retry_after, errcode, errmsg },
        Kind::Misconfigured => Error::Misconfigured { errcode, errmsg, remedy },
        Kind::TokenStale => Error::TokenStale { errcode, errmsg },
        Kind::BadInput => Error::BadInput { errcode, errmsg },
        Kind::SessionKeyStale => Error::SessionKeyStale { errcode, errmsg },
        Kind::Unreachable
        | Kind::NoAnswer
        | Kind::Malformed
        | Kind::Unexpected
        | Kind::Snapshot
        | Kind::Unsupported => Error::Unexpected { errcode, errmsg },
    }
}

/// When asking again makes sense.
fn retry_after(kind: Kind, errcode: i64) -> Duration {
    let is_quota = kind == Kind::Quota;
    Duration::from_secs(match errcode {
        MINUTE_QUOTA => 60,
        _ if is_quota => 3600,
        _ => 2,
    })
}

/// For interfaces that send no access token: a complaint about one can only mean the secret.
pub(crate) fn without_token(error: Error) -> Error {
    if let Error::TokenStale { errcode, errmsg } = error {
        let remedy = Some("Check the AppSecret at the platform's console, and the one in menjin.toml.");
        Error::Misconfigured { errcode, errmsg, remedy }
    } else {
        error
    }
}

/// For what is asked after the code was taken: nothing there may look as if the code could be sent again.
pub(crate) fn code_is_spent(error: Error) -> Error {
    if error.code_unspent() { Error::NoAnswer { reason: format!("after the code was taken: {error}") } } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_fits_the_quota() {
        let waits = [(Kind::Busy, -1), (Kind::Quota, 45011), (Kind::Quota, 45009)];
        assert_eq!(waits.map(|(kind, errcode)| retry_after(kind, errcode).as_secs()), [2, 60, 3600]);
    }

    #[test]
    fn a_failure_after_the_code_was_taken_never_calls_the_code_good() {
        let failures = [
            Error::Unreachable { reason: "refused".into() },
            Error::Busy { retry_after: Duration::from_secs(2), errcode: -1, errmsg: String::new() },
            Error::Quota { retry_after: Duration::from_mins(1), errcode: 45011, errmsg: String::new() },
        ];
        for failure in failures {
            assert!(failure.code_unspent());
            assert!(!code_is_spent(failure).code_unspent());
        }
    }
}
