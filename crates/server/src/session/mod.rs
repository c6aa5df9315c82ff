//! Sessions: opened, refreshed, listed, ended; and the tokens that they are seen by.
//!
//! Lives here: opening and issuing, refresh, logout, the list, the feed of ends. Does not: who the user is (`people`, `login`).

mod carried;
mod cursor;
mod feed;
mod issue;
mod logout;
mod mine;
mod old_form;
mod open;
mod refresh;
mod refresh_token;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use cursor::Cursor;
pub(crate) use feed::follow;
pub(crate) use issue::{Pair, issue};
pub(crate) use old_form::{OldForms, OldToken};
pub(crate) use open::{SignIn, SignedIn, again, open};

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    refresh::routes().merge(logout::routes()).merge(mine::routes())
}
