//! Lines of standard input, however long or odd: memory stays bounded by the longest token.

use std::io::{self, BufRead};

use menjin_token::MAX_TOKEN;

/// One byte more than a token may have shows that it is too long; beside it, what ends a line on Windows.
const KEPT: usize = MAX_TOKEN + 2;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing but white space.
    Blank,
    /// Text that may be a token.
    Text(String),
    /// Longer than any token.
    TooLong,
    /// Not UTF-8.
    NotText,
}

/// The lines of a reader.
pub(super) struct Lines<R>(R);

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self(reader)
    }

    /// The next line, of which at most `KEPT` bytes are kept; `None` at the end.
    fn read(&mut self) -> io::Result<Option<Line>> {
        let mut kept = Vec::new();
        let (mut any, mut ended, mut too_long) = (false, false, false);
        while !ended {
            let buffer = match self.0.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                filled => filled?,
            };
            if buffer.is_empty() {
                break;
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = KEPT - kept.len();
            kept.extend_from_slice(&part[..part.len().min(room)]);
            too_long |= part.len() > room;
            ended = end.is_some();
            let read = end.map_or(buffer.len(), |end| end + 1);
            self.0.consume(read);
        }
        Ok(any.then(|| if too_long { Line::TooLong } else { Line::of(kept) }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl Line {
    fn of(mut bytes: Vec<u8>) -> Self {
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => Self::Blank,
            Ok(text) => Self::Text(text),
            Err(_) => Self::NotText,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(input: &[u8]) -> Vec<Line> {
        Lines::new(BufReader::with_capacity(7, input)).map(|line| line.expect("a slice can be read")).collect()
    }

    #[test]
    fn lines_end_as_every_system_ends_them() {
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(lines(b"a.b.c\nd\r\n \n\n e"), [text("a.b.c"), text("d"), Line::Blank, Line::Blank, text(" e")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_long_line_is_read_past_and_not_kept() {
        let mut input = vec![b'x'; 3 * MAX_TOKEN];
        input.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&input), [Line::TooLong, Line::Text("next".to_owned())]);
    }

    #[test]
    fn a_line_that_is_not_text_is_told_apart() {
        assert_eq!(lines(b"\xff\xfe\nnext"), [Line::NotText, Line::Text("next".to_owned())]);
    }
}
