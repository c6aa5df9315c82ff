//! What is kept of a password: argon2id of our own, or what another system kept: Django's PBKDF2, bcrypt and argon2.
//!
//! Lives here: reading, writing and checking them, and what each costs. Does not: doing it beside others (`pool`).

use std::fmt;
use std::num::NonZeroU32;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Typed;
use crate::entropy::sha256;

/// The hash of somebody who has no password: nothing opens it.
pub(crate) const NOBODYS: Hash = Hash::None;
const TAG: usize = 32;
/// In bytes, of PBKDF2: Django makes 22 of them, and every store keeps so many.
const LONGEST_SALT: usize = 128;

/// A kept password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hash {
    /// Argon2, by whomever.
    Argon2 { how: Cost, salt: Vec<u8>, tag: Vec<u8> },
    /// PBKDF2 as Django writes it.
    Pbkdf2 { digest: Digest, iterations: NonZeroU32, salt: Vec<u8>, tag: Vec<u8> },
    /// bcrypt, as most systems write it; Django may take SHA-256 of the password first.
    Bcrypt { of_digest: bool, text: String },
    /// No password opens it.
    None,
}

/// What PBKDF2 goes over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digest {
    Sha1,
    Sha256,
}

/// How argon2 is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    algorithm: Algorithm,
    version: Version,
    memory: u32,
    iterations: u32,
    lanes: u32,
}

impl Cost {
    /// Of our own hashes.
    pub(crate) fn own(memory: u32, iterations: u32) -> Self {
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, memory, iterations, lanes: 1 }
    }

    /// As in PHC's form, between the first `$` and the salt.
    pub(super) fn written(&self) -> String {
        let Self { algorithm, version, memory, iterations, lanes } = self;
        format!("{}$v={}$m={memory},t={iterations},p={lanes}", algorithm.as_str(), u32::from(*version))
    }

    /// Of a text like that; none that would take minutes, or the whole memory.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let algorithm = match parts.next()? {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            "argon2d" => Algorithm::Argon2d,
            _ => return None,
        };
        let (version, costs) = match (parts.next()?, parts.next()) {
            ("v=19", Some(costs)) => (Version::V0x13, costs),
            ("v=16", Some(costs)) | (costs, None) => (Version::V0x10, costs),
            _ => return None,
        };
        let mut numbers = costs.splitn(3, ',').zip(["m=", "t=", "p="]).map(|(part, name)| number(part, name));
        let (memory, iterations, lanes) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let is_bearable = memory <= 262_144 && (1..=32).contains(&iterations) && (1..=16).contains(&lanes);
        let cost = Self { algorithm, version, memory, iterations, lanes };
        Some(cost).filter(|cost| is_bearable && parts.next().is_none() && cost.params(TAG).is_some())
    }

    fn params(&self, tag: usize) -> Option<Params> {
        Params::new(self.memory, self.iterations, self.lanes, Some(tag)).ok()
    }

    fn tag(&self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut tag = Zeroizing::new(vec![0; length]);
        let argon2 = Argon2::new(self.algorithm, self.version, self.params(length)?);
        argon2.hash_password_into(password, salt, &mut tag).ok()?;
        Some(tag)
    }
}

fn number(part: &str, name: &str) -> Option<u32> {
    part.strip_prefix(name)?.parse().ok()
}

impl Digest {
    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "pbkdf2_sha1",
            Self::Sha256 => "pbkdf2_sha256",
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

impl Hash {
    /// A password's hash of our own. Slow.
    pub(super) fn of(password: &Typed, cost: Cost, salt: [u8; 16]) -> Option<Self> {
        let tag = cost.tag(password.folded().as_bytes(), &salt, TAG)?;
        Some(Self::Argon2 { how: cost, salt: salt.to_vec(), tag: tag.to_vec() })
    }

