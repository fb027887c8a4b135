//! The catalogue.

use crate::stage::Stage;
use imp_core::What;
use imp_core::port::CatalogueSource;
use imp_vendors::opslevel::OpsLevel;

#[tokio::test]
async fn the_catalogue_is_read_whole() {
    let s = Stage::new().await;
    let port = OpsLevel::new(s.config("opslevel"), s.http.clone(), "https://imp.example");
    let catalogue = port.read().await.expect("OpsLevel answers");
    assert_eq!(catalogue.services.len(), s.practice.org.services.len());
    assert_eq!(catalogue.teams.len(), s.practice.org.teams.len());
    let wanted = &s.practice.org.services[0];
    let service = catalogue.service(&wanted.alias).expect("it is there");
    assert_eq!(service.team.as_deref(), Some(wanted.team.as_str()));
    assert!(!service.on_call.is_empty(), "{service:?}");
    let team = catalogue.team(&wanted.team).expect("it is there");
    assert!(!team.members.is_empty() && team.channel.is_some(), "{team:?}");
    assert!(port.check().await.iter().all(|f| f.fault.is_none()));
}

#[tokio::test]
async fn opslevel_is_told_of_the_incident() {
    let mut s = Stage::new().await;
    let port = OpsLevel::new(s.config("opslevel"), s.http.clone(), "https://imp.example");
    s.does(&port, What::CatalogueEvent { fact: 2 }).await;
    let events = s.practice.opslevel().events();
    assert!(!events.is_empty());
    assert!(
        events.iter().all(|e| e.to_string().contains("IMP-42-2")),
        "the same event is told as the same: {events:?}"
    );
}
