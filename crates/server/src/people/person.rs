//! The caller as rows: an access token, or at `/v1/me` an old client's token (design §4.11), and the session and user behind it.

use axum::http::HeaderMap;
use menjin_token::SessionId;

use crate::extract::{authorization, caller};
use crate::problem::Problem;
use crate::replaced;
use crate::state::Menjin;
use crate::store::{EndReason, SessionHead, UserRow};

/// Somebody whose session lives.
pub(crate) struct Person {
    /// Who they are.
    pub(crate) user: UserRow,
    /// The session that they call in.
    pub(crate) session: SessionHead,
}

impl Person {
    /// Who sent a request with this access token. Always reads the session's row.
    pub(crate) async fn of(menjin: &Menjin, headers: &HeaderMap) -> Result<Self, Problem> {
        let caller = caller(menjin, headers).await?;
        let person = Self::in_session(menjin, caller.session).await?;
        if person.user.id == caller.user { Ok(person) } else { Err(Problem::TokenInvalid) }
    }

    /// The same where an old client's token is good, too: whoever has the secret of an entry can make one, so nowhere but at
    /// `GET|PUT /v1/me` (design §4.11).
    pub(super) async fn of_any_form(menjin: &Menjin, headers: &HeaderMap) -> Result<Self, Problem> {
        match Self::by_old_token(menjin, headers).await? {
            Some(person) => Ok(person),
            None => Self::of(menjin, headers).await,
        }
    }

    async fn by_old_token(menjin: &Menjin, headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let Some(token) = authorization(headers, menjin.old_forms.take_bare()) else { return Ok(None) };
        let Some(believed) = menjin.old_forms.believe(token, menjin.clock.now()) else {
            // A bare token can only be an old client's.
            return if authorization(headers, false).is_some() { Ok(None) } else { Err(Problem::TokenInvalid) };
        };
        let (old, app) = believed.map_err(|problem| {
            if let Problem::TokenExpired { status } = problem { Problem::OldTokenExpired { status } } else { problem }
        })?;
        let person = Self::in_session(menjin, old.session).await?;
        if person.user.number == old.user && person.session.app == app {
            Ok(Some(person))
        } else {
            Err(Problem::TokenInvalid)
        }
    }

    /// Who is in this session, if it lives.
    pub(crate) async fn in_session(menjin: &Menjin, session: SessionId) -> Result<Self, Problem> {
        let now = menjin.clock.now();
        let (user, session) = menjin.store.user_of_session(session).await?.ok_or(Problem::Ended(EndReason::Logout))?;
        match session.ended {
            Some((_, reason)) => Err(replaced::told(menjin, Problem::Ended(reason.now_of(&user)), session.id).await),
            None if now >= session.expires_at => Err(Problem::Ended(EndReason::Expired)),
            None if user.disabled_at.is_some() => Err(Problem::Ended(EndReason::UserDisabled)),
            None => Ok(Self { user, session }),
        }
    }
}
