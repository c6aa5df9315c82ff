//! Traces of requests, sent to a collector by OTLP over HTTP with protobuf.
//!
//! Lives here: the one place that knows OpenTelemetry. A span has a request's id, method, route, status and app, and of a call to a
//! platform host, path and status: nothing of a person. Lines of the log are not in it.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use menjin_server::config::Telemetry;
use menjin_server::{Tracing, trace_by};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData};
use tokio::runtime::Handle;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// A collector that takes longer gets these spans never.
const PATIENCE: Duration = Duration::from_secs(5);

/// Traces that are being sent; what is left is sent when this is stopped.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send them, where a collector is configured.
    pub(crate) fn begin(telemetry: &Telemetry) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &telemetry.otlp_endpoint else { return Ok(None) };
        let url = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url)
            .build()
            .context("`telemetry.otlp_endpoint`")?;
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", telemetry.service_name.clone()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.sample))))
            .with_resource(resource)
            .with_batch_exporter(Named(exporter))
            .build();
        trace_by(Tracing { adopt, carry });
        Ok(Some(Self(provider)))
    }

    /// What spans are turned into traces by.
    pub(crate) fn layer<S: Subscriber + for<'s> LookupSpan<'s>>(&self) -> impl Layer<S> + use<S> {
        let layer: OpenTelemetryLayer<S, SdkTracer> = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("menjin"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        layer.with_filter(filter_fn(is_ours))
    }

    /// Sends what is left.
    pub(crate) async fn stop(self) {
        // It blocks until the runtime has sent them.
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be sent");
        }
    }
}

/// Spans of menjin's own, and no lines.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("menjin")
}

/// `00-<trace>-<span>-<flags>` (W3C Trace Context).
fn adopt(span: &Span, parent: &str) {
    let mut parts = parent.split('-');
    let parsed = (|| {
        let (_version, trace) = (parts.next().filter(|it| it.len() == 2 && *it != "ff")?, parts.next()?);
        let (parent, flags) = (parts.next()?, parts.next()?);
        let flags = u8::from_str_radix(flags, 16).ok().filter(|_| flags.len() == 2)?;
        let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
        let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
        Some(SpanContext::new(trace, parent, flags, true, TraceState::default()))
    })();
    if let Some(parent) = parsed.filter(SpanContext::is_valid) {
        // A span that is not traced has no parent either.
        span.set_parent(Context::new().with_remote_span_context(parent)).ok();
    }
}

fn carry() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    let flags = span.trace_flags().to_u8();
    span.is_valid().then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
}

/// Gives spans the names and kinds that are usual: in the log they are called otherwise.
#[derive(Debug)]
struct Named(SpanExporter);

impl opentelemetry_sdk::trace::SpanExporter for Named {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.0.export(batch.into_iter().map(named).collect()).await;
        if sent.is_err() {
            menjin_server::count_dropped_traces(count);
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn named(mut span: SpanData) -> SpanData {
    let text = |key: &str| {
        let found = span.attributes.iter().find(|it| it.key.as_str() == key);
        found.map(|it| it.value.as_str().into_owned()).unwrap_or_default()
    };
    let status = text("http.status").parse::<u16>().unwrap_or(0);
    if span.name == "request" {
        let route = text("http.route");
        span.name = format!("{} {}", text("http.method"), if route.is_empty() { "unmatched" } else { &route }).into();
        span.span_kind = SpanKind::Server;
    } else if span.name == "platform" {
        span.name = format!("platform {}", text("url.path")).into();
        span.span_kind = SpanKind::Client;
    }
    if status >= 500 {
        span.status = Status::error("");
    }
    for attribute in &mut span.attributes {
        let usual = match attribute.key.as_str() {
            "http.method" => "http.request.method",
            "http.status" => "http.response.status_code",
            _ => continue,
        };
        let value = std::mem::replace(&mut attribute.value, Value::Bool(false));
        *attribute = KeyValue::new(usual, value);
    }
    span
}

/// Sends by the runtime of the program: the SDK's own thread has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("`telemetry.otlp_endpoint`: an HTTP client")?;
        Ok(Self { http, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let request = self.http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        let sending = self.runtime.spawn(async move {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?))
        });
        let (status, body) = sending.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}
