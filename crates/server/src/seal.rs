//! Sealing what is secret at rest: AES-256-GCM under a key of each row's own (design §4.1).
//!
//! Lives here: master keys by id, sealing and opening, keyed digests. Does not: knowing which rows there are (`store`).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::config::MasterKey;
use crate::entropy::{Entropy, sha256};

/// Names a master key without telling it.
pub type MasterKeyId = [u8; 4];

const VERSION: u8 = 1;
const HEAD: usize = 1 + 4 + NONCE_LEN;

/// What is sealed: purpose, table and column in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// A signing key's private part; row: its kid.
    SigningKey,
    /// A platform's `session_key`; row: its id.
    SessionKey,
    /// A phone number; row: its id.
    Phone,
    /// A grant's secret; row: its id.
    GrantSecret,
    /// A password's hash; row: its id.
    Password,
    /// A platform's access token; row: the app.
    PlatformToken,
    /// A platform's `AppSecret`; row: the app.
    AppSecret,
    /// A key that keyed digests are made with; row: its name.
    DataKey,
    /// Whom a platform named; row: the digest of the code that is exchanged for them.
    Arrival,
    /// What a platform told of somebody, until it is carried out; row: its digest.
    Push,
    /// An operator's password and second factor; row: the name.
    Operator,
    /// A sign-in that a browser has begun, kept in its cookie; row: the state that it comes back with.
    Start,
    /// A scan that an operator has begun, kept in a cookie; row: the state that it comes back with.
    Scan,
    /// What somebody with the master key asks a running menjin; row: none.
    Question,
}

impl Sealed {
    /// What stands in tables.
    const ALL: [Self; 11] = [
        Self::SigningKey,
        Self::SessionKey,
        Self::Phone,
        Self::GrantSecret,
        Self::Password,
        Self::PlatformToken,
        Self::AppSecret,
        Self::DataKey,
        Self::Arrival,
        Self::Push,
        Self::Operator,
    ];

    fn table(self) -> &'static str {
        match self {
            Self::SigningKey => "signing_keys",
            Self::SessionKey => "session_keys",
            Self::Phone => "phones",
            Self::GrantSecret => "grants",
            Self::Password => "passwords",
            Self::PlatformToken => "platform_tokens",
            Self::AppSecret => "apps",
            Self::DataKey => "data_keys",
            Self::Arrival => "arrivals",
            Self::Push => "pushes",
            Self::Operator => "operators",
            Self::Start | Self::Scan => "cookies",
            Self::Question => "headers",
        }
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::SigningKey => "signing key",
            Self::SessionKey => "platform session key",
            Self::Phone => "phone number",
            Self::GrantSecret => "grant secret",
            Self::Password => "password hash",
            Self::PlatformToken => "platform access token",
            Self::AppSecret => "platform app secret",
            Self::DataKey => "data key",
            Self::Arrival => "arrival",
            Self::Push => "push",
            Self::Operator => "operator's proofs",
            Self::Start => "sign-in under way",
            Self::Scan => "operator's scan",
            Self::Question => "operator's question",
        }
    }

    /// What a table holds; `None` for a table that holds nothing sealed.
    pub(crate) fn of_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.table() == table)
    }

    /// Purpose, table and row, each with its length, so that no two mean the same.
    fn context(self, row: &[u8]) -> Vec<u8> {
        let mut context = Vec::with_capacity(64);
        for part in [self.purpose().as_bytes(), self.table().as_bytes(), row] {
            context.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.extend(part);
        }
        context
    }
}

/// Why something sealed can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum CantOpen {
    /// The master key is not among those configured.
    #[error("sealed under master key {}, which is not configured", hex(*.0))]
    MasterKeyMissing(MasterKeyId),
    /// It is not what was sealed for this row.
    #[error("what is sealed here was damaged or belongs to another row")]
    Damaged,
}

struct Master {
    id: MasterKeyId,
    prk: Prk,
    refresh_mac: hmac::Key,
}

/// Seals under the present master key, opens under any that is configured.
pub struct Sealer {
    masters: Vec<Master>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.masters.iter().map(|master| hex(master.id))).finish()
    }
}

impl Sealer {
    /// A sealer of these keys, the present one first.
    ///
    /// # Panics
    /// Without any key.
    pub fn new(keys: &[MasterKey]) -> Self {
        assert!(!keys.is_empty(), "a sealer needs a key");
        Self { masters: keys.iter().map(Master::new).collect() }
    }

    /// The id of the key that is sealed under now.
    pub fn present(&self) -> MasterKeyId {
        self.masters[0].id
    }

    /// Whether a key with this id is configured.
    pub fn knows(&self, id: MasterKeyId) -> bool {
        self.master(id).is_some()
    }

