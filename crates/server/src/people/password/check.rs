//! Whether somebody knows the password: the same words, the same work and the same count of wrong ones, whether the name is
//! anybody's or nobody's.

use anyhow::Context as _;
use secrecy::SecretString;

use super::pool::Compared;
use super::{Hash, NOBODYS, Name, Typed, sealed};
use crate::extract::Client;
use crate::limits::Holds;
use crate::people::Person;
use crate::problem::{Fault, Problem};
use crate::refusals;
use crate::seal::Sealed;
use crate::session::carried_through;
use crate::state::Menjin;
use crate::store::{AuditLine, Device, PasswordRow, UserRow};

/// Somebody who knows their password.
pub(crate) struct Proved {
    /// Who they are.
    pub(crate) row: PasswordRow,
}

/// Who has this name and this password. A wrong one may be held back, and whoever hangs up meanwhile is counted all the same:
/// callers carry it through.
pub(crate) async fn prove(
    menjin: &Menjin,
    (name, password): (&str, &SecretString),
    (app, device): (&str, &Device),
) -> Result<Proved, Problem> {
    if name.trim().is_empty() {
        return Err(Problem::field("username", Fault::Empty));
    }
    let typed = Typed::of(password).map_err(|fault| Problem::field("password", fault))?;
    let lookup = Name::lookup(name);
    let digest = menjin.digester.digest("password name", lookup.as_bytes());
    let row = menjin.store.password_by_name(&lookup).await?;
    let (ip, holds) = (device.ip.clone(), Holds::Device(device.id.as_deref()));
    Attempt { digest, row, app, ip, holds }.prove(menjin, &typed).await
}

/// Whether somebody who is signed in knows their password; this one is carried through.
pub(crate) async fn prove_again(
    menjin: &Menjin,
    person: &Person,
    password: &SecretString,
    client: &Client,
) -> Result<Proved, Problem> {
    let Person { user, session } = person;
    let typed = Typed::of(password).map_err(|fault| Problem::field("password", fault))?;
    let row = menjin.store.password_of(user.id).await?.ok_or(Problem::PasswordWrong)?;
    let digest = menjin.digester.digest("password name", Name::lookup(&row.username).as_bytes());
    let (menjin, app, ip) = (menjin.clone(), session.app.clone(), client.ip_text());
    let holds = Holds::Session(session.id);
    carried_through(
        async move { Attempt { digest, row: Some(row), app: &app, ip, holds }.prove(&menjin, &typed).await },
    )
    .await
}

/// A password that came for a name.
struct Attempt<'a> {
    /// Of the name, by which wrong ones are counted.
    digest: [u8; 32],
    row: Option<PasswordRow>,
    app: &'a str,
    /// Where it came from.
    ip: Option<String>,
    holds: Holds<'a>,
}

impl Attempt<'_> {
    async fn prove(self, menjin: &Menjin, typed: &Typed) -> Result<Proved, Problem> {
        let tried = menjin.limits.before_password(menjin, &self.digest, self.holds, self.row.as_ref()).await?;
        let compared = self.compare(menjin, typed).await;
        // What was not compared is no guess either: a full line bars nobody from their account.
        if !matches!(compared, Ok(Compared::Wrong)) {
            tried.was_no_guess().await;
        }
        let compared = compared?;
        let row = self.row.as_ref().ok_or(Problem::PasswordWrong)?;
        match compared {
            Compared::Wrong => {
                self.tell_refusal(menjin, &row.user);
                return Err(Problem::PasswordWrong);
            }
            Compared::Right => {}
            Compared::Outdated => upgrade(menjin, row, typed).await,
        }
        Ok(Proved { row: row.clone() })
    }

    /// With what is kept, or what stands in for it: that is looked for either way, as it takes time, too.
    async fn compare(&self, menjin: &Menjin, typed: &Typed) -> Result<Compared, Problem> {
        let stand_in = stand_in(menjin, &self.digest).await?;
        let kept = self.row.as_ref().map_or(Ok(stand_in), |row| opened(menjin, row))?;
        menjin.passwords.compare_evenly(typed, kept).await
    }

    /// Somebody's wrong passwords stand in the audit.
    fn tell_refusal(&self, menjin: &Menjin, user: &UserRow) {
        let (app, ip) = (Some(self.app.to_owned()).filter(|app| !app.is_empty()), self.ip.clone());
        let line =
            AuditLine { action: "login.refused", actor: "user", user: Some(user.id), app, ip, ..AuditLine::default() };
        refusals::tell(menjin, line);
    }
}

