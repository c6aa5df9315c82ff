//! A span's fields as JSON, for lines of the log. Written in one go: the subscriber's own way sorts them in a tree first and,
//! where one comes later, reads all of them back, and every request has such a span.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

/// Writes them as one JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        writer.write_char('{')?;
        write(&mut writer, "", |members| fields.record(members))
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let is_open = current.fields.pop().is_some();
        let separator = if current.fields.len() > 1 { "," } else { "" };
        let mut writer = current.as_writer();
        if !is_open {
            writer.write_char('{')?;
        }
        write(&mut writer, separator, |members| fields.record(members))
    }
}

/// The members, and the end of the object.
fn write(writer: &mut dyn Write, separator: &'static str, record: impl FnOnce(&mut Members<'_>)) -> fmt::Result {
    let mut members = Members { writer, separator, outcome: Ok(()) };
    record(&mut members);
    members.outcome?;
    writer.write_char('}')
}

struct Members<'w> {
    writer: &'w mut dyn Write,
    /// What stands before the next one.
    separator: &'static str,
    outcome: fmt::Result,
}

impl Members<'_> {
    fn text(&mut self, field: &Field, value: impl FnOnce(&mut Escaped<'_>) -> fmt::Result) {
        self.member(field, |writer| {
            writer.write_str("\"")?;
            value(&mut Escaped(writer))?;
            writer.write_str("\"")
        });
    }

    fn member(&mut self, field: &Field, value: impl FnOnce(&mut dyn Write) -> fmt::Result) {
        if self.outcome.is_ok() {
            // Names are ours and need no escape.
            let name = [self.separator, "\"", field.name(), "\":"];
            let name = name.into_iter().try_for_each(|part| self.writer.write_str(part));
            self.outcome = name.and_then(|()| value(self.writer));
            self.separator = ",";
        }
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |text| write!(text, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |text| text.write_str(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }
}

/// Writes what stands within the quotes of a JSON string (RFC 8259, section 7).
struct Escaped<'w>(&'w mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        let needs_it = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        while let Some(at) = text.bytes().position(needs_it) {
            self.0.write_str(&text[..at])?;
            write!(self.0, "\\u{:04x}", text.as_bytes()[at])?;
            text = &text[at + 1..];
        }
        self.0.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The span of a line that is logged in it.
    fn span_of(log: impl FnOnce()) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().fmt_fields(SpanFields).with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), log);
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).expect("a line is one JSON object");
        line["span"].clone()
    }

    #[test]
    fn all_kinds_of_values_are_read_back_as_they_were() {
        let hostile = "quote \" backslash \\ line\nzero \0 中文 \u{2028}";
        let span = span_of(|| {
            let span =
                tracing::info_span!("request", a = hostile, b = %hostile, c = ?hostile, d = -1, e = u64::MAX, f = true);
            span.in_scope(|| tracing::info!("here"));
        });
        let debugged = format!("{hostile:?}");
        assert_eq!(
            span,
            json!({"name": "request", "a": hostile, "b": hostile, "c": debugged, "d": -1, "e": u64::MAX, "f": true})
        );
    }

    #[test]
    fn what_comes_later_stands_beside_what_was_there() {
        let late = || {
            let span = tracing::info_span!("request", a = 1, app.id = tracing::field::Empty, b = tracing::field::Empty);
            span.record("app.id", "shop");
            span.record("b", 2);
            span.in_scope(|| tracing::info!("here"));
        };
        assert_eq!(span_of(late), json!({"name": "request", "a": 1, "app.id": "shop", "b": 2}));
        let alone = || {
            let span = tracing::info_span!("request", app.id = tracing::field::Empty);
            span.record("app.id", "shop");
            span.in_scope(|| tracing::info!("here"));
        };
        assert_eq!(span_of(alone), json!({"name": "request", "app.id": "shop"}));
        assert_eq!(
            span_of(|| tracing::info_span!("bare").in_scope(|| tracing::info!("here"))),
            json!({"name": "bare"})
        );
    }
}
