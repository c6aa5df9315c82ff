//! The operator's side: who operators are, how they sign in, and what every one of its routes asks before it does anything.
//!
//! Lives here: accounts, one-use links, sign-in pages, programs' tokens, the [`Operator`] that handlers take; `api` (JSON below
//! `/admin/v1`) and `console` (pages below `/console`) are merged here. Does not: a rule about people, apps or keys (their rooms).
//!
//! How a route comes to be, in `api` or `console`:
//!
//! 1. It is added to that module's `routes()` by `routes!`, with `#[utoipa::path]` (tag `pages` for one that answers a page): so
//!    it stands in the document of the operator's side, and the test of all routes by all callers finds it.
//! 2. Its handler takes `operator: Operator`. Nobody else gets there: [`door`] stands before both modules, also before a handler
//!    that forgets. It has also seen to it that no other site's page asked: a call below `/admin/v1` with the cookie carries
//!    `X-Menjin-Console: 1`; a form carries the hidden field `form_token`, which is `operator.form_token()`.
//! 3. It says which right it needs: `operator.may(Right::Support)?`. Keys, secrets, exports and operators also need
//!    `operator.reauthenticated()?`.
//! 4. What it does is a method of `Menjin` that takes `by: &Actor`: `&operator.actor()`.

mod account;
mod api;
mod console;
mod document;
mod door;
mod held;
mod operated;
mod operator;
mod pages;
mod password;
mod scan;
mod sign_in;
mod totp;
mod tries;
mod welcome;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;
use api::taken::{Acts, nothing_else};
pub(crate) use document::document;
pub use operated::{EndedTokens, NewOperatorToken, OperatorLink, OperatorNotDone, OperatorTokenView, OperatorView};
pub(crate) use operator::{Operator, Right};
pub(crate) use tries::Tries;

/// All routes of the operator's side but `/metrics`.
pub(crate) fn routes(menjin: &Menjin) -> Router<Menjin> {
    let (behind, document) = behind_the_door().split_for_parts();
    // By cookie, and by a program's token.
    let behind =
        behind.route("/admin/openapi.json", get(document::show)).route("/admin/v1/openapi.json", get(document::show));
    let (before, _) = before_the_door().split_for_parts();
    let acts = (menjin.clone(), Acts::of(&document));
    let behind = behind.route_layer(from_fn_with_state(acts, nothing_else));
    let behind = behind.route_layer(from_fn_with_state(menjin.clone(), console::in_words));
    let routes = before.merge(behind.route_layer(from_fn_with_state(menjin.clone(), door::around)));
    let routes = routes
        .route("/admin", get(to_console))
        .route("/admin/language", get(pages::switch))
        .route("/admin/style.css", get(pages::style))
        .route("/admin/icon.svg", get(pages::icon));
    if menjin.dev.is_none() {
        return routes;
    }
    let (dev, _) = sign_in::dev_routes().split_for_parts();
    routes.merge(dev).route_layer(from_fn(crate::dev::only_from_here))
}

/// The root of the operator's side.
pub(crate) async fn to_console() -> Response {
    pages::see_other(pages::HOME)
}

/// What operators alone may see.
fn behind_the_door() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().merge(api::routes()).merge(console::routes()).merge(account::routes()).merge(scan::routes())
}

/// Where they sign in.
fn before_the_door() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().merge(sign_in::routes()).merge(welcome::routes()).merge(scan::open_routes())
}
