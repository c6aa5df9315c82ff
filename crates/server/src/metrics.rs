//! What is counted of every request, and `/metrics` on the operator's side, in Prometheus' text format.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::state::Menjin;
use crate::store::Load;

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

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Seconds,
}

use Kind::{Counter as Counted, Gauge, Seconds};

/// Every metric: its name, what it counts, and what it is. docs/operations.md has the same names.
const ALL: &[(&str, Kind, &str)] = &[
    ("http_requests_total", Counted, "Requests by route, method and status"),
    ("http_request_duration_seconds", Seconds, "Time to answer, by route"),
    ("menjin_build_info", Gauge, "1, with the version of the program"),
    ("menjin_logins_total", Counted, "Sign-ins by app and outcome (new, known)"),
    ("menjin_refreshes_total", Counted, "Refreshes by outcome (rotated, repeated, recovered, stolen)"),
    ("menjin_sessions_active", Gauge, "Different sessions that this node issued a token in the last 15 minutes"),
    ("menjin_problems_total", Counted, "Refused or failed requests by problem code"),
    ("menjin_platform_request_duration_seconds", Seconds, "Time that a platform took to exchange a code, by platform"),
    ("menjin_platform_errors_total", Counted, "Failed platform calls by platform and kind"),
    ("menjin_platform_token_fetches_total", Counted, "Platform tokens asked for, by app and kind (normal, forced)"),
    ("menjin_platform_token_limited_total", Counted, "Platform tokens that were not forced, by app: too many before"),
    ("menjin_password_hash_seconds", Seconds, "Time that hashing a password took"),
    ("menjin_password_waiting", Gauge, "Passwords that wait to be hashed"),
    ("menjin_limited_total", Counted, "Requests refused by the limits"),
    ("menjin_operator_sign_ins_total", Counted, "Sign-ins of operators by outcome"),
    ("menjin_legacy_tokens_total", Counted, "Good tokens of old systems, by the entry's name"),
    ("menjin_users_erased_total", Counted, "People who were erased, by the sweeper or by an operator"),
    ("menjin_app_tokens_total", Counted, "Tokens that apps got for their secrets, by app"),
    ("menjin_oauth_errors_total", Counted, "Refusals of the routes below /oauth2, by error"),
    ("menjin_nicknames_total", Counted, "Nicknames judged by the platform, by app and verdict"),
    ("menjin_avatars_swept_total", Counted, "Pictures that nobody showed any more"),
    (
        "menjin_pushes_total",
        Counted,
        "Platforms' pushes by app and outcome (queued, repeated, ignored, refused, done, failed, given_up)",
    ),
    ("menjin_webhook_deliveries_total", Counted, "Events sent, by webhook and outcome (delivered, failed, given_up)"),
    ("menjin_webhook_lag_seconds", Gauge, "Age of the oldest event that a receiver has not taken, by webhook"),
    ("menjin_audit_exported_total", Counted, "Lines of the audit that were written to files and removed"),
    ("menjin_audit_export_failing", Gauge, "Whether old lines of the audit can't be written (1)"),
    ("menjin_feed_age_seconds", Gauge, "How long ago the feed of ended sessions was read"),
    ("menjin_store_connections", Gauge, "Connections to a database server, by state (in_use, idle)"),
    ("menjin_store_waiting", Gauge, "Those who wait for a connection, or for their turn to write"),
    ("menjin_redis_up", Gauge, "Whether Redis answers (1) or is lost (0); absent without Redis"),
    ("menjin_traces_dropped_total", Counted, "Spans that the collector did not take"),
    ("menjin_tls_handshakes_failed_total", Counted, "TLS handshakes that failed or took too long"),
    ("menjin_tls_certificate_expires_timestamp_seconds", Gauge, "When a certificate of [tls] ends, by file"),
    ("menjin_upkeep_failures_total", Counted, "Rounds of upkeep of which a part failed"),
];

