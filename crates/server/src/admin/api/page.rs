//! What a list is asked for, and a page of it: filters by an allow-list (AD-04), cursors that say where the next page begins.
//!
//! A page begins behind the last row of the one before, whatever was added meanwhile. Does not: any list (a file a noun).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::extract::told_back;
use crate::problem::{Fault, Problem};

/// Rows of a page, where nothing is said.
const USUAL: u32 = 50;
const MOST: u32 = 200;
/// Letters of a filter's value.
const LONGEST: usize = 512;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct Page<T: ToSchema> {
    /// At most as many as `limit` says. There may be more behind a short page, even behind an empty one: `next` says so.
    pub(in crate::admin) items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(example = "dQAAAAAAAAQA")]
    pub(in crate::admin) next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// Of up to `limit` and one more rows the first `limit`; the last of these says where the next page begins.
    pub(in crate::admin) fn of<P: Place>(mut rows: Vec<T>, limit: u32, place: impl Fn(&T) -> P) -> Self {
        let is_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| is_more).map(|last| cursor(&place(last)));
        Self { items: rows, next }
    }

    /// Of a list that is small and in order of its names.
    pub(in crate::admin) fn among(all: Vec<T>, asked: &Asked, name: impl Fn(&T) -> String) -> Result<Self, Problem> {
        let after: Option<String> = asked.place()?;
        let behind = all.into_iter().filter(|it| after.as_ref().is_none_or(|after| name(it) > *after));
        Ok(Self::of(behind.take(asked.limit as usize + 1).collect(), asked.limit, name))
    }

    /// Of what was found, and behind which row there may be more.
    pub(in crate::admin) fn found<P: Place>(items: Vec<T>, last: Option<P>) -> Self {
        Self { items, next: last.map(|last| cursor(&last)) }
    }
}

/// Where a row stands in its list.
pub(in crate::admin) trait Place: Sized {
    /// A list of another kind has another letter.
    const KIND: u8;
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Place for i64 {
    const KIND: u8 = b'n';
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_be_bytes(bytes.try_into().ok()?))
    }
}

impl Place for String {
    const KIND: u8 = b't';
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

impl Place for menjin_token::SessionId {
    const KIND: u8 = b's';
    fn to_bytes(&self) -> Vec<u8> {
        (*self).to_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_bytes(bytes.try_into().ok()?))
    }
}

impl Place for crate::store::AuditPlace {
    const KIND: u8 = b'a';
    fn to_bytes(&self) -> Vec<u8> {
        [self.at.millis().to_be_bytes(), self.seq.to_be_bytes()].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, seq) = bytes.split_first_chunk()?;
        let at = menjin_token::Timestamp::from_millis(i64::from_be_bytes(*at));
        Some(Self { at, seq: i64::from_be_bytes(seq.try_into().ok()?) })
    }
}

fn cursor<P: Place>(place: &P) -> String {
    URL_SAFE_NO_PAD.encode([&[P::KIND], place.to_bytes().as_slice()].concat())
}

/// What a request wants of a list.
#[derive(Debug)]
pub(in crate::admin) struct Asked {
    /// Rows of a page.
    pub(in crate::admin) limit: u32,
    cursor: Option<String>,
    filters: BTreeMap<&'static str, String>,
}

impl Asked {
    /// Reads a query; the list has these filters beside `limit` and `cursor`, which stand at their end.
    pub(in crate::admin) fn read(query: Option<&str>, known: &'static [&'static str]) -> Result<Self, Problem> {
        let mut filters = parameters(query, known)?;
        let limit = filters.remove("limit").map_or(Ok(USUAL), |text| {
            let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            limit.ok_or_else(|| Problem::field("limit", Fault::NotBetween(1, MOST)))
        })?;
        Ok(Self { limit, cursor: filters.remove("cursor"), filters })
    }

    /// Where the page begins, behind which row; `None` for the first one.
    pub(in crate::admin) fn place<P: Place>(&self) -> Result<Option<P>, Problem> {
        let read = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            P::from_bytes(bytes.strip_prefix(&[P::KIND])?)
        };
        let odd = || Problem::field("cursor", Fault::NotACursor);
        self.cursor.as_ref().map(|text| read(text).ok_or_else(odd)).transpose()
    }

    /// What a filter asks for.
    pub(in crate::admin) fn filter(&self, name: &'static str) -> Option<&str> {
        self.filters.get(name).map(String::as_str)
    }

    /// The same, as what can be read of it.
    pub(in crate::admin) fn parsed<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
        odd: Fault,
    ) -> Result<Option<T>, Problem> {
        match self.filter(name).map(read) {
            Some(None) => Err(Problem::field(name, odd)),
            Some(found) => Ok(found),
            None => Ok(None),
        }
    }

    /// Refuses more than one of these filters at once.
    pub(in crate::admin) fn at_most_one_of(&self, names: &[&'static str]) -> Result<(), Problem> {
        let mut given = names.iter().filter(|name| self.filters.contains_key(*name));
        match (given.next(), given.next()) {
            (Some(one), Some(other)) => Err(Problem::field(*other, Fault::NotBeside(one))),
            _ => Ok(()),
        }
    }
}

