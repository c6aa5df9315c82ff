//! What a person may lack: nickname, picture and the time when they came. What can't be taken over is left out and told; the
//! person comes in all the same, as their number is lost for good if they don't.

use std::borrow::Cow;
use std::time::Duration;

use menjin_token::Timestamp;

use super::check::Texts;
use super::moment;
use super::raw::{Field, Reject};
use crate::people::{avatar_url, nickname};
use crate::problem::Fault;

/// Clocks differ.
const FUTURE: Duration = Duration::from_hours(24);

pub(super) struct Profile {
    pub(super) nickname: Option<String>,
    pub(super) avatar_url: Option<String>,
    pub(super) created_at: Option<Timestamp>,
}

impl Profile {
    /// What can be taken over; `left_out` gets the rest.
    pub(super) fn of(texts: &Texts<'_>, utc_offset: i16, now: Timestamp, left_out: &mut Vec<Reject>) -> Self {
        let field = |field: Field| Some((texts.get(field)?, field));
        let nickname = field(Field::Nickname).map(|(text, field)| (nickname(text).map_err(|fault| why(&fault)), field));
        let avatar_url = field(Field::AvatarUrl)
            .map(|(text, field)| (avatar_url(text.to_owned()).map_err(|fault| why(&fault)), field));
        let created_at = field(Field::CreatedAt).map(|(text, field)| (came(text, utc_offset, now), field));
        Self {
            nickname: kept(nickname, texts.place, left_out),
            avatar_url: kept(avatar_url, texts.place, left_out),
            created_at: kept(created_at, texts.place, left_out),
        }
    }
}

fn kept<T>(field: Option<(Result<T, Cow<'static, str>>, Field)>, place: u64, left_out: &mut Vec<Reject>) -> Option<T> {
    let (value, field) = field?;
    value.map_err(|why| left_out.push(Reject::new(place, &field.as_str(), why))).ok()
}

fn why(fault: &Fault) -> Cow<'static, str> {
    if *fault == Fault::NotUploaded {
        // `https://x/a.png` is such an address too.
        return "is a path on a phone, or has a host without a dot: nobody else can open it".into();
    }
    fault.english().into()
}

fn came(text: &str, utc_offset: i16, now: Timestamp) -> Result<Timestamp, Cow<'static, str>> {
    let at = moment::parse(text, utc_offset).ok_or("is no time, e.g. 2020-01-31T08:30:00Z")?;
    if at > now.plus(FUTURE) { Err("is in the future".into()) } else { Ok(at) }
}
