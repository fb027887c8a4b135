//! Meetings.

use crate::stage::Stage;
use imp_core::What;
use imp_core::event::Link;
use imp_practice::faults::Vendor;
use imp_vendors::zoom::Zoom;

#[tokio::test]
async fn a_meeting_is_opened_once_and_an_old_token_is_renewed() {
    let mut s = Stage::new().await;
    let port = Zoom::new(s.config("zoom"), s.http.clone(), "https://imp.example");
    s.loses_an_answer(Vendor::Zoom, "POST users/me/meetings");
    let links = s.does(&port, What::OpenMeeting).await;
    assert!(
        matches!(links.as_slice(), [Link::Meeting { url, .. }] if url.starts_with("http")),
        "{links:?}"
    );
    assert_eq!(s.practice.zoom().meetings().len(), 1);
    s.practice.zoom().expire_tokens();
    let faults: Vec<_> = port.check().await.into_iter().filter(|f| f.fault.is_some()).collect();
    assert_eq!(faults, vec![]);
}

#[tokio::test]
async fn a_meeting_of_another_incident_with_the_same_reference_is_not_taken() {
    let mut s = Stage::new().await;
    let port = Zoom::new(s.config("zoom"), s.http.clone(), "https://imp.example");
    let old = s.does(&port, What::OpenMeeting).await;
    s.begins_later("Checkout is down again");
    // The answer is lost, so it is looked for; what is found is the new one.
    s.loses_an_answer(Vendor::Zoom, "POST users/me/meetings");
    let new = s.does(&port, What::OpenMeeting).await;
    assert_eq!(s.practice.zoom().meetings().len(), 2);
    assert_ne!(old, new);
}

#[tokio::test]
async fn one_token_serves_everybody_who_asks_at_once() {
    let s = Stage::new().await;
    let port = Zoom::new(s.config("zoom"), s.http.clone(), "https://imp.example");
    tokio::join!(port.check(), port.check(), port.check());
    assert_eq!(s.calls(Vendor::Zoom, "POST oauth/token"), 1);
}