/// The parameters of a query, each once and each one that is known.
pub(in crate::admin) fn parameters(
    query: Option<&str>,
    known: &'static [&'static str],
) -> Result<BTreeMap<&'static str, String>, Problem> {
    let mut found = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let Some(name) = known.iter().find(|it| **it == name) else {
            return Err(Problem::field(told_back(&name, "query"), Fault::NotAFilter(known)));
        };
        let fault = if value.is_empty() {
            Some(Fault::Empty)
        } else if value.chars().count() > LONGEST {
            Some(Fault::TooLong(LONGEST))
        } else {
            // No database has a zero in its texts, and nobody is called by a control character.
            value.chars().any(char::is_control).then_some(Fault::Unprintable)
        };
        if let Some(fault) = fault {
            return Err(Problem::field(*name, fault));
        }
        if found.insert(*name, value.into_owned()).is_some() {
            return Err(Problem::field(*name, Fault::Twice));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use menjin_token::{SessionId, Timestamp};

    use super::*;
    use crate::store::AuditPlace;

    const KNOWN: &[&str] = &["app", "state", "limit", "cursor"];

    fn refused(query: &str) -> (String, Fault) {
        match Asked::read(Some(query), KNOWN) {
            Err(Problem::BadField { field, fault }) => (field, fault),
            other => panic!("{query}: {other:?}"),
        }
    }

    #[test]
    fn every_place_reads_back_and_in_no_other_list() {
        fn reads_back<P: Place + PartialEq + std::fmt::Debug>(place: &P) {
            let asked = Asked { limit: 1, cursor: Some(cursor(place)), filters: BTreeMap::new() };
            assert_eq!(asked.place::<P>().unwrap().as_ref(), Some(place));
            let is_number = asked.place::<i64>().is_ok();
            assert_eq!(is_number, P::KIND == b'n', "{place:?}");
        }
        reads_back(&-7_i64);
        reads_back(&"shop".to_owned());
        reads_back(&SessionId::from_bytes([9; 16]));
        reads_back(&AuditPlace { at: Timestamp::from_millis(-1), seq: i64::MAX });
    }

    #[test]
    fn a_cursor_that_nobody_gave_is_refused() {
        for text in ["", "n", "????", "bgAAAAAAAAQ", "bgAAAAAAAAQAAA", "bgAAAAAAAAQA=", &"A".repeat(9000)] {
            let asked = Asked { limit: 1, cursor: Some(text.to_owned()), filters: BTreeMap::new() };
            assert!(asked.place::<i64>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_filter_is_named_and_what_is_no_name_is_not_repeated() {
        assert_eq!(refused("colour=red"), ("colour".to_owned(), Fault::NotAFilter(KNOWN)));
        for odd in ["a%00b=1", "%3Cscript%3E=1", "=1", "a'or'1=1"] {
            assert_eq!(refused(odd), ("query".to_owned(), Fault::NotAFilter(KNOWN)), "{odd}");
        }
        assert_eq!(refused(&format!("{}=1", "a".repeat(41))).0, "query");
    }

    #[test]
    fn a_value_that_can_not_stand_is_refused() {
        assert_eq!(refused("app="), ("app".to_owned(), Fault::Empty));
        assert_eq!(refused("app=a&app=a"), ("app".to_owned(), Fault::Twice));
        assert_eq!(refused("app=a%00"), ("app".to_owned(), Fault::Unprintable));
        assert_eq!(refused(&format!("app={}", "a".repeat(513))), ("app".to_owned(), Fault::TooLong(512)));
        for limit in ["0", "201", "-1", "1e9", "abc", "99999999999999999999", "+1%20"] {
            assert_eq!(refused(&format!("limit={limit}")), ("limit".to_owned(), Fault::NotBetween(1, 200)), "{limit}");
        }
        assert_eq!(Asked::read(None, KNOWN).unwrap().limit, 50);
        assert_eq!(Asked::read(Some("limit=200&app=%E9%97%A8"), KNOWN).unwrap().filter("app"), Some("门"));
    }
}
