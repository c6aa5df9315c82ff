//! `encryptedData` and `signature` of QQ: the same algorithms as at `WeChat`.
//!
//! <https://q.qq.com/wiki/develop/miniprogram/frame/open_ability/open_signature.html>; the sample hash on that page is
//! `WeChat`'s and does not fit its own data.

use super::Qq;
use crate::watermarked::{is_signed, open};
use crate::{NotOpened, OpenData, OpenedData, SessionKey};

impl OpenData for Qq {
    fn decrypt(&self, key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenedData, NotOpened> {
        open(&self.appid, key, encrypted_data, iv)
    }

    fn verify_signature(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool {
        is_signed(key, raw_data, signature)
    }
}
