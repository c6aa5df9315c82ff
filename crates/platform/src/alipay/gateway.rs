//! One call of Alipay's gateway: parameters signed by us, an answer signed by Alipay over the very bytes of its node.
//!
//! <https://opendocs.alipay.com/common/057k53> and <https://opendocs.alipay.com/common/02mse7>

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::{Alipay, explain};
use crate::Error;
use crate::answer::{TextOrNumber, answered, heard, lacks, read, refused, shown};
use crate::http::Call;

/// China has one time and no summer.
const EAST_OF_GREENWICH: i64 = 8 * 3600;
const DAY: i64 = 86_400;

/// A method of the gateway, the node that it answers in, and how long it may take where that is not the deadline.
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) node: &'static str,
    pub(super) within: Option<Duration>,
}

/// What most nodes say of themselves, and all that failed; the answer to a code says nothing where it succeeded.
#[derive(Deserialize)]
struct Verdict {
    code: Option<TextOrNumber>,
    msg: Option<String>,
    sub_code: Option<String>,
    sub_msg: Option<String>,
}

impl Alipay {
    /// Asks, with `common` parameters beside those of every call and `business` ones in the body. `confidential` is cut out of
    /// Alipay's error text.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &Method,
        common: &[(&'static str, &str)],
        business: &[(&'static str, &str)],
        confidential: &[&str],
    ) -> Result<T, Error> {
        let timestamp = time_in_china((self.now)());
        let mut query = vec![
            ("app_id", self.appid.as_str()),
            ("charset", "utf-8"),
            ("format", "JSON"),
            ("method", method.name),
            ("sign_type", "RSA2"),
            ("timestamp", timestamp.as_str()),
            ("version", "1.0"),
        ];
        query.extend_from_slice(common);
        let mut signed = query.clone();
        signed.extend_from_slice(business);
        let sign = self.private_key.sign(signed_text(&mut signed).as_bytes());
        let sign = sign.ok_or_else(|| Error::Unreachable { reason: "the request can't be signed".to_owned() })?;
        query.push(("sign", &sign));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(business).finish();
        let call = Call { path: "", query: &query, body: Some(form.into_bytes()) };
        let caller = method.within.map_or_else(|| self.caller.clone(), |limit| self.caller.within(limit));
        let body = heard(method.name, caller.send_form(call).await)?;
        self.read_node(method, &body, confidential)
    }

    fn read_node<T: DeserializeOwned>(&self, method: &Method, body: &[u8], confidential: &[&str]) -> Result<T, Error> {
        let nodes: BTreeMap<String, Box<RawValue>> = read(body)?;
        let sign = nodes.get("sign").and_then(|sign| serde_json::from_str::<String>(sign.get()).ok());
        let named = nodes.get(method.node);
        let node = named.or_else(|| nodes.get("error_response")).ok_or_else(|| lacks("the answer has no node"))?.get();
        let verdict: Verdict = read(node.as_bytes())?;
        let success = if named.is_some() { verdict.code.is_none() } else { false };
        let code = verdict.code.as_ref().and_then(TextOrNumber::number);
        let code = if success { 10_000 } else { code.ok_or_else(|| lacks("code is no number"))? };
        // Who does not know our app can't sign for it, so that a refusal may come without a signature; a wrong one is none.
        let is_signed = sign.as_ref().map(|sign| self.is_alipays(node, sign));
        if is_signed == Some(false) || (code == 10_000 && is_signed.is_none()) {
            return Err(lacks("the signature is not Alipay's: is alipay_public_key the one of the console?"));
        }
        answered(method.name, code);
        if code == 10_000 {
            return read(node.as_bytes());
        }
        let sub_code = verdict.sub_code.unwrap_or_default();
        let said = verdict.sub_msg.or(verdict.msg).unwrap_or_default();
        Err(refused(explain(code, &sub_code), code, shown(format!("{sub_code} {said}").trim(), confidential)))
    }

    /// Whether Alipay signed this text as it stands, or with its slashes escaped: what signs escapes them, what sends may not.
    pub(super) fn is_alipays(&self, text: &str, sign: &str) -> bool {
        self.public_key.verifies(text.as_bytes(), sign)
            || (text.contains('/') && self.public_key.verifies(text.replace('/', "\\/").as_bytes(), sign))
    }
}

/// All parameters that are not empty, by name, raw.
fn signed_text(parameters: &mut Vec<(&'static str, &str)>) -> String {
    parameters.retain(|(_, value)| !value.is_empty());
    parameters.sort_unstable();
    parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// `2026-01-02 03:04:05`, in China.
fn time_in_china(now: i64) -> String {
    let local = now.saturating_add(EAST_OF_GREENWICH);
    let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day, so many days after 1 January 1970; eras of 400 years that begin in March, so that a leap day is last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march = (5 * day + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_china() {
        for (now, shown) in [
            (0, "1970-01-01 08:00:00"),
            (951_753_599, "2000-02-28 23:59:59"),
            (951_753_600, "2000-02-29 00:00:00"),
            (951_840_000, "2000-03-01 00:00:00"),
            (1_767_294_245, "2026-01-02 03:04:05"),
            (4_107_513_600, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(time_in_china(now), shown, "{now}");
        }
    }

    #[test]
    fn what_is_signed_is_sorted_raw_and_without_what_is_empty() {
        let mut parameters =
            vec![("sign_type", "RSA2"), ("code", "a+b/c="), ("app_id", "2021"), ("app_auth_token", "")];
        assert_eq!(signed_text(&mut parameters), "app_id=2021&code=a+b/c=&sign_type=RSA2");
    }
}
