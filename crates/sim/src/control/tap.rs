//! A call of the client's that may be made to fail, as `"fail": "deny"` asks: what the person or the phone did instead.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Complaint, INDEX, Input};
use crate::Sim;

/// Why the client's call fails, as its `fail` callback is told.
/// <https://developers.weixin.qq.com/miniprogram/dev/framework/usability/PublicErrno.html>
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failure {
    /// The person refuses.
    Deny,
    /// The person has not agreed to the privacy guide.
    Privacy,
    /// The privacy guide does not list what is asked for.
    Undeclared,
    /// The app has used up its phone numbers.
    NoQuota,
    /// WeChat's server did not answer in time.
    Timeout,
    /// The mini program went to the background.
    Interrupted,
}

impl Failure {
    fn answer(self, call: &str) -> Value {
        let (text, errno) = match self {
            Self::Deny => ("user deny", 103),
            Self::Privacy => ("privacy permission is not authorized", 104),
            Self::Undeclared => ("api scope is not declared in the privacy agreement", 112),
            Self::NoQuota => ("no quota", 1_400_001),
            Self::Timeout => ("timeout", 5),
            Self::Interrupted => ("interrupted", 600_003),
        };
        json!({ "errMsg": format!("{call}:fail {text}"), "errno": errno })
    }
}

/// The JSON body of a call on the phone. Where it asks for a failure, that is the answer, with status 200: the call was made.
pub(super) struct Tap<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Sim> for Tap<T> {
    type Rejection = Response;

    async fn from_request(request: Request, sim: &Sim) -> Result<Self, Response> {
        let call = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let Input(mut members) =
            Input::<Map<String, Value>>::from_request(request, sim).await.map_err(IntoResponse::into_response)?;
        let bad = |error: serde_json::Error| Complaint::bad(error.to_string(), INDEX).into_response();
        if let Some(failure) = members.remove("fail") {
            let failure: Failure = serde_json::from_value(failure).map_err(bad)?;
            return Err(Json(failure.answer(&call)).into_response());
        }
        serde_json::from_value(Value::Object(members)).map(Self).map_err(bad)
    }
}
