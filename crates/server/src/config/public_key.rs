//! A public key from a file: PEM as openssl writes it, or a JSON Web Key. Does not: reading PEM (the token crate).

use menjin_token::{Algorithm, Jwk, KeyError, VerifyingKey};

/// The key, if it is one of this algorithm; else what to do.
pub(super) fn parse(text: &str, algorithm: Algorithm) -> Result<Jwk, &'static str> {
    let is_json = text.trim_start().starts_with('{');
    let key = if is_json { of_json(text) } else { VerifyingKey::from_pem(algorithm, String::new(), text) };
    let key = key.map_err(what_to_do)?;
    match key.jwk() {
        Some(jwk) if key.algorithm() == algorithm => Ok(Jwk { kid: None, ..jwk.clone() }),
        _ => Err(what_to_do(KeyError::Unsupported)),
    }
}

fn of_json(text: &str) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk(&serde_json::from_str(text).map_err(|_| KeyError::Malformed)?)
}

fn what_to_do(error: KeyError) -> &'static str {
    match error {
        KeyError::TooShort | KeyError::Weak | KeyError::Generate => {
            "must hold a key that is neither broken nor weak, of 2048 bits or more for RS256"
        }
        KeyError::Unsupported => "must hold a public key of the algorithm that `alg` names",
        KeyError::Malformed => {
            "must hold a public key as PEM (`-----BEGIN PUBLIC KEY-----`, which `openssl pkey -pubout` writes) or as a JSON Web Key"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtrtgrMHSFpVd2dUM7TSY\n\
        mN5QxfG21DFRebfPo2A/pqjZaoNUeUInVDzqrxVn84nsVnVfBWwKq2baLxCjgA0Z\n\
        WqQ94EJw3aoSKAJzHJ7kpJHZvbQ5v2dLeAwaqhXyzd55QAA0RhZGYlOBRn5QGnou\n\
        1AXl3gSvUQZA0kR3sRrLNJCfRZKNhng/ZKcJ6XKntxxs0BlW2tS85lkIJVbXlpsS\n\
        l1izDWVSkRiyWNZeFH8yMCdW12duDIilOgoyIw6GlY5KYFSgDej6SMZx2ozyjqiN\n\
        BvGnQ1h4Z/qlCWpFbIH6PfkW/GW1qhahSUKmAgHCszlBWm68+F1H4e+uc/EbPYRl\n\
        7wIDAQAB\n\
        -----END PUBLIC KEY-----\n";
    const P256_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE59FshglLYmgOivCqhHnSmdcVLejV\n\
        EpiOrAV1nItcsfVXomaLthb4J5NQLW9kHBTsAK2sKSMu1UDH/jWmhRZyLg==\n\
        -----END PUBLIC KEY-----\n";
    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAw6FaiBg/zzEhYuvmIDkU9J0VzlaspqroL0p1tFGOCKY=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn keys_as_openssl_writes_them_are_read() {
        for (text, algorithm) in
            [(RSA_PEM, Algorithm::Rs256), (P256_PEM, Algorithm::Es256), (ED25519_PEM, Algorithm::EdDsa)]
        {
            let jwk = parse(text, algorithm).unwrap();
            let again = serde_json::to_string(&jwk).unwrap();
            assert_eq!(parse(&again, algorithm), Ok(jwk));
            for other in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
                assert_eq!(parse(text, other).is_ok(), other == algorithm);
            }
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let cut = &RSA_PEM.replacen("MIIB", "MIIA", 1);
        for odd in ["", "{}", "secret", "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", cut] {
            assert!(parse(odd, Algorithm::Rs256).is_err(), "{odd}");
        }
    }
}
