//! Traces: a collector that listens sees an incident as one trace, and nothing that is nobody's business.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use imp_practice::faults::{Fault, Rule, Vendor};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use std::sync::{Arc, Mutex};

use crate::stage::{Mode, Stage, until};

/// A span as the collector has it.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    says: Vec<(String, String)>,
}

impl Span {
    fn says(&self, name: &str) -> &str {
        let said = self.says.iter().find(|(n, _)| n == name);
        said.map_or("", |(_, value)| value.as_str())
    }
}

/// A collector: what it was sent, as it came and as it is meant.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<(Vec<u8>, Vec<Span>)>>);

impl Collector {
    async fn listen() -> (Collector, String) {
        let collector = Collector::default();
        let routes = axum::Router::new()
            .route("/v1/traces", post(take))
            .with_state(collector.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (collector, format!("http://{address}"))
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().expect("the spans").1.clone()
    }

    /// The spans of an incident's trace, once there are some for which this holds.
    async fn trace_of(&self, incident: &str, whole: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        until(&format!("the trace of {incident} is whole"), async || {
            let all = self.spans();
            let opening = all
                .iter()
                .find(|s| s.name == "wish" && s.says("imp.incident") == incident)?;
            let trace: Vec<Span> = all.iter().filter(|s| s.trace == opening.trace).cloned().collect();
            whole(&trace).then_some(trace)
        })
        .await
    }
}

async fn take(State(c): State<Collector>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["authorization"], "Bearer of-the-collector");
    let sent = ExportTraceServiceRequest::decode(body.clone()).expect("OTLP");
    let mut kept = c.0.lock().expect("the spans");
    kept.0.extend(&body);
    let spans = sent.resource_spans.into_iter().flat_map(|r| r.scope_spans);
    for s in spans.flat_map(|s| s.spans) {
        let says = s.attributes.into_iter().map(|a| {
            let value = match a.value.and_then(|v| v.value) {
                Some(Value::StringValue(s)) => s,
                Some(Value::IntValue(n)) => n.to_string(),
                Some(Value::BoolValue(b)) => b.to_string(),
                other => format!("{other:?}"),
            };
            (a.key, value)
        });
        kept.1.push(Span {
            name: s.name,
            trace: s.trace_id,
            id: s.span_id,
            parent: s.parent_span_id,
            says: says.collect(),
        });
    }
}

/// The tries of an effect.
fn tries<'a>(trace: &'a [Span], effect: &str) -> Vec<&'a Span> {
    let of = |s: &&Span| s.name == "try" && s.says("imp.effect") == effect;
    trace.iter().filter(of).collect()
}

fn is_done(trace: &[Span], effect: &str) -> bool {
    tries(trace, effect).iter().any(|s| s.says("imp.outcome") == "done")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_one_trace_from_the_wish_to_the_vendors_call_also_after_a_restart() {
    let (collector, address) = Collector::listen().await;
    let traces = format!("\n[traces]\nendpoint = \"{address}\"\nauthorization = \"Bearer of-the-collector\"\n");
    let mut s = Stage::with(Mode::Http, |config| config + &traces).await;
    let refuses = Rule::new(Vendor::Jira, Fault::Unavailable);
    s.practice.faults().set(refuses.on("POST issue").times(1));
    let first = s.declares("Tamarind is out of stock").await;
    let second = s.declares("Another matter").await;
    s.settle().await;
    let trace = collector
        .trace_of(&first, |t| {
            is_done(t, "record.ticket") && is_done(t, "chat.channel") && is_done(t, "chat.card")
        })
        .await;

    let root: Vec<&Span> = trace.iter().filter(|s| s.parent.is_empty()).collect();
    assert_eq!(root.len(), 1, "a trace has one beginning: {root:#?}");
    assert_eq!(
        (root[0].name.as_str(), root[0].says("imp.command")),
        ("wish", "declare")
    );
    for span in &trace {
        let known = span.parent.is_empty() || trace.iter().any(|p| p.id == span.parent);
        assert!(known, "its parent is not in the trace: {span:#?}");
    }
    let below = |id: &[u8], name: &str| {
        trace
            .iter()
            .filter(|s| s.parent == id && s.name == name)
            .collect::<Vec<_>>()
    };
    assert_eq!(below(&root[0].id, "decide").len(), 1);
    let tickets = tries(&trace, "record.ticket");
    let went: Vec<&str> = tickets.iter().map(|t| t.says("imp.outcome")).collect();
    assert_eq!(
        went.first(),
        Some(&"later"),
        "the try that failed is told too: {went:?}"
    );
    assert_eq!(went.last(), Some(&"done"), "{went:?}");
    let calls = below(&tickets[0].id, "call");
    let failed: Vec<_> = calls
        .iter()
        .map(|c| (c.says("imp.vendor"), c.says("http.response.status_code")))
        .collect();
    assert!(failed.contains(&("Jira", "503")), "{failed:?}");
    let channel = tries(&trace, "chat.channel");
    let calls = below(&channel[0].id, "call");
    assert!(
        calls
            .iter()
            .any(|c| c.says("imp.vendor") == "Slack" && c.says("http.request.method") == "POST")
    );

    // The other incident is another trace, and a restart begins no new one.
    let other = collector.trace_of(&second, |t| is_done(t, "record.ticket")).await;
    assert_ne!(other[0].trace, trace[0].trace);
    s.kill();
    s.rise().await;
    s.moves(&first, "identified").await;
    let moved = |t: &[Span]| t.iter().any(|s| s.name == "wish" && s.says("imp.command") == "move");
    let trace = collector.trace_of(&first, moved).await;
    let opened = trace.iter().filter(|s| s.parent.is_empty()).count();
    assert_eq!(opened, 1);

    // What people write, what opens doors and where they are stays here.
    let sent = String::from_utf8_lossy(&collector.0.lock().expect("what was sent").0).into_owned();
    let keys = &s.practice.org.keys;
    for secret in [&keys.slack_bot_token, &keys.jira_api_token, &keys.statuspage_api_key] {
        assert!(!sent.contains(secret.as_str()), "a secret was sent");
    }
    for words in ["Tamarind", "Another matter", "/rest/api", "chat.postMessage"] {
        assert!(!sent.contains(words), "{words:?} was sent");
    }
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_holds_nothing_up_and_is_told_once() {
    let nobody = format!("http://127.0.0.1:{}", crate::imp::free_port());
    let s = Stage::with(Mode::Http, |config| {
        config + &format!("\n[traces]\nendpoint = \"{nobody}\"\n")
    })
    .await;
    let incident = s.declares("Nobody listens").await;
    s.settle().await;
    let told = || {
        let log = s.imp.as_ref().map(crate::imp::Imp::log).unwrap_or_default();
        log.matches("traces are lost").count()
    };
    until("it is told", async || (told() > 0).then_some(())).await;
    s.moves(&incident, "identified").await;
    s.settle().await;
    assert_eq!(told(), 1);
    s.finish().await;
}
