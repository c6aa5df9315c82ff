//! The page that a person sees where a sign-in by redirect can't go on, in their language.
//!
//! It leads nowhere, runs nothing and loads nothing: whoever made the address that led here may be anybody.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use crate::problem::{Problem, Reader, for_people, headers};

const STYLE: &str = include_str!("sorry.css");
/// The hash is of [`STYLE`].
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-vObkVztUPyCiiEktJMe37VSmY6uPVSVSFgp701Sihhs='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Whether people see the answers of this route in a browser.
pub(crate) fn is_page(route: Option<&str>) -> bool {
    matches!(route, Some("/v1/login/{app}/start" | "/v1/login/{app}/callback")) || route.is_some_and(is_operators)
}

/// Whether it is a page of the operator's side.
pub(crate) fn is_operators(path: &str) -> bool {
    let below = |start: &str| path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/console") || below("/admin") && !below("/admin/v1") && !below("/admin/openapi.json")
}

/// Whether it is a page of the console, which says itself why it refuses.
pub(crate) fn is_console(path: &str) -> bool {
    path.strip_prefix("/console").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A problem that the answer, a page, tells already.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) Arc<Problem>);

/// The page about `problem`.
pub(crate) fn sorry(problem: &Problem, reader: &Reader<'_>) -> Response<Body> {
    let told = for_people(problem, reader);
    let [title, detail] = [told.title, &told.detail].map(escaped);
    let (code, id, language) = (problem.spec().code, reader.request_id, told.language);
    let page = format!(
        "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1><p>{detail}</p>\
         <small>{code} · {id}</small></main></html>"
    );
    let mut response = headers(problem, language, Response::new(Body::from(page)));
    response.headers_mut().insert(header::CONTENT_TYPE, HTML);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// Text that stays text.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::entropy::sha256;

    #[test]
    fn the_policy_allows_the_style_as_it_is() {
        let hash = STANDARD.encode(sha256(STYLE.as_bytes()));
        assert!(POLICY.to_str().unwrap().contains(&format!("'sha256-{hash}'")), "sha256-{hash}");
    }

    #[test]
    fn text_stays_text() {
        assert_eq!(escaped("<b a=\"x\" c='y'>&"), "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;");
    }
}
