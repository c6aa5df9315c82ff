//! What `my.getPhoneNumber` gives the client: a number, encrypted with the app's AES key and signed by Alipay.
//!
//! <https://opendocs.alipay.com/mini/api/getphonenumber>. Nothing in it tells whose number it is, nor when it was given; the
//! same number is the same text every time.

use serde::Deserialize;
use serde_json::Value;

use super::Alipay;
use crate::answer::TextOrNumber;
use crate::watermarked::{BLOCK, decrypted};
use crate::{NotOpened, PhoneNumber, SignedPhone};

/// Nothing longer is a phone number.
const LONGEST: usize = 8 * 1024;
/// Alipay's numbers are those of mainland China; where it names another country, that one holds.
const CHINA: &str = "86";

/// On failure `response` is an object.
#[derive(Deserialize)]
struct Brought {
    response: String,
    sign: String,
    #[serde(alias = "signType")]
    sign_type: Option<String>,
    #[serde(alias = "encryptType")]
    encrypt_type: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    code: TextOrNumber,
    mobile: TextOrNumber,
    #[serde(alias = "countryCode")]
    country_code: Option<TextOrNumber>,
}

impl SignedPhone for Alipay {
    fn open(&self, brought: &str) -> Result<PhoneNumber, NotOpened> {
        if brought.len() > LONGEST {
            return Err(NotOpened);
        }
        let Brought { response, sign, sign_type, encrypt_type } = from_json(brought)?;
        let is = |given: Option<String>, meant: &str| given.is_none_or(|given| given == meant);
        if !is(sign_type, "RSA2") || !is(encrypt_type, "AES") || !self.is_alipays(&format!("\"{response}\""), &sign) {
            return Err(NotOpened);
        }
        let key = self.aes_key.as_ref().ok_or(NotOpened)?;
        let found = Found::deserialize(decrypted(&key.0, &[0; BLOCK], &response)?).map_err(|_| NotOpened)?;
        if found.code.number() != Some(10_000) {
            return Err(NotOpened);
        }
        let country = found.country_code.map_or_else(|| CHINA.to_owned(), TextOrNumber::into_text);
        PhoneNumber::parse(&country, &found.mobile.into_text()).map_err(|_| NotOpened)
    }
}

/// The text as the client had it, or the same once more as a JSON text: clients stringify what is text already.
fn from_json(brought: &str) -> Result<Brought, NotOpened> {
    let value: Value = serde_json::from_str(brought).map_err(|_| NotOpened)?;
    let parsed =
        if let Value::String(text) = &value { serde_json::from_str(text) } else { Brought::deserialize(&value) };
    parsed.map_err(|_| NotOpened)
}
