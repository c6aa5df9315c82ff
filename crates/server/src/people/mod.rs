//! People: what menjin shows of a user, what they may change, and what the platform proves of them.
//!
//! Does not: signing in (`login`), sessions (`session`), rows (`store`).

mod asking;
mod avatars;
mod decrypted;
mod me;
mod nickname;
mod numbers;
mod open_data;
mod operated;
mod person;
mod phone;
mod picture;
mod profile;
mod session_key;
mod subject;
mod view;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use avatars::{Avatars, sweep as sweep_avatars, take_down};
pub(crate) use nickname::may_be_called;
pub(crate) use numbers::SIGNED_PHONE;
pub(crate) use open_data::{Opened, open_fresh};
pub use operated::{AccountView, IdentityView, UserName};
pub(crate) use person::Person;
pub(crate) use phone::proved;
pub(crate) use profile::{ProfileInput, avatar_url, chosen, from_platform, is_unprintable, nickname};
pub(crate) use view::{NeedView, Unusable, UserView, need};

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    me::routes()
        .merge(numbers::routes())
        .merge(decrypted::routes())
        .merge(session_key::routes())
        .merge(avatars::routes())
}
