//! What all pages of the operator's side have in common: words in two languages, the policy, the way back.
//!
//! A page is an askama template (`askama.toml` says from where they are named) that extends `pages/frame.html` and has a field
//! `at: At`; `{{ at.say("中文", "English") }}` is its words. Text of people is escaped by askama; nothing is marked safe.

mod fields;

use askama::Template;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::held::cookie_of;
use crate::origin::host;
use crate::problem::{Language, Problem};
use crate::state::Menjin;
pub(crate) use fields::Fields;

/// Styles, scripts and calls of our own alone; pictures from wherever a profile has them; no inline anything.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);
/// Forms say where they come from; nobody else hears of it.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");
const LANGUAGE: &str = "menjin-language";
/// Where an operator goes without any wish of their own.
pub(super) const HOME: &str = "/console";

/// Who looks at a page, and where it is.
#[derive(Debug, Clone)]
pub(crate) struct At {
    language: Language,
    /// Path and query of the page, for the switch of languages and for the way back.
    pub(crate) here: String,
    /// What the browser calls this side.
    host: Option<Authority>,
}

impl At {
    /// Whether the browser calls this side so.
    pub(in crate::admin) fn is_at(&self, url: &str) -> bool {
        let url = url::Url::parse(url).ok();
        url.is_some_and(|url| {
            self.host.as_ref().is_some_and(|host| url.authority().eq_ignore_ascii_case(host.as_str()))
        })
    }

    /// The words of the language that the page is read in.
    pub(crate) fn say<'w>(&self, chinese: &'w str, english: &'w str) -> &'w str {
        match self.language {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// For `<html lang>`.
    pub(crate) fn tag(&self) -> &'static str {
        self.language.tag()
    }

    /// Name and tag of the other language.
    pub(crate) fn other(&self) -> (&'static str, &'static str) {
        match self.language {
            Language::Chinese => ("English", "en"),
            Language::English => ("中文", "zh"),
        }
    }
}

impl FromRequestParts<Menjin> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Menjin) -> Result<Self, Problem> {
        let here = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        Ok(Self { language: language(&parts.headers), here, host: host(parts) })
    }
}

/// As the person chose, else as the browser asks.
pub(super) fn language(headers: &HeaderMap) -> Language {
    match cookie_of(headers, LANGUAGE) {
        Some("zh") => Language::Chinese,
        Some("en") => Language::English,
        _ => Language::accepted(headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok())),
    }
}

/// A template as the answer.
pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| Problem::Internal(anyhow::anyhow!("rendering a page: {error}")))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, REFERRER),
        (header::VARY, HeaderValue::from_static("accept-language, cookie")),
    ];
    Ok((headers, html).into_response())
}

/// Where somebody wants to go from here: a page of the operator's side, and nothing else that an address could say.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    pub(crate) fn to(next: &str) -> Self {
        Self { next: next.to_owned() }
    }

    /// The path, below this origin.
    pub(crate) fn path(&self) -> &str {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~?&=%+:@!$'(),;*".contains(&byte);
        let is_ours =
            self.next == HOME || ["/console/", "/console?", "/admin/"].iter().any(|start| self.next.starts_with(start));
        let is_good = is_ours && self.next.len() <= 1024 && self.next.bytes().all(is_plain);
        if is_good && !self.next.contains("//") { &self.next } else { HOME }
    }
}

#[derive(Template)]
#[template(path = "pages/again.html")]
struct Again {
    at: At,
}

/// A page that asks for the one that was asked for, from here.
pub(super) fn again(headers: &HeaderMap, here: String) -> Result<Response, Problem> {
    page(&Again { at: At { language: language(headers), here, host: None } })
}

/// To another page, which is then asked for with GET.
pub(crate) fn see_other(to: &str) -> Response {
    let to = HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static(HOME));
    (axum::http::StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// A path with a `next` behind it.
pub(crate) fn with_next(path: &str, next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{path}?next={next}")
}

#[derive(Deserialize)]
pub(super) struct Switch {
    to: String,
    #[serde(flatten)]
    next: Next,
}

/// Keeps the language that somebody chose, and goes back to where they were.
pub(super) async fn switch(Query(Switch { to, next }): Query<Switch>) -> Response {
    let to = if to == "zh" { "zh" } else { "en" };
    let mut back = see_other(next.path());
    let cookie = format!("{LANGUAGE}={to}; Path=/; SameSite=Lax; HttpOnly; Max-Age=31536000");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        back.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    back
}

pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("operator.css")).into_response()
}

pub(super) async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../../pages/dev/icon.svg")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_to_pages_of_our_own_alone() {
        for (asked, path) in [
            ("/console", "/console"),
            ("/console/people?phone=%2B86", "/console/people?phone=%2B86"),
            ("/admin/account", "/admin/account"),
            ("", HOME),
            ("https://evil.example", HOME),
            ("//evil.example", HOME),
            ("/console/..//evil.example", HOME),
            ("/admin/\\evil.example", HOME),
            ("/v1/me", HOME),
            ("/consoles", HOME),
            ("/console/\r\nset-cookie: a=b", HOME),
        ] {
            assert_eq!(Next::to(asked).path(), path, "{asked:?}");
        }
    }
}
