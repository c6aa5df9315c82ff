//! Ways to prove who you are: a platform's code, exchanged exactly once.
//!
//! Does not: opening sessions (`session`), finding people (`store`, in the same transaction), the platform's wire (`platform`).

mod brought;
mod code;
mod once;

use utoipa_axum::router::OpenApiRouter;

use crate::state::Menjin;

pub(crate) use brought::LoginRequest;
pub(crate) use code::sign_in;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    code::routes()
}
