//! Ways to prove who you are: a platform's code, exchanged exactly once; a browser that comes back from a platform; a back end that vouches for somebody; an old
//! system's token.
//!
//! Does not: opening sessions (`session`), finding people (`store`, in the same transaction), the platform's wire (`platform`).

mod brought;
mod code;
mod exchange;
mod once;
mod redirect;
mod vouched;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use brought::LoginRequest;
pub(crate) use code::sign_in;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    code::routes().merge(redirect::routes()).merge(vouched::routes()).merge(exchange::routes())
}
