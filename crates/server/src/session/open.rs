//! Opening a session for somebody whom a platform or a back end has proved, and issuing its first pair.

use menjin_platform::{Identity, SessionKey};
use menjin_token::{Id, SessionId, Timestamp};

use super::{Pair, issue};
use crate::apps::App;
use crate::config::WhenFull;
use crate::problem::Problem;
use crate::roles;
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{
    CodeDigest, Device, EndReason, IdentityName, Limit, Opened, OpenedBefore, Opening, PhoneChange, ProfileChange,
    Standing, UserRow, Who,
};

/// How somebody was proved who came with a password (RFC 8176).
const BY_PASSWORD: &str = "pwd";

/// A proved sign-in.
pub(crate) struct SignIn<'a> {
    /// The app.
    pub(crate) app: &'a App,
    /// Who says who it is.
    pub(crate) proof: Proof<'a>,
    /// What the person brought of a profile.
    pub(crate) profile: ProfileChange,
    /// A number that the platform proved.
    pub(crate) phone: Option<PhoneChange>,
    /// The device.
    pub(crate) device: Device,
    /// The code that was spent, or what stands for the request.
    pub(crate) code: Option<CodeDigest>,
    /// Whether the same request may come again.
    pub(crate) repeatable: bool,
}

/// Who says who it is.
pub(crate) enum Proof<'a> {
    /// The app's platform.
    Platform(&'a Identity),
    /// A back end.
    App(Vouched),
    /// The person, by a password: whom it names.
    Password(Who),
}

/// Somebody whom a back end vouches for.
pub(crate) struct Vouched {
    /// The back end, or the old system.
    pub(crate) by: String,
    /// How somebody was proved.
    pub(crate) amr: &'static str,
    /// Who it is.
    pub(crate) who: Who,
    /// What their access tokens say beside the usual: a JSON object.
    pub(crate) claims: Option<String>,
}

/// An open session.
pub(crate) struct SignedIn {
    /// Its tokens.
    pub(crate) pair: Pair,
    /// Whose it is.
    pub(crate) user: UserRow,
    /// Whether they are new.
    pub(crate) is_new_user: bool,
    /// Whether they wanted to leave, and stay by this.
    pub(crate) called_back: bool,
}

/// Finds or makes the person, opens a session and issues its tokens.
pub(crate) async fn open(menjin: &Menjin, sign_in: SignIn<'_>, now: Timestamp) -> Result<SignedIn, Problem> {
    let opened = menjin.store.open_session(opening(menjin, sign_in, now)).await?;
    match opened {
        Opened::Disabled => Err(Problem::Ended(EndReason::UserDisabled)),
        Opened::Full => Err(Problem::SessionsFull),
        Opened::NameTaken => Err(Problem::UsernameTaken),
        Opened::Unknown => Err(Problem::UserUnknown),
        Opened::Open { standing, is_new_user, replaced, merged, called_back } => {
            if let Some(merged) = merged {
                tracing::info!(user.id = %standing.user.id, alias = %merged.alias, "two users were merged by a unionid that came late");
                ended(menjin, &merged.ended, EndReason::UserMerged, now);
                if let Some(version) = merged.roles_version {
                    roles::changed_for(menjin, standing.user.id, version);
                    menjin.fast.wake.tell();
                }
            }
            ended(menjin, &replaced, EndReason::Replaced, now);
            menjin.hour.signed_in(now);
            let pair = issue(menjin, &standing, now).await?;
            Ok(SignedIn { pair, user: standing.user, is_new_user, called_back })
        }
    }
}

/// The same session again, signed anew; `None` once it was refreshed or has ended.
pub(crate) async fn again(menjin: &Menjin, opened: OpenedBefore, now: Timestamp) -> Result<Option<SignedIn>, Problem> {
    let OpenedBefore { session, called_back } = opened;
    let Some(standing) = menjin.store.unrefreshed(session).await? else { return Ok(None) };
    let pair = issue(menjin, &standing, now).await?;
    let Standing { user, auth_time, .. } = standing;
    Ok(Some(SignedIn { pair, is_new_user: user.created_at == auth_time, called_back, user }))
}

