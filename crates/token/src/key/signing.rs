//! A private key, parsed once, and its public half.
//!
//! Does not: keep the private bytes that it was made from; whoever made it seals them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{error::Unspecified, hmac};
use zeroize::Zeroizing;

use super::{Algorithm, KeyError, VerifyingKey, rsa};
use crate::header;
use crate::jwks::Jwk;

/// A key that signs. Cloning shares it; `Debug` shows its name only.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Pair>,
    public: VerifyingKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
    Hs256(Box<hmac::Key>),
}

impl SigningKey {
    /// Makes a key and returns it with its private bytes, which the caller seals and stores:
    /// PKCS#8, or the 32 bytes of the secret for HS256. RSA keys have 2048 bits.
    pub fn generate(algorithm: Algorithm, kid: String) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let private = generate_private(algorithm).map_err(|_| KeyError::Generate)?;
        let key = Self::from_private(algorithm, kid, &private)?;
        Ok((key, private))
    }

    /// Parses private bytes as [`generate`](Self::generate) returned them (or PKCS#8 from elsewhere).
    pub fn from_private(algorithm: Algorithm, kid: String, private: &[u8]) -> Result<Self, KeyError> {
        let (pair, public) = match algorithm {
            Algorithm::Es256 => es256(kid, private),
            Algorithm::EdDsa => eddsa(kid, private),
            Algorithm::Rs256 => rs256(kid, private),
            Algorithm::Hs256 => hs256(kid, private),
        }?;
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// The key's name, unique in its set.
    pub fn kid(&self) -> &str {
        self.public.kid()
    }

    /// The one algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public half (for HS256: the same secret).
    pub fn verifying(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// The public half as JSON Web Key; `None` for HS256, whose secret is never published.
    pub fn jwk(&self) -> Option<Jwk> {
        self.public.jwk().cloned()
    }

    /// The header of a token of this `typ`, as it stands in the token.
    pub(crate) fn header(&self, typ: &str) -> Cow<'_, str> {
        if typ == header::USUAL_TYP {
            Cow::Borrowed(self.public.usual_header())
        } else {
            Cow::Owned(header::written(self.algorithm(), self.kid(), typ))
        }
    }

    /// Signs and hands the signature's bytes to `taker`, so that none are copied.
    pub(crate) fn sign_into<T>(&self, message: &[u8], taker: impl FnOnce(&[u8]) -> T) -> Result<T, Unspecified> {
        let random = SystemRandom::new();
        match &*self.pair {
            Pair::Es256(pair) => Ok(taker(pair.sign(&random, message)?.as_ref())),
            Pair::EdDsa(pair) => Ok(taker(pair.try_sign(message)?.as_ref())),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(taker(&signature))
            }
            Pair::Hs256(secret) => Ok(taker(hmac::sign(secret, message).as_ref())),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

fn generate_private(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    let private = match algorithm {
        Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?.as_ref().to_vec(),
        Algorithm::EdDsa => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let document: Pkcs8V1Der<'_> = pair.as_der()?;
            document.as_ref().to_vec()
        }
        Algorithm::Hs256 => {
            let mut secret = vec![0; super::MIN_SECRET];
            rand::fill(&mut secret)?;
            secret
        }
    };
    Ok(Zeroizing::new(private))
}

type Halves = Result<(Pair, VerifyingKey), KeyError>;

fn es256(kid: String, private: &[u8]) -> Halves {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).map_err(|_| KeyError::Malformed)?;
    let (x, y) = match pair.public_key().as_ref() {
        [4, point @ ..] if point.len() == 64 => point.split_at(32),
        _ => return Err(KeyError::Malformed),
    };
    let public = VerifyingKey::from_jwk(&Jwk::es256(kid, x, y))?;
    Ok((Pair::Es256(pair), public))
}

fn eddsa(kid: String, private: &[u8]) -> Halves {
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map_err(|_| KeyError::Malformed)?;
    let public = VerifyingKey::from_jwk(&Jwk::eddsa(kid, pair.public_key().as_ref()))?;
    Ok((Pair::EdDsa(pair), public))
}

fn rs256(kid: String, private: &[u8]) -> Halves {
    let pair = RsaKeyPair::from_pkcs8(private).map_err(|_| KeyError::Malformed)?;
    let (n, e) = rsa::modulus_and_exponent(pair.public_key().as_ref()).ok_or(KeyError::Malformed)?;
    let public = VerifyingKey::from_jwk(&Jwk::rs256(kid, n, e))?;
    Ok((Pair::Rs256(pair), public))
}

fn hs256(kid: String, secret: &[u8]) -> Halves {
    let public = VerifyingKey::hs256(kid, secret)?;
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    Ok((Pair::Hs256(Box::new(secret)), public))
}
