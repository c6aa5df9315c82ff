//! What an operator's password must be, and its hash beside the second factor, sealed in one.

use menjin_token::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::totp::{self, Secret};
use crate::people::password::{Compared, Hash, Name, Typed};
use crate::problem::{Fault, Problem};
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{OperatorProof, ShownStep};

/// Characters of a new password: more than people's need, as an operator's opens more.
pub(super) const SHORTEST: usize = 12;

/// A new password, if it may be one; what is wrong with it.
pub(super) fn chosen(name: &str, password: &SecretString, again: &SecretString) -> Result<Typed, Unfit> {
    let typed = Typed::chosen(password, &Name::kept(name), SHORTEST).map_err(Unfit::Bad)?;
    if password.expose_secret() == again.expose_secret() { Ok(typed) } else { Err(Unfit::Differs) }
}

/// Why a password can't be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Too short, too common, the name itself.
    Bad(Fault),
    /// What was typed twice differs.
    Differs,
}

/// Password and second factor as they are kept.
pub(super) async fn sealed(menjin: &Menjin, name: &str, password: &Typed, secret: &Secret) -> Result<Vec<u8>, Problem> {
    let hash = menjin.passwords.hash(password, menjin.entropy.bytes()).await?.to_string();
    let plain = Zeroizing::new([&secret[..], hash.as_bytes()].concat());
    Ok(menjin.sealer.seal(Sealed::Operator, name.as_bytes(), &plain, &*menjin.entropy))
}

/// The step that was shown, if password and code are those of the operator. It costs the same whoever is named.
pub(super) async fn shown(
    menjin: &Menjin,
    name: &str,
    (password, code): (&SecretString, &str),
    now: Timestamp,
) -> Result<Option<ShownStep>, Problem> {
    let Ok(password) = Typed::of(password) else { return Ok(None) };
    let Some(proof) = menjin.store.operator_proof(name).await? else {
        return menjin.passwords.hash(&password, [0; 16]).await.map(|_| None);
    };
    let (secret, hash) = opened(menjin, name, &proof)?;
    let is_right = menjin.passwords.compare(&password, hash).await? != Compared::Wrong;
    let step = totp::step_of(&secret, code, now).filter(|_| is_right);
    Ok(step.map(|step| ShownStep { step, set_up_at: proof.set_up_at }))
}

fn opened(menjin: &Menjin, name: &str, proof: &OperatorProof) -> Result<(Secret, Hash), Problem> {
    let broken = || Problem::Internal(anyhow::anyhow!("operators.sealed of {name} holds no proof"));
    let plain = menjin.sealer.open(Sealed::Operator, name.as_bytes(), &proof.sealed);
    let plain = plain.map_err(|error| Problem::Internal(error.into()))?;
    let (secret, hash) = plain.split_first_chunk().ok_or_else(broken)?;
    let hash = std::str::from_utf8(hash).ok().and_then(Hash::parse);
    Ok((*secret, hash.ok_or_else(broken)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_typed_the_same_twice() {
        let of = |password: &str, again: &str| chosen("linda-the-first", &password.into(), &again.into()).err();
        assert_eq!(of("correct horse", "correct horse"), None);
        assert_eq!(of("门禁系统管理员的长密码啊", "门禁系统管理员的长密码啊"), None);
        assert_eq!(of("eleven char", "eleven char"), Some(Unfit::Bad(Fault::TooShort(SHORTEST))));
        assert_eq!(of("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"), Some(Unfit::Bad(Fault::TooCommon)));
        assert_eq!(of("Linda-the-first", "Linda-the-first"), Some(Unfit::Bad(Fault::IsTheName)));
        assert_eq!(of("correct horse", "correct house"), Some(Unfit::Differs));
    }
}
