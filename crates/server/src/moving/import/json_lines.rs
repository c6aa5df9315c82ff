//! People from JSON lines: an object a line, several identities in `identities`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::raw::{Found, Name, Raw, Reject};

/// Longest line that is read as one.
const LINE: u64 = 1 << 20;
const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) struct JsonLines {
    reader: BufReader<File>,
    line: u64,
    done: u64,
    size: u64,
    pub(super) ignored: Vec<String>,
}

impl JsonLines {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
        let size = file.metadata()?.len();
        Ok(Self { reader: BufReader::new(file), line: 0, done: 0, size, ignored: Vec::new() })
    }

    pub(super) fn next(&mut self) -> anyhow::Result<Option<Found>> {
        loop {
            let mut line = Vec::new();
            let read = (&mut self.reader).take(LINE).read_until(b'\n', &mut line).context("reading")?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            self.done += read as u64;
            if read as u64 == LINE && !line.ends_with(b"\n") {
                self.done += self.reader.skip_until(b'\n').context("reading")? as u64;
                return Ok(Some(Err(Reject::new(self.line, &"line", "is longer than 1 MiB"))));
            }
            let line = line.strip_prefix(BOM).filter(|_| self.line == 1).unwrap_or(&line);
            if !line.trim_ascii().is_empty() {
                return Ok(Some(self.person(line)));
            }
        }
    }

    fn person(&mut self, line: &[u8]) -> Found {
        let refused = |why| Err(Reject::new(self.line, &"line", why));
        let Ok(text) = std::str::from_utf8(line) else { return refused("is not UTF-8") };
        // The parser's own words may quote what stands there.
        let Ok(Value::Object(object)) = serde_json::from_str(text) else { return refused("is no JSON object") };
        let mut raw = Raw { place: self.line, ..Raw::default() };
        for (member, value) in object {
            if member == "identities" {
                identities(&mut raw, value);
            } else if let Some(name) = Name::parse(&member) {
                add(&mut raw, name, value);
            } else if !self.ignored.contains(&member) && self.ignored.len() < 20 {
                self.ignored.push(member);
            }
        }
        Ok(raw)
    }

    pub(super) fn progress(&self) -> (u64, u64) {
        (self.done.min(self.size), self.size)
    }
}

fn identities(raw: &mut Raw, value: Value) {
    let no_list = Reject::new(raw.place, &"identities", "is no list of objects");
    let Value::Array(list) = value else { return raw.unreadable.push(no_list) };
    for (nth, identity) in list.into_iter().enumerate() {
        let Value::Object(identity) = identity else { return raw.unreadable.push(no_list) };
        members(raw, identity, nth);
    }
}

fn members(raw: &mut Raw, identity: Map<String, Value>, nth: usize) {
    for (member, value) in identity {
        if let Some(name) = Name::of_nth(&member, nth) {
            add(raw, name, value);
        } else {
            let why = "an identity has app or appid, openid, and unionid";
            raw.unreadable.push(Reject::new(raw.place, &"identities", why));
        }
    }
}

fn add(raw: &mut Raw, name: Name, value: Value) {
    let text = match value {
        Value::Null => return,
        Value::Bool(is) => is.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text,
        Value::Array(_) | Value::Object(_) => {
            return raw.unreadable.push(Reject::new(raw.place, &name, "is neither text nor a number"));
        }
    };
    if !text.is_empty() {
        raw.fields.push((name, text.into_bytes()));
    }
}
