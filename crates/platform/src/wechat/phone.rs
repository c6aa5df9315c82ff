//! `wxa/business/getuserphonenumber`: a phone code becomes a number that WeChat has verified.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html>

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::WeChat;
use super::answer::{TextOrNumber, ask, lacks};
use crate::http::Call;
use crate::{AccessToken, Error, OpenId, Phone, PhoneCode, PhoneNumber};

/// Here it does not mean that our appid is wrong, but that the code was made in another mini program.
const CODE_OF_ANOTHER_APP: i64 = 40013;

#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
    openid: &'a str,
}

#[derive(Deserialize)]
struct Found {
    phone_info: Option<PhoneInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhoneInfo {
    pure_phone_number: Option<TextOrNumber>,
    country_code: Option<TextOrNumber>,
    watermark: Option<Mark>,
}

#[derive(Deserialize)]
struct Mark {
    appid: Option<String>,
}

#[async_trait]
impl Phone for WeChat {
    async fn phone(&self, token: &AccessToken, code: &PhoneCode, openid: &OpenId) -> Result<PhoneNumber, Error> {
        let request = Request { code: code.expose(), openid: openid.as_str() };
        let body = serde_json::to_vec(&request).expect("two texts are JSON");
        let query = [("access_token", token.expose())];
        let call = Call { path: "/wxa/business/getuserphonenumber", query: &query, body: Some(body) };
        let confidential = [token.expose(), code.expose(), openid.as_str()];
        let found: Found = ask(&self.caller, call, &confidential).await.map_err(foreign_code)?;
        self.number(found.phone_info.ok_or_else(|| lacks("phone_info is missing"))?)
    }
}

impl WeChat {
    fn number(&self, info: PhoneInfo) -> Result<PhoneNumber, Error> {
        if info.watermark.and_then(|mark| mark.appid).as_deref() != Some(self.appid.as_str()) {
            return Err(lacks("the watermark is not this app's"));
        }
        let country_code = info.country_code.map(TextOrNumber::into_text).unwrap_or_default();
        let national = info.pure_phone_number.map(TextOrNumber::into_text).unwrap_or_default();
        PhoneNumber::parse(&country_code, &national)
            .map_err(|_| lacks("purePhoneNumber and countryCode make no number"))
    }
}

fn foreign_code(error: Error) -> Error {
    if let Error::Misconfigured { errcode: CODE_OF_ANOTHER_APP, errmsg, .. } = error {
        Error::BadCode { errcode: CODE_OF_ANOTHER_APP, errmsg }
    } else {
        error
    }
}
