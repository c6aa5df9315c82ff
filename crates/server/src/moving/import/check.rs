//! What a person of another system must be like to be one of ours. Each refusal names the field.

use std::collections::HashMap;
use std::collections::btree_map::BTreeMap;
use std::collections::hash_map::Entry;

use anyhow::{Context as _, ensure};
use menjin_platform::{OpenId, UnionId};
use menjin_token::Timestamp;

use super::Import;
use super::profile::Profile;
use super::raw::{Field, Name, Of, Raw, Reject};
use crate::config::{App, PlatformName};
use crate::entropy::sha256;
use crate::people::is_unprintable;
use crate::people::password::{Hash, NOBODYS, Name as PasswordName};
use crate::store::IdentityName;

/// The largest number that every JSON reader keeps exact.
const LARGEST: i64 = 1 << 53;
/// Longest external id, in bytes.
const EXTERNAL_ID: usize = 255;

/// A person who may be taken in.
pub(super) struct Person {
    pub(super) number: i64,
    pub(super) external_id: Option<String>,
    pub(super) nickname: Option<String>,
    pub(super) avatar_url: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) disabled: bool,
    pub(super) identities: Vec<NamedIdentity>,
    /// Their name, and what was kept of their password.
    pub(super) password: Option<(PasswordName, Hash)>,
    /// Fields that they come in without.
    pub(super) left_out: Vec<Reject>,
}

/// An identity, with the unionid and its open-platform account.
type NamedIdentity = (IdentityName, Option<(String, String)>);

/// What is known while a source is read.
pub(super) struct Checks {
    apps: Vec<PlatformApp>,
    /// The app of openids that don't say theirs.
    app: Option<PlatformApp>,
    utc_offset: i16,
    now: Timestamp,
    highest: i64,
    numbers: HashMap<i64, u64>,
    external_ids: HashMap<[u8; 16], u64>,
    openids: HashMap<[u8; 16], u64>,
    usernames: HashMap<[u8; 16], u64>,
}

#[derive(Clone)]
struct PlatformApp {
    id: String,
    platform: PlatformName,
    appid: String,
    open_account: Option<String>,
}

impl Checks {
    /// Of the file's apps; `has_passwords`: whether some app takes them, the file's or the store's.
    pub(super) fn new((apps, has_passwords): (&[App], bool), import: &Import, now: Timestamp) -> anyhow::Result<Self> {
        let apps: Vec<PlatformApp> = apps.iter().filter_map(PlatformApp::of).collect();
        ensure!(!apps.is_empty() || has_passwords, "menjin.toml has no [[app]] of a platform: openids belong to one");
        let named = |id: &String| {
            let ids = || apps.iter().map(|app| app.id.as_str()).collect::<Vec<_>>().join(", ");
            let found = apps.iter().find(|app| app.id == *id).cloned();
            found.with_context(|| format!("--app: no [[app]] of a platform is called {id:?}; there is {}", ids()))
        };
        let app = match &import.app {
            Some(id) => Some(named(id)?),
            None if apps.len() == 1 => apps.first().cloned(),
            None => None,
        };
        Ok(Self {
            apps,
            app,
            utc_offset: import.utc_offset,
            now,
            highest: 0,
            numbers: HashMap::new(),
            external_ids: HashMap::new(),
            openids: HashMap::new(),
            usernames: HashMap::new(),
        })
    }

    /// The highest number of the source, of those who were left out too: somebody's row elsewhere may have it.
    pub(super) fn highest(&self) -> i64 {
        self.highest
    }

    pub(super) fn check(&mut self, raw: &Raw) -> Result<Person, Reject> {
        let texts = Texts::of(raw);
        let place = raw.place;
        let number = self.number(&texts);
        let external_id = texts.get(Field::ExternalId).map(|text| external_id(text, place)).transpose();
        let identities = self.identities(&texts);
        let username = texts.get(Field::Username).map(|text| username(text, place)).transpose();
        // Before anything else is asked: whatever this one is left out for, nobody further down gets what is theirs.
        let twice = self.note(
            number.as_ref().ok().copied(),
            external_id.as_ref().ok().and_then(Option::as_deref),
            identities.as_deref().unwrap_or_default(),
            place,
        );
        let twice = twice.or(self.note_name(username.as_ref().ok().and_then(Option::as_ref), place));
        let (mut left_out, unreadable): (Vec<_>, Vec<_>) =
            texts.unreadable.iter().cloned().partition(Reject::is_of_profile);
        if let Some(reject) = unreadable.into_iter().next() {
            return Err(reject);
        }
        let (number, external_id, identities) = (number?, external_id?, identities?);
        let password = username?.map(|name| (name, kept(&texts, &mut left_out)));
        if identities.is_empty() && external_id.is_none() && password.is_none() {
            return Err(Reject::new(
                place,
                &"openid",
                "is missing, and so are external_id and username: nobody could be this user",
            ));
        }
        twice.map_or(Ok(()), Err)?;
        let disabled = texts.truth(Field::Disabled)?.or(texts.truth(Field::Active)?.map(|active| !active));
        let profile = Profile::of(&texts, self.utc_offset, self.now, &mut left_out);
        Ok(Person {
            number,
            external_id,
            nickname: profile.nickname,
            avatar_url: profile.avatar_url,
            created_at: profile.created_at.unwrap_or(self.now),
            disabled: disabled.unwrap_or(false),
            identities,
            password,
            left_out,
        })
    }

