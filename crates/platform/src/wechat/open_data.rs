//! `encryptedData` and `signature`: what a client passes on from WeChat, opened and checked.

use super::WeChat;
use crate::watermarked::{is_signed, open};
use crate::{NotOpened, OpenData, OpenedData, SessionKey};

impl OpenData for WeChat {
    fn decrypt(&self, key: &SessionKey, encrypted_data: &str, iv: &str) -> Result<OpenedData, NotOpened> {
        open(&self.appid, key, encrypted_data, iv)
    }

    fn verify_signature(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool {
        is_signed(key, raw_data, signature)
    }
}
