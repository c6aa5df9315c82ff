//! Data that the platform encrypted for us: opened under the newest `session_key`, or one that it superseded (design §4.7).

use std::time::Duration;

use menjin_platform::{
    Identity, OpenData, OpenId, OpenedData, Payload, PhoneNumber, Profile, SessionKey, looks_unescaped,
};
use menjin_token::Timestamp;

use super::subject::Subject;
use crate::apps::App;
use crate::problem::{Fault, Problem};
use crate::seal::Sealed;
use crate::state::Menjin;
use crate::store::{IdentityName, KeptKey};

/// Data that is older is a replay.
const MAX_AGE: Duration = Duration::from_mins(10);

/// What encrypted data said.
pub(crate) enum Opened {
    /// A profile.
    Profile(Box<Profile>),
    /// A phone number, under the newest key.
    Phone(PhoneNumber),
    /// A phone number under a superseded key: no proof any more.
    StalePhone,
    /// Something else, which a sign-in has no use for.
    Other,
    /// It did not open; nobody is told why.
    Nothing,
}

/// Opens what came with a sign-in: first under the key of this very code, then under those that it superseded.
pub(crate) async fn open_fresh(
    menjin: &Menjin,
    app: &App,
    identity: &Identity,
    data: (&str, &str),
    now: Timestamp,
) -> Result<Opened, Problem> {
    let Some(open_data) = app.platform().and_then(|platform| platform.open_data()) else { return Ok(Opened::Nothing) };
    let Some(fresh) = &identity.session_key else { return Ok(Opened::Nothing) };
    if let Some(opened) = open(open_data, fresh, data, now, None) {
        return Ok(sorted(opened, identity, true));
    }
    let name = IdentityName {
        platform: app.platform_name(),
        appid: app.appid.clone(),
        openid: identity.openid.as_str().to_owned(),
    };
    for kept in menjin.store.session_keys(&name, now).await? {
        let Some(key) = unsealed(menjin, &kept) else { continue };
        // Kept as the current one, it is superseded by the fresh key: from now on it opens older data only.
        let superseded_at = kept.superseded_at.unwrap_or(now);
        if let Some(opened) = open(open_data, &key, data, now, Some(superseded_at)) {
            return Ok(sorted(opened, identity, false));
        }
    }
    Ok(Opened::Nothing)
}

/// Encrypted data and its iv, as they came.
#[derive(Clone, Copy)]
pub(super) struct Brought<'a>(&'a str, &'a str);

impl<'a> Brought<'a> {
    /// A `+` that became a space is the client's mistake, and told.
    pub(super) fn checked(encrypted_data: &'a str, iv: &'a str) -> Result<Self, Problem> {
        for (name, base64) in [("encrypted_data", encrypted_data), ("iv", iv)] {
            if looks_unescaped(base64) {
                return Err(Problem::field(name, Fault::Unescaped));
            }
        }
        Ok(Self(encrypted_data, iv))
    }
}

/// Opens what came after a sign-in, and tells whether it was under the newest key that is kept. What does not open looks alike,
/// whatever is wrong with it.
pub(super) async fn open_kept(
    menjin: &Menjin,
    subject: &Subject,
    Brought(encrypted, iv): Brought<'_>,
) -> Result<(Payload, bool), Problem> {
    let open_data = subject.app.platform().and_then(|platform| platform.open_data());
    let open_data = open_data.ok_or(Problem::UnsupportedByPlatform)?;
    let now = menjin.clock.now();
    for kept in menjin.store.session_keys(&subject.identity, now).await? {
        let Some(key) = unsealed(menjin, &kept) else { continue };
        if let Some(opened) = open(open_data, &key, (encrypted, iv), now, kept.superseded_at) {
            let is_theirs = is_about(&opened.payload, &subject.openid);
            let payload = is_theirs.then_some(opened.payload).ok_or(Problem::SessionKeyStale)?;
            return Ok((payload, kept.superseded_at.is_none()));
        }
    }
    Err(Problem::SessionKeyStale)
}

/// Where data says whom it is about, it must be them.
fn is_about(payload: &Payload, openid: &OpenId) -> bool {
    let Payload::Profile(profile) = payload else { return true };
    profile.open_id.as_ref().is_none_or(|named| named == openid)
}

fn open(
    open_data: &dyn OpenData,
    key: &SessionKey,
    (encrypted, iv): (&str, &str),
    now: Timestamp,
    not_later_than: Option<Timestamp>,
) -> Option<OpenedData> {
    let opened = open_data.decrypt(key, encrypted, iv).ok()?;
    opened.watermark.check(now.secs(), MAX_AGE, not_later_than.map(Timestamp::secs)).ok()?;
    Some(opened)
}

fn sorted(opened: OpenedData, identity: &Identity, newest: bool) -> Opened {
    match opened.payload {
        payload if !is_about(&payload, &identity.openid) => Opened::Nothing,
        Payload::Profile(profile) => Opened::Profile(Box::new(profile)),
        Payload::Phone(number) if newest => Opened::Phone(number),
        Payload::Phone(_) => Opened::StalePhone,
        Payload::Other(_) => Opened::Other,
    }
}

pub(super) fn unsealed(menjin: &Menjin, kept: &KeptKey) -> Option<SessionKey> {
    let plain = menjin.sealer.open(Sealed::SessionKey, &kept.row, &kept.sealed).ok()?;
    SessionKey::parse(std::str::from_utf8(&plain).ok()?).ok()
}