/// After the commit: this node refuses them from now on, without waiting for the feed, and the others read it at once.
pub(crate) fn ended(menjin: &Menjin, sessions: &[SessionId], reason: EndReason, now: Timestamp) {
    for session in sessions {
        menjin.ended.end_session(*session, reason.code(), now, menjin.tokens_until(now));
    }
    if !sessions.is_empty() {
        menjin.fast.wake.tell();
    }
}

fn opening(menjin: &Menjin, sign_in: SignIn<'_>, now: Timestamp) -> Opening {
    let SignIn { app, proof, profile, phone, device, code, repeatable } = sign_in;
    let Named { who, identity, amr, vouched } = named(app, proof);
    let entropy = &*menjin.entropy;
    let grant = Id::new(now, entropy.bytes());
    let expires_at = now.plus(app.refresh_absolute);
    Opening {
        session: Id::new(now, entropy.bytes()),
        grant,
        new_user: Id::new(now, entropy.bytes()),
        new_identity: Id::new(now, entropy.bytes()),
        who,
        unionid: identity
            .and_then(|it| it.unionid.as_ref())
            .zip(app.open_account.as_ref())
            .map(|(id, account)| (id.as_str().to_owned(), account.clone())),
        session_key: identity.and_then(|it| it.session_key.as_ref()).map(|key| sealed_session_key(menjin, key)),
        superseded_until: now.plus(menjin.config.lifetimes.superseded_session_key),
        unmerge_until: now.plus(menjin.config.lifetimes.unmerge),
        profile,
        phone,
        app: app.id.clone(),
        amr,
        opened_by: vouched.as_ref().map(|it| it.by.clone()),
        claims: vouched.and_then(|it| it.claims),
        device,
        limit: limit(app),
        secret: menjin.sealer.seal(Sealed::GrantSecret, &grant.to_bytes(), &entropy.bytes::<32>(), entropy),
        master_key: menjin.sealer.present(),
        code,
        repeatable,
        now,
        idle_until: now.plus(app.refresh_idle).min(expires_at),
        expires_at,
        tokens_until: menjin.tokens_until(now),
    }
}

fn limit(app: &App) -> Limit {
    Limit {
        without_device: app.sessions_without_device,
        on_class: Some(app.sessions_per_device_class).filter(|most| *most > 0),
        in_all: app.sessions,
        refuses_newest: app.when_full == WhenFull::NewestRefused,
    }
}

/// Whom a proof names.
struct Named<'a> {
    who: Who,
    identity: Option<&'a Identity>,
    /// How they were proved.
    amr: &'static str,
    vouched: Option<Voucher>,
}

/// Who vouches.
struct Voucher {
    by: String,
    claims: Option<String>,
}

fn named<'a>(app: &App, proof: Proof<'a>) -> Named<'a> {
    match proof {
        Proof::App(Vouched { by, amr, who, claims }) => {
            Named { who, identity: None, amr, vouched: Some(Voucher { by, claims }) }
        }
        Proof::Password(who) => Named { who, identity: None, amr: BY_PASSWORD, vouched: None },
        Proof::Platform(identity) => {
            let openid = identity.openid.as_str().to_owned();
            let name = IdentityName { platform: app.platform_name(), appid: app.appid.clone(), openid };
            let amr = app.platform_name();
            Named { who: Who::Identity(name), identity: Some(identity), amr, vouched: None }
        }
    }
}

/// A platform's `session_key` as it is kept: its row, sealed, and its digest.
pub(crate) fn sealed_session_key(menjin: &Menjin, key: &SessionKey) -> ([u8; 16], Vec<u8>, [u8; 32]) {
    let row: [u8; 16] = menjin.entropy.bytes();
    let sealed = menjin.sealer.seal(Sealed::SessionKey, &row, key.expose().as_bytes(), &*menjin.entropy);
    (row, sealed, session_key_digest(menjin, key))
}

/// What tells whether two of them are the same.
pub(crate) fn session_key_digest(menjin: &Menjin, key: &SessionKey) -> [u8; 32] {
    menjin.digester.digest("platform session key", key.expose().as_bytes())
}
