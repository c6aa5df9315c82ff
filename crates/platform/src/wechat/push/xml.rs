//! `<xml><Name>…</Name>…</xml>`, and nothing that XML could do beside: no document type, no entities of its own, no
//! instructions, nothing deep. What the five predefined entities stand for is text.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::members::Members;
use crate::NotTaken;

/// Pushes that hold more than texts are three deep.
const DEEPEST: usize = 16;
/// Elements in all; pushes have a dozen.
const MOST: usize = 1024;

pub(super) fn read(text: &str) -> Result<Members, NotTaken> {
    let mut reader = Reader::from_str(text);
    let mut reading = Reading::default();
    loop {
        match reader.read_event().map_err(|_| BROKEN)? {
            Event::Start(start) => reading.start(start.name().as_ref())?,
            Event::Empty(start) => {
                reading.start(start.name().as_ref())?;
                reading.end()?;
            }
            Event::End(_) => reading.end()?,
            Event::Text(text) => reading.text(&text.xml10_content())?,
            Event::CData(text) => reading.text(&text.into_inner())?,
            Event::GeneralRef(reference) => reading.text(meant(&reference)?)?,
            Event::DocType(_) | Event::PI(_) => {
                return Err(NotTaken::Unreadable("it holds a document type or instructions"));
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof => return reading.whole(),
        }
    }
}

const BROKEN: NotTaken = NotTaken::Unreadable("it is no good XML");

/// What a predefined entity stands for; there are no others.
fn meant(reference: &BytesRef<'_>) -> Result<&'static str, NotTaken> {
    Ok(match reference.xml10_content().as_ref() {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "apos" => "'",
        "quot" => "\"",
        _ => return Err(NotTaken::Unreadable("it holds an entity")),
    })
}

#[derive(Default)]
struct Reading {
    members: Members,
    /// How many elements are open.
    depth: usize,
    /// How many there were.
    elements: usize,
    name: String,
    text: String,
    is_over: bool,
}

impl Reading {
    fn start(&mut self, name: &str) -> Result<(), NotTaken> {
        self.depth += 1;
        self.elements += 1;
        if self.depth > DEEPEST || self.elements > MOST {
            return Err(NotTaken::Unreadable("it is too deep or has too many elements"));
        }
        if self.is_over || (self.depth == 1 && name != "xml") {
            return Err(BROKEN);
        }
        if self.depth == 2 {
            name.clone_into(&mut self.name);
            self.text.clear();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), NotTaken> {
        self.depth = self.depth.checked_sub(1).ok_or(BROKEN)?;
        self.is_over = self.depth == 0;
        let is_new = self.depth != 1 || {
            let text = std::mem::take(&mut self.text);
            self.members.add(std::mem::take(&mut self.name), Some(text))
        };
        if is_new { Ok(()) } else { Err(NotTaken::Unreadable("a member stands twice")) }
    }

    /// Texts of members; deeper ones are nobody's, and outside there is none.
    fn text(&mut self, text: &str) -> Result<(), NotTaken> {
        match self.depth {
            0 if !text.trim().is_empty() => return Err(BROKEN),
            2 => self.text.push_str(text),
            _ => {}
        }
        Ok(())
    }

    fn whole(self) -> Result<Members, NotTaken> {
        if self.is_over { Ok(self.members) } else { Err(BROKEN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> Option<Members> {
        read(text).ok()
    }

    #[test]
    fn members_are_elements_with_text_or_cdata() {
        let members = reads("<?xml version=\"1.0\"?>\n<xml>\n <A><![CDATA[1]]]]><![CDATA[>2]]></A><!-- x --><B> 3 </B><C/><D>&lt;&amp;</D>\n<E><F>4</F>5</E></xml>\n").unwrap();
        let read = ["A", "B", "C", "D", "E", "F"].map(|name| members.get(name));
        assert_eq!(read, [Some("1]]>2"), Some("3"), None, Some("<&"), Some("5"), None]);
    }

    #[test]
    fn wx_10_entities_document_types_and_instructions_are_refused() {
        let laugh = |nth: u8| format!("<!ENTITY l{nth} \"{}\">", format!("&l{};", nth - 1).repeat(10));
        let laughs = (1..10).fold(String::new(), |text, nth| text + &laugh(nth));
        for bad in [
            "<!DOCTYPE xml><xml><A>1</A></xml>",
            "<!DOCTYPE xml [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><xml><A>&f;</A></xml>",
            "<!DOCTYPE xml SYSTEM \"http://127.0.0.1/x.dtd\"><xml><A>1</A></xml>",
            &format!("<!DOCTYPE xml [<!ENTITY l0 \"ha\">{laughs}]><xml><A>&l9;</A></xml>"),
            "<xml><A>&f;</A></xml>",
            "<xml><A>&#65;</A></xml>",
            "<xml><?php 1 ?><A>1</A></xml>",
        ] {
            assert!(reads(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_broken_deep_or_endless_is_refused() {
        for bad in [
            "<xml>",
            "<xml><A>1</xml></A>",
            "<xml><A>1</A></xml><xml/>",
            "<xml><A>1</A></xml> x",
            "x <xml/>",
            "<json/>",
            "</xml>",
            "<xml><A>1</A><A>2</A></xml>",
            "<xml><A>1</A>",
            "<xml><A",
            "<xml><![CDATA[",
            &format!("<xml>{}{}</xml>", "<A>".repeat(20), "</A>".repeat(20)),
            &format!("<xml>{}</xml>", "<A><B/></A>".repeat(600)),
            &"<xml>".repeat(100_000),
        ] {
            assert!(reads(bad).is_none(), "{}", &bad[..bad.len().min(60)]);
        }
    }
}
