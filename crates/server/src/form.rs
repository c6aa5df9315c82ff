//! A form with files (RFC 7578), read in memory: its parts, or the one file that a route wants, bounded before by the body's limit.
//!
//! Names of files and what a client calls their type are never believed: of a name it counts only that there is one.

use axum::http::{HeaderMap, header};

use crate::problem::{Fault, Problem};

/// RFC 2046.
const LONGEST_BOUNDARY: usize = 70;
const MOST_PARTS: usize = 32;
const LONGEST_HEADERS: usize = 8 * 1024;

/// What stands between the parts, as the `Content-Type` names it.
pub(crate) fn boundary(headers: &HeaderMap) -> Result<String, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(Problem::BadContentType);
    }
    let boundary = parameter(parameters, "boundary").ok_or(Problem::BadForm(Fault::NotAForm))?;
    let fits = (1..=LONGEST_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !boundary.ends_with(' ');
    if fits { Ok(boundary) } else { Err(Problem::BadForm(Fault::NotAForm)) }
}

/// The content of the one part with this name.
pub(crate) fn file<'a>(body: &'a [u8], boundary: &str, name: &'static str) -> Result<&'a [u8], Problem> {
    let mut wanted = parts(body, boundary)?.into_iter().filter(|part| part.name == name);
    match (wanted.next(), wanted.next()) {
        (Some(part), None) => Ok(part.content),
        (Some(_), Some(_)) => Err(Problem::field(name, Fault::Twice)),
        (None, _) => Err(Problem::field(name, Fault::Missing)),
    }
}

/// All parts of a whole form, in their order.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Problem> {
    let mut rest = Rest::begin(body, boundary)?;
    let mut parts = Vec::new();
    while let Some(part) = rest.next()? {
        if parts.len() == MOST_PARTS {
            return Err(Problem::BadForm(Fault::NotAForm));
        }
        parts.push(part);
    }
    Ok(parts)
}

/// One part of a form.
pub(crate) struct Part<'a> {
    /// The field's name.
    pub(crate) name: String,
    /// Whether it came as a file: with a name that a file has.
    pub(crate) is_file: bool,
    /// What stands in it.
    pub(crate) content: &'a [u8],
}

/// What is left of a body, behind a boundary.
struct Rest<'a> {
    rest: &'a [u8],
    /// With the line break before it.
    delimiter: Vec<u8>,
}

impl<'a> Rest<'a> {
    fn begin(body: &'a [u8], boundary: &str) -> Result<Self, Problem> {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        if let Some(rest) = body.strip_prefix(&delimiter[2..]) {
            return Ok(Self { rest, delimiter });
        }
        let (_, rest) = split(body, &delimiter).ok_or(Problem::BadForm(Fault::CutShort))?;
        Ok(Self { rest, delimiter })
    }

    /// The next part; `None` behind the last one.
    fn next(&mut self) -> Result<Option<Part<'a>>, Problem> {
        if self.rest.starts_with(b"--") {
            return Ok(None);
        }
        let cut_short = || Problem::BadForm(Fault::CutShort);
        let (blank, rest) = split(self.rest, b"\r\n").ok_or_else(cut_short)?;
        if !blank.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return Err(Problem::BadForm(Fault::NotAForm));
        }
        // Without any header the blank line comes at once.
        let (headers, rest) = match rest.strip_prefix(b"\r\n") {
            Some(rest) => (&b""[..], rest),
            None => split(rest, b"\r\n\r\n").ok_or_else(cut_short)?,
        };
        if headers.len() > LONGEST_HEADERS {
            return Err(Problem::BadForm(Fault::NotAForm));
        }
        let (name, is_file) = disposition(headers).ok_or(Problem::BadForm(Fault::NotAForm))?;
        let (content, rest) = split(rest, &self.delimiter).ok_or_else(cut_short)?;
        self.rest = rest;
        Ok(Some(Part { name, is_file, content }))
    }
}

/// What stands before a mark and behind it. A mark begins with the one carriage return in it, so no byte is looked at often.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = 0;
    loop {
        let at = from + bytes[from..].iter().position(|byte| *byte == mark[0])?;
        if let Some(rest) = bytes[at..].strip_prefix(mark) {
            return Some((&bytes[..at], rest));
        }
        from = at + 1;
    }
}

/// The `name` of `Content-Disposition: form-data; name="…"`, and whether a file has one beside it.
fn disposition(headers: &[u8]) -> Option<(String, bool)> {
    let headers = std::str::from_utf8(headers).ok()?;
    let value = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    // A browser sends an empty name where no file was chosen.
    let is_file = ["filename", "filename*"].iter().any(|it| parameter(parameters, it).is_some_and(|it| !it.is_empty()));
    Some((parameter(parameters, "name")?, is_file))
}

