//! Data that a platform encrypted under a session key and marked with the app: AES-128-CBC, a watermark inside.
//!
//! `WeChat`, QQ and Douyin do it alike; <https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html>.
//! CBC without a MAC proves little, so every failure looks alike, in its words and as far as we can help it in its time.

use aes::Aes128;
use base64::Engine as _;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use serde_json::Value;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeGreater as _};

use crate::answer::TextOrNumber;
use crate::secrets::{BASE64, decoded};
use crate::wechat::signature;
use crate::{AppId, NotOpened, OpenedData, Payload, PhoneNumber, Profile, SessionKey, Watermark};

const LONGEST: usize = 16 * 1024;
pub(crate) const BLOCK: usize = 16;

/// Opens what was encrypted under `key` for this app.
pub(crate) fn open(appid: &AppId, key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenedData, NotOpened> {
    let iv = decoded::<BLOCK>(iv).ok_or(NotOpened)?;
    let json = decrypted(&key.bytes(), &iv, encrypted_data)?;
    let watermark = watermark(&json)?;
    if !bool::from(watermark.appid.as_str().as_bytes().ct_eq(appid.as_str().as_bytes())) {
        return Err(NotOpened);
    }
    Ok(OpenedData { payload: payload(json)?, watermark })
}

/// Whether `signature` is the platform's over exactly this `raw_data`.
pub(crate) fn is_signed(key: &SessionKey, raw_data: &str, signature: &str) -> bool {
    let expected = signature::raw_data(key, raw_data);
    raw_data.len() <= LONGEST && expected.as_bytes().ct_eq(signature.as_bytes()).into()
}

/// The JSON in base64 of AES-128-CBC with PKCS #7 padding.
pub(crate) fn decrypted(key: &[u8; BLOCK], iv: &[u8; BLOCK], encrypted: &str) -> Result<Value, NotOpened> {
    if encrypted.len() > LONGEST {
        return Err(NotOpened);
    }
    let mut plain = Zeroizing::new(BASE64.decode(encrypted).map_err(|_| NotOpened)?);
    if plain.is_empty() || plain.len() % BLOCK != 0 {
        return Err(NotOpened);
    }
    let cipher = Decryptor::<Aes128>::new_from_slices(key, iv).map_err(|_| NotOpened)?;
    cipher.decrypt_padded::<NoPadding>(&mut plain).map_err(|_| NotOpened)?;
    let (length, padded) = unpadded(&plain);
    let parsed = serde_json::from_slice::<Value>(&plain[..length]);
    match parsed {
        Ok(json) if bool::from(padded) => Ok(json),
        Ok(_) | Err(_) => Err(NotOpened),
    }
}

/// The length without PKCS #7 padding, and whether the padding is right; looks at the whole last block in any case.
/// Where it is wrong the length is that of all, so that what follows does the same work.
fn unpadded(plain: &[u8]) -> (usize, Choice) {
    let last = plain[plain.len() - 1];
    let mut right = last.ct_gt(&0) & !last.ct_gt(&16);
    for (distance, byte) in (1_u8..=16).zip(plain.iter().rev()) {
        let is_padding = !distance.ct_gt(&last);
        right &= !is_padding | byte.ct_eq(&last);
    }
    let padding = u8::conditional_select(&0, &last, right);
    (plain.len() - usize::from(padding), right)
}

#[derive(Deserialize)]
struct Mark {
    appid: AppId,
    timestamp: TextOrNumber,
}

pub(crate) fn watermark(json: &Value) -> Result<Watermark, NotOpened> {
    let mark = Mark::deserialize(&json["watermark"]).map_err(|_| NotOpened)?;
    let timestamp = mark.timestamp.number().ok_or(NotOpened)?;
    Ok(Watermark { appid: mark.appid, timestamp })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhoneInfo {
    pure_phone_number: TextOrNumber,
    country_code: TextOrNumber,
}

/// A phone number as `WeChat` and those after it write one.
pub(crate) fn phone_number(json: &Value) -> Result<PhoneNumber, NotOpened> {
    let info = PhoneInfo::deserialize(json).map_err(|_| NotOpened)?;
    PhoneNumber::parse(&info.country_code.into_text(), &info.pure_phone_number.into_text()).map_err(|_| NotOpened)
}

fn payload(json: Value) -> Result<Payload, NotOpened> {
    if json.get("purePhoneNumber").is_some() {
        return phone_number(&json).map(Payload::Phone);
    }
    if json.get("nickName").is_some() || json.get("openId").is_some() {
        return Profile::deserialize(&json).map(Payload::Profile).map_err(|_| NotOpened);
    }
    Ok(Payload::Other(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpad(plain: &[u8]) -> Option<usize> {
        let (length, right) = unpadded(plain);
        assert!(bool::from(right) || length == plain.len());
        bool::from(right).then_some(length)
    }

    #[test]
    fn padding_of_every_length_is_taken_off() {
        for padding in 1..=16_u8 {
            let mut plain = vec![b'x'; 32 - usize::from(padding)];
            plain.resize(32, padding);
            assert_eq!(unpad(&plain), Some(32 - usize::from(padding)));
        }
    }

    #[test]
    fn padding_that_is_wrong_anywhere_is_seen() {
        for wrong in [0, 17, 32, 255] {
            assert_eq!(unpad(&[wrong; 32]), None, "{wrong}");
        }
        for at in 16..31 {
            let mut plain = [16_u8; 32];
            plain[at] = 15;
            assert_eq!(unpad(&plain), None, "{at}");
        }
        let mut short = [b'x'; 16];
        short[15] = 2;
        assert_eq!(unpad(&short), None);
    }
}
