//! Sessions: opened, refreshed, listed, ended; and the tokens that they are seen by.
//!
//! Lives here: opening and issuing, refresh, logout, the list, session data, the feed of ends. Does not: who the user is (`people`, `login`).

mod carried;
mod cursor;
mod data;
mod feed;
mod issue;
mod logout;
mod mine;
mod old_form;
mod on_behalf;
mod open;
mod operated;
mod refresh;
mod refresh_token;
mod revocations;
mod told;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use carried::carried_through;
pub(crate) use cursor::Cursor;
pub(crate) use feed::follow;
pub(crate) use issue::{Pair, issue};
pub(crate) use old_form::{DjangoToken, NotDjango, OldForms, OldToken};
pub(crate) use on_behalf::{RefreshToken, end_for};
pub(crate) use open::{Proof, SignIn, SignedIn, Vouched, again, ended, open, sealed_session_key, session_key_digest};
pub use operated::{SessionView, SessionsAsked};
pub(crate) use told::Told;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    refresh::routes().merge(logout::routes()).merge(mine::routes()).merge(data::routes()).merge(revocations::routes())
}
