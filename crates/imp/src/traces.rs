//! Traces: the spans that desk, runner and hands make, sent to an OpenTelemetry collector, an incident a trace.
//!
//! Which trace a span belongs to follows from its incident alone, so that whoever continues an incident (after a restart,
//! on another replica, days later) continues its trace, and nothing has to be handed along or kept.

use crate::Failure;
use crate::config;
use imp_core::port::SPANS;
use imp_engine::{Clock as _, SystemClock};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanProcessor as _};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How long spans wait for others to be sent with.
const TOGETHER: Duration = Duration::from_secs(1);
/// How long a collector may take to answer. What it does not take is lost; nothing else waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the last spans may take at the end, out of the five seconds in which a service stops.
const FAREWELL: Duration = Duration::from_millis(500);

/// What sends traces; cheap to clone.
#[derive(Debug, Clone)]
pub struct Traces {
    sender: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// The spans that a trace is made of, and nothing else.
pub fn only_spans() -> FilterFn {
    FilterFn::new((|m| m.target() == SPANS) as fn(&tracing::Metadata<'_>) -> bool)
        .with_max_level_hint(LevelFilter::TRACE)
}

impl Traces {
    /// Traces that are sent to a collector.
    ///
    /// # Errors
    /// Where its address or its header cannot be used.
    pub fn to(settings: &config::Traces) -> Result<Traces, Failure> {
        let authorization = settings.authorization.iter();
        let headers: HashMap<String, String> = authorization
            .map(|a| ("authorization".to_owned(), a.expose().to_owned()))
            .collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .with_headers(headers)
            .build()
            .map_err(|e| {
                Failure::Failed(format!(
                    "[traces] endpoint = {:?} cannot be used: {e}",
                    settings.endpoint
                ))
            })?;
        let batches = BatchConfigBuilder::default().with_scheduled_delay(TOGETHER).build();
        let teller = Teller {
            exporter,
            lost: AtomicBool::new(false),
        };
        let mut sender = BatchSpanProcessor::new(teller, batches);
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        sender.set_resource(
            &Resource::builder_empty()
                .with_attributes([KeyValue::new("service.name", "imp"), version])
                .build(),
        );
        Ok(Traces {
            sender: Arc::new(sender),
            scope: InstrumentationScope::builder("imp").build(),
        })
    }

    /// Sends what is left.
    pub fn end(&self) {
        // A collector that is away loses the last second; it has been told that it is.
        let _ = self.sender.shutdown_with_timeout(FAREWELL);
    }
}

/// Sends, and says once that it does not work, and once that it works again.
#[derive(Debug)]
struct Teller {
    exporter: SpanExporter,
    lost: AtomicBool,
}

impl opentelemetry_sdk::trace::SpanExporter for Teller {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        match (&sent, self.lost.swap(sent.is_err(), Ordering::Relaxed)) {
            (Err(e), false) => tracing::warn!(error = %e, "traces are lost: the collector does not take them"),
            (Ok(()), true) => tracing::info!("the collector takes traces again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Which incident's trace: its number, and when it was opened, in milliseconds, which tells two installations apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Whose {
    incident: u64,
    opened_at: i64,
}

impl Whose {
    fn digest(self) -> [u8; 32] {
        Sha256::digest(format!("imp trace {} {}", self.incident, self.opened_at)).into()
    }

    fn trace(self) -> TraceId {
        let d = self.digest();
        TraceId::from_bytes(std::array::from_fn(|n| d[n]))
    }

    /// The span with which it begins, under which all others stand.
    fn root(self) -> SpanId {
        let d = self.digest();
        SpanId::from_bytes(std::array::from_fn(|n| d[16 + n]))
    }
}

/// A span that has not ended.
struct Open {
    id: SpanId,
    began: SystemTime,
    since: Instant,
    incident: Option<u64>,
    opened_at: Option<i64>,
    opens: bool,
    failed: bool,
    attributes: Vec<KeyValue>,
}

impl Open {
    fn begin() -> Open {
        let now = SystemClock.now().0.unsigned_abs();
        Open {
            id: SpanId::from_bytes(rand_id()),
            began: SystemTime::UNIX_EPOCH + Duration::from_millis(now),
            since: Instant::now(),
            incident: None,
            opened_at: None,
            opens: false,
            failed: false,
            attributes: Vec::new(),
        }
    }

    fn whose(&self) -> Option<Whose> {
        // What belongs to the house itself has the number 0, and a trace for each try.
        let incident = self.incident.filter(|n| *n > 0)?;
        let opened_at = self.opened_at?;
        Some(Whose { incident, opened_at })
    }

    /// Its identifier: what opens an incident is the root of its trace.
    fn id(&self) -> SpanId {
        self.whose().filter(|_| self.opens).map_or(self.id, Whose::root)
    }
}

/// Eight bytes that no other span has, and not all zero, which would mean none.
fn rand_id() -> [u8; 8] {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0u8).max(1).to_be_bytes()
}

impl Visit for Open {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "incident" => {
                self.incident = Some(value);
                if value > 0 {
                    self.attributes
                        .push(KeyValue::new("imp.incident", format!("IMP-{value}")));
                }
            }
            "status" => {
                self.failed |= value >= 400;
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                self.attributes.push(KeyValue::new("http.response.status_code", value));
            }
            _ => self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            "opened_at" => self.opened_at = Some(value),
            other => self.attributes.push(KeyValue::new(format!("imp.{other}"), value)),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "opens" => self.opens = value,
            other => self.attributes.push(KeyValue::new(format!("imp.{other}"), value)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = match field.name() {
            "method" => "http.request.method".to_owned(),
            "host" => "server.address".to_owned(),
            other => format!("imp.{other}"),
        };
        self.failed |= field.name() == "outcome" && matches!(value, "later" | "never");
        self.attributes.push(KeyValue::new(name, value.to_owned()));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {
        // Words that nobody chose for a trace do not come into it.
    }
}

impl<S> tracing_subscriber::Layer<S> for Traces
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, given: &Attributes<'_>, id: &Id, all: Context<'_, S>) {
        let Some(span) = all.span(id) else { return };
        let mut open = Open::begin();
        given.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, all: Context<'_, S>) {
        let Some(span) = all.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, all: Context<'_, S>) {
        let Some(span) = all.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        let (mut parent, mut whose, mut top) = (None, open.whose(), open.id);
        for above in span.scope().skip(1) {
            if let Some(a) = above.extensions().get::<Open>() {
                parent = parent.or(Some(a.id()));
                whose = whose.or(a.whose());
                top = a.id;
            }
        }
        let id = open.id();
        let parent = parent.or(whose.map(Whose::root).filter(|root| *root != id));
        // What is about no incident is a trace of its own, named after its topmost span.
        let alone = || TraceId::from_bytes(std::array::from_fn(|n| top.to_bytes()[n % 8]));
        let trace = whose.map_or_else(alone, Whose::trace);
        self.sender.on_end(SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
            parent_span_id: parent.unwrap_or(SpanId::INVALID),
            parent_span_is_remote: false,
            span_kind: match span.name() {
                "call" => SpanKind::Client,
                _ => SpanKind::Internal,
            },
            name: span.name().into(),
            start_time: open.began,
            end_time: open.began + open.since.elapsed(),
            attributes: open.attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: match open.failed {
                true => Status::error(""),
                false => Status::Unset,
            },
            instrumentation_scope: self.scope.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// Where nobody keeps traces, no span is made: what its fields would say is not even worked out.
    #[test]
    fn without_an_endpoint_no_span_is_made() {
        let log = tracing_subscriber::fmt::layer().with_filter(tracing_subscriber::EnvFilter::new("info"));
        let off = tracing_subscriber::registry().with(log).with(None::<Traces>);
        tracing::subscriber::with_default(off, || {
            let said = std::cell::Cell::new(false);
            let words = || {
                said.set(true);
                "words"
            };
            let span = tracing::trace_span!(target: SPANS, "try", effect = words());
            assert!(span.is_disabled());
            assert!(!said.get());
        });
    }

    #[test]
    fn a_trace_is_known_by_its_incident() {
        let (one, two) = (
            Whose {
                incident: 1,
                opened_at: 7,
            },
            Whose {
                incident: 2,
                opened_at: 7,
            },
        );
        assert_eq!(one.trace(), one.trace());
        assert_ne!(one.trace(), two.trace());
        assert_ne!(one.root(), two.root());
        assert_ne!(one.trace(), Whose { opened_at: 8, ..one }.trace());
    }
}
