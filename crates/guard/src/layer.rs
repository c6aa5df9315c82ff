//! The guard as a tower layer over any HTTP service: a [`Caller`](crate::Caller) in the request's extensions, or an answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, request};
use tower_layer::Layer;
use tower_service::Service;
use zeroize::Zeroizing;

use crate::caller::Need;
use crate::source::Places;
use crate::{Guard, Language, Person, Refusal, Refused};

impl Guard {
    /// The guard as a layer: everything below it is for signed-in people only.
    pub fn layer(&self) -> GuardLayer {
        let places = Places::default();
        GuardLayer(Door { guard: self.clone(), places, needs: Vec::new(), takes_legacy: false, takes_strangers: false })
    }
}

/// See [`Guard::layer`]. What is added here holds for everything below.
#[derive(Clone)]
#[must_use]
pub struct GuardLayer(Door);

/// Who comes in, and with what.
#[derive(Clone)]
struct Door {
    guard: Guard,
    places: Places,
    needs: Vec<Need>,
    takes_legacy: bool,
    takes_strangers: bool,
}

/// Whom a guard has let in with a request, for the extractors below: they need not check again.
#[cfg(feature = "axum")]
pub(crate) struct LetIn {
    pub(crate) by: Guard,
    pub(crate) person: Person,
    pub(crate) token: Zeroizing<String>,
}

impl GuardLayer {
    /// Tokens may also stand in this cookie; see [`Places::cookie`].
    pub fn cookie(mut self, name: impl Into<String>) -> Self {
        self.0.places = self.0.places.cookie(name);
        self
    }

    /// Tokens may also stand in this parameter of the query; see [`Places::query`].
    pub fn query(mut self, name: impl Into<String>) -> Self {
        self.0.places = self.0.places.query(name);
        self
    }

    /// Only for who has a permission that covers this one, such as `orders:read`; 403 `forbidden` for others.
    pub fn require(self, permission: impl Into<String>) -> Self {
        self.needs(Need::Permission(permission.into()))
    }

    /// Only for who has this role; 403 `forbidden` for others.
    pub fn require_role(self, role: impl Into<String>) -> Self {
        self.needs(Need::Role(role.into()))
    }

    /// Only for tokens with this scope; 403 `insufficient_scope` for others.
    pub fn require_scope(self, scope: impl Into<String>) -> Self {
        self.needs(Need::Scope(scope.into()))
    }

    /// Also for people of old systems, who have no `Caller`, no roles and no scopes: take a [`Person`] below.
    pub fn accept_legacy(mut self) -> Self {
        self.0.takes_legacy = true;
        self
    }

    /// Also for requests without a token: take an `Option<Caller>` below. A bad token is refused all the same.
    pub fn optional(mut self) -> Self {
        self.0.takes_strangers = true;
        self
    }

    fn needs(mut self, need: Need) -> Self {
        self.0.needs.push(need);
        self
    }
}

/// A service behind a guard.
#[derive(Clone)]
pub struct Guarded<S> {
    door: Arc<Door>,
    inner: S,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { door: Arc::new(self.0.clone()), inner }
    }
}

impl Door {
    /// Puts whoever comes into the request's extensions, or says why not.
    async fn enter(&self, parts: &mut request::Parts) -> Result<(), Refused> {
        let language = Language::of(&parts.headers);
        let in_language = |refusal: Refusal| refusal.in_language(language);
        let token = match self.places.token(&parts.headers, parts.uri.query()) {
            Err(Refusal::Missing) if self.takes_strangers && self.needs.is_empty() => return Ok(()),
            token => Zeroizing::new(token.map_err(in_language)?.into_owned()),
        };
        let person = if self.takes_legacy {
            self.guard.check_person(&token).await
        } else {
            self.guard.check_token(&token).await.map(Person::SignedIn)
        };
        let person = person.map_err(in_language)?.reading(language);
        for need in &self.needs {
            need.is_met_by(&person)?;
        }
        if let Person::SignedIn(caller) = &person {
            parts.extensions.insert(caller.clone());
        }
        if self.takes_legacy {
            parts.extensions.insert(person.clone());
        }
        #[cfg(feature = "axum")]
        parts.extensions.insert(Arc::new(LetIn { by: self.guard.clone(), person, token }));
        Ok(())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Guarded<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    ReqBody: Send + 'static,
    ResBody: From<String>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let clone = self.inner.clone();
        // The one that is ready goes into the future; its clone waits for the next request.
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let door = Arc::clone(&self.door);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match door.enter(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(refused) => Ok(refused.answer().map(ResBody::from)),
            }
        })
    }
}
