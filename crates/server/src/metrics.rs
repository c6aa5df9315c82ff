//! What is counted of every request, and `/metrics` on the operator's side, in Prometheus' text format.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::MissedTickBehavior;

/// Seconds: from a cached check to a slow platform.
const BUCKETS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The recorder of this process; `None` where a program around menjin has installed its own.
pub(crate) fn install() -> Option<&'static PrometheusHandle> {
    HANDLE
        .get_or_init(|| {
            let buckets = Matcher::Suffix("_seconds".to_owned());
            let handle =
                PrometheusBuilder::new().set_buckets_for_metric(buckets, &BUCKETS).ok()?.install_recorder().ok()?;
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
    metrics::describe_counter!("menjin_legacy_tokens_total", "Good tokens of old systems, by the entry's name");
    metrics::describe_gauge!("menjin_redis_up", "Whether Redis answers (1) or is lost (0)");
    metrics::describe_counter!(
        "menjin_platform_token_fetches_total",
        "Platform tokens asked for, by app and kind (normal, forced)"
    );
    metrics::describe_counter!(
        "menjin_platform_token_limited_total",
        "Replacements of a platform token that were not forced, by app: too many before"
    );
    metrics::describe_counter!("menjin_tls_handshakes_failed_total", "TLS handshakes that failed or took too long");
    metrics::describe_gauge!("menjin_tls_certificate_expires_timestamp_seconds", "When the certificate of [tls] ends");
    metrics::describe_counter!(
        "menjin_pushes_total",
        "Platforms' pushes by app and outcome (queued, repeated, ignored, refused, done, failed, given_up)"
    );
    metrics::describe_counter!("menjin_limited_total", "Requests refused by the limits");
}

/// The recorder keeps each measured time until it is read; this counts them into their buckets, also where nobody reads.
pub(crate) async fn keep_small() {
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(handle) = install() {
        tick.tick().await;
        handle.run_upkeep();
    }
}

pub(crate) async fn show() -> impl IntoResponse {
    let text = install().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// Counts answers; the handles are looked up once a route, as making their labels costs more than many a request.
#[derive(Default)]
pub(crate) struct Answers(RwLock<HashMap<Box<str>, RouteMeters>>);

struct RouteMeters {
    duration: Histogram,
    counts: Vec<(&'static str, StatusCode, Counter)>,
}

impl Answers {
    pub(crate) fn count(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        let method = method_label(method);
        if !self.counted(route, method, status, took) {
            self.add(route, method, status);
            self.counted(route, method, status, took);
        }
    }

    fn counted(&self, route: &str, method: &'static str, status: StatusCode, took: Duration) -> bool {
        let routes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(meters) = routes.get(route) else { return false };
        let Some((_, _, counter)) = meters.counts.iter().find(|(m, s, _)| *m == method && *s == status) else {
            return false;
        };
        counter.increment(1);
        meters.duration.record(took.as_secs_f64());
        true
    }

    fn add(&self, route: &str, method: &'static str, status: StatusCode) {
        let mut routes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let meters = routes.entry(route.into()).or_insert_with(|| RouteMeters {
            duration: metrics::histogram!("http_request_duration_seconds", "route" => route.to_owned()),
            counts: Vec::new(),
        });
        if !meters.counts.iter().any(|(m, s, _)| *m == method && *s == status) {
            let labels =
                [("route", route.to_owned()), ("method", method.to_owned()), ("status", status.as_str().to_owned())];
            meters.counts.push((method, status, metrics::counter!("http_requests_total", &labels)));
        }
    }
}

/// A method as it is counted and logged: anybody can make up another.
pub(crate) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
