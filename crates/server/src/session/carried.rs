//! Work on a session that goes on without its request.

use std::future::Future;

use tracing::Instrument as _;

use crate::problem::Problem;

/// Does it to its end, though the client hangs up or the request's time is up: a connection to the database that is left in
/// a transaction is lost, and what follows a commit must follow (decision 010). The store bounds how long it takes.
pub(crate) async fn carried_through<T: Send + 'static>(
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(Problem::Internal(error.into())))
}
