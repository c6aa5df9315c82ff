//! What QQ Connect writes: JSON, JSON inside `callback( … );`, or a query string, as it likes, whatever was asked for.

use serde_json::{Map, Value};

/// An answer in any of the three forms.
pub(super) struct Answer {
    pub(super) members: Map<String, Value>,
}

impl Answer {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let whole = std::str::from_utf8(body).ok()?.trim();
        let members = json(whole).or_else(|| json(inside_callback(whole)?)).or_else(|| query_string(whole))?;
        Some(Self { members })
    }

    /// The number of the error; 0 is none. OAuth's interfaces call it `error`, the others `ret`.
    pub(super) fn errcode(&self) -> Result<i64, crate::Error> {
        let said = ["error", "ret"].iter().find_map(|name| self.members.get(*name));
        let number = match said {
            None | Some(Value::Null) => Some(0),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
        };
        number.ok_or_else(|| crate::answer::lacks("the error is no number"))
    }

    pub(super) fn errmsg(&self) -> String {
        ["error_description", "msg"].iter().find_map(|name| text(&self.members, name)).unwrap_or_default()
    }
}

/// A member that is text and not empty.
pub(super) fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn json(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

fn inside_callback(text: &str) -> Option<&str> {
    let text = text.strip_prefix("callback")?.trim_start().strip_prefix('(')?;
    let text = text.strip_suffix(';').unwrap_or(text).trim_end();
    text.strip_suffix(')').map(str::trim)
}

/// Markup is none, though it may hold a `=` somewhere.
fn query_string(text: &str) -> Option<Map<String, Value>> {
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let named = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| plain(name));
    if !text.split('&').all(named) {
        return None;
    }
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    Some(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openid(body: &str) -> Option<String> {
        text(&Answer::read(body.as_bytes())?.members, "openid")
    }

    #[test]
    fn all_three_forms_are_read() {
        for body in [
            r#"{"client_id":"101","openid":"A1"}"#,
            "callback( {\"client_id\":\"101\",\"openid\":\"A1\"} );\n",
            r#"callback({"openid":"A1"})"#,
            "access_token=x&openid=A1",
            "openid=%41%31",
        ] {
            assert_eq!(openid(body).as_deref(), Some("A1"), "{body}");
        }
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for body in [
            "",
            "callback(",
            "callback( A1 );",
            "[1]",
            "null",
            "<a href=\"x?openid=A1\">",
            "openid",
            "=A1",
            "callback( {\"openid\":\"A1\"} ); alert(1)",
        ] {
            assert!(Answer::read(body.as_bytes()).is_none(), "{body}");
        }
        assert!(Answer::read(&[0xff, b'=']).is_none());
    }

    #[test]
    fn an_error_is_found_as_number_and_as_text() {
        for (body, errcode) in [
            ("callback( {\"error\":100020,\"error_description\":\"code is reused error\"} );", Some(100_020)),
            ("{\"error\":\"100020\"}", Some(100_020)),
            ("error=100020&error_description=x", Some(100_020)),
            ("{\"ret\":-1,\"msg\":\"x\"}", Some(-1)),
            ("{\"ret\":0}", Some(0)),
            ("{}", Some(0)),
            ("{\"error\":\"invalid\"}", None),
            ("{\"error\":{}}", None),
        ] {
            assert_eq!(Answer::read(body.as_bytes()).unwrap().errcode().ok(), errcode, "{body}");
        }
    }
}
