//! `/metrics` on the operator's side, in Prometheus' text format.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds: from a cached check to a slow platform.
const BUCKETS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The recorder of this process; `None` where a program around menjin has installed its own.
pub(crate) fn install() -> Option<&'static PrometheusHandle> {
    HANDLE
        .get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
                .ok()?;
            let handle = builder.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

fn describe() {
    metrics::describe_counter!("http_requests_total", "Requests by route, method and status");
    metrics::describe_histogram!("http_request_duration_seconds", metrics::Unit::Seconds, "Time to answer, by route");
    metrics::describe_counter!("menjin_logins_total", "Sign-ins by app and outcome (new, known)");
    metrics::describe_counter!("menjin_problems_total", "Refused or failed requests by problem code");
    metrics::describe_counter!("menjin_platform_errors_total", "Failed platform calls by platform and kind");
    metrics::describe_counter!("menjin_refresh_repeated_total", "Refreshes asked again because their answer was lost");
    metrics::describe_counter!("menjin_limited_total", "Requests refused by the limits");
}

pub(crate) async fn show() -> impl IntoResponse {
    let text = install().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