/// What a password for a name that nobody has is compared with: a hash of the form that one of the kept ones has, each form for
/// as many names as it has its share of people, and the same for one name each time. So the work tells nobody which names there
/// are, not even those of another system that nobody has used yet; where such are few, the pool holds quick answers back.
async fn stand_in(menjin: &Menjin, name: &[u8; 32]) -> Result<Hash, Problem> {
    let mut point = [0; 16];
    point.copy_from_slice(&name[..16]);
    let form = menjin.store.password_form_near(point).await?;
    Ok(form.and_then(|form| Hash::decoy(&form)).unwrap_or(NOBODYS))
}

/// What is kept.
fn opened(menjin: &Menjin, row: &PasswordRow) -> Result<Hash, Problem> {
    let plain = menjin
        .sealer
        .open(Sealed::Password, &row.row, &row.hash)
        .with_context(|| format!("opening the password of {}", row.user.id))
        .map_err(Problem::Internal)?;
    let text = std::str::from_utf8(&plain).ok();
    let unreadable = || Problem::Internal(anyhow::anyhow!("the password of {} has no form", row.user.id));
    text.and_then(Hash::parse).ok_or_else(unreadable)
}

/// The same password in today's form: whoever steals the table has more work from now on. The sign-in goes on if it fails.
async fn upgrade(menjin: &Menjin, row: &PasswordRow, typed: &Typed) {
    let upgraded = async {
        let hash = menjin.passwords.hash(typed, menjin.entropy.bytes()).await?;
        let to = sealed(menjin, &Name::kept(&row.username), &hash, Some(row.row));
        Ok::<bool, Problem>(menjin.store.rehash_password(row.hash.clone(), to).await?)
    };
    match upgraded.await {
        Ok(true) => tracing::info!(user.id = %row.user.id, "a password is kept in today's form from now on"),
        Ok(false) => {}
        Err(problem) => {
            tracing::warn!(problem = problem.spec().code, user.id = %row.user.id, "a password stays in its former form");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;
    use crate::entropy::sha256;
    use crate::moving::import::{Import, Origin};
    use crate::start::Around;

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_what_somebodys_does_and_always_the_same() {
        const OF_DJANGO: &str = "pbkdf2_sha256$1000$saltsaltsalt$yZel++KZVnMb55kDYLipaAvpsBrVebccAz0u2qPabBM=";
        let folder = tempfile::tempdir().unwrap();
        let key = "0123456789abcdef".repeat(4);
        let toml = format!(
            "secret_key = \"{key}\"\n[server]\npublic_url = \"http://127.0.0.1\"\n[[app]]\nid = \"desk\"\nkind = \"web\"\npasswords = true\n"
        );
        let menjin = Menjin::new(Config::parse(&toml, folder.path()).unwrap(), Around::default()).await.unwrap();
        let of = async |nth: u32| stand_in(&menjin, &sha256(&nth.to_be_bytes())).await.unwrap().form();
        assert_eq!(of(7).await, "none", "which costs what a hash of ours does");
        let (file, rejects) = (folder.path().join("people.csv"), folder.path().join("rejects.csv"));
        let people: Vec<_> = (1..=20).map(|nth| format!("{nth},name{nth},{OF_DJANGO}\n")).collect();
        std::fs::write(&file, format!("number,username,password_hash\n{}", people.concat())).unwrap();
        let import = Import { from: Origin::Csv(file), app: None, utc_offset: 0, dry_run: false, rejects };
        assert_eq!(menjin.import(&import, &|_, _| {}).await.unwrap().made, 20);
        let mut forms = BTreeSet::new();
        for nth in 0..50 {
            forms.insert(of(nth).await);
        }
        assert!(forms.contains("pbkdf2_sha256$1000"), "{forms:?}");
        assert_eq!(of(7).await, of(7).await);
    }
}
