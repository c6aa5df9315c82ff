//! Ways to prove who you are: a platform's code, exchanged exactly once; a name and a password; a browser that comes back from a platform; a back end that vouches for somebody; an old
//! system's token.
//!
//! Does not: opening sessions (`session`), finding people (`store`, in the same transaction), the platform's wire (`platform`).

mod brought;
mod code;
mod exchange;
mod password;
mod redirect;
mod register;
mod vouched;

use utoipa_axum::router::OpenApiRouter;

use crate::apps::once;
use crate::state::Menjin;

pub(crate) use brought::LoginRequest;
pub(crate) use code::sign_in;
pub(crate) use password::sign_in_by_password;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    code::routes()
        .merge(password::routes())
        .merge(register::routes())
        .merge(redirect::routes())
        .merge(vouched::routes())
        .merge(exchange::routes())
}