/// A parameter behind semicolons, quoted or not.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = after.find(';').unwrap_or(after.len());
            (after[..end].trim_end().to_owned(), &after[end..])
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// What stands up to the closing quote, and what comes behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(signs.next()?.1),
            sign => value.push(sign),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boundary_of(content_type: &str) -> Result<String, Problem> {
        boundary(&HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]))
    }

    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let part = |(headers, content): &(&str, &str)| format!("--B\r\n{headers}\r\n\r\n{content}\r\n");
        let parts: String = parts.iter().map(part).collect();
        format!("{parts}--B--\r\n").into_bytes()
    }

    const AVATAR: &str = "Content-Disposition: form-data; name=\"avatar\"; filename=\"../../a.png\"";

    #[test]
    fn a_boundary_is_as_rfc_2046_has_it() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=B", "B"),
            ("Multipart/Form-Data;boundary=\"a b\"; charset=utf-8", "a b"),
            ("multipart/form-data; charset=\"boundary=no\"; boundary=yes", "yes"),
            ("multipart/form-data; boundary=----WebKitFormBoundaryX ", "----WebKitFormBoundaryX"),
        ] {
            assert_eq!(boundary_of(content_type).unwrap(), expected, "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for odd in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"", &long]
        {
            assert!(matches!(boundary_of(odd), Err(Problem::BadForm(Fault::NotAForm))), "{odd}");
        }
        assert!(matches!(boundary_of("application/json"), Err(Problem::BadContentType)));
    }

    #[test]
    fn the_wanted_file_is_found_among_other_parts() {
        let other = "content-disposition:form-data;name=user\r\nContent-Type: text/plain";
        for parts in [
            vec![(AVATAR, "picture")],
            vec![(other, "x"), (AVATAR, "picture"), (other, "")],
            vec![(
                "Content-Type: image/png\r\nContent-Disposition: form-data; filename=\"name=x\"; name=avatar",
                "picture",
            )],
        ] {
            assert_eq!(file(&form(&parts), "B", "avatar").unwrap(), b"picture");
        }
        let with_preamble = [b"so it begins\r\n".as_slice(), &form(&[(AVATAR, "picture")]), b"and ends"].concat();
        assert_eq!(file(&with_preamble, "B", "avatar").unwrap(), b"picture");
        let looks_alike = "\r\n--\r\n--C\r\n-B";
        assert_eq!(file(&form(&[(AVATAR, looks_alike)]), "B", "avatar").unwrap(), looks_alike.as_bytes());
    }

    #[test]
    fn a_part_is_a_file_where_it_has_a_files_name() {
        let text = "Content-Disposition: form-data; name=\"a; filename=x\"";
        let body = form(&[
            (text, "1"),
            ("Content-Disposition: form-data; name=b; filename=\"\"", "2"),
            ("Content-Disposition: form-data; filename=x; name=c", "3"),
            ("Content-Disposition: form-data; name=d; filename*=UTF-8''%e4%b8%ad", "4"),
        ]);
        let parts = parts(&body, "B").unwrap();
        let told: Vec<_> = parts.iter().map(|part| (part.name.as_str(), part.is_file, part.content)).collect();
        assert_eq!(
            told,
            [("a; filename=x", false, &b"1"[..]), ("b", false, b"2"), ("c", true, b"3"), ("d", true, b"4")]
        );
    }

    #[test]
    fn a_form_without_the_file_or_with_two_is_refused() {
        let is = |body: Vec<u8>, expected: Fault| match file(&body, "B", "avatar") {
            Err(Problem::BadField { field, fault }) => field == "avatar" && fault == expected,
            _ => false,
        };
        assert!(is(form(&[]), Fault::Missing));
        assert!(is(form(&[("Content-Disposition: form-data; name=\"file\"", "x")]), Fault::Missing));
        assert!(is(form(&[(AVATAR, "one"), (AVATAR, "two")]), Fault::Twice));
    }

    #[test]
    fn what_is_no_whole_form_is_refused() {
        let whole = form(&[(AVATAR, "picture")]);
        for end in 0..whole.len() - 4 {
            assert!(matches!(file(&whole[..end], "B", "avatar"), Err(Problem::BadForm(_))), "{end}");
        }
        let many = vec![("Content-Disposition: form-data; name=a", "x"); 100];
        for odd in [
            form(&many),
            form(&[("Content-Type: image/png", "x")]),
            form(&[("Content-Disposition: attachment; name=avatar", "x")]),
            form(&[("", "x")]),
            form(&[(&format!("{AVATAR}\r\nX: {}", "x".repeat(10_000)), "x")]),
            b"--Bad\r\n\r\n".to_vec(),
            Vec::new(),
        ] {
            assert!(matches!(file(&odd, "B", "avatar"), Err(Problem::BadForm(_))), "{}", String::from_utf8_lossy(&odd));
        }
    }
}
