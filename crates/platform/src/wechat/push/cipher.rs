//! AES-256-CBC as pushes have it: the key's first half is the IV, padding goes to 32 bytes, and the appid stands at the end.
//!
//! Nothing here is asked before the signature over the ciphertext was good, so its failures tell a stranger nothing.

use aes::Aes256;
use base64::Engine as _;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use secrecy::zeroize::Zeroizing;
use subtle::ConstantTimeEq as _;

use crate::secrets::{BASE64, decoded};
use crate::{AppId, BadValue, NotTaken};

const BLOCK: usize = 32;
/// Random bytes, and the length of what follows.
const HEAD: usize = 16 + 4;

/// The `EncodingAESKey` of the console: 43 characters of base64.
#[derive(Clone)]
pub struct EncodingAesKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for EncodingAesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EncodingAesKey([REDACTED])")
    }
}

impl EncodingAesKey {
    /// Accepts 43 characters of base64. The last one has spare bits, which people choose freely.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        let padded = Zeroizing::new(format!("{text}="));
        if text.len() != 43 {
            return Err(BadValue("EncodingAESKey"));
        }
        decoded(&padded).map(Self).ok_or(BadValue("EncodingAESKey"))
    }

    /// The message in it, made for this app.
    pub(super) fn open(&self, encrypted: &str, appid: &AppId) -> Result<Zeroizing<Vec<u8>>, NotTaken> {
        let mut plain = Zeroizing::new(BASE64.decode(encrypted).map_err(|_| NotTaken::Unopened)?);
        if plain.len() % 16 != 0 {
            return Err(NotTaken::Unopened);
        }
        let cipher = Decryptor::<Aes256>::new_from_slices(&*self.0, &self.0[..16]).map_err(|_| NotTaken::Unopened)?;
        cipher.decrypt_padded::<NoPadding>(&mut plain).map_err(|_| NotTaken::Unopened)?;
        let content = unpadded(&plain).ok_or(NotTaken::Unopened)?;
        let (head, rest) = content.split_at_checked(HEAD).ok_or(NotTaken::Unopened)?;
        let length = u32::from_be_bytes(head[16..].try_into().map_err(|_| NotTaken::Unopened)?);
        let length = usize::try_from(length).map_err(|_| NotTaken::Unopened)?;
        let (message, own) = rest.split_at_checked(length).ok_or(NotTaken::Unopened)?;
        if !bool::from(own.ct_eq(appid.as_str().as_bytes())) {
            return Err(NotTaken::OtherApp);
        }
        Ok(Zeroizing::new(message.to_vec()))
    }
}

/// Without PKCS #7 padding to 32 bytes: 1 to 32 bytes that all say how many they are.
fn unpadded(plain: &[u8]) -> Option<&[u8]> {
    let last = *plain.last()?;
    let padding = usize::from(last);
    let content = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
    plain[content..].iter().all(|byte| *byte == last).then(|| &plain[..content])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample of `WxJava`, whose key ends in a character with spare bits that are set.
    const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    const SEALED: &str = "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==";

    #[test]
    fn a_key_whose_last_character_has_spare_bits_opens_the_sample() {
        let key = EncodingAesKey::parse(KEY).unwrap();
        let appid = AppId::parse("wxb11529c136998cb6").unwrap();
        let message = key.open(SEALED, &appid).unwrap();
        assert_eq!(std::str::from_utf8(&message).unwrap(), "我是中文abcd123");
        let without_spare_bits = EncodingAesKey::parse(&KEY.replace("EFG", "EFE")).unwrap();
        assert_eq!(without_spare_bits.open(SEALED, &appid).unwrap(), message);
        let other = AppId::parse("wxb11529c136998cb7").unwrap();
        assert_eq!(key.open(SEALED, &other), Err(NotTaken::OtherApp));
        assert!(!format!("{key:?}").contains("abcdef"));
    }

    #[test]
    fn a_key_is_43_characters_of_base64() {
        for bad in ["", &KEY[..42], &format!("{KEY}="), &KEY.replace('a', "-"), &format!("{KEY}A")] {
            assert!(EncodingAesKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_the_platforms_own_never_opens_and_never_panics() {
        let (key, appid) = (EncodingAesKey::parse(KEY).unwrap(), AppId::parse("wxb11529c136998cb6").unwrap());
        let open = |text: &str| key.open(text, &appid).map(drop);
        for bad in
            ["", "A", "====", "not base64!", "AAAA", &BASE64.encode([0; 16]), &BASE64.encode([7; 64]), &SEALED[..44]]
        {
            assert_eq!(open(bad), Err(NotTaken::Unopened), "{bad}");
        }
        let sealed = BASE64.decode(SEALED).unwrap();
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 0x80;
            let opened = open(&BASE64.encode(flipped));
            assert!(opened.is_err() || at < 16 + 16, "byte {at}: {opened:?}");
        }
    }

    #[test]
    fn padding_is_one_to_thirty_two_bytes_that_agree() {
        for padding in 1..=32_u8 {
            let mut plain = vec![b'x'; 64 - usize::from(padding)];
            plain.resize(64, padding);
            assert_eq!(unpadded(&plain).map(<[u8]>::len), Some(64 - usize::from(padding)));
        }
        for bad in [0, 33, 255] {
            assert_eq!(unpadded(&[bad; 64]), None, "{bad}");
        }
        let mut mixed = [32; 64];
        mixed[40] = 31;
        assert_eq!(unpadded(&mixed), None);
        assert_eq!(unpadded(&[]), None);
        assert_eq!(unpadded(&[5, 5]), None);
    }
}
