//! A person as a source has them, before anything is believed; and why somebody is left out.

use std::borrow::Cow;

/// What a source gives: somebody, or why they can't be read.
pub(super) type Found = Result<Raw, Reject>;

/// A person's fields as bytes, none of them empty.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// The line, or the number in a table.
    pub(super) place: u64,
    pub(super) fields: Vec<(Name, Vec<u8>)>,
    /// Fields that are there and can't be read.
    pub(super) unreadable: Vec<Reject>,
}

/// What a field is, and of which identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) field: Field,
    pub(super) of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Number,
    ExternalId,
    Nickname,
    AvatarUrl,
    CreatedAt,
    Disabled,
    /// The opposite of disabled, as Django has it.
    Active,
    App,
    Appid,
    Openid,
    Unionid,
    /// The name that they sign in by.
    Username,
    /// What another system kept of their password.
    PasswordHash,
}

/// Which identity a field is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    /// The person, or their only identity.
    Person,
    /// The identity in this app.
    App(String),
    /// The nth of a list.
    Nth(usize),
}

const FIELDS: [(&str, Field); 13] = [
    ("number", Field::Number),
    ("external_id", Field::ExternalId),
    ("nickname", Field::Nickname),
    ("avatar_url", Field::AvatarUrl),
    ("created_at", Field::CreatedAt),
    ("disabled", Field::Disabled),
    ("active", Field::Active),
    ("app", Field::App),
    ("appid", Field::Appid),
    ("openid", Field::Openid),
    ("unionid", Field::Unionid),
    ("username", Field::Username),
    ("password_hash", Field::PasswordHash),
];

impl Field {
    pub(super) fn as_str(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn is_of_identity(self) -> bool {
        matches!(self, Self::App | Self::Appid | Self::Openid | Self::Unionid)
    }
}

impl Name {
    pub(super) fn of_person(field: Field) -> Self {
        Self { field, of: Of::Person }
    }

    /// `openid`, or `openid.club`; `None` for a name that means nothing here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, app) = text.trim().split_once('.').map_or((text.trim(), None), |(name, app)| (name, Some(app)));
        let (_, field) = FIELDS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        match app {
            None => Some(Self::of_person(field)),
            Some(app) if matches!(field, Field::Openid | Field::Unionid) => {
                Some(Self { field, of: Of::App(app.to_owned()) })
            }
            Some(_) => None,
        }
    }

    /// A member of the nth of `identities`.
    pub(super) fn of_nth(text: &str, nth: usize) -> Option<Self> {
        let name = Self::parse(text).filter(|name| name.of == Of::Person && name.field.is_of_identity())?;
        Some(Self { of: Of::Nth(nth), ..name })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.of {
            Of::Person => f.write_str(self.field.as_str()),
            Of::App(app) => write!(f, "{}.{app}", self.field.as_str()),
            Of::Nth(nth) => write!(f, "identities[{nth}].{}", self.field.as_str()),
        }
    }
}

/// Somebody who is left out, or a field of theirs: where they stand, which field and why, and never what stands in it.
#[derive(Debug, Clone)]
pub(super) struct Reject {
    pub(super) place: u64,
    pub(super) field: String,
    pub(super) why: Cow<'static, str>,
    /// What sets this one apart from others with the same reason.
    pub(super) which: String,
}

impl Reject {
    pub(super) fn new(place: u64, field: &dyn std::fmt::Display, why: impl Into<Cow<'static, str>>) -> Self {
        Self { place, field: field.to_string(), why: why.into(), which: String::new() }
    }

    /// Whether the person can do without this field.
    pub(super) fn is_of_profile(&self) -> bool {
        [Field::Nickname, Field::AvatarUrl, Field::CreatedAt, Field::PasswordHash]
            .iter()
            .any(|field| field.as_str() == self.field)
    }

    pub(super) fn with_user(place: u64, field: &str, why: &'static str, user: i64) -> Self {
        Self { which: format!(" (user {user})"), ..Self::new(place, &field, why) }
    }

    pub(super) fn twice(place: u64, field: &dyn std::fmt::Display, first: u64) -> Self {
        Self { which: format!(" (first at {first})"), ..Self::new(place, field, "stands twice in the source") }
    }
}
