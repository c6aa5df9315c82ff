//! Opening a session for somebody whom a platform has proved, and issuing its first pair.

use menjin_platform::{Identity, SessionKey};
use menjin_token::{Id, SessionId, Timestamp};

use super::{Pair, issue};
use crate::apps::App;
use crate::problem::Problem;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{
    CodeDigest, Device, EndReason, IdentityName, Limit, Opened, Opening, PhoneChange, ProfileChange, Standing, UserRow,
};

/// A proved sign-in.
pub(crate) struct SignIn<'a> {
    /// The app.
    pub(crate) app: &'a App,
    /// Who the platform says it is.
    pub(crate) identity: &'a Identity,
    /// What the person brought of a profile.
    pub(crate) profile: ProfileChange,
    /// A number that the platform proved.
    pub(crate) phone: Option<PhoneChange>,
    /// The device.
    pub(crate) device: Device,
    /// The code that was spent.
    pub(crate) code: CodeDigest,
    /// Whether the same request may come again.
    pub(crate) repeatable: bool,
}

/// An open session.
pub(crate) struct SignedIn {
    /// Its tokens.
    pub(crate) pair: Pair,
    /// Whose it is.
    pub(crate) user: UserRow,
    /// Whether they are new.
    pub(crate) is_new_user: bool,
}

/// Finds or makes the person, opens a session and issues its tokens.
pub(crate) async fn open(menjin: &Menjin, sign_in: SignIn<'_>, now: Timestamp) -> Result<SignedIn, Problem> {
    let opened = menjin.store.open_session(opening(menjin, sign_in, now)).await?;
    match opened {
        Opened::Disabled => Err(Problem::Ended(EndReason::UserDisabled)),
        Opened::Open { standing, is_new_user, replaced } => {
            ended(menjin, &replaced, EndReason::Replaced, now);
            let pair = issue(menjin, &standing, now).await?;
            Ok(SignedIn { pair, user: standing.user, is_new_user })
        }
    }
}

/// The same session again, signed anew; `None` once it was refreshed or has ended.
pub(crate) async fn again(menjin: &Menjin, session: SessionId, now: Timestamp) -> Result<Option<SignedIn>, Problem> {
    let Some(standing) = menjin.store.unrefreshed(session).await? else { return Ok(None) };
    let pair = issue(menjin, &standing, now).await?;
    let Standing { user, auth_time, .. } = standing;
    Ok(Some(SignedIn { pair, is_new_user: user.created_at == auth_time, user }))
}

/// After the commit: this node refuses them from now on, without waiting for the feed, and the others read it at once.
pub(super) fn ended(menjin: &Menjin, sessions: &[SessionId], reason: EndReason, now: Timestamp) {
    for session in sessions {
        menjin.ended.end_session(*session, reason.code(), now, menjin.tokens_until(now));
    }
    if !sessions.is_empty() {
        menjin.fast.wake.tell();
    }
}

fn opening(menjin: &Menjin, sign_in: SignIn<'_>, now: Timestamp) -> Opening {
    let SignIn { app, identity, profile, phone, device, code, repeatable } = sign_in;
    let entropy = &*menjin.entropy;
    let grant = Id::new(now, entropy.bytes());
    let expires_at = now.plus(app.refresh_absolute);
    Opening {
        session: Id::new(now, entropy.bytes()),
        grant,
        new_user: Id::new(now, entropy.bytes()),
        new_identity: Id::new(now, entropy.bytes()),
        identity: IdentityName {
            platform: app.platform_name(),
            appid: app.appid.clone(),
            openid: identity.openid.as_str().to_owned(),
        },
        unionid: identity
            .unionid
            .as_ref()
            .zip(app.open_account.as_ref())
            .map(|(id, account)| (id.as_str().to_owned(), account.clone())),
        session_key: identity.session_key.as_ref().map(|key| sealed_session_key(menjin, key)),
        superseded_until: now.plus(menjin.config.lifetimes.superseded_session_key),
        profile,
        phone,
        app: app.id.clone(),
        device,
        limit: Limit { without_device: app.sessions_without_device, in_all: app.sessions },
        secret: menjin.sealer.seal(Sealed::GrantSecret, &grant.to_bytes(), &entropy.bytes::<32>(), entropy),
        master_key: menjin.sealer.present(),
        amr: app.platform_name(),
        code,
        repeatable,
        now,
        idle_until: now.plus(app.refresh_idle).min(expires_at),
        expires_at,
        tokens_until: menjin.tokens_until(now),
    }
}

fn sealed_session_key(menjin: &Menjin, key: &SessionKey) -> ([u8; 16], Vec<u8>, [u8; 32]) {
    let row: [u8; 16] = menjin.entropy.bytes();
    let sealed = menjin.sealer.seal(Sealed::SessionKey, &row, key.expose().as_bytes(), &*menjin.entropy);
    (row, sealed, menjin.digester.digest("platform session key", key.expose().as_bytes()))
}
