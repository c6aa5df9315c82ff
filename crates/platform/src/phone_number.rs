//! A phone number as a platform proves it: E.164 for the row, and a masked form for people.
//!
//! Not here: whose it is, and whether the number is in use; only the platform's proof counts.

use std::fmt;

use crate::BadValue;

/// A number in E.164, such as `+8613800000000`. Neither `Display` nor `Debug` shows it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct E164(String);

impl E164 {
    /// The number itself: for sealing and for the keyed digest, never for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[phone]")
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[phone]")
    }
}

/// A phone number and its parts. `Debug` shows the masked form.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// `+`, country code, national number.
    pub e164: E164,
    /// Digits only, such as `86`.
    pub country_code: String,
    /// The number without its country code, digits only.
    pub national: String,
}

impl PhoneNumber {
    /// Joins WeChat's `countryCode` and `purePhoneNumber`, which must be digits and together no longer than E.164 allows.
    ///
    /// <https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html>
    pub fn parse(country_code: &str, national: &str) -> Result<Self, BadValue> {
        let country_code = country_code.strip_prefix('+').unwrap_or(country_code);
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = digits(country_code)
            && !country_code.starts_with('0')
            && country_code.len() <= 4
            && digits(national)
            && national.len() >= 4
            && country_code.len() + national.len() <= 15;
        if !fits {
            return Err(BadValue("phone number"));
        }
        Ok(Self {
            e164: E164(format!("+{country_code}{national}")),
            country_code: country_code.to_owned(),
            national: national.to_owned(),
        })
    }

    /// What may be shown to its owner: `138****0000`; a number from elsewhere keeps its country code, `+852 91****23`.
    pub fn masked(&self) -> String {
        let (head, tail) = match self.national.len() {
            11.. => (3, 4),
            7..=10 => (2, 2),
            0..=6 => (0, 2),
        };
        let digits = &self.national;
        let stars = "*".repeat(digits.len() - head - tail);
        let shown = format!("{}{stars}{}", &digits[..head], &digits[digits.len() - tail..]);
        if self.country_code == "86" { shown } else { format!("+{} {shown}", self.country_code) }
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_e164_form_and_a_masked_one() {
        let cases = [
            ("86", "13800000000", "+8613800000000", "138****0000"),
            ("+86", "13800000000", "+8613800000000", "138****0000"),
            ("852", "91234567", "+85291234567", "+852 91****67"),
            ("1", "2025550123", "+12025550123", "+1 20******23"),
            ("290", "2345", "+2902345", "+290 **45"),
        ];
        for (country, national, e164, masked) in cases {
            let number = PhoneNumber::parse(country, national).unwrap();
            assert_eq!(number.e164.as_str(), e164);
            assert_eq!(number.masked(), masked);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let cases = [
            ("", "13800000000"),
            ("86", ""),
            ("86", "138-0000"),
            ("86", "1380000000000000"),
            ("0", "13800000000"),
            ("八六", "13800000000"),
        ];
        for (country, national) in cases {
            assert!(PhoneNumber::parse(country, national).is_err(), "{country} {national}");
        }
    }

    #[test]
    fn a_number_does_not_show_itself() {
        let number = PhoneNumber::parse("86", "13812345678").unwrap();
        assert_eq!(format!("{number:?} {} {:?}", number.e164, number.e164), "PhoneNumber(138****5678) [phone] [phone]");
    }
}
