//! People: what menjin shows of a user, what they may change, and what the platform proves of them.
//!
//! Does not: signing in (`login`), sessions (`session`), rows (`store`).

mod me;
mod open_data;
mod operated;
mod person;
mod phone;
mod profile;
mod view;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use open_data::{Opened, open_fresh};
pub use operated::{AccountView, IdentityView, UserName};
pub(crate) use person::Person;
pub(crate) use phone::proved;
pub(crate) use profile::{ProfileInput, avatar_url, chosen, from_platform, is_unprintable, nickname};
pub(crate) use view::{NeedView, Unusable, UserView, need};

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    me::routes()
}
