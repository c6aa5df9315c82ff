//! RSA as Alipay and Douyin use it, and the key pairs that the simulator gives to anybody: worth nothing.
//!
//! Keys are base64 of PKCS #8 and SPKI, as consoles show them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// For made-up apps: what an app's server signs and decrypts with.
pub const APP_PRIVATE_KEY: &str = include_str!("keys/app_private_key.txt").trim_ascii_end();
/// The other half of [`APP_PRIVATE_KEY`].
pub const APP_PUBLIC_KEY: &str = include_str!("keys/app_public_key.txt").trim_ascii_end();
/// What verifies the simulated Alipay's answers (支付宝公钥).
pub const ALIPAY_PUBLIC_KEY: &str = include_str!("keys/alipay_public_key.txt").trim_ascii_end();

const ALIPAY_PRIVATE_KEY: &str = include_str!("keys/alipay_private_key.txt").trim_ascii_end();

/// Alipay's signature (RSA2), in base64.
pub(crate) fn signed_by_alipay(message: &[u8]) -> String {
    let der = STANDARD.decode(ALIPAY_PRIVATE_KEY).expect("the file is base64");
    let pair = KeyPair::from_pkcs8(&der).expect("the file is a key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("there is memory to sign in");
    STANDARD.encode(signature)
}

/// Whether the holder of this key's other half signed the message.
pub(crate) fn is_signed(public_key: &str, message: &[u8], signature: &str) -> bool {
    let (Ok(key), Ok(signature)) = (STANDARD.decode(public_key.trim()), STANDARD.decode(signature)) else {
        return false;
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, &signature).is_ok()
}

/// PKCS #1 v1.5, in base64; `None` where the key is none, or the message too long for it.
pub(crate) fn encrypted_for(public_key: &str, message: &[u8]) -> Option<String> {
    let der = STANDARD.decode(public_key.trim()).ok()?;
    let key = Pkcs1PublicEncryptingKey::new(PublicEncryptingKey::from_der(&der).ok()?).ok()?;
    let mut encrypted = vec![0; key.ciphertext_size()];
    let encrypted = key.encrypt(message, &mut encrypted).ok()?;
    Some(STANDARD.encode(encrypted))
}
