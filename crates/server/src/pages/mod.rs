//! Pages and their words. Does not: decisions; a page asks the same routes that any client does.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::problem::Problem;

/// Scripts, styles and requests of our own alone; pictures from wherever a profile has them.
const POLICY: (HeaderName, HeaderValue) = (
    header::CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
);

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
    match name.as_str() {
        "dev.js" => Ok(file("text/javascript; charset=utf-8", include_str!("dev/dev.js"))),
        "dev.css" => Ok(file("text/css; charset=utf-8", include_str!("dev/dev.css"))),
        _ => Err(Problem::RouteUnknown),
    }
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
