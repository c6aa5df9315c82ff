//! Pages and their words. Does not: decisions; a page asks the same routes that any client does.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::problem::Problem;

/// Scripts, styles and requests of our own alone; pictures from wherever a profile has them; text never becomes markup.
const POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
);

const SCRIPT: &str = "text/javascript; charset=utf-8";

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
        "dev.css" => ("text/css; charset=utf-8", include_str!("dev/dev.css")),
        "dev.js" => (SCRIPT, include_str!("dev/dev.js")),
        "app.js" => (SCRIPT, include_str!("dev/app.js")),
        "steps.js" => (SCRIPT, include_str!("dev/steps.js")),
        "token.js" => (SCRIPT, include_str!("dev/token.js")),
        "dom.js" => (SCRIPT, include_str!("dev/dom.js")),
        "words.js" => (SCRIPT, include_str!("dev/words.js")),
        "icon.svg" => ("image/svg+xml", include_str!("dev/icon.svg")),
        _ => return Err(Problem::RouteUnknown),
    };
    Ok(file(content_type, text))
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
