//! From the person whom a token names to the program's own user.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Person, Refusal};

type Loading<U> = Pin<Box<dyn Future<Output = Result<U, Refusal>> + Send>>;

/// How a program finds its own user. Cloning shares it. In axum it stands in the state, and handlers take
/// [`Loaded`](crate::Loaded).
///
/// ```
/// use menjin_guard::{Loader, Person, Refusal};
///
/// #[derive(Clone)]
/// struct Customer { id: i64 }
///
/// async fn customer_of(external_id: &str) -> Result<Option<Customer>, std::io::Error> {
///     Ok(Some(Customer { id: 7 })) // From your database.
/// }
///
/// let loader = Loader::new(|person: Person| async move {
///     let Some(name) = person.claims().sub.clone() else { return Err(Refusal::Missing) };
///     match customer_of(&name).await {
///         Ok(Some(customer)) => Ok(customer),
///         Ok(None) => Err(Refusal::Forbidden("an account of ours".to_owned())), // 403; Missing would be 401.
///         Err(_) => Err(Refusal::Unavailable), // 503, to be tried again.
///     }
/// });
/// # let _: Loader<Customer> = loader;
/// ```
pub struct Loader<U>(Arc<dyn Fn(Person) -> Loading<U> + Send + Sync>);

impl<U> Loader<U> {
    /// Finds a user by this function, which says itself how whoever is unknown is refused.
    pub fn new<F, L>(load: F) -> Self
    where
        F: Fn(Person) -> L + Send + Sync + 'static,
        L: Future<Output = Result<U, Refusal>> + Send + 'static,
    {
        Self(Arc::new(move |person| Box::pin(load(person))))
    }

    /// The program's own user.
    pub async fn load(&self, person: Person) -> Result<U, Refusal> {
        (self.0)(person).await
    }
}

impl<U> Clone for Loader<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Loader<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loader")
    }
}
