//! Takes comments, strings and characters out of Rust text, so that rules see only code. Lines keep their numbers.
//!
//! A sketch of a lexer: enough for text that rustfmt has formatted and the compiler has accepted.

/// The same text, with every comment, string and character literal replaced by spaces.
pub(super) fn blank(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let length = literal_or_comment(rest, before).unwrap_or(0);
        if length == 0 {
            code.push(first);
            before = first;
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
            before = ' ';
            rest = &rest[length..];
        }
    }
    code
}

/// The length of the comment or literal that `rest` starts with.
fn literal_or_comment(rest: &str, before: char) -> Option<usize> {
    match rest.as_bytes() {
        [b'/', b'/', ..] => Some(rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(block_comment(rest)),
        [b'"', ..] => Some(string(rest)),
        [b'\'', ..] => character(rest),
        [b'r' | b'b' | b'c', ..] if !is_word(before) => prefixed(rest),
        _ => None,
    }
}

/// A raw, byte or C string, or a byte character; a raw identifier is none of these.
fn prefixed(rest: &str) -> Option<usize> {
    let prefix = rest.find(|character: char| !matches!(character, 'r' | 'b' | 'c'))?;
    let after = &rest[prefix..];
    if rest[..prefix].contains('r') {
        return raw_string(after).map(|length| prefix + length);
    }
    match after.as_bytes() {
        [b'"', ..] => Some(prefix + string(after)),
        [b'\'', ..] => character(after).map(|length| prefix + length),
        _ => None,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.find(|character| character != '#')?;
    let inside = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == '"' && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

/// A character literal; `None` for a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut inside = text.char_indices().skip(1);
    let (_, first) = inside.next()?;
    if first == '\\' {
        let escaped = inside.next()?.0 + 1;
        return text.get(escaped..)?.find('\'').map(|at| escaped + at + 1);
    }
    inside.next().filter(|(_, second)| *second == '\'').map(|(at, _)| at + 1)
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        blank(text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_taken_out() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g /// h\n//! i"), "a c g");
        assert_eq!(words("a /* never ends"), "a");
    }

    #[test]
    fn strings_are_taken_out() {
        assert_eq!(words(r#"a("b // \" c") d"#), "a( ) d");
        assert_eq!(words(r##"a r#"b " c"# d br"e" f c"g" h b"i""##), "a d f h");
        assert_eq!(words("a \"two\nlines\" b"), "a b");
        assert_eq!(words(r#"a "\\" b"#), "a b");
    }

    #[test]
    fn characters_are_taken_out_and_lifetimes_are_not() {
        assert_eq!(words(r"a '{' b '\'' c '\u{7d}' d b'x' e '\\' f"), "a b c d e f");
        assert_eq!(words("fn f<'a>(x: &'a str, y: &'static str)"), "fn f<'a>(x: &'a str, y: &'static str)");
        assert_eq!(words("r#type brown crate"), "r#type brown crate");
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "a\n/* b\nc */ d\n\"e\nf\" g\n微 \"信\" h";
        assert_eq!(blank(text).lines().count(), text.lines().count());
        assert_eq!(blank(text).lines().nth(2).map(str::trim), Some("d"));
    }
}
