//! Reads WeChat's answers: `errcode` decides, whatever the `Content-Type`; then the members asked for.
//!
//! Not here: the request itself (`http.rs`), the meaning of the numbers (`errcodes.rs`).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::errcodes;
use crate::http::{Call, Caller};
use crate::{Error, Kind};

const LONGEST_ERRMSG: usize = 300;

/// Sends the call and reads the answer as `T`. `confidential` is cut out of WeChat's error text, should it come back.
pub(super) async fn ask<T: DeserializeOwned>(
    caller: &Caller,
    call: Call<'_>,
    confidential: &[&str],
) -> Result<T, Error> {
    let path = call.path;
    let body = caller.send(call).await.inspect_err(|error| {
        tracing::debug!(platform.path = path, error.kind = error.kind().as_str(), "WeChat gave no answer");
    })?;
    let verdict: Verdict = read(&body)?;
    let errcode = verdict.errcode()?;
    tracing::debug!(platform.path = path, platform.errcode = errcode, "WeChat answered");
    if errcode == 0 { read(&body) } else { Err(refused(errcode, &verdict.errmsg(confidential))) }
}

/// What stands for "WeChat keeps its word, but not in this member".
pub(super) fn lacks(what: &'static str) -> Error {
    Error::Malformed { status: 200, why: what }
}

/// A string or a number where the documentation wavers between the two.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum TextOrNumber {
    Number(i64),
    Text(String),
}

impl TextOrNumber {
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

#[derive(Deserialize)]
struct Verdict {
    errcode: Option<TextOrNumber>,
    errmsg: Option<Value>,
}

impl Verdict {
    fn errcode(&self) -> Result<i64, Error> {
        let absent_is_success = Some(0);
        self.errcode
            .as_ref()
            .map_or(absent_is_success, TextOrNumber::number)
            .ok_or_else(|| lacks("errcode is no number"))
    }

    fn errmsg(&self, confidential: &[&str]) -> String {
        let mut text = self.errmsg.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        for secret in confidential.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "[hidden]");
        }
        text.chars().filter(|character| !character.is_control()).take(LONGEST_ERRMSG).collect()
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let why = if error.is_data() { "a member has the wrong type" } else { "the body is not JSON" };
        lacks(why)
    })
}

fn refused(errcode: i64, errmsg: &str) -> Error {
    let errmsg = errmsg.to_owned();
    let retry_after = errcodes::retry_after(errcode);
    match errcodes::explain(errcode).map_or(Kind::Unexpected, |explained| explained.kind) {
        Kind::BadCode => Error::BadCode { errcode, errmsg },
        Kind::CodeUsed => Error::CodeUsed { errcode, errmsg },
        Kind::Blocked => Error::Blocked { errcode, errmsg },
        Kind::Busy => Error::Busy { retry_after, errcode, errmsg },
        Kind::Quota => Error::Quota { retry_after, errcode, errmsg },
        Kind::Misconfigured => Error::Misconfigured { errcode, errmsg },
        Kind::TokenStale => Error::TokenStale { errcode, errmsg },
        Kind::BadInput => Error::BadInput { errcode, errmsg },
        Kind::SessionKeyStale => Error::SessionKeyStale { errcode, errmsg },
        Kind::Unreachable | Kind::NoAnswer | Kind::Malformed | Kind::Unexpected | Kind::Unsupported => {
            Error::Unexpected { errcode, errmsg }
        }
    }
}

/// For interfaces that send no access token: a complaint about one can only mean the secret.
pub(super) fn without_token(error: Error) -> Error {
    if let Error::TokenStale { errcode, errmsg } = error { Error::Misconfigured { errcode, errmsg } } else { error }
}