    /// What another system or we have kept; `None` for what is in no form that is known here, or would cost too much.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // Django puts this before what it did not choose, too.
        if text.starts_with('!') {
            return Some(Self::None);
        }
        if let Some(argon2) =
            text.strip_prefix("argon2$").or_else(|| text.strip_prefix('$').filter(|it| it.starts_with('a')))
        {
            let mut from_end = argon2.rsplitn(3, '$');
            let (tag, salt, how) = (from_end.next()?, from_end.next()?, from_end.next()?);
            let how = Cost::parse(how)?;
            let (salt, tag) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(tag).ok()?);
            let fits = (8..=64).contains(&salt.len()) && (16..=128).contains(&tag.len());
            return Some(Self::Argon2 { how, salt, tag }).filter(|_| fits);
        }
        if let Some(text) = text.strip_prefix("bcrypt_sha256$") {
            return bcrypt_text(text).map(|text| Self::Bcrypt { of_digest: true, text });
        }
        if let Some(text) = text.strip_prefix("bcrypt$").or_else(|| Some(text).filter(|it| it.starts_with("$2"))) {
            return bcrypt_text(text).map(|text| Self::Bcrypt { of_digest: false, text });
        }
        let mut parts = text.splitn(4, '$');
        let (name, iterations, salt, tag) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let digest = digest_named(name)?;
        let iterations = iterations_of(iterations)?;
        let (salt, tag) = (salt.as_bytes().to_vec(), STANDARD.decode(tag).ok()?);
        let fits = tag.len() == digest.length() && (1..=LONGEST_SALT).contains(&salt.len());
        Some(Self::Pbkdf2 { digest, iterations, salt, tag }).filter(|_| fits)
    }

    /// How it was made and at what cost, without what is anybody's own.
    pub(crate) fn form(&self) -> String {
        match self {
            Self::Argon2 { how, .. } => how.written(),
            Self::Pbkdf2 { digest, iterations, .. } => format!("{}${iterations}", digest.as_str()),
            Self::Bcrypt { of_digest, text } => {
                format!(
                    "{}${}",
                    if *of_digest { "bcrypt_sha256" } else { "bcrypt" },
                    text.get(4..6).unwrap_or_default()
                )
            }
            Self::None => "none".to_owned(),
        }
    }

    /// One of this form that nobody has, which costs as much to check.
    pub(crate) fn decoy(form: &str) -> Option<Self> {
        if let Some(how) = Cost::parse(form) {
            return Some(Self::Argon2 { how, salt: vec![0; 16], tag: vec![0; TAG] });
        }
        let (name, cost) = form.split_once('$')?;
        if let Some(digest) = digest_named(name) {
            let (salt, tag) = (vec![0; 12], vec![0; digest.length()]);
            return Some(Self::Pbkdf2 { digest, iterations: iterations_of(cost)?, salt, tag });
        }
        let text = bcrypt_text(&format!("$2b${cost}${}", ".".repeat(53)))?;
        match name {
            "bcrypt" => Some(Self::Bcrypt { of_digest: false, text }),
            "bcrypt_sha256" => Some(Self::Bcrypt { of_digest: true, text }),
            _ => None,
        }
    }

    /// Whether it is another one than we would make.
    pub(super) fn is_outdated(&self, cost: Cost) -> bool {
        !matches!(self, Self::Argon2 { how, .. } if *how == cost)
    }

    /// Whether this is the password. Slow. Other systems hashed what came, and we what all keyboards write alike.
    pub(super) fn is_of(&self, password: &Typed, cost: Cost) -> bool {
        let came = password.came().as_bytes();
        match self {
            Self::Argon2 { how, salt, tag } => {
                let same = |text: &[u8]| {
                    let made = how.tag(text, salt, tag.len());
                    made.is_some_and(|made| bool::from(made.as_slice().ct_eq(tag)))
                };
                // Of another system's argon2 nobody knows by its form that it is not ours.
                same(password.folded().as_bytes()) || (password.is_folded_otherwise() && same(came))
            }
            Self::Pbkdf2 { digest, iterations, salt, tag } => {
                pbkdf2::verify(digest.algorithm(), *iterations, salt, came, tag).is_ok()
            }
            Self::Bcrypt { of_digest: false, text } => bcrypt::verify(came, text).unwrap_or(false),
            Self::Bcrypt { of_digest: true, text } => bcrypt::verify(hex(&sha256(came)), text).unwrap_or(false),
            // Whether somebody has a password can't be told by the time that it takes.
            Self::None => {
                Self::Argon2 { how: cost, salt: vec![0; 16], tag: vec![0; TAG] }.is_of(password, cost);
                false
            }
        }
    }
}

