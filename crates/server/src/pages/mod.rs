//! Pages and their words. Does not: decisions; a page asks the same routes that any client does.

mod sorry;

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::problem::Problem;
pub(crate) use sorry::{Shown, is_console, is_operators, is_page, sorry};

/// Scripts, styles and requests of our own alone; pictures from wherever a profile has them; text never becomes markup.
const POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

pub(crate) async fn to_dev() -> Redirect {
    Redirect::to("/dev")
}

pub(crate) async fn to_docs() -> Redirect {
    Redirect::to("/docs")
}

pub(crate) async fn dev() -> Response {
    file("text/html; charset=utf-8", include_str!("dev/index.html"))
}

pub(crate) async fn dev_file(Path(name): Path<String>) -> Result<Response, Problem> {
    let (content_type, text) = match name.as_str() {
        "dev.css" => (STYLE, include_str!("dev/dev.css")),
        "phone.css" => (STYLE, include_str!("dev/phone.css")),
        "log.css" => (STYLE, include_str!("dev/log.css")),
        "dev.js" => (SCRIPT, include_str!("dev/dev.js")),
        "station.js" => (SCRIPT, include_str!("dev/station.js")),
        "screens.js" => (SCRIPT, include_str!("dev/screens.js")),
        "phone.js" => (SCRIPT, include_str!("dev/phone.js")),
        "program.js" => (SCRIPT, include_str!("dev/program.js")),
        "outside.js" => (SCRIPT, include_str!("dev/outside.js")),
        "wx.js" => (SCRIPT, include_str!("dev/wx.js")),
        "line.js" => (SCRIPT, include_str!("dev/line.js")),
        "log.js" => (SCRIPT, include_str!("dev/log.js")),
        "why.js" => (SCRIPT, include_str!("dev/why.js")),
        "token.js" => (SCRIPT, include_str!("dev/token.js")),
        "dom.js" => (SCRIPT, include_str!("dev/dom.js")),
        "words.js" => (SCRIPT, include_str!("dev/words.js")),
        "words_log.js" => (SCRIPT, include_str!("dev/words_log.js")),
        "icon.svg" => ("image/svg+xml", include_str!("dev/icon.svg")),
        _ => return Err(Problem::RouteUnknown),
    };
    Ok(file(content_type, text))
}

/// The page of `menjin dev` that signs in by redirect; its script is the example of docs/web-sign-in.md.
pub(crate) async fn sign_in() -> Response {
    file("text/html; charset=utf-8", include_str!("sign_in/index.html"))
}

pub(crate) async fn sign_in_script() -> Response {
    file(SCRIPT, include_str!("sign_in/sign_in.js"))
}

pub(crate) async fn sign_in_page_script() -> Response {
    file(SCRIPT, include_str!("sign_in/page.js"))
}

pub(crate) async fn sign_in_style() -> Response {
    file(STYLE, include_str!("sign_in/sign_in.css"))
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            POLICY,
        ],
        text,
    )
        .into_response()
}
