//! Who asks for whose session data: a back end, which proves its app and names a person by their access token, or the
//! person by their own.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use menjin_guard::Caller;
use menjin_token::{Timestamp, UserId};
use serde::Deserialize;
use url::form_urlencoded;

use super::versions::Conditional;
use crate::apps::{App, CallingApp};
use crate::extract::{caller, caller_by};
use crate::problem::{Fault, Problem};
use crate::replaced;
use crate::state::Menjin;
use crate::store::{DataChange, DataChanged, DataLimits, DataMap, DataPlace, DataRead, DataWrite, EndReason};

/// Where a back end says whose session it means.
const SUBJECT: &str = "menjin-subject-token";
/// The two headers that hold a token, as problems name them.
const SHOWN: &str = "Menjin-Subject-Token";
const OWN: &str = "Authorization";
/// What an app must be granted.
const SCOPE: &str = "session-data";

/// Whose data.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionDataScope)]
pub(super) enum Scope {
    /// Of this session, and gone with it.
    #[default]
    Session,
    /// Of the user, in whichever session.
    User,
}

/// Who asks, and for which map.
pub(super) struct Asker {
    place: DataPlace,
    user: UserId,
    /// The app that bounds what a person reaches by their own token; `None` for a back end.
    own: Option<Arc<App>>,
}

impl FromRequestParts<Menjin> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, menjin: &Menjin) -> Result<Self, Problem> {
        let scope = Scope::of(parts.uri.query())?;
        match subject(&parts.headers).map_err(|problem| problem.in_header(SHOWN))? {
            Some(token) => {
                let app = CallingApp::from_request_parts(parts, menjin).await;
                let app = app.map_err(|problem| problem.in_header(OWN))?;
                app.require(SCOPE)?;
                if token.is_empty() {
                    return Err(Problem::SubjectTokenMissing);
                }
                let person = caller_by(menjin, &token).await.map_err(|problem| problem.in_header(SHOWN))?;
                // A back end reaches nobody who has no token for it; menjin's own audience, of every token, is no back end's.
                let is_for_app = |audience: &String| *audience == app.audience() && *audience != menjin.issuer;
                if !person.claims.aud.iter().any(is_for_app) {
                    return Err(Problem::TokenInvalid.in_header(SHOWN));
                }
                Ok(Self { place: scope.place(&person, app.audience()), user: person.user, own: None })
            }
            None if comes_with_a_secret(&parts.headers) => {
                CallingApp::from_request_parts(parts, menjin).await?;
                Err(Problem::SubjectTokenMissing)
            }
            None => by_own_token(parts, menjin, scope).await,
        }
    }
}

async fn by_own_token(parts: &mut Parts, menjin: &Menjin, scope: Scope) -> Result<Asker, Problem> {
    match caller(menjin, &parts.headers).await {
        Ok(person) => {
            let app = menjin.apps.by_id(&person.client_id).ok_or(Problem::AppUnknown)?;
            Ok(Asker { place: scope.place(&person, &app.audience), user: person.user, own: Some(app) })
        }
        // It names nobody: it may be an app's own.
        Err(Problem::TokenInvalid) => match CallingApp::from_request_parts(parts, menjin).await {
            Ok(_) => Err(Problem::SubjectTokenMissing),
            Err(_) => Err(Problem::TokenInvalid),
        },
        Err(problem) => Err(problem),
    }
}

impl Scope {
    fn of(query: Option<&str>) -> Result<Self, Problem> {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let mut named = pairs.filter(|(name, _)| name == "scope").map(|(_, value)| value);
        let scope = match named.next().as_deref() {
            None => Self::default(),
            Some("session") => Self::Session,
            Some("user") => Self::User,
            Some(_) => return Err(Problem::field("scope", Fault::NotOneOf(&["session", "user"]))),
        };
        if named.next().is_some() { Err(Problem::field("scope", Fault::Twice)) } else { Ok(scope) }
    }

    fn place(self, person: &Caller, audience: &str) -> DataPlace {
        let of_user = match self {
            Self::Session => None,
            Self::User => Some(person.user),
        };
        DataPlace { session: person.session, of_user, audience: audience.to_owned() }
    }
}

/// The person's token, as a back end sends it.
fn subject(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(SUBJECT).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|token| Some(token.to_owned())).map_err(|_| Problem::TokenInvalid),
        (Some(_), Some(_)) => Err(Problem::TokenInvalid),
    }
}

fn comes_with_a_secret(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split_once(' ')).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
}

impl Asker {
    /// Whether this key is for whoever asks.
    pub(super) fn reaches(&self, key: &str) -> bool {
        self.own.as_ref().is_none_or(|app| app.client_keys.cover(key))
    }

    pub(super) fn must_be_a_back_end(&self) -> Result<(), Problem> {
        if self.own.is_none() { Ok(()) } else { Err(Problem::BackendOnly) }
    }

    /// The map, if the session lives.
    pub(super) async fn read(&self, menjin: &Menjin, now: Timestamp) -> Result<DataMap, Problem> {
        match menjin.store.read_data(&self.place, now).await? {
            DataRead::Map(map) => Ok(map),
            DataRead::Ended(reason) => Err(self.ended(menjin, reason).await),
        }
    }

    /// The map as a write has left it.
    pub(super) async fn change(
        &self,
        menjin: &Menjin,
        write: DataWrite,
        condition: Conditional,
        now: Timestamp,
    ) -> Result<DataMap, Problem> {
        let config = &menjin.config.session_data;
        // Whatever people write, half of the room stays for back ends.
        let of_person = self.own.as_ref().map(|app| (app.client_keys.clone(), config.total_bytes / 2));
        let limits = DataLimits { value: config.value_bytes, total: config.total_bytes, of_person };
        let change = DataChange { place: self.place.clone(), write, condition: condition.0, limits, now };
        match menjin.store.change_data(change).await? {
            DataChanged::Done(map) => Ok(map),
            DataChanged::Mismatch(current) => Err(Problem::VersionMismatch { current }),
            DataChanged::Full => Err(Problem::SessionDataFull),
            DataChanged::Ended(reason) => Err(self.ended(menjin, reason).await),
        }
    }

    async fn ended(&self, menjin: &Menjin, mut reason: EndReason) -> Problem {
        // Who was disabled may have been let in again since.
        if reason == EndReason::UserDisabled
            && let Ok(Some(user)) = menjin.store.user(self.user).await
        {
            reason = reason.now_of(&user);
        }
        let problem = replaced::told(menjin, Problem::Ended(reason), self.place.session).await;
        if self.own.is_none() { problem.in_header(SHOWN) } else { problem }
    }
}
