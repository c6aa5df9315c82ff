//! The guard as a tower layer over any HTTP service: a [`Caller`](crate::Caller) in the request's extensions, or an answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::ACCEPT_LANGUAGE;
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::Guard;

impl Guard {
    /// The guard as a layer: everything below it is for signed-in people only.
    pub fn layer(&self) -> GuardLayer {
        GuardLayer(self.clone())
    }
}

/// See [`Guard::layer`].
#[derive(Clone)]
pub struct GuardLayer(Guard);

/// A service behind a guard.
#[derive(Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        let guard = self.0.clone();
        Guarded { guard, inner }
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let clone = self.inner.clone();
        // The one that is ready goes into the future; its clone waits for the next request.
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match guard.check(&parts.headers).await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    request = Request::from_parts(parts, body);
                    inner.call(request).await
                }
                Err(refusal) => {
                    let language = parts.headers.get(ACCEPT_LANGUAGE);
                    let language = language.and_then(|value| value.to_str().ok());
                    Ok(refusal.into_response_for(language).map(ResBody::from))
                }
            }
        })
    }
}
