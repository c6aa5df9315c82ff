//! `GET /healthz` and `/readyz`: whether the process lives, and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::read_feed_now;
use crate::problem::Problem;
use crate::state::Menjin;

pub(crate) fn routes() -> OpenApiRouter<Menjin> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// Whether the process lives.
///
/// Depends on nothing else.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "It lives", body = str)))]
async fn healthz() -> &'static str {
    "ok"
}

/// Whether requests can be served.
///
/// The store can be read and written, what has ended is known, and the server is not stopping.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200, description = "It serves", body = str), (status = 503, description = "`store_unavailable`; `revocations_stale`; the text `stopping` while it ends", body = str)))]
async fn readyz(State(menjin): State<Menjin>) -> Result<(StatusCode, &'static str), Problem> {
    if menjin.stopping() {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, "stopping"));
    }
    let asked = tokio::time::timeout(std::time::Duration::from_secs(2), menjin.store.ready()).await;
    asked.map_err(|_| Problem::StoreUnavailable(anyhow::anyhow!("the store did not answer within two seconds")))??;
    // Until it knows what has ended, it answers no token.
    if menjin.ended.is_stale(menjin.clock.now()) {
        read_feed_now(&menjin).await?;
    }
    Ok((StatusCode::OK, "ok"))
}
