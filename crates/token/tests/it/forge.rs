//! Keys shared by all tests, and tokens whose every byte the test chooses, signed with aws-lc directly.

use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use menjin_token::{Algorithm, Claims, Expect, Invalid, KeySet, SigningKey, Timestamp, Typ, verify};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://login.example.com";
pub(crate) const AUDIENCE: &str = "shop-api";
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A key pair and its private bytes.
pub(crate) struct Pair {
    pub(crate) key: SigningKey,
    pub(crate) private: Vec<u8>,
}

impl Pair {
    fn new(algorithm: Algorithm) -> Self {
        let kid = format!("{algorithm}-1");
        let (key, private) = SigningKey::generate(algorithm, kid).unwrap();
        Self { key, private: private.to_vec() }
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::new(vec![self.key.verifying()])
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self.key.algorithm() {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.private)
                .unwrap()
                .sign(&random, message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.private).unwrap().sign(message).as_ref().to_vec()
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(&self.private).unwrap();
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Algorithm::Hs256 => mac(&self.private, message),
        }
    }

    /// A token of exactly this header and payload, honestly signed.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64(header), base64(payload));
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", base64(signature))
    }

    /// An access token whose payload the test chooses.
    pub(crate) fn access(&self, payload: &str) -> String {
        self.token(&self.header().to_string(), payload)
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.key.algorithm(), "kid": self.key.kid(), "typ": "at+jwt"})
    }

    pub(crate) fn verify(&self, token: &str) -> Result<Claims, Invalid> {
        verify(token, &self.keys(), &expected(), NOW)
    }
}

macro_rules! pair {
    ($name:ident, $algorithm:expr) => {
        pub(crate) fn $name() -> &'static Pair {
            static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::new($algorithm));
            &PAIR
        }
    };
}
pair!(es256, Algorithm::Es256);
pair!(eddsa, Algorithm::EdDsa);
pair!(rs256, Algorithm::Rs256);
pair!(hs256, Algorithm::Hs256);

pub(crate) fn pairs() -> [&'static Pair; 4] {
    [es256(), eddsa(), rs256(), hs256()]
}

pub(crate) fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&secret, message).as_ref().to_vec()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// What a guard of `shop-api` expects, with no leeway.
pub(crate) fn expected() -> Expect<'static> {
    Expect { typ: Typ::AccessToken, issuer: Some(ISSUER), audience: Some(AUDIENCE), leeway: Duration::ZERO }
}

/// The claims of an access token that is good at [`NOW`].
pub(crate) fn good_claims() -> Claims {
    Claims {
        iss: Some(ISSUER.to_owned()),
        sub: Some("usr_01k9q3zv6m0000000000000001".to_owned()),
        aud: vec![AUDIENCE.to_owned()],
        iat: Some(NOW),
        jti: Some("evt_1".to_owned()),
        sid: Some("ses_01k9q3zv6m0000000000000002".to_owned()),
        client_id: Some("shop".to_owned()),
        auth_time: Some(NOW),
        amr: vec!["wechat".to_owned()],
        scope: Some("openid profile".to_owned()),
        roles: vec!["clerk".to_owned()],
        permissions: vec!["orders:*".to_owned()],
        ..Claims::expiring(NOW.plus(Duration::from_mins(15)))
    }
}

pub(crate) fn good_payload() -> Value {
    serde_json::to_value(good_claims()).unwrap()
}

/// The good payload with one member replaced.
pub(crate) fn payload_with(name: &str, value: Value) -> String {
    let mut payload = good_payload();
    payload[name] = value;
    payload.to_string()
}

/// The good payload with one member taken out.
pub(crate) fn payload_without(name: &str) -> String {
    let mut payload = good_payload();
    payload.as_object_mut().unwrap().remove(name).unwrap();
    payload.to_string()
}
