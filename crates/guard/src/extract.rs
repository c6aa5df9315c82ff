//! The guard in axum: `caller: Caller` and its relatives in a handler's arguments, and refusals as answers.
//!
//! Whoever was let in by a layer is not checked again.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use menjin_token::Invalid;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::layer::LetIn;
use crate::{Caller, Guard, Language, Loader, Person, Refusal, Refused, Session, SessionError, source};

/// A caller, and the token's claims as a type of the program's own.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct ShopClaims {
///     #[serde(rename = "userId")]
///     user_id: i64,
/// }
///
/// async fn my_orders(menjin_guard::CallerOf { caller, claims }: menjin_guard::CallerOf<ShopClaims>) -> String {
///     format!("{} was {}", caller.user, claims.user_id)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct CallerOf<T> {
    /// Who is calling.
    pub caller: Caller,
    /// What the token says, as far as the type names it.
    pub claims: T,
}

/// The program's own user behind a request, found by the [`Loader`] in the state; once a request.
#[derive(Debug, Clone)]
pub struct Loaded<U>(pub U);

fn before(parts: &Parts, guard: &Guard) -> Option<Arc<LetIn>> {
    parts.extensions.get::<Arc<LetIn>>().filter(|before| before.by.is(guard)).cloned()
}

/// For extractors that go on from the caller; what they ask is kept for the next one.
async fn let_in(parts: &mut Parts, guard: Guard) -> Result<Arc<LetIn>, Refused> {
    if let Some(before) = before(parts, &guard) {
        return Ok(before);
    }
    let person = person(parts, &guard).await?;
    let token = source::token(&parts.headers).map_err(|refusal| refusal.in_language(person.language()))?;
    let token = Zeroizing::new(token.to_owned());
    let let_in = Arc::new(LetIn { by: guard, person, token });
    parts.extensions.insert(Arc::clone(&let_in));
    Ok(let_in)
}

async fn person(parts: &Parts, guard: &Guard) -> Result<Person, Refused> {
    if let Some(before) = before(parts, guard) {
        return Ok(before.person.clone());
    }
    let language = Language::of(&parts.headers);
    let in_language = |refusal: Refusal| refusal.in_language(language);
    let token = source::token(&parts.headers).map_err(in_language)?;
    Ok(guard.check_person(token).await.map_err(in_language)?.reading(language))
}

fn signed_in(person: Person) -> Result<Caller, Refused> {
    match person {
        Person::SignedIn(caller) => Ok(caller),
        // The route wants somebody whom menjin knows.
        Person::Legacy(legacy) => Err(Refusal::Invalid(Invalid::Typ).in_language(legacy.language)),
    }
}

/// Nobody where there is no token; a bad one is refused.
fn or_nobody<T>(found: Result<T, Refused>) -> Result<Option<T>, Refused> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Refused { refusal: Refusal::Missing, .. }) => Ok(None),
        Err(refused) => Err(refused),
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        signed_in(person(parts, &Guard::from_ref(state)).await?)
    }
}

impl<S> OptionalFromRequestParts<S> for Caller
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refused> {
        or_nobody(<Self as FromRequestParts<S>>::from_request_parts(parts, state).await)
    }
}

impl<S> FromRequestParts<S> for Person
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        person(parts, &Guard::from_ref(state)).await
    }
}

impl<S> OptionalFromRequestParts<S> for Person
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refused> {
        or_nobody(<Self as FromRequestParts<S>>::from_request_parts(parts, state).await)
    }
}

impl<S, T> FromRequestParts<S> for CallerOf<T>
where
    S: Send + Sync,
    Guard: FromRef<S>,
    T: DeserializeOwned,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let caller = signed_in(let_in(parts, Guard::from_ref(state)).await?.person.clone())?;
        match caller.claims_as() {
            Ok(claims) => Ok(Self { caller, claims }),
            Err(error) => {
                // A field is the program's own word; anything else that is complained about may be quoted from the token.
                let said = error.to_string();
                let reason = if said.starts_with("missing field") { said.as_str() } else { "of another type" };
                tracing::warn!(reason, claims = std::any::type_name::<T>(), "a token lacks claims");
                Err(Refusal::Invalid(Invalid::Claim("of this program")).in_language(caller.language))
            }
        }
    }
}

impl<S> FromRequestParts<S> for Session
where
    S: Send + Sync,
    Guard: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let let_in = let_in(parts, Guard::from_ref(state)).await?;
        let caller = signed_in(let_in.person.clone())?;
        Ok(let_in.by.session(&let_in.token).reading(caller.language))
    }
}

impl<S, U> FromRequestParts<S> for Loaded<U>
where
    S: Send + Sync,
    Guard: FromRef<S>,
    Loader<U>: FromRef<S>,
    U: Clone + Send + Sync + 'static,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let let_in = let_in(parts, Guard::from_ref(state)).await?;
        let (by, person) = (let_in.by.clone(), let_in.person.clone());
        if let Some(before) = parts.extensions.get::<Remembered<U>>().filter(|before| before.by.is(&by)) {
            return Ok(Self(before.user.clone()));
        }
        let language = person.language();
        let user = Loader::from_ref(state).load(person).await.map_err(|refusal| refusal.in_language(language))?;
        parts.extensions.insert(Remembered { by, user: user.clone() });
        Ok(Self(user))
    }
}

impl<S, U> OptionalFromRequestParts<S> for Loaded<U>
where
    S: Send + Sync,
    Guard: FromRef<S>,
    Loader<U>: FromRef<S>,
    U: Clone + Send + Sync + 'static,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refused> {
        if or_nobody(let_in(parts, Guard::from_ref(state)).await)?.is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

/// Behind a type of its own: a program may keep its users in the extensions for other reasons.
#[derive(Clone)]
struct Remembered<U> {
    by: Guard,
    user: U,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.answer().into_response()
    }
}

/// It does not know the request's languages, so the words are English; a [`Refused`] does.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.into_response_for(None).into_response()
    }
}

impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        self.answer().into_response()
    }
}
