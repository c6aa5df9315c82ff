//! A map of session data as its row holds it, and what time and writes make of it: pure functions, so that every back end
//! decides alike.

use std::fmt;
use std::fmt::Write as _;

use anyhow::anyhow;
use menjin_token::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::session_data::{DataChange, DataWrite, Present};
use super::{Result, StoreError};

/// A JSON value without white space around its parts; numbers and strings stay as they were written.
#[derive(Debug, Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// `None` for what some reader would stumble over: nested too deeply, half of a surrogate pair, a number beyond all
    /// bounds. One such value would make a whole map unreadable.
    pub fn of(raw: &RawValue) -> Option<Self> {
        // Readers meet it inside a map, which is inside an answer.
        serde_json::from_str::<Value>(&format!("[[{}]]", raw.get())).ok()?;
        RawValue::from_string(without_space(raw.get())).ok().map(Self)
    }

    fn get(&self) -> &str {
        self.0.get()
    }
}

fn without_space(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let stays = |c: &char| {
        if in_string {
            in_string = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        in_string = *c == '"';
        !matches!(c, ' ' | '\t' | '\n' | '\r')
    };
    text.chars().filter(stays).collect()
}

/// A map as its row holds it: key to `[version, end or null, value]`, in the order of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataMap {
    pub(super) version: i64,
    pub(super) text: Vec<u8>,
}

/// One key of a map.
#[derive(Debug, Clone, Copy)]
pub struct DataEntry<'m> {
    /// Its name.
    pub key: &'m str,
    /// The map's version when it was written.
    pub version: i64,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// What it holds.
    pub value: &'m RawValue,
}

/// A map at some time.
#[derive(Debug)]
pub struct DataAt<'m> {
    /// Its version: each write is one, and so is each key that ended.
    pub version: i64,
    /// What has not ended, in the order of keys.
    pub entries: Vec<DataEntry<'m>>,
}

impl DataMap {
    /// What it holds at this time.
    pub fn at(&self, now: Timestamp) -> Result<DataAt<'_>> {
        if self.text.is_empty() {
            return Ok(DataAt { version: self.version, entries: Vec::new() });
        }
        let read = serde_json::from_slice::<Entries<'_>>(&self.text);
        // The parser's words may quote what is kept, and end up in the log.
        let unreadable = |error: serde_json::Error| {
            StoreError::Unavailable(anyhow!("session_data.data can't be so, at byte {}", error.column()))
        };
        let Entries(mut entries) = read.map_err(unreadable)?;
        let all = entries.len();
        entries.retain(|entry| entry.expires_at.is_none_or(|end| now < end));
        let ended = i64::try_from(all - entries.len()).unwrap_or(0);
        Ok(DataAt { version: self.version + ended, entries })
    }

    /// Without what has ended, and the first end of what is left. A map that can't be read is left alone from now on: it must
    /// not keep all others from being swept.
    pub(super) fn swept(&self, now: Timestamp) -> (Self, Option<Timestamp>) {
        match self.at(now) {
            Ok(map) => map.written(),
            Err(StoreError::Unavailable(error)) => {
                tracing::error!(%error, "a map of session data can't be read, and is not swept");
                (self.clone(), None)
            }
        }
    }
}

impl<'m> DataAt<'m> {
    /// One of its keys.
    pub fn find(&self, key: &str) -> Option<DataEntry<'m>> {
        self.place(key).ok().map(|at| self.entries[at])
    }

    /// Where it stands, or where it would.
    fn place(&self, key: &str) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key.cmp(key))
    }

    /// As a row holds it, and the first of its ends.
    pub(super) fn written(&self) -> (DataMap, Option<Timestamp>) {
        let mut text =
            String::with_capacity(self.entries.iter().map(|it| it.key.len() + it.value.get().len() + 48).sum());
        for entry in &self.entries {
            let DataEntry { key, version, expires_at, value } = entry;
            text.push(if text.is_empty() { '{' } else { ',' });
            let end = expires_at.map_or_else(|| "null".to_owned(), |end| end.millis().to_string());
            _ = write!(text, "\"{key}\":[{version},{end},{value}]");
        }
        if !text.is_empty() {
            text.push('}');
        }
        let until = self.entries.iter().filter_map(|entry| entry.expires_at).min();
        (DataMap { version: self.version, text: text.into_bytes() }, until)
    }

    /// How long those of its keys that `counts` takes are as a JSON object.
    fn size(&self, counts: impl Fn(&str) -> bool) -> usize {
        let counted = self.entries.iter().filter(|entry| counts(entry.key));
        counted.map(|entry| entry.key.len() + entry.value.get().len() + "\"\":,".len()).sum::<usize>() + 1
    }
}