/// As it is kept, sealed.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2 { how, salt, tag } => {
                let [salt, tag] = [salt, tag].map(|bytes| STANDARD_NO_PAD.encode(bytes));
                write!(f, "${}${salt}${tag}", how.written())
            }
            Self::Pbkdf2 { digest, iterations, salt, tag } => {
                let salt = String::from_utf8_lossy(salt);
                write!(f, "{}${iterations}${salt}${}", digest.as_str(), STANDARD.encode(tag))
            }
            Self::Bcrypt { of_digest, text } => {
                write!(f, "{}${text}", if *of_digest { "bcrypt_sha256" } else { "bcrypt" })
            }
            Self::None => f.write_str("!"),
        }
    }
}

fn digest_named(name: &str) -> Option<Digest> {
    [Digest::Sha1, Digest::Sha256].into_iter().find(|digest| digest.as_str() == name)
}

/// None that would take minutes.
fn iterations_of(text: &str) -> Option<NonZeroU32> {
    text.parse::<NonZeroU32>().ok().filter(|iterations| iterations.get() <= 10_000_000)
}

/// The alphabet of bcrypt's own base 64.
const BCRYPT: &[u8] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `$2b$12$` and 53 characters: salt and hash; no cost that would take minutes. The last character of each has bits to spare,
/// which most systems pass over: they are cleared, as we would compare nothing else.
fn bcrypt_text(text: &str) -> Option<String> {
    let of_version = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
    let cost = text.get(4..6).and_then(|cost| cost.parse::<u32>().ok()).filter(|cost| (4..=15).contains(cost));
    let (salt, hash) = text.get(6..).and_then(|rest| rest.strip_prefix('$'))?.split_at_checked(22)?;
    let fits = of_version && cost.is_some() && hash.len() == 31;
    let text = format!("{}${}{}", &text[..6], without_spare(salt, 4)?, without_spare(hash, 2)?);
    Some(text).filter(|text| fits && text.parse::<bcrypt::HashParts>().is_ok())
}

