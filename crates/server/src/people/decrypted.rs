//! `POST /v1/me/decrypt`: what the platform encrypted for the caller's client, opened for it.
//!
//! Who somebody is to the platform stays out of the answer, and a phone number does, too.

use axum::extract::State;
use axum::http::HeaderMap;
use menjin_platform::{Payload, Profile};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::open_data::{Brought, open_kept};
use super::subject::Subject;
use crate::extract::Json;
use crate::problem::{Fault, Problem};
use crate::state::Menjin;

/// In lower case: platforms disagree on how to write them.
const HIDDEN: [&str; 7] =
    ["watermark", "openid", "unionid", "session_key", "phonenumber", "purephonenumber", "countrycode"];

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(decrypt))
}

/// What the client was given.
#[derive(Deserialize, utoipa::ToSchema)]
struct DecryptRequest {
    /// `encryptedData`, as it came.
    #[schema(value_type = String)]
    encrypted_data: SecretString,
    /// `iv`, as it came.
    iv: String,
}

/// What it says.
#[derive(Serialize, utoipa::ToSchema)]
struct Decrypted {
    /// The platform's own object, without who it is about: `openGId` of a group, `stepInfoList` of `WeRun`, a profile.
    #[schema(value_type = Object, example = json!({"openGId": "tG1234"}))]
    data: Value,
}

/// Opens data that the platform encrypted for the caller's client.
///
/// All that does not open is `session_key_stale`, whatever is wrong with it.
#[utoipa::path(post, path = "/v1/me/decrypt", tag = "profile", request_body = DecryptRequest, security(("bearer" = [])), responses(
    (status = 200, description = "What it says", body = Decrypted),
    (status = 404, description = "`app_unknown`: the session's app is no longer configured"),
    (status = 409, description = "`session_key_stale`: call `wx.login` and sign in first, then get the data anew and repeat"),
    (status = 422, description = "`unsupported_by_platform`: the platform has no such thing, or does not know the caller"),
))]
async fn decrypt(
    State(menjin): State<Menjin>,
    headers: HeaderMap,
    Json(request): Json<DecryptRequest>,
) -> Result<axum::Json<Decrypted>, Problem> {
    let subject = Subject::of(&menjin, &headers).await?;
    let brought = Brought::checked(request.encrypted_data.expose_secret(), &request.iv)?;
    let (opened, _) = open_kept(&menjin, &subject, brought).await?;
    match opened {
        Payload::Phone(_) => Err(Problem::field("encrypted_data", Fault::HoldsAPhoneNumber)),
        Payload::Profile(profile) => Ok(axum::Json(Decrypted { data: shown(profile) })),
        Payload::Other(data) => Ok(axum::Json(Decrypted { data: without_names(data) })),
    }
}

fn shown(profile: Profile) -> Value {
    let Profile { open_id: _, union_id: _, nickname, avatar_url, gender, language, country, province, city } = profile;
    json!({
        "nickName": nickname, "avatarUrl": avatar_url, "gender": gender, "language": language,
        "country": country, "province": province, "city": city,
    })
}

/// At any depth: new kinds of data may come.
fn without_names(data: Value) -> Value {
    let is_hidden = |name: &str| HIDDEN.contains(&name.to_ascii_lowercase().as_str());
    match data {
        Value::Object(members) => {
            let left = members.into_iter().filter(|(name, _)| !is_hidden(name));
            Value::Object(left.map(|(name, value)| (name, without_names(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_names).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_about_is_nowhere_in_it() {
        let data = json!({
            "openGId": "g", "openId": "o", "unionid": "u", "watermark": {"appid": "wx"},
            "list": [{"openid": "o", "step": 7}], "phoneNumber": "138", "deep": {"UnionId": "u", "x": null},
        });
        let left = json!({"openGId": "g", "list": [{"step": 7}], "deep": {"x": null}});
        assert_eq!(without_names(data), left);
    }
}
