//! `wxa/business/getuserphonenumber`: a phone code becomes a number.
//!
//! <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html>

use serde::Serialize;

use crate::gateway::Asked;
use crate::people::{Phone, Who};
use crate::policy::CountryCode;
use crate::wechat::codes::Presented;
use crate::wechat::errors::Refusal;
use crate::wechat::{OK, Status, json, posted, token};
use crate::world::World;

/// What a phone code stands for: the number that was shown when the person tapped.
#[derive(Clone, Debug)]
pub(crate) struct PhoneCode {
    pub(crate) who: Who,
    pub(crate) phone: Phone,
}

/// Both in the answer of the API and, encrypted, in the hands of the client.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PhoneInfo<'a> {
    phone_number: String,
    pure_phone_number: &'a str,
    country_code: CountryDigits<'a>,
    watermark: Watermark<'a>,
}

#[derive(Serialize)]
pub(crate) struct Watermark<'a> {
    pub(crate) timestamp: i64,
    pub(crate) appid: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CountryDigits<'a> {
    Text(&'a str),
    Number(u32),
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    status: Status<'static>,
    phone_info: PhoneInfo<'a>,
}

impl<'a> PhoneInfo<'a> {
    pub(crate) fn new(phone: &'a Phone, written: CountryCode, watermark: Watermark<'a>) -> Self {
        let code = phone.country_code.as_str();
        // A number from abroad carries its country code in front.
        let abroad = if code == "86" { "" } else { code };
        let as_text = CountryDigits::Text(code);
        let country_code = match written {
            CountryCode::String => as_text,
            CountryCode::Number => code.parse().map_or(as_text, CountryDigits::Number),
        };
        Self {
            phone_number: format!("{abroad}{}", phone.number),
            pure_phone_number: &phone.number,
            country_code,
            watermark,
        }
    }
}

/// Spends the code, unless it is refused. A second use is `invalid code`, as an unknown one.
pub(crate) fn getuserphonenumber(world: &mut World, asked: &Asked) -> Result<String, Refusal> {
    posted(asked)?;
    let appid = token::authorized(world, asked)?;
    let code = asked.member("code").ok_or(Refusal::CodeMissing)?;
    let now = world.now();
    let Presented::Good(grant) = world.wechat.phone_codes.present(code, now) else {
        return Err(Refusal::InvalidCode);
    };
    if grant.who.appid != appid {
        return Err(Refusal::InvalidAppid);
    }
    if asked.member("openid").is_some_and(|openid| openid != grant.who.openid) {
        return Err(Refusal::Chosen(world.policy.phone_openid_mismatch));
    }
    let watermark = Watermark { timestamp: now, appid: &appid };
    let answer =
        json(&Answer { status: OK, phone_info: PhoneInfo::new(&grant.phone, world.policy.country_code, watermark) });
    world.wechat.phone_codes.spend(code);
    Ok(answer)
}