    /// Seals `plain` for this row alone.
    ///
    /// # Panics
    /// On 64 GiB of plain text.
    pub fn seal(&self, what: Sealed, row: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let master = &self.masters[0];
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let context = what.context(row);
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend(master.id);
        sealed.extend(nonce);
        let mut body = Zeroizing::new(plain.to_vec());
        let tag = master
            .row_key(&context)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&aad(&context, master.id)),
                &mut body,
            )
            .expect("AES-GCM seals anything shorter than 64 GiB");
        sealed.extend(&*body);
        sealed.extend(tag.as_ref());
        sealed
    }

    /// Opens what was sealed for this row.
    pub fn open(&self, what: Sealed, row: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CantOpen> {
        let (head, body) = sealed.split_at_checked(HEAD).ok_or(CantOpen::Damaged)?;
        if head[0] != VERSION {
            return Err(CantOpen::Damaged);
        }
        let id: MasterKeyId = head[1..5].try_into().map_err(|_| CantOpen::Damaged)?;
        let nonce: [u8; NONCE_LEN] = head[5..].try_into().map_err(|_| CantOpen::Damaged)?;
        let master = self.master(id).ok_or(CantOpen::MasterKeyMissing(id))?;
        let context = what.context(row);
        let mut body = Zeroizing::new(body.to_vec());
        let length = master
            .row_key(&context)
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&aad(&context, id)), &mut body)
            .map_err(|_| CantOpen::Damaged)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// MAC of a refresh token under master key `id`; `None` when that key is not configured.
    ///
    /// # Panics
    /// Never: HMAC-SHA-256 gives 32 bytes.
    pub fn refresh_mac(&self, id: MasterKeyId, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mut context = hmac::Context::with_key(&self.master(id)?.refresh_mac);
        for part in parts {
            context.update(part);
        }
        Some(context.sign().as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes"))
    }

    fn master(&self, id: MasterKeyId) -> Option<&Master> {
        self.masters.iter().find(|master| master.id == id)
    }
}

impl Master {
    fn new(key: &MasterKey) -> Self {
        let prk = Salt::new(HKDF_SHA256, b"menjin master key").extract(key.bytes());
        let id = sha256(&*expand(&prk, &[b"id"]))[..4].try_into().expect("four of 32 bytes");
        let refresh_mac = hmac::Key::new(hmac::HMAC_SHA256, &*expand(&prk, &[b"refresh token"]));
        Self { id, prk, refresh_mac }
    }

    fn row_key(&self, context: &[u8]) -> LessSafeKey {
        let key = expand(&self.prk, &[b"row", context]);
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).expect("32 bytes are an AES-256 key"))
    }
}

fn aad(context: &[u8], id: MasterKeyId) -> Vec<u8> {
    [context, &id].concat()
}

struct ThirtyTwo;

impl KeyType for ThirtyTwo {
    fn len(&self) -> usize {
        32
    }
}

fn expand(prk: &Prk, info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    prk.expand(info, ThirtyTwo).and_then(|okm| okm.fill(&mut *key)).expect("HKDF-SHA-256 gives 32 bytes for any info");
    key
}

/// A master key's id as operators read it.
pub fn hex(id: MasterKeyId) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// Keyed digests: equal inputs are found again, and nobody without the key can guess them.
#[derive(Debug)]
pub struct Digester(hmac::Key);

impl Digester {
    /// A digester with this key.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The digest of `data` for `purpose`.
    ///
    /// # Panics
    /// Never: HMAC-SHA-256 gives 32 bytes.
    pub fn digest(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(data);
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 gives 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn sealer(seeds: &[u8]) -> Sealer {
        Sealer::new(&seeds.iter().map(|seed| MasterKey::new([*seed; 32])).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_sealed_opens_for_its_own_row_alone() {
        let sealer = sealer(&[1]);
        let closed = sealer.seal(Sealed::Phone, b"row", b"+8613800000000", &SeededEntropy::new(1));
        assert_eq!(&**sealer.open(Sealed::Phone, b"row", &closed).unwrap(), b"+8613800000000");
        assert!(matches!(sealer.open(Sealed::Phone, b"other", &closed), Err(CantOpen::Damaged)));
        assert!(matches!(sealer.open(Sealed::SessionKey, b"row", &closed), Err(CantOpen::Damaged)));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let sealer = sealer(&[1]);
        let closed = sealer.seal(Sealed::GrantSecret, b"row", b"secret", &SeededEntropy::new(1));
        for at in 0..closed.len() {
            let mut flipped = closed.clone();
            flipped[at] ^= 1;
            assert!(sealer.open(Sealed::GrantSecret, b"row", &flipped).is_err(), "byte {at}");
        }
        for length in 0..closed.len() {
            assert!(sealer.open(Sealed::GrantSecret, b"row", &closed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn an_old_master_key_still_opens_and_a_dropped_one_is_named() {
        let sealed = sealer(&[1]).seal(Sealed::SigningKey, b"k1", b"private", &SeededEntropy::new(1));
        assert!(sealer(&[2, 1]).open(Sealed::SigningKey, b"k1", &sealed).is_ok());
        let error = sealer(&[2]).open(Sealed::SigningKey, b"k1", &sealed).unwrap_err();
        assert!(error.to_string().contains(&hex(sealer(&[1]).present())), "{error}");
    }
}