/// What a write comes to.
#[derive(Debug)]
pub(super) enum Decision {
    /// The row becomes this, and something in it ends then.
    Write(DataMap, Option<Timestamp>),
    /// It stays as it is.
    Keep,
    /// The condition does not hold; the version that there is.
    Mismatch(Option<i64>),
    /// Something would be too large.
    Full,
}

/// What `change` makes of the map that is kept.
pub(super) fn decide(kept: &DataMap, change: &DataChange) -> Result<Decision> {
    let before = kept.at(change.now)?;
    let present = match &change.write {
        DataWrite::Replace { .. } => Present { version: Some(before.version), is_there: !before.entries.is_empty() },
        DataWrite::Put { key, .. } | DataWrite::Remove(key) => {
            let version = before.find(key).map(|entry| entry.version);
            Present { version, is_there: version.is_some() }
        }
    };
    if !change.condition.holds(present) {
        return Ok(Decision::Mismatch(present.version));
    }
    let Some(after) = applied(&before, &change.write) else { return Ok(Decision::Keep) };
    if is_too_large(&before, &after, change) {
        return Ok(Decision::Full);
    }
    let (map, until) = after.written();
    Ok(Decision::Write(map, until))
}

/// The map after a write; `None` when that changes nothing.
fn applied<'m>(before: &DataAt<'m>, write: &'m DataWrite) -> Option<DataAt<'m>> {
    let version = before.version + 1;
    let mut entries = before.entries.clone();
    match write {
        DataWrite::Replace { data, until } => {
            let entry = |(key, value): (&'m String, &'m JsonText)| {
                let same = before.find(key).filter(|it| until.is_none() && it.value.get() == value.get());
                same.unwrap_or(DataEntry { key, version, expires_at: *until, value: &value.0 })
            };
            entries = data.iter().map(entry).collect();
            let is_same = |entry: &DataEntry<'_>| entry.version != version;
            if entries.len() == before.entries.len() && entries.iter().all(is_same) {
                return None;
            }
        }
        DataWrite::Put { key, value, until } => {
            let entry = DataEntry { key, version, expires_at: *until, value: &value.0 };
            match before.place(key) {
                Ok(at) => entries[at] = entry,
                Err(at) => entries.insert(at, entry),
            }
        }
        DataWrite::Remove(key) => {
            entries.remove(before.place(key).ok()?);
        }
    }
    Some(DataAt { version, entries })
}

/// Limits hold for what grows: after they were lowered, or beside what others wrote, less may always be written.
fn is_too_large(before: &DataAt<'_>, after: &DataAt<'_>, change: &DataChange) -> bool {
    let limits = &change.limits;
    let is_new = |entry: &&DataEntry<'_>| entry.version == after.version;
    if after.entries.iter().filter(is_new).any(|entry| entry.value.get().len() > limits.value) {
        return true;
    }
    let outgrows = |limit: usize, counts: &dyn Fn(&str) -> bool| {
        let size = after.size(counts);
        size > limit && size > before.size(counts)
    };
    outgrows(limits.total, &|_| true)
        || limits.of_person.as_ref().is_some_and(|(keys, limit)| outgrows(*limit, &|key| keys.cover(key)))
}