    fn number(&mut self, texts: &Texts<'_>) -> Result<i64, Reject> {
        let refused = |why| Reject::new(texts.place, &"number", why);
        let text = texts.get(Field::Number).ok_or_else(|| refused("is missing"))?;
        let number: i64 = text.parse().map_err(|_| refused("is no whole number"))?;
        if number <= 0 || number > LARGEST {
            return Err(refused("must be from 1 to 9007199254740992"));
        }
        self.highest = self.highest.max(number);
        Ok(number)
    }

    fn identities(&self, texts: &Texts<'_>) -> Result<Vec<NamedIdentity>, Reject> {
        let mut found = Vec::new();
        let mut unionid_is_used = false;
        let of_person = texts.group(&Of::Person);
        for of in texts.groups() {
            let group = texts.group(of);
            let Some(openid) = group.get(&Field::Openid) else {
                if *of == Of::Person {
                    continue;
                }
                return Err(Reject::new(texts.place, &name(Field::Openid, of), "is missing"));
            };
            let app = self.app_of(of, &group, texts.place)?;
            let openid = OpenId::parse(*openid)
                .map_err(|_| Reject::new(texts.place, &name(Field::Openid, of), "is no openid"))?;
            let own = group.get(&Field::Unionid);
            let unionid = match (own.or(of_person.get(&Field::Unionid)), &app.open_account) {
                (Some(unionid), Some(account)) => {
                    unionid_is_used = true;
                    let unionid = UnionId::parse(*unionid)
                        .map_err(|_| Reject::new(texts.place, &name(Field::Unionid, of), "is no unionid"))?;
                    Some((unionid.as_str().to_owned(), account.clone()))
                }
                (Some(_), None) if own.is_some() => {
                    let why = "its app has no open_account in menjin.toml, which unionids belong to";
                    return Err(Reject::new(texts.place, &name(Field::Unionid, of), why));
                }
                (Some(_) | None, _) => None,
            };
            let openid = openid.as_str().to_owned();
            let platform = app.platform.as_str();
            found.push((IdentityName { platform, appid: app.appid.clone(), openid }, unionid));
        }
        if of_person.contains_key(&Field::Unionid) && !unionid_is_used && !found.is_empty() {
            let why = "its app has no open_account in menjin.toml, which unionids belong to";
            return Err(Reject::new(texts.place, &"unionid", why));
        }
        Ok(found)
    }

    fn app_of(&self, of: &Of, group: &Group<'_>, place: u64) -> Result<&PlatformApp, Reject> {
        let named = match of {
            Of::App(app) => Some(app.as_str()),
            Of::Person | Of::Nth(_) => group.get(&Field::App).copied(),
        };
        if let Some(id) = named {
            let found = self.apps.iter().find(|app| app.id == id);
            return found
                .ok_or_else(|| Reject::new(place, &name(Field::App, of), "no [[app]] of menjin.toml is called so"));
        }
        if let Some(appid) = group.get(&Field::Appid) {
            let found = self.apps.iter().find(|app| app.appid == *appid);
            return found.ok_or_else(|| {
                Reject::new(place, &name(Field::Appid, of), "no [[app]] of menjin.toml has this AppID")
            });
        }
        self.app
            .as_ref()
            .ok_or_else(|| Reject::new(place, &name(Field::App, of), "is missing: say --app, or app or appid for each"))
    }

    /// No name stands twice in one source, however it is written.
    fn note_name(&mut self, name: Option<&PasswordName>, place: u64) -> Option<Reject> {
        let first = seen(&mut self.usernames, short(&[&name?.lookup]), place)?;
        Some(Reject::twice(place, &"username", first))
    }

