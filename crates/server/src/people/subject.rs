//! The caller as the platform knows them: their app, and their identity in it.
//!
//! Does not: asking the platform.

use std::sync::Arc;

use axum::http::HeaderMap;
use menjin_platform::{OpenId, SessionKey};

use super::Person;
use super::open_data::unsealed;
use crate::apps::App;
use crate::problem::Problem;
use crate::state::Menjin;
use crate::store::IdentityName;

/// Somebody who signed in by a platform.
pub(super) struct Subject {
    pub(super) person: Person,
    pub(super) app: Arc<App>,
    pub(super) identity: IdentityName,
    pub(super) openid: OpenId,
}

impl Subject {
    /// Who sent a request with these headers, counted against what one person may ask of the platform.
    pub(super) async fn of(menjin: &Menjin, headers: &HeaderMap) -> Result<Self, Problem> {
        let person = Person::of(menjin, headers).await?;
        let app = menjin.apps.by_id(&person.session.app).ok_or(Problem::AppUnknown)?;
        menjin.limits.person_asks(person.user.id).await?;
        let identity = identity_in(menjin, &app, &person).await?.ok_or(Problem::UnsupportedByPlatform)?;
        let openid = OpenId::parse(identity.openid.clone()).map_err(|error| Problem::Internal(error.into()))?;
        Ok(Self { person, app, identity, openid })
    }

    /// The newest `session_key` that is kept of them.
    pub(super) async fn session_key(&self, menjin: &Menjin) -> Result<Option<SessionKey>, Problem> {
        let kept = menjin.store.session_keys(&self.identity, menjin.clock.now()).await?;
        let newest = kept.iter().find(|key| key.superseded_at.is_none());
        Ok(newest.and_then(|key| unsealed(menjin, key)))
    }
}

/// How the app's platform knows somebody. Whom a back end vouched for, it may not know; and who they are elsewhere is not told.
pub(super) async fn identity_in(menjin: &Menjin, app: &App, person: &Person) -> Result<Option<IdentityName>, Problem> {
    let identity = menjin.store.identity_of_session(person.session.id).await?;
    Ok(identity.filter(|it| it.platform == app.platform_name() && it.appid == app.appid))
}
