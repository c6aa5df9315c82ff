//! A profile as `wx.getUserProfile` gives it: encrypted under the `session_key` of those who bring one.

use anyhow::Context as _;
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use menjin_guard::{Clock as _, SystemClock};

use crate::menjin::APPID;
use crate::stub::SHARED_KEY;

/// What stands in a login's body beside the code. Of now: an old one is a replay.
pub(super) fn members() -> anyhow::Result<String> {
    let mut data = serde_json::json!({
        "nickName": "小明",
        "gender": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "avatarUrl": "https://thirdwx.qlogo.cn/mmopen/vi_32/Q0j4TwGTfTKicbX7kUcVSIj8bQ8m6xicibCXyZpHn1c7/132",
        "watermark": { "timestamp": SystemClock.now().secs(), "appid": APPID },
    })
    .to_string()
    .into_bytes();
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, &SHARED_KEY)?)?;
    let DecryptionContext::Iv128(iv) = key.encrypt(&mut data)? else { anyhow::bail!("CBC without an IV") };
    let iv = iv.as_ref().get(..16).context("an IV of 16 bytes")?;
    Ok(format!(r#","encryptedData":"{}","iv":"{}""#, STANDARD.encode(&data), STANDARD.encode(iv)))
}
