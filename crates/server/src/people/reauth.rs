//! What can't be undone asks for a sign-in of the last minutes, or for a fresh proof in the same request (design §4.6).
//!
//! Does not: knowing which acts those are (each of them asks here before it spends or changes anything).

use menjin_platform::{Identity, JsCode, Redirected};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Person;
use super::password::prove_again;
use crate::apps::arrival::is_verifier;
use crate::apps::once::{self, Claim};
use crate::apps::{App, arrival};
use crate::extract::Client;
use crate::problem::{Fault, Problem};
use crate::session::{carried_through, sealed_session_key};
use crate::state::Menjin;
use crate::store::{IdentityName, ProvedIdentity};

/// How a session is opened with an old system's token, which proves nothing of the last minutes.
const BY_OLD_TOKEN: &str = "legacy";

/// What a request brought to prove who asks, beside its access token.
#[derive(Default, Clone, Copy)]
pub(crate) struct Fresh<'a> {
    /// A code of the session's app, as `POST /v1/login/{app}` takes it: one use.
    pub(crate) code: Option<&'a SecretString>,
    /// Belongs to a code of a page that began with `start`.
    pub(crate) code_verifier: Option<&'a SecretString>,
    /// The person's password.
    pub(crate) password: Option<&'a SecretString>,
}

/// The same as a member of a request: checked wherever it is sent.
#[derive(Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct FreshInput {
    /// A fresh code of the session's app, as `POST /v1/login/{app}` takes it: one use.
    #[schema(value_type = Option<String>, max_length = 128, pattern = "^[!-~]+$")]
    pub(crate) code: Option<SecretString>,
    /// Belongs to a code of a page that began with `start`.
    #[schema(value_type = Option<String>, min_length = 43, max_length = 128, pattern = "^[A-Za-z0-9._~-]+$")]
    pub(crate) code_verifier: Option<SecretString>,
    /// The caller's password.
    #[schema(value_type = Option<String>, format = Password)]
    pub(crate) password: Option<SecretString>,
}

impl Fresh<'_> {
    /// Whether there is anything to check.
    pub(crate) fn is_proof(self) -> bool {
        self.code.is_some() || self.password.is_some()
    }
}

impl<'a> From<Option<&'a FreshInput>> for Fresh<'a> {
    fn from(input: Option<&'a FreshInput>) -> Self {
        input.map_or_else(Self::default, |input| Self {
            code: input.code.as_ref(),
            code_verifier: input.code_verifier.as_ref(),
            password: input.password.as_ref(),
        })
    }
}

/// Whether they proved who they are within `lifetimes.fresh_sign_in`, or do so now; else [`Problem::ReauthRequired`]. What they
/// brought is checked however fresh their session is: a wrong proof may be somebody else's try.
pub(crate) async fn is_fresh(
    menjin: &Menjin,
    person: &Person,
    client: &Client,
    brought: Fresh<'_>,
) -> Result<(), Problem> {
    if let Some(password) = brought.password {
        by_password(menjin, person, client, password).await?;
    }
    if let Some(code) = brought.code {
        by_code(menjin, person, (code, brought.code_verifier)).await?;
    }
    if brought.is_proof() || has_fresh_session(menjin, person) { Ok(()) } else { Err(Problem::ReauthRequired) }
}

async fn by_code(
    menjin: &Menjin,
    person: &Person,
    (code, verifier): (&SecretString, Option<&SecretString>),
) -> Result<(), Problem> {
    menjin.limits.person_asks(person.user.id).await?;
    let app = menjin.apps.by_id(&person.session.app).ok_or(Problem::AppUnknown)?;
    let (menjin, user) = (menjin.clone(), person.user.id);
    let (code, verifier) = (code.clone(), verifier.cloned());
    // Carried through when the connection breaks meanwhile: the platform has made another session_key by then.
    carried_through(async move {
        let Redirected { identity, .. } = met(&menjin, &app, (&code, verifier.as_ref())).await?;
        let whose = menjin.store.prove_identity(proved(&menjin, &app, &identity)).await?;
        if whose == Some(user) { Ok(()) } else { Err(Problem::ReauthRequired) }
    })
    .await
}

/// Whether their session alone is proof enough.
pub(super) fn has_fresh_session(menjin: &Menjin, person: &Person) -> bool {
    let fresh = menjin.config.lifetimes.fresh_sign_in;
    person.session.amr != BY_OLD_TOKEN && menjin.clock.now() <= person.session.opened_at.plus(fresh)
}

async fn by_password(
    menjin: &Menjin,
    person: &Person,
    client: &Client,
    password: &SecretString,
) -> Result<(), Problem> {
    match prove_again(menjin, person, password, client).await {
        Ok(_) => Ok(()),
        Err(Problem::PasswordWrong) => Err(Problem::OldPasswordWrong),
        Err(problem) => Err(problem),
    }
}

/// Whom a fresh code names, for somebody who is signed in already: the code is spent by this, whatever comes of it.
pub(super) async fn met(
    menjin: &Menjin,
    app: &App,
    (code, verifier): (&SecretString, Option<&SecretString>),
) -> Result<Redirected, Problem> {
    let code = JsCode::parse(code.expose_secret()).map_err(|_| Problem::field("code", Fault::NotACode))?;
    app.platform().ok_or(Problem::AppUnknown)?;
    let verifier = match (app.redirect(), verifier) {
        (None, _) => None,
        (Some(_), None) => return Err(Problem::field("code_verifier", Fault::Missing)),
        (Some(_), Some(verifier)) if !is_verifier(verifier.expose_secret()) => {
            return Err(Problem::field("code_verifier", Fault::NotPkce));
        }
        (Some(_), Some(verifier)) => Some(verifier),
    };
    let claimed = match once::claim(menjin, &app.id, &code, None).await? {
        Claim::Ours(claimed) => claimed,
        Claim::Repeated(_) => return Err(Problem::CodeUsed),
    };
    let Some(verifier) = verifier else { return once::exchange(menjin, app, &code, claimed).await };
    match arrival::take(menjin, app, (&code, verifier.expose_secret())).await {
        Ok(met) => Ok(met),
        Err(problem) => Err(once::lost(menjin, claimed, problem).await),
    }
}

/// What the platform said of somebody, for the store.
pub(super) fn proved(menjin: &Menjin, app: &App, identity: &Identity) -> ProvedIdentity {
    let now = menjin.clock.now();
    let unionid = identity.unionid.as_ref().zip(app.open_account.as_ref());
    ProvedIdentity {
        name: IdentityName {
            platform: app.platform_name(),
            appid: app.appid.clone(),
            openid: identity.openid.as_str().to_owned(),
        },
        unionid: unionid.map(|(unionid, account)| (unionid.as_str().to_owned(), account.clone())),
        session_key: identity.session_key.as_ref().map(|key| sealed_session_key(menjin, key)),
        superseded_until: now.plus(menjin.config.lifetimes.superseded_session_key),
        now,
    }
}
