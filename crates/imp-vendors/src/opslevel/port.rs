//! Incidents told to OpsLevel as custom events, for its checks to evaluate.

use super::{NAME, OpsLevel};
use crate::http::call;
use imp_core::port::{Boxed, Limits};
use imp_core::{At, Order, Outcome, Port, What};
use serde_json::{Map, Value, json};

impl Port for OpsLevel {
    fn perform(&self, order: Order) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            match &order.what {
                What::CatalogueEvent { fact } => self.tell(&order, *fact).await,
                other => crate::not_ours(NAME, other),
            }
        })
    }

    fn limits(&self) -> Option<&dyn Limits> {
        Some(&self.budget)
    }
}

impl OpsLevel {
    /// Sends the incident as it is now. The event's identifier is the same however often it is sent.
    async fn tell(&self, order: &Order, fact: u64) -> Outcome {
        let Some(url) = &self.config.custom_event_url else {
            return Outcome::Done(vec![]);
        };
        let request = self.http.post(url.expose()).json(&event(order, fact, &self.public_url));
        match call(NAME, request).await {
            Ok(_) => Outcome::Done(vec![]),
            Err(fault) => fault.into(),
        }
    }
}

/// The event's JSON: what a check's `jq` can select a service by and judge.
fn event(order: &Order, fact: u64, public_url: &str) -> Value {
    let i = &order.incident;
    let times: Map<String, Value> = i
        .moments
        .iter()
        .map(|(name, at): (&String, &At)| (name.clone(), json!(at.rfc3339())))
        .collect();
    json!({
        "id": format!("{}-{fact}", i.reference),
        "event": "incident",
        "incident": {
            "ref": i.reference,
            "title": i.title,
            "status": i.status,
            "category": order.process.category(&i.status).word(),
            "severity": i.severity,
            "service": i.service.as_ref().map(|s| &s.alias),
            "team": i.team.as_ref().map(|t| &t.alias),
            "url": format!("{public_url}/incidents/{}", i.reference),
            "ticket": i.links.ticket.as_ref().map(|t| &t.url),
            "timestamps": times,
        },
    })
}
