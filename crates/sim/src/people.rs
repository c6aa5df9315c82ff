//! The people who hold the simulated phones, and the names that the platforms give them.
//!
//! openid and unionid depend on nothing but the person and the app, so that a development database stays meaningful when the
//! simulator starts anew, whatever its seed. A phone number that nobody chose is derived as well.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::apps::App;
use crate::wechat::Verdict;

/// A telephone number in its two parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Phone {
    /// Without the country code; digits only.
    pub number: String,
    /// `86` for China; digits only.
    pub country_code: String,
}

/// Somebody with a phone. All of it can be changed through `/_sim/people`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The simulator's name for the person; any text.
    pub person: String,
    /// `None`: the anonymous profile that WeChat gives of everybody since 2022.
    pub nickname: Option<String>,
    /// `None`: the grey picture.
    pub avatar_url: Option<String>,
    /// What `getPhoneNumber` gives.
    pub phone: Phone,
    /// WeChat's risk control refuses this person: 40226.
    pub blocked: bool,
    /// What `msg_sec_check` says of whatever this person writes; `None`: what the words say.
    pub verdict: Option<Verdict>,
}

impl Person {
    fn new(name: &str) -> Self {
        Self {
            person: name.to_owned(),
            nickname: None,
            avatar_url: None,
            phone: phone_of(name),
            blocked: false,
            verdict: None,
        }
    }
}

/// A person as one app sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) person: String,
    pub(crate) appid: String,
    pub(crate) openid: String,
}

#[derive(Debug, Default)]
pub(crate) struct People {
    people: BTreeMap<String, Person>,
    seen: HashMap<String, Who>,
}

impl People {
    /// The person of that name, made on sight.
    pub(crate) fn meet(&mut self, name: &str) -> &mut Person {
        self.people.entry(name.to_owned()).or_insert_with(|| Person::new(name))
    }

    /// The person as the app sees them; from now on the openid is known to be theirs.
    pub(crate) fn meet_as(&mut self, name: &str, app: &App) -> Who {
        self.meet(name);
        let openid = app.platform.openid(name, &app.appid);
        let who = Who { person: name.to_owned(), appid: app.appid.clone(), openid: openid.clone() };
        self.seen.entry(openid).or_insert(who).clone()
    }

    pub(crate) fn by_openid(&self, openid: &str) -> Option<&Who> {
        self.seen.get(openid)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }
}

/// `o` and 27 more characters; the first six are the app's, as seen in the wild.
pub(crate) fn openid(person: &str, appid: &str) -> String {
    format!("o{}{}", derived(&["openid", appid], 5), derived(&["openid", appid, person], 22))
}

/// As an openid, of the open-platform account.
pub(crate) fn unionid(person: &str, open_account: &str) -> String {
    format!("o{}{}", derived(&["unionid", open_account], 5), derived(&["unionid", open_account, person], 22))
}

/// `gh_` and twelve hex digits: an app's name as a sender and receiver of messages.
pub(crate) fn original_id(appid: &str) -> String {
    format!("gh_{}", crate::wechat::hex(&digest(&["original", appid])[..6]))
}

/// `G` and 27 more characters: the person as a plugin of the app sees them.
pub(crate) fn openpid(person: &str, appid: &str) -> String {
    format!("G{}", derived(&["openpid", appid, person], 27))
}

/// A Chinese mobile number: 1, then 3 to 9, then nine digits.
fn phone_of(person: &str) -> Phone {
    let digest = digest(&["phone", person]);
    let tail: String = digest[1..10].iter().map(|byte| char::from(b'0' + byte % 10)).collect();
    Phone { number: format!("1{}{tail}", 3 + digest[0] % 7), country_code: "86".to_owned() }
}

fn derived(parts: &[&str], length: usize) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(digest(parts));
    text.truncate(length);
    text
}

/// Each part goes in behind its length, so that no two lists of parts hash alike.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openid_depends_on_person_and_app_alone() {
        assert_eq!(openid("alice", "wx0123456789abcdef"), openid("alice", "wx0123456789abcdef"));
        assert_ne!(openid("alice", "wx0123456789abcdef"), openid("bob", "wx0123456789abcdef"));
        assert_ne!(openid("alice", "wx0123456789abcdef"), openid("alice", "wx0123456789abcde0"));
        assert_ne!(unionid("alice", "acme"), openid("alice", "acme"));
    }

    /// Development databases hold these; a change of the derivation orphans every one of them.
    #[test]
    fn the_names_of_people_never_change_between_versions() {
        assert_eq!(openid("alice", "wx0123456789abcdef"), "oq730QxJZStC1mpyALn-lZjQXc7n");
        assert_eq!(unionid("alice", "acme"), "oQAZZjcFqpBu0Hbe1juxKjxqIF0f");
        assert_eq!(phone_of("alice").number, "19909698110");
    }

    #[test]
    fn ids_look_as_wechats_do() {
        for id in [openid("爱丽丝", "wx0123456789abcdef"), unionid("", "")] {
            assert_eq!(id.len(), 28, "{id}");
            assert!(
                id.starts_with('o') && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
                "{id}"
            );
        }
    }

    #[test]
    fn everybody_has_a_plausible_mobile_number() {
        for person in ["alice", "bob", "carol", "爱丽丝"] {
            let number = phone_of(person).number;
            assert_eq!(number.len(), 11, "{number}");
            assert!(number.starts_with('1') && (b'3'..=b'9').contains(&number.as_bytes()[1]), "{number}");
        }
    }
}
