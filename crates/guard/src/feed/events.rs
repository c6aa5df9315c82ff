//! Server-sent events, as they come in pieces (the HTML standard's section on them).

use crate::menjin::{MAX_ANSWER, Trouble};

/// What has come of a stream and is not yet an event.
#[derive(Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    data: String,
}

impl Events {
    /// Takes what has come, and gives the data of each event that it completes.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<Vec<String>, Trouble> {
        if self.rest.len() + self.data.len() + chunk.len() > MAX_ANSWER {
            return Err(Trouble::TooLarge);
        }
        self.rest.extend_from_slice(chunk);
        let mut whole = Vec::new();
        let mut begin = 0;
        while let Some(len) = self.rest[begin..].iter().position(|&byte| byte == b'\n') {
            let line = &self.rest[begin..begin + len];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            begin += len + 1;
            if line.is_empty() && !self.data.is_empty() {
                whole.push(std::mem::take(&mut self.data));
            } else if let Some(data) = line.strip_prefix(b"data:") {
                let data = std::str::from_utf8(data).map_err(|_| Trouble::Odd("an event that is not UTF-8"))?;
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        self.rest.drain(..begin);
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_they_were_cut() {
        let stream =
            "event: revocations\nid: 1\ndata: {\"a\":\n\n: beat\n\ndata:x\r\ndata: y\r\n\r\nid: 2\n\ndata: cut";
        for size in 1..stream.len() {
            let mut events = Events::default();
            let chunks = stream.as_bytes().chunks(size);
            let all: Vec<String> = chunks.flat_map(|chunk| events.take(chunk).unwrap()).collect();
            assert_eq!(all, ["{\"a\":", "x\ny"], "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut events = Events::default();
        let chunk = vec![b'x'; MAX_ANSWER / 2];
        assert!(events.take(&chunk).is_ok());
        assert!(matches!(events.take(&[chunk.as_slice(), b"xx"].concat()), Err(Trouble::TooLarge)));
    }
}
