//! An event's members as JSON and as XML.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::PushFormat;

#[derive(Clone)]
pub(super) struct Members(pub(super) Map<String, Value>);

impl Members {
    pub(super) fn text(&self, name: &str) -> String {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn written(&self, format: PushFormat) -> String {
        match format {
            PushFormat::Json => Value::Object(self.0.clone()).to_string(),
            PushFormat::Xml => format!("<xml>{}</xml>", elements(&self.0)),
        }
    }

    /// A document that would be large, or hold a file, for a reader that believes in entities.
    pub(super) fn with_entities(&self) -> String {
        let declared = "<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">";
        let used = elements(&self.0);
        format!("<?xml version=\"1.0\"?><!DOCTYPE xml [{declared}]><xml>{used}<Remark>&b;&f;</Remark></xml>")
    }
}

/// Texts stand in CDATA, numbers bare, and what is deeper in elements of its own.
fn elements(members: &Map<String, Value>) -> String {
    let mut out = String::new();
    for (name, value) in members {
        let inner = match value {
            Value::String(text) => format!("<![CDATA[{}]]>", text.replace("]]>", "]]]]><![CDATA[>")),
            Value::Object(inner) => elements(inner),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
        };
        write!(out, "<{name}>{inner}</{name}>").expect("a String takes all that is written");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_written_so_that_they_cannot_end_early() {
        let Value::Object(members) = json!({ "a": "1]]>2", "b": 3, "c": { "d": "e" } }) else { unreachable!() };
        let expected = "<xml><a><![CDATA[1]]]]><![CDATA[>2]]></a><b>3</b><c><d><![CDATA[e]]></d></c></xml>";
        assert_eq!(Members(members).written(PushFormat::Xml), expected);
    }
}