    /// Nobody stands twice in one source.
    fn note(
        &mut self,
        number: Option<i64>,
        external_id: Option<&str>,
        identities: &[NamedIdentity],
        place: u64,
    ) -> Option<Reject> {
        let twice = |field: &str, first: Option<u64>| first.map(|first| Reject::twice(place, &field, first));
        let number = number.and_then(|number| seen(&mut self.numbers, number, place));
        let external_id = external_id.and_then(|id| seen(&mut self.external_ids, short(&[id]), place));
        let mut openid = None;
        for (name, _) in identities {
            let first = seen(&mut self.openids, short(&[name.platform, &name.appid, &name.openid]), place);
            openid = openid.or(first);
        }
        twice("number", number).or(twice("external_id", external_id)).or(twice("openid", openid))
    }
}

impl PlatformApp {
    fn of(app: &App) -> Option<Self> {
        let (platform, appid) = (app.platform?, app.appid.clone()?);
        Some(Self { id: app.id.clone(), platform, appid, open_account: app.open_account.clone() })
    }
}

/// Somebody's number, if it is one.
pub(super) fn number(raw: &Raw) -> Option<i64> {
    let (_, text) = raw.fields.iter().find(|(name, _)| *name == Name::of_person(Field::Number))?;
    let number = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (1..=LARGEST).contains(&number).then_some(number)
}

/// Where this stood first; `None` when it is new, and noted.
fn seen<K: Eq + std::hash::Hash>(places: &mut HashMap<K, u64>, key: K, place: u64) -> Option<u64> {
    match places.entry(key) {
        Entry::Occupied(first) => Some(*first.get()),
        Entry::Vacant(new) => {
            new.insert(place);
            None
        }
    }
}

/// A digest in the place of the text: millions of them must fit into memory.
fn short(parts: &[&str]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&sha256(parts.join("\0").as_bytes())[..16]);
    short
}

fn name(field: Field, of: &Of) -> Name {
    Name { field, of: of.clone() }
}

/// The name that somebody signs in by.
fn username(text: &str, place: u64) -> Result<PasswordName, Reject> {
    let why = "must be 1 to 150 letters, digits and . _ - @ + without spaces";
    PasswordName::of_elsewhere(text).map_err(|_| Reject::new(place, &"username", why))
}

/// What was kept of the password; what is in no form that is known here is left out: an operator gives them a one-use code.
fn kept(texts: &Texts<'_>, left_out: &mut Vec<Reject>) -> Hash {
    let Some(text) = texts.get(Field::PasswordHash) else { return NOBODYS };
    Hash::parse(text).unwrap_or_else(|| {
        let why =
            "is in no form that is taken: pbkdf2_sha256, pbkdf2_sha1, bcrypt, bcrypt_sha256 and argon2, at usual costs";
        left_out.push(Reject::new(texts.place, &"password_hash", why));
        NOBODYS
    })
}

fn external_id(text: &str, place: u64) -> Result<String, Reject> {
    let refused = |why: String| Err(Reject::new(place, &"external_id", why));
    if text.len() > EXTERNAL_ID {
        return refused(format!("is longer than {EXTERNAL_ID} bytes"));
    }
    if text.chars().any(is_unprintable) {
        return refused("has characters that can't be shown".to_owned());
    }
    Ok(text.to_owned())
}

/// The fields of one identity, or of the person.
type Group<'a> = BTreeMap<Field, &'a str>;

/// A person's fields, as text without spaces around it.
pub(super) struct Texts<'a> {
    pub(super) place: u64,
    unreadable: Vec<Reject>,
    groups: BTreeMap<Of, Group<'a>>,
}

impl<'a> Texts<'a> {
    fn of(raw: &'a Raw) -> Self {
        let mut texts = Self { place: raw.place, unreadable: raw.unreadable.clone(), groups: BTreeMap::new() };
        for (name, bytes) in &raw.fields {
            match std::str::from_utf8(bytes).map(str::trim) {
                Ok("") => {}
                Ok(text) => drop(texts.groups.entry(name.of.clone()).or_default().insert(name.field, text)),
                Err(_) => texts.unreadable.push(Reject::new(raw.place, &name, "is not UTF-8")),
            }
        }
        texts
    }

    fn groups(&self) -> impl Iterator<Item = &Of> {
        self.groups.keys()
    }

