//! Public posts.

use crate::stage::Stage;
use imp_core::event::Link;
use imp_core::{Event, What};
use imp_practice::faults::{Fault, Rule, Vendor};
use imp_vendors::statuspage::Statuspage;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_public_is_told_once_and_the_page_follows() {
    let mut s = Stage::new().await;
    s.practice.statuspage().set_limits(true);
    let port = Statuspage::new(s.config("statuspage"), s.http.clone());
    let components = port.components().await.expect("the page answers");
    let component = components[0].0.clone();
    let post = |n: u32| Event::PagePosted {
        n,
        title: "Payments fail".into(),
        body: "We are looking into it.".into(),
        components: vec![component.clone()],
    };
    s.happens(post(1));
    s.loses_an_answer(Vendor::Statuspage, "POST pages/{id}/incidents");
    let links = s.does(&port, What::PublicPost { n: 1 }).await;
    assert!(matches!(links.as_slice(), [Link::Page { .. }]), "{links:?}");
    s.happens(post(2));
    s.loses_an_answer(Vendor::Statuspage, "PATCH pages/{id}/incidents/{id}");
    s.does(&port, What::PublicPost { n: 2 }).await;
    let incidents = s.practice.statuspage().incidents();
    assert_eq!(incidents.len(), 1);
    assert_eq!(
        incidents[0]["incident_updates"].as_array().map(Vec::len),
        Some(2),
        "{}",
        incidents[0]
    );

    let began = Instant::now();
    s.moves("identified");
    s.does(&port, What::PageStatus).await;
    s.moves("resolved");
    s.does(&port, What::PageStatus).await;
    let incidents = s.practice.statuspage().incidents();
    assert_eq!(incidents[0]["status"], "resolved");
    let component = s
        .practice
        .statuspage()
        .components()
        .into_iter()
        .find(|c| c["id"] == component.as_str())
        .expect("it is there");
    assert_eq!(component["status"], "operational");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "a look and a write are two tries, not an endless row of them"
    );
    let refused = s
        .practice
        .faults()
        .calls(0)
        .into_iter()
        .filter(|c| c.vendor == Vendor::Statuspage && matches!(c.status, 420 | 429))
        .count();
    assert_eq!(refused, 0, "the limit is kept");
}

#[tokio::test]
async fn a_check_beside_the_running_service_waits_for_its_turn() {
    let s = Stage::new().await;
    let busy = |times| Rule::new(Vendor::Statuspage, Fault::RateLimited { retry_after_s: 1 }).times(times);
    let port = Statuspage::new(s.config("statuspage"), s.http.clone());
    s.practice.faults().set(busy(1));
    let found = port.check().await;
    assert!(found.iter().all(|f| f.fault.is_none()), "{found:?}");
    // A page that takes no call at all is not waited for without an end.
    s.practice.faults().set(busy(9));
    let found = port.check().await;
    assert!(found.iter().any(|f| f.fault.is_some()), "{found:?}");
}
