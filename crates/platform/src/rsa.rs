//! RSA keys as the platforms' consoles hand them out: bare base64 or PEM, PKCS #8 or PKCS #1, SPKI for public ones.
//!
//! RSASSA-PKCS1-v1_5 with SHA-256 (Alipay's RSA2), and PKCS #1 v1.5 decryption (Douyin's phone numbers), which must only ever
//! see what the platform itself answered: every failure looks alike, but its time may not.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use secrecy::zeroize::Zeroizing;

use crate::BadValue;
use crate::secrets::BASE64;

/// The longest that is taken: 8192 bits need some 6500 characters.
const LONGEST: usize = 16 * 1024;
/// `SEQUENCE { rsaEncryption, NULL }` behind the version of a PKCS #8 key (RFC 5208).
const PKCS8_HEAD: [u8; 18] = [2, 1, 0, 0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// A private key of our own, whose public half stands in the platform's console. `Debug` shows nothing of it.
pub struct RsaPrivateKey {
    pair: KeyPair,
    decrypting: Pkcs1PrivateDecryptingKey,
}

impl RsaPrivateKey {
    /// Reads what the platform's key tool or openssl wrote: 2048 bits or more.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        const BAD: BadValue = BadValue("RSA private key");
        let der = der(text, &["PRIVATE KEY", "RSA PRIVATE KEY"]).ok_or(BAD)?;
        let pkcs8 = if KeyPair::from_pkcs8(&der).is_ok() { der } else { as_pkcs8(&der).ok_or(BAD)? };
        let pair = KeyPair::from_pkcs8(&pkcs8).map_err(|_| BAD)?;
        if pair.public_modulus_len() < 256 {
            return Err(BAD);
        }
        let decrypting = PrivateDecryptingKey::from_pkcs8(&pkcs8).map_err(|_| BAD)?;
        let decrypting = Pkcs1PrivateDecryptingKey::new(decrypting).map_err(|_| BAD)?;
        Ok(Self { pair, decrypting })
    }

    /// The public half as a console wants it: base64 of an SPKI, without PEM lines.
    pub fn public_base64(&self) -> String {
        self.pair.public_key().as_der().map(|spki| BASE64.encode(spki.as_ref())).unwrap_or_default()
    }

    /// The signature over these bytes, in base64.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(BASE64.encode(signature))
    }

    /// What stands in base64 of a PKCS #1 v1.5 ciphertext.
    pub(crate) fn decrypt(&self, encrypted: &str) -> Option<Zeroizing<Vec<u8>>> {
        let encrypted = BASE64.decode(encrypted.trim()).ok()?;
        let mut plain = Zeroizing::new(vec![0; self.decrypting.min_output_size()]);
        let length = self.decrypting.decrypt(&encrypted, &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPrivateKey([REDACTED])")
    }
}

/// A platform's public key.
#[derive(Clone)]
pub struct RsaPublicKey(ParsedPublicKey);

impl RsaPublicKey {
    /// Reads what the platform's console shows: 2048 bits or more. A certificate is none.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        const BAD: BadValue = BadValue("RSA public key");
        let der = der(text, &["PUBLIC KEY", "RSA PUBLIC KEY"]).ok_or(BAD)?;
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &*der).map(Self).map_err(|_| BAD)
    }

    /// Whether the base64 is the signature over these bytes.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        BASE64.decode(signature).is_ok_and(|signature| self.0.verify_sig(message, &signature).is_ok())
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPublicKey(..)")
    }
}

/// The bytes of bare base64, or of the one PEM block with one of these labels.
fn der(text: &str, labels: &[&str]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    let body = match text.strip_prefix("-----BEGIN ") {
        None => text,
        Some(block) => labels.iter().find_map(|label| {
            let body = block.strip_prefix(label)?.strip_prefix("-----")?;
            body.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")
        })?,
    };
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    BASE64.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// A PKCS #1 private key inside a PKCS #8 one.
fn as_pkcs8(pkcs1: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut inner = Zeroizing::new(PKCS8_HEAD.to_vec());
    inner.push(0x04);
    inner.extend_from_slice(&length(pkcs1.len())?);
    inner.extend_from_slice(pkcs1);
    let mut outer = Zeroizing::new(vec![0x30]);
    outer.extend_from_slice(&length(inner.len())?);
    outer.extend_from_slice(&inner);
    Some(outer)
}

/// A DER length of two octets: no RSA key is shorter than 256 bytes.
fn length(bytes: usize) -> Option<[u8; 3]> {
    let [high, low] = u16::try_from(bytes).ok()?.to_be_bytes();
    (high != 0).then_some([0x82, high, low])
}
