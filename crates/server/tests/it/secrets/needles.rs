//! What is searched for, in every form in which it could have slipped out, and the places to search.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// No needle is shorter: eight bytes are found by chance nowhere, and tell each needle from the others.
const SHORTEST: usize = 8;

/// Where something may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nowhere: kept sealed, or not at all.
    Kept,
    /// In the answer to whom it was issued, and nowhere else.
    Issued,
    /// A platform's name for a person: in one table.
    Named,
    /// What people call themselves and their devices: in their rows and in their own answers.
    Personal,
}

/// Something to search for, in one of its forms.
#[derive(Debug, Clone)]
pub(super) struct Needle {
    pub(super) class: Class,
    pub(super) what: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// A text: as it is, inside JSON, inside an address, and what it means if it is base64.
pub(super) fn text(class: Class, what: &'static str, text: &str) -> Vec<Needle> {
    let json = serde_json::to_string(text).unwrap();
    let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let mut forms: Vec<Vec<u8>> = vec![text.into(), json[1..json.len() - 1].into(), escaped.into()];
    forms.push(text.replace('/', "\\/").into());
    if let Ok(meant) = STANDARD.decode(text)
        && meant.len() >= SHORTEST
    {
        forms.extend(spelt(&meant));
    }
    needles(class, what, forms)
}

/// Bytes: as they are, and in the spellings that programs print bytes in.
pub(super) fn binary(class: Class, what: &'static str, bytes: &[u8]) -> Vec<Needle> {
    needles(class, what, spelt(bytes))
}

fn spelt(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let listed = format!("{bytes:?}");
    let compact = listed.replace(' ', "");
    let forms = [
        hex.to_uppercase(),
        hex,
        listed,
        compact,
        STANDARD.encode(bytes),
        STANDARD_NO_PAD.encode(bytes),
        URL_SAFE_NO_PAD.encode(bytes),
    ];
    forms.into_iter().map(String::into_bytes).chain([bytes.to_vec()]).collect()
}

fn needles(class: Class, what: &'static str, mut forms: Vec<Vec<u8>>) -> Vec<Needle> {
    forms.sort();
    forms.dedup();
    forms.into_iter().map(|bytes| Needle { class, what, bytes }).collect()
}

/// A place to search.
pub(super) struct Hay {
    pub(super) name: String,
    bytes: Vec<u8>,
    allowed: &'static [Class],
}

impl Hay {
    pub(super) fn new(name: &str, bytes: impl Into<Vec<u8>>, allowed: &'static [Class]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.into(), allowed }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        self.bytes.windows(bytes.len()).any(|window| window == bytes)
    }

    /// What stands here and may not.
    pub(super) fn found(&self, needles: &[Needle]) -> Vec<String> {
        let forbidden: Vec<&Needle> = needles.iter().filter(|it| !self.allowed.contains(&it.class)).collect();
        let mut found: Vec<String> = search(&self.bytes, &forbidden).into_iter().map(|it| it.what.to_owned()).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The search itself is good: with all needles put in, all are found.
    pub(super) fn assert_finds_what_is_planted(&self, needles: &[Needle]) {
        let all: Vec<&Needle> = needles.iter().collect();
        let mut planted = self.bytes.clone();
        for needle in needles {
            assert!(needle.bytes.len() >= SHORTEST, "{needle:?} is too short to be searched for");
            planted.push(b'\n');
            planted.extend_from_slice(&needle.bytes);
        }
        let found = search(&planted, &all);
        let missed = needles.iter().find(|needle| !found.iter().any(|found| found.bytes == needle.bytes));
        assert!(missed.is_none(), "a planted copy was not found in {}: {missed:?}", self.name);
    }
}

/// Which needles stand in `hay`: one walk, by their first bytes.
fn search<'a>(hay: &[u8], needles: &[&'a Needle]) -> Vec<&'a Needle> {
    let mut by_head: HashMap<&[u8], Vec<&'a Needle>> = HashMap::new();
    for needle in needles {
        by_head.entry(&needle.bytes[..SHORTEST]).or_default().push(needle);
    }
    let mut found = Vec::new();
    for (at, head) in hay.windows(SHORTEST).enumerate() {
        if let Some(candidates) = by_head.get_mut(head) {
            candidates.retain(|needle| {
                let stands = hay[at..].starts_with(&needle.bytes);
                if stands {
                    found.push(*needle);
                }
                !stands
            });
        }
    }
    found
}