/// The entries of a row.
struct Entries<'m>(Vec<DataEntry<'m>>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of session data")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, (version, end, value))) =
                    map.next_entry::<&str, (i64, Option<i64>, &RawValue)>()?
                {
                    let expires_at = end.map(Timestamp::from_millis);
                    entries.push(DataEntry { key, version, expires_at, value });
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use menjin_token::{Id, SessionId};

    use super::*;
    use crate::config::ClientKeys;
    use crate::store::session_data::{Condition, DataLimits, DataPlace, Versions};

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    fn json(text: &str) -> JsonText {
        JsonText::of(&RawValue::from_string(text.to_owned()).unwrap()).expect("a value that may be kept")
    }

    fn change(write: DataWrite, secs: i64) -> DataChange {
        let session: SessionId = Id::from_bytes([7; 16]);
        DataChange {
            place: DataPlace { session, of_user: None, audience: "shop-api".into() },
            write,
            condition: Condition::default(),
            limits: DataLimits { value: 20, total: 60, of_person: None },
            now: at(secs),
        }
    }

    fn put(key: &str, value: &str, until: Option<i64>) -> DataWrite {
        DataWrite::Put { key: key.into(), value: json(value), until: until.map(at) }
    }

    fn replace(data: &[(&str, &str)], until: Option<i64>) -> DataWrite {
        let data: BTreeMap<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), json(value))).collect();
        DataWrite::Replace { data, until: until.map(at) }
    }

    /// What is left after writes that all must change something.
    fn after(writes: impl IntoIterator<Item = DataWrite>) -> DataMap {
        writes.into_iter().fold(DataMap::default(), |map, write| match decide(&map, &change(write, 0)).unwrap() {
            Decision::Write(map, _) => map,
            other @ (Decision::Keep | Decision::Mismatch(_) | Decision::Full) => panic!("{other:?}"),
        })
    }

    fn shown(map: &DataMap, secs: i64) -> (i64, Vec<String>) {
        let now = map.at(at(secs)).unwrap();
        (now.version, now.entries.iter().map(|it| format!("{}@{}={}", it.key, it.version, it.value)).collect())
    }

    #[test]
    fn a_key_that_ends_is_a_change_like_any_other() {
        let map = after([put("a", "1", Some(10)), put("b", "2", Some(10)), put("c", "3", None)]);
        assert_eq!(shown(&map, 9), (3, vec!["a@1=1".into(), "b@2=2".into(), "c@3=3".into()]));
        assert_eq!(shown(&map, 10), (5, vec!["c@3=3".into()]));
        let Decision::Write(next, until) = decide(&map, &change(put("d", "4", Some(90)), 10)).unwrap() else {
            panic!()
        };
        assert_eq!(until, Some(at(90)));
        assert_eq!(shown(&next, 10), (6, vec!["c@3=3".into(), "d@6=4".into()]), "no version comes twice");
        let (swept, until) = map.at(at(10)).unwrap().written();
        assert_eq!((shown(&swept, 10), until), (shown(&map, 10), None), "sweeping shows to nobody");
    }

    #[test]
    fn a_whole_that_is_replaced_keeps_what_stays_the_same() {
        let map = after([put("a", "[1, 2]", Some(10)), put("b", "2", Some(10)), put("c", "3", None)]);
        let next = |data, until| decide(&map, &change(replace(data, until), 0)).unwrap();
        let Decision::Write(next_map, until) = next(&[("a", "[1,2]"), ("b", "3"), ("d", "4")], None) else { panic!() };
        assert_eq!(shown(&next_map, 0), (4, vec!["a@1=[1,2]".into(), "b@4=3".into(), "d@4=4".into()]));
        assert_eq!(until, Some(at(10)), "of `a` alone");
        assert_eq!(shown(&next_map, 10), (5, vec!["b@4=3".into(), "d@4=4".into()]));
        assert!(matches!(next(&[("a", "[1,2]"), ("b", "2"), ("c", "3")], None), Decision::Keep));
        let Decision::Write(ended, until) = next(&[("a", "[1,2]")], Some(60)) else { panic!() };
        assert_eq!((shown(&ended, 59), until), ((4, vec!["a@4=[1,2]".into()]), Some(at(60))));
        let Decision::Write(flushed, None) = next(&[], None) else { panic!() };
        assert_eq!(shown(&flushed, 0), (4, vec![]), "versions go on");
        assert!(matches!(decide(&flushed, &change(replace(&[], None), 0)).unwrap(), Decision::Keep));
        assert!(matches!(decide(&flushed, &change(DataWrite::Remove("a".into()), 0)).unwrap(), Decision::Keep));
    }

    #[test]
    fn conditions_are_about_the_key_or_the_whole_that_is_written() {
        let map = after([put("a", "1", None), put("b", "2", None)]);
        let (any, some) = (|| Some(Versions::Any), |version| Some(Versions::OneOf(vec![99, version])));
        let on = |map: &DataMap, write: &DataWrite, if_match, if_none_match| {
            let condition = Condition { if_match, if_none_match };
            match decide(map, &DataChange { condition, ..change(write.clone(), 0) }).unwrap() {
                Decision::Mismatch(present) => Err(present),
                Decision::Write(..) | Decision::Keep | Decision::Full => Ok(()),
            }
        };
        for write in [put("a", "5", None), DataWrite::Remove("a".into())] {
            assert_eq!(on(&map, &write, some(1), None), Ok(()));
            assert_eq!(on(&map, &write, some(2), None), Err(Some(1)), "that is the whole's");
            assert_eq!(on(&map, &write, any(), None), Ok(()));
            assert_eq!(on(&map, &write, None, any()), Err(Some(1)));
            assert_eq!(on(&map, &write, None, some(1)), Err(Some(1)));
            assert_eq!(on(&map, &write, None, some(2)), Ok(()));
        }
        for write in [put("c", "5", None), DataWrite::Remove("c".into())] {
            assert_eq!(on(&map, &write, some(0), None), Err(None));
            assert_eq!(on(&map, &write, any(), None), Err(None));
            assert_eq!(on(&map, &write, None, any()), Ok(()));
        }
        let write = replace(&[("z", "1")], None);
        assert_eq!(on(&map, &write, some(2), None), Ok(()));
        assert_eq!(on(&map, &write, some(1), None), Err(Some(2)));
        let never = DataMap::default();
        assert_eq!(on(&never, &write, some(0), None), Ok(()), "who read version 0 is the first");
        assert_eq!(on(&never, &write, some(1), None), Err(Some(0)));
        assert_eq!(on(&never, &write, None, any()), Ok(()), "nothing is there");
        assert_eq!(on(&map, &write, None, any()), Err(Some(2)));
    }

    #[test]
    fn what_is_too_large_is_refused_and_what_shrinks_never() {
        let value = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        let is_full = |map: &DataMap, write| matches!(decide(map, &change(write, 0)).unwrap(), Decision::Full);
        let empty = DataMap::default();
        assert!(!is_full(&empty, put("a", &value(20), None)));
        assert!(is_full(&empty, put("a", &value(21), None)));
        // {"a":…,"b":…} with 20 and 20 is 51 long; with a third of 3 it is 59.
        let two = after([put("a", &value(20), None), put("b", &value(20), None)]);
        assert!(!is_full(&two, put("c", "333", None)) && !is_full(&two, put("c", "4444", None)));
        assert!(is_full(&two, put("c", "55555", None)));
        let lowered = |write| {
            let limits = DataLimits { value: 3, total: 30, of_person: None };
            matches!(decide(&two, &DataChange { limits, ..change(write, 0) }).unwrap(), Decision::Full)
        };
        assert!(!lowered(put("a", "1", None)) && !lowered(DataWrite::Remove("b".into())));
        assert!(lowered(put("c", "1", None)) && lowered(put("a", "1234", None)));
    }

    #[test]
    fn what_a_person_writes_leaves_room_for_back_ends() {
        let full = after([put("client.a", "\"123456\"", None), put("other", "\"1234567890\"", None)]);
        let by_person = |write| {
            let limits = DataLimits { value: 20, total: 100, of_person: Some((ClientKeys::default(), 30)) };
            matches!(decide(&full, &DataChange { limits, ..change(write, 0) }).unwrap(), Decision::Full)
        };
        assert!(by_person(put("client.b", "1", None)));
        assert!(!by_person(put("client.a", "\"1234567890\"", None)), "what others hold counts for nothing");
    }

    #[test]
    fn values_stay_as_they_were_written_but_for_white_space() {
        for (sent, kept) in [
            (" { \"a b\" : [ 1 , 2.50 ,\n\t1e2 ] } ", r#"{"a b":[1,2.50,1e2]}"#),
            (r#""quote \" and \\ ""#, r#""quote \" and \\ ""#),
            (r#"["\\", " x "]"#, r#"["\\"," x "]"#),
            ("12345678901234567890123", "12345678901234567890123"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
            (r#""\u4f60 你 🐼 \u0000""#, r#""\u4f60 你 🐼 \u0000""#),
            ("null", "null"),
        ] {
            assert_eq!(json(sent.trim()).get(), kept);
        }
    }

    #[test]
    fn what_some_reader_could_not_read_is_no_value() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for odd in [r#""\ud800""#, r#"{"\udc00":1}"#, "1e999", &nested(200), &nested(126)] {
            let raw = RawValue::from_string(odd.to_owned()).unwrap();
            assert!(JsonText::of(&raw).is_none(), "{odd}");
        }
        let deepest = json(&nested(125));
        let answer = format!("{{\"data\":{{\"a\":{}}}}}", deepest.get());
        assert!(serde_json::from_str::<Value>(&answer).is_ok(), "the whole can be read by what could read the value");
    }

    #[test]
    fn a_row_that_no_version_wrote_is_named() {
        let map = DataMap { version: 1, text: b"{\"a\":7}".to_vec() };
        let StoreError::Unavailable(cause) = map.at(at(0)).unwrap_err();
        assert!(format!("{cause:#}").contains("session_data.data can't be"), "{cause:#}");
        assert_eq!(map.swept(at(0)), (map.clone(), None), "it stays as it is, and comes up no more");
        let StoreError::Unavailable(cause) =
            DataMap { text: b"{\"a\":\"a secret\"}".to_vec(), ..map }.at(at(0)).unwrap_err();
        assert!(!format!("{cause:#?}").contains("secret"), "{cause:#?}");
    }
}
