//! A refusal as a page of the console, in the reader's language, with the way back; and where a proof is wanted, the way to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::frame::Frame;
use crate::admin::pages::{self, At, see_other, with_next};
use crate::edge::inside;
use crate::pages::Shown;
use crate::problem::{Problem, Reader, for_people};
use crate::state::Menjin;

#[derive(Template)]
#[template(path = "console/pages/refused.html")]
struct Refused {
    at: At,
    f: Frame,
    title: &'static str,
    detail: String,
    code: &'static str,
}

/// Says what a page or form of the console was refused for.
pub(crate) async fn in_words(State(menjin): State<Menjin>, request: Request, next: Next) -> Result<Response, Problem> {
    let path = inside(menjin.config.server.path(), request.uri().path());
    if !crate::pages::is_console(path) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let frame = Frame::from_request_parts(&mut parts, &menjin).await?;
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() else { return Ok(response) };
    if matches!(*problem, Problem::ReauthRequired) {
        return Ok(see_other(&with_next("/admin/confirm", &frame.back)));
    }
    let at = frame.at();
    let reader = Reader {
        accept_language: Some(at.tag()),
        request_id: "",
        wants_message: false,
        path: menjin.config.server.path(),
    };
    let told = for_people(&problem, &reader);
    let code = problem.spec().code;
    let (title, detail) = if matches!(*problem, Problem::RouteUnknown) {
        let detail = frame.say("地址写错了，或链接已过时。", "The address is mistyped, or the link is an old one.");
        (frame.say("没有这个页面", "No such page"), detail.to_owned())
    } else {
        (told.title, told.detail)
    };
    let mut page = pages::page(&Refused { at, f: frame, title, detail, code })?;
    *page.status_mut() = problem.spec().status;
    page.extensions_mut().insert(Shown(problem));
    Ok(page)
}
