//! Passwords: what a name and a password must be like, how one is kept and checked, how it is changed and given anew.
//!
//! Does not: opening sessions (`login`), counting wrong ones (`limits`), rows (`store`).

mod change;
mod check;
mod guessed;
mod hash;
mod name;
mod pool;
mod reset;
mod typed;

use utoipa_axum::router::OpenApiRouter;

use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::NewPassword;

pub(crate) use check::{prove, prove_again};
pub(crate) use hash::{Hash, NOBODYS};
pub(crate) use name::Name;
pub(crate) use pool::{Compared, Pool};
pub use reset::{NewResetCode, NoReset};
pub(crate) use typed::Typed;

pub(super) fn routes() -> OpenApiRouter<Menjin> {
    change::routes().merge(reset::routes())
}

/// A new password as it is kept: in the row of the former one, if there is one.
pub(crate) async fn made(
    menjin: &Menjin,
    name: &Name,
    password: &Typed,
    row: Option<[u8; 16]>,
) -> Result<NewPassword, Problem> {
    let hash = menjin.passwords.hash(password, menjin.entropy.bytes()).await?;
    Ok(sealed(menjin, name, &hash, row))
}

/// A hash as it is kept.
pub(crate) fn sealed(menjin: &Menjin, name: &Name, hash: &Hash, row: Option<[u8; 16]>) -> NewPassword {
    let row = row.unwrap_or_else(|| menjin.entropy.bytes());
    NewPassword {
        row,
        username: name.shown.clone(),
        lookup: name.lookup.clone(),
        form: hash.form(),
        hash: menjin.sealer.seal(Sealed::Password, &row, hash.to_string().as_bytes(), &*menjin.entropy),
    }
}