/// Codes that alarms look at: a rate needs a beginning.
const WATCHED: [&str; 5] =
    ["internal", "store_unavailable", "platform_unavailable", "platform_misconfigured", "timed_out"];

fn describe() {
    for &(name, kind, what) in ALL {
        match kind {
            Counted => metrics::describe_counter!(name, what),
            Gauge => metrics::describe_gauge!(name, what),
            Seconds => metrics::describe_histogram!(name, metrics::Unit::Seconds, what),
        }
    }
    metrics::gauge!("menjin_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    for code in WATCHED {
        metrics::counter!("menjin_problems_total", "code" => code).increment(0);
    }
    for outcome in ["rotated", "repeated", "recovered", "stolen"] {
        metrics::counter!("menjin_refreshes_total", "outcome" => outcome).increment(0);
    }
    for name in [
        "menjin_limited_total",
        "menjin_avatars_swept_total",
        "menjin_audit_exported_total",
        "menjin_tls_handshakes_failed_total",
        "menjin_traces_dropped_total",
        "menjin_upkeep_failures_total",
    ] {
        metrics::counter!(name).increment(0);
    }
    metrics::gauge!("menjin_audit_export_failing").set(0);
    metrics::gauge!("menjin_password_waiting").set(0);
}

/// What is counted by app, or by webhook, begins at nothing.
pub(crate) fn begin(config: &Config) {
    for app in config.app.iter().filter(|app| app.platform.is_some()) {
        for outcome in ["new", "known"] {
            metrics::counter!("menjin_logins_total", "app" => app.id.clone(), "outcome" => outcome).increment(0);
        }
        for outcome in ["queued", "done", "failed", "given_up"] {
            metrics::counter!("menjin_pushes_total", "app" => app.id.clone(), "outcome" => outcome).increment(0);
        }
    }
    for webhook in &config.webhook {
        for outcome in ["delivered", "failed", "given_up"] {
            metrics::counter!("menjin_webhook_deliveries_total", "webhook" => webhook.name.clone(), "outcome" => outcome)
                .increment(0);
        }
        metrics::gauge!("menjin_webhook_lag_seconds", "webhook" => webhook.name.clone()).set(0);
    }
}

/// Spans that a collector did not take.
pub fn count_dropped_traces(count: usize) {
    metrics::counter!("menjin_traces_dropped_total").increment(count as u64);
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

pub(crate) async fn show(State(menjin): State<Menjin>) -> impl IntoResponse {
    look(&menjin);
    let text = install().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// What is not counted as it happens.
fn look(menjin: &Menjin) {
    let now = menjin.clock.now();
    metrics::gauge!("menjin_sessions_active").set(f64::from(menjin.hour.active(now)));
    metrics::gauge!("menjin_feed_age_seconds").set(now.since(menjin.told.read_at()).as_secs_f64());
    let Load { in_use, idle, waiting } = menjin.store.load();
    for (state, count) in [("in_use", in_use), ("idle", idle)] {
        metrics::gauge!("menjin_store_connections", "state" => state).set(number(count));
    }
    metrics::gauge!("menjin_store_waiting").set(number(waiting));
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_metric_and_no_other() {
        let manual = include_str!("../../../docs/operations.md");
        let rows = manual.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut named: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
        named.retain(|name| name.starts_with("menjin_") || name.starts_with("http_"));
        named.sort_unstable();
        let mut all: Vec<&str> = ALL.iter().map(|(name, ..)| *name).collect();
        all.sort_unstable();
        assert_eq!(named, all);
    }

    #[test]
    fn names_are_as_prometheus_wants_them() {
        for &(name, kind, what) in ALL {
            assert_eq!(name.ends_with("_total"), kind == Counted, "{name}");
            assert!(kind != Seconds || name.ends_with("_seconds"), "{name}");
            assert!(
                !what.ends_with('.') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
        }
    }
}
