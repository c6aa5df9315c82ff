//! People: what menjin shows of a user, what they may change, and what the platform proves of them.
//!
//! Does not: signing in (`login`), sessions (`session`), rows (`store`).

mod asking;
mod avatars;
mod consents;
mod decrypted;
mod export;
mod identities;
mod leaving;
mod me;
mod merging;
mod nickname;
mod numbers;
mod open_data;
mod operated;
pub(crate) mod password;
mod person;
mod phone;
mod picture;
mod profile;
mod reauth;
mod session_key;
mod subject;
mod view;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use avatars::{Avatars, sweep as sweep_avatars, take_down};
pub use consents::ConsentedView;
pub use export::Export;
pub(crate) use export::Exports;
pub use identities::OperatedIdentity;
pub use leaving::{Deletion, WhenToDelete};
pub(crate) use leaving::{Stopped, erase_due};
pub use merging::{MergeView, MergedView, SideView, UnmergeView};
pub(crate) use nickname::may_be_called;
pub(crate) use numbers::SIGNED_PHONE;
pub(crate) use open_data::{Opened, open_fresh};
pub use operated::{AccountView, IdentityView, ListedUserView, UserName};
pub(crate) use password::Pool;
pub use password::{NewResetCode, NoReset};
pub(crate) use person::Person;
pub(crate) use phone::{proved, signed};
pub(crate) use profile::{ProfileInput, avatar_url, chosen, from_platform, is_unprintable, nickname};
pub(crate) use reauth::{Fresh, is_fresh};
pub(crate) use view::{NeedView, Unusable, UserView, need};

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    me::routes()
        .merge(numbers::routes())
        .merge(decrypted::routes())
        .merge(session_key::routes())
        .merge(avatars::routes())
        .merge(export::routes())
        .merge(leaving::routes())
        .merge(consents::routes())
        .merge(identities::routes())
        .merge(merging::routes())
        .merge(password::routes())
}
