//! What Douyin writes: `err_no` and a text decide, the rest stands in `data`, which may be anything where it failed.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::explain;
use crate::Error;
use crate::answer::{TextOrNumber, answered, lacks, read, refused, shown};

/// `err_no` with `err_tips` in most places, with `err_msg` in newer ones.
#[derive(Deserialize)]
struct Whole {
    err_no: Option<TextOrNumber>,
    err_tips: Option<Value>,
    err_msg: Option<Value>,
    log_id: Option<Value>,
    #[serde(default)]
    data: Value,
}

/// The `data` of an answer that is no refusal.
pub(super) fn data<T: DeserializeOwned>(path: &str, body: &[u8], confidential: &[&str]) -> Result<T, Error> {
    let whole: Whole = read(body)?;
    let errcode = whole.err_no.as_ref().and_then(TextOrNumber::number).ok_or_else(|| lacks("err_no is missing"))?;
    answered(path, errcode);
    if errcode == 0 {
        return T::deserialize(whole.data).map_err(|_| lacks("a member of data has the wrong type"));
    }
    let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = [&whole.err_tips, &whole.err_msg].map(text).into_iter().find(|text| !text.is_empty());
    let log_id = text(&whole.log_id);
    let mut said = said.unwrap_or_default();
    if !log_id.is_empty() {
        said = format!("{said}, log_id: {log_id}");
    }
    Err(refused(explain(errcode), errcode, shown(&said, confidential)))
}