    fn group(&self, of: &Of) -> Group<'a> {
        self.groups.get(of).cloned().unwrap_or_default()
    }

    pub(super) fn get(&self, field: Field) -> Option<&'a str> {
        self.groups.get(&Of::Person)?.get(&field).copied()
    }

    fn truth(&self, field: Field) -> Result<Option<bool>, Reject> {
        let Some(text) = self.get(field) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "t" | "true" | "y" | "yes" => Ok(Some(true)),
            "0" | "f" | "false" | "n" | "no" => Ok(Some(false)),
            _ => Err(Reject::new(self.place, &field.as_str(), "is neither true nor false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::Origin;
    use super::*;
    use crate::config::Config;

    const APPS: &str = r#"
        [[app]]
        id = "shop"
        kind = "mini_program"
        platform = "wechat"
        appid = "wx0000000000000001"
        secret = "0123456789abcdef0123456789abcdef"
        open_account = "company"
        [[app]]
        id = "club"
        kind = "mini_program"
        platform = "wechat"
        appid = "wx0000000000000002"
        secret = "0123456789abcdef0123456789abcdef"
        open_account = "company"
        [[app]]
        id = "alone"
        kind = "mini_program"
        platform = "wechat"
        appid = "wx0000000000000003"
        secret = "0123456789abcdef0123456789abcdef"
        [[app]]
        id = "office"
        kind = "backend"
    "#;

    fn checks(app: Option<&str>) -> anyhow::Result<Checks> {
        let config = Config::parse(APPS, Path::new("")).unwrap();
        let import = Import {
            from: Origin::Csv(PathBuf::new()),
            app: app.map(str::to_owned),
            utc_offset: 0,
            dry_run: false,
            rejects: PathBuf::new(),
        };
        Checks::new((&config.app, false), &import, Timestamp::from_secs(1_800_000_000))
    }

    /// What becomes of number 1 with these fields: appid, openid and unionid of each identity, or why not.
    fn checked(app: Option<&str>, fields: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let named = |(name, text): &(&str, &str)| (Name::parse(name).unwrap(), text.as_bytes().to_vec());
        let fields = std::iter::once(&("number", "1")).chain(fields).map(named).collect();
        let person = checks(app).unwrap().check(&Raw { place: 2, fields, ..Raw::default() });
        let person = person.map_err(|reject| format!("{} {}", reject.field, reject.why))?;
        let shown = |(name, unionid): NamedIdentity| {
            let (unionid, account) = unionid.unwrap_or_default();
            format!("{} {} {unionid} {account}", name.appid, name.openid)
        };
        Ok(person.identities.into_iter().map(shown).collect())
    }

    #[test]
    fn an_openid_is_of_the_app_that_is_named() {
        let alone = ["wx0000000000000003 o  "];
        assert_eq!(checked(Some("alone"), &[("openid", "o")]).unwrap(), alone);
        assert_eq!(checked(None, &[("openid", "o"), ("app", "alone")]).unwrap(), alone);
        assert_eq!(checked(Some("shop"), &[("openid", "o"), ("appid", "wx0000000000000003")]).unwrap(), alone);
        assert_eq!(checked(Some("shop"), &[("OpenID.alone", "o")]).unwrap(), alone);
        assert!(checked(None, &[("openid", "o")]).unwrap_err().contains("--app"), "there are several");
        assert!(checked(None, &[("openid.office", "o")]).unwrap_err().starts_with("app.office no [[app]]"));
        let error = checks(Some("office")).err().unwrap().to_string();
        assert!(error.contains("\"office\"") && error.contains("shop, club, alone"), "{error}");
    }

    #[test]
    fn a_unionid_is_of_all_apps_of_the_account_unless_one_is_named() {
        let found =
            checked(Some("shop"), &[("openid", "a"), ("openid.club", "b"), ("openid.alone", "c"), ("unionid", "u")]);
        let expected = ["wx0000000000000001 a u company", "wx0000000000000003 c  ", "wx0000000000000002 b u company"];
        assert_eq!(found.unwrap(), expected);
        let found = checked(Some("shop"), &[("openid", "a"), ("openid.club", "b"), ("unionid.club", "u")]);
        assert_eq!(found.unwrap(), ["wx0000000000000001 a  ", "wx0000000000000002 b u company"]);
        for fields in [[("openid.alone", "c"), ("unionid.alone", "u")], [("openid.alone", "c"), ("unionid", "u")]] {
            assert!(checked(None, &fields).unwrap_err().contains("open_account"), "{fields:?}");
        }
        assert_eq!(checked(None, &[("unionid.club", "u")]).unwrap_err(), "openid.club is missing");
    }

    #[test]
    fn the_only_app_need_not_be_named() {
        let config =
            Config::parse(APPS.split("[[app]]\n        id = \"club\"").next().unwrap(), Path::new("")).unwrap();
        let import = Import {
            from: Origin::Csv(PathBuf::new()),
            app: None,
            utc_offset: 0,
            dry_run: false,
            rejects: PathBuf::new(),
        };
        assert!(Checks::new((&config.app, false), &import, Timestamp::from_secs(0)).unwrap().app.is_some());
        assert!(Checks::new((&[], false), &import, Timestamp::from_secs(0)).is_err());
        assert!(Checks::new((&[], true), &import, Timestamp::from_secs(0)).is_ok(), "names need no platform");
    }
}