/// A text in bcrypt's alphabet, with so many last bits cleared.
fn without_spare(text: &str, bits: u32) -> Option<String> {
    let (last, before) = text.as_bytes().split_last()?;
    let place = |byte: &u8| BCRYPT.iter().position(|it| it == byte);
    let last = BCRYPT[place(last)? >> bits << bits];
    before.iter().all(|byte| place(byte).is_some()).then(|| {
        let before = before.iter().copied().map(char::from);
        before.chain([char::from(last)]).collect()
    })
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from(b"0123456789abcdef"[usize::from(half)]));
    bytes.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    /// As Django 3.2 writes them.
    const OF_DJANGO: [(&str, &str); 5] = [
        ("pbkdf2_sha256$1000", "pbkdf2_sha256$1000$saltsaltsalt$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM="),
        ("pbkdf2_sha1$1000", "pbkdf2_sha1$1000$saltsaltsalt$u+T136GcY4LNdUtAQz+mVxTLAMw="),
        ("bcrypt$04", "bcrypt$$2b$04$abcdefghijklmnopqrstuuxFl2hB7SORbNfx2et2BoRo4G86y278i"),
        ("bcrypt_sha256$04", "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuKvbtYbhExfuizofXu2Rra.gR2QmjzFG"),
        (
            "argon2id$v=19$m=256,t=2,p=8",
            "argon2$argon2id$v=19$m=256,t=2,p=8$c2FsdHNhbHRzYWx0$M6UzYMe5glZXm0Vpnn6ABGKSseS0g4P9wL3RKFXJH6Q",
        ),
    ];
    const CHEAP: Cost =
        Cost { algorithm: Algorithm::Argon2id, version: Version::V0x13, memory: 64, iterations: 1, lanes: 1 };

    fn typed(text: &str) -> Typed {
        Typed::of(&SecretString::from(text)).unwrap()
    }

    #[test]
    fn what_django_keeps_opens_for_its_password_alone() {
        for (form, kept) in OF_DJANGO {
            let hash = Hash::parse(kept).unwrap_or_else(|| panic!("{kept}"));
            assert_eq!(hash.form(), form);
            assert!(hash.is_of(&typed("correct horse 密码"), CHEAP), "{kept}");
            assert!(!hash.is_of(&typed("correct horse 密"), CHEAP), "{kept}");
            assert!(hash.is_outdated(CHEAP));
            assert_eq!(Hash::parse(&hash.to_string()), Some(hash.clone()), "it is read again as it was written");
            let decoy = Hash::decoy(form).unwrap_or_else(|| panic!("{form}"));
            assert_eq!(decoy.form(), form, "a name that is nobody's costs the same");
            if let Hash::Bcrypt { text, .. } = &decoy {
                assert!(text.parse::<bcrypt::HashParts>().is_ok(), "else it would cost nothing: {text}");
            }
            assert!(!decoy.is_of(&typed("correct horse 密码"), CHEAP));
        }
    }

    #[test]
    fn what_we_keep_is_read_again_and_outdated_when_the_cost_changes() {
        let hash = Hash::of(&typed("correct horse"), CHEAP, [7; 16]).unwrap();
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash.clone()));
        assert!(hash.is_of(&typed("correct horse"), CHEAP) && !hash.is_of(&typed("correct hors"), CHEAP));
        assert!(!hash.is_outdated(CHEAP) && hash.is_outdated(Cost { iterations: 2, ..CHEAP }));
        let bare = "$2b$04$abcdefghijklmnopqrstuuxFl2hB7SORbNfx2et2BoRo4G86y278i";
        assert!(Hash::parse(bare).unwrap().is_of(&typed("correct horse 密码"), CHEAP), "as other systems keep it");
    }

    #[test]
    fn bits_that_bcrypt_has_to_spare_bar_nobody() {
        // The same salt and hash, as systems write them that leave something in the spare bits.
        for kept in [
            "$2b$04$abcdefghijklmnopqrstuvxFl2hB7SORbNfx2et2BoRo4G86y278i",
            "$2y$04$abcdefghijklmnopqrstu8xFl2hB7SORbNfx2et2BoRo4G86y278i",
            "$2b$04$abcdefghijklmnopqrstuuxFl2hB7SORbNfx2et2BoRo4G86y278l",
        ] {
            let hash = Hash::parse(kept).unwrap_or_else(|| panic!("{kept}"));
            assert!(hash.is_of(&typed("correct horse 密码"), CHEAP), "{kept}");
            assert!(!hash.is_of(&typed("correct horse 密"), CHEAP), "{kept}");
            assert_eq!(Hash::parse(&hash.to_string()), Some(hash.clone()));
        }
    }

    #[test]
    fn nothing_opens_what_is_no_password() {
        for unusable in ["!", "!Xn3dK2"] {
            let hash = Hash::parse(unusable).unwrap();
            assert_eq!((&hash, hash.to_string().as_str()), (&Hash::None, "!"));
            assert!(!hash.is_of(&typed("!"), CHEAP) && hash.is_outdated(CHEAP));
        }
    }

    #[test]
    fn what_has_no_form_or_would_take_minutes_is_not_taken() {
        for odd in [
            "",
            "plain",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "sha1$salt$5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
            "pbkdf2_sha256$1000$saltsaltsalt$short=",
            "pbkdf2_sha256$0$saltsaltsalt$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM=",
            "pbkdf2_sha256$99999999$saltsaltsalt$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM=",
            "pbkdf2_sha256$1000$$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM=",
            "bcrypt$$2b$31$abcdefghijklmnopqrstuuxFl2hB7SORbNfx2et2BoRo4G86y278i",
            "bcrypt$$2b$04$short",
            "$2b$04$abcdefghijklmnopqrstuuxFl2hB7SORbNfx2et2BoRo4G86y278é",
            "argon2$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHRzYWx0$M6UzYMe5glZXm0Vpnn6ABGKSseS0g4P9wL3RKFXJH6Q",
            "argon2$argon2id$v=19$m=256,t=99,p=8$c2FsdHNhbHRzYWx0$M6UzYMe5glZXm0Vpnn6ABGKSseS0g4P9wL3RKFXJH6Q",
            "argon2$argon2id$v=19$m=256,t=2,p=8$c2Fs$M6UzYMe5glZXm0Vpnn6ABGKSseS0g4P9wL3RKFXJH6Q",
            "argon2$argon9$v=19$m=256,t=2,p=8$c2FsdHNhbHRzYWx0$M6UzYMe5glZXm0Vpnn6ABGKSseS0g4P9wL3RKFXJH6Q",
        ] {
            assert_eq!(Hash::parse(odd), None, "{odd}");
        }
        let salted = |length: usize| {
            let salt = "s".repeat(length);
            Hash::parse(&format!("pbkdf2_sha256$1000${salt}$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM="))
        };
        assert!(salted(LONGEST_SALT).is_some() && salted(LONGEST_SALT + 1).is_none(), "no store has room for it");
    }
}
