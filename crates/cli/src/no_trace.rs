//! A program that was built without traces: the feature `otel` is off.

use anyhow::bail;
use menjin_server::config::Telemetry;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

/// There are none.
pub(crate) struct Traces;

impl Traces {
    /// Refuses a collector, which would never hear of anything.
    pub(crate) fn begin(telemetry: &Telemetry) -> anyhow::Result<Option<Self>> {
        if telemetry.otlp_endpoint.is_some() {
            bail!("`telemetry.otlp_endpoint`: this program was built without the feature `otel`");
        }
        Ok(None)
    }

    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Identity::new()
    }

    #[expect(clippy::unused_async, reason = "as with the feature")]
    pub(crate) async fn stop(self) {}
}
