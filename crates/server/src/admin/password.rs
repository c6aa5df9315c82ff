//! What an operator's password must be, and its hash beside the second factor, sealed in one.

use menjin_token::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::totp::{self, Secret};
use crate::people::password::{Compared, Hash, NOBODYS, Name, Typed};
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

/// What was typed, if it can be anybody's password: it is known at once that nothing else is, and it is no guess.
pub(super) fn typed(password: &SecretString) -> Option<Typed> {
    Typed::of(password).ok()
}

/// The step that was shown, if password and code are those of the operator whose `proof` it is. It costs the same whether the name
/// is anybody's or not.
pub(super) async fn shown(
    menjin: &Menjin,
    (name, proof): (&str, Option<&OperatorProof>),
    (password, code): (&Typed, &str),
    now: Timestamp,
) -> Result<Option<ShownStep>, Problem> {
    let stand_in = stand_in(menjin, name).await?;
    let Some(proof) = proof else {
        return menjin.passwords.compare(password, stand_in).await.map(|_| None);
    };
    let (secret, hash) = opened(menjin, name, proof)?;
    let compared = menjin.passwords.compare(password, hash).await?;
    let step = totp::step_of(&secret, code, now).filter(|_| compared != Compared::Wrong);
    if step.is_some() && compared == Compared::Outdated {
        upgrade(menjin, name, proof, (password, &secret)).await;
    }
    Ok(step.map(|step| ShownStep { step, set_up_at: proof.set_up_at }))
}

/// What a password for a name that nobody has is compared with: a hash of the form that one of the operators' has, and the same for
/// one name each time. So how long an answer takes tells nobody who the operators are, not even after `[passwords]` has changed. It
/// is looked for either way, as it takes time, too.
async fn stand_in(menjin: &Menjin, name: &str) -> Result<Hash, Problem> {
    let mut names: Vec<_> = menjin.store.operators().await?;
    names.retain(|operator| operator.set_up_at.is_some());
    names.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let point = menjin.digester.digest("operator's stand-in", name.as_bytes());
    let nth = usize::from(point[0]) % names.len().max(1);
    let Some(like) = names.get(nth) else { return Ok(NOBODYS) };
    let proof = menjin.store.operator_proof(&like.name).await?;
    let hash = proof.and_then(|proof| opened(menjin, &like.name, &proof).ok()).map(|(_, hash)| hash);
    Ok(hash.and_then(|hash| Hash::decoy(&hash.form())).unwrap_or(NOBODYS))
}

/// The same password in today's form: whoever steals the table has more work from now on. The sign-in goes on if it fails.
async fn upgrade(menjin: &Menjin, name: &str, former: &OperatorProof, (password, secret): (&Typed, &Secret)) {
    let upgraded = async {
        let to = sealed(menjin, name, password, secret).await?;
        Ok::<bool, Problem>(menjin.store.reseal_operator(name, former.sealed.clone(), to).await?)
    };
    match upgraded.await {
        Ok(true) => tracing::info!(operator = name, "an operator's password is kept in today's form from now on"),
        Ok(false) => {}
        Err(problem) => {
            tracing::warn!(
                problem = problem.spec().code,
                operator = name,
                "an operator's password stays in its former form"
            );
        }
    }
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;
    use crate::start::Around;
    use crate::store::{Actor, AddingOperator, NewLink, NewOperatorSession, OperatorRole, RedeemingLink};

    async fn menjin(folder: &std::path::Path, passwords: &str) -> Menjin {
        let key = "0123456789abcdef".repeat(4);
        let toml =
            format!("secret_key = \"{key}\"\n[server]\npublic_url = \"http://127.0.0.1\"\n[passwords]\n{passwords}");
        Menjin::new(Config::parse(&toml, folder).unwrap(), Around::default()).await.unwrap()
    }

    async fn set_up(menjin: &Menjin, name: &str) {
        let (now, link, by) = (menjin.clock.now(), menjin.entropy.bytes(), Actor::command());
        let until = now.plus(std::time::Duration::from_mins(30));
        let waiting = Some(NewLink { digest: link, until });
        let (role, name) = (OperatorRole::Viewer, name.to_owned());
        let adding = AddingOperator { name: name.clone(), role, link: waiting, now, by };
        assert!(menjin.store.add_operator(adding).await.unwrap());
        let password = Typed::of(&"correct horse".into()).unwrap();
        let sealed = sealed(menjin, &name, &password, &[7; 20]).await.unwrap();
        let (digest, operator) = (menjin.entropy.bytes(), name);
        let session = NewOperatorSession { digest, operator, ip: None, user_agent: None, now, until };
        let redeeming = RedeemingLink { link, sealed, totp_step: 1, session };
        assert!(menjin.store.redeem_link(redeeming).await.unwrap());
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_what_an_operators_does_after_the_cost_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let before = menjin(folder.path(), "memory = 8192\niterations = 5\n").await;
        assert_eq!(stand_in(&before, "nobody").await.unwrap(), NOBODYS, "which costs what a hash of ours does");
        set_up(&before, "lin").await;
        drop(before);
        let after = menjin(folder.path(), "memory = 19456\niterations = 2\n").await;
        for name in ["nobody", "lin"] {
            assert_eq!(stand_in(&after, name).await.unwrap().form(), "argon2id$v=19$m=8192,t=5,p=1", "{name}");
        }
        set_up(&after, "wei").await;
        let mut forms = BTreeSet::new();
        for nth in 0..50 {
            forms.insert(stand_in(&after, &format!("nobody-{nth}")).await.unwrap().form());
        }
        assert_eq!(forms.len(), 2, "each for as many names as it has its share: {forms:?}");
        let of_one = stand_in(&after, "nobody").await.unwrap();
        assert_eq!(stand_in(&after, "nobody").await.unwrap(), of_one, "always the same for one name");
    }

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
