//! The ticket and all that belongs to it.

use crate::stage::Stage;
use imp_core::effect::LinkTo;
use imp_core::event::Link;
use imp_core::port::RecordSource;
use imp_core::{Actor, Command, Event, Outcome, What, Who};
use imp_practice::faults::Vendor;
use imp_practice::jira::Workflow;
use imp_vendors::jira::Jira;
use imp_vendors::jira::attach::Picture;
use imp_vendors::jira::inlet::Hint;
use imp_vendors::secret::Secret;
use serde_json::{Value, json};

fn jira(s: &Stage) -> Jira {
    Jira::new(s.config("jira"), s.http.clone(), "https://imp.example")
}

fn labelled(s: &Stage, label: &str) -> Vec<Value> {
    let has = |i: &Value| {
        i["fields"]["labels"]
            .as_array()
            .is_some_and(|l| l.contains(&json!(label)))
    };
    s.practice.jira().issues().into_iter().filter(has).collect()
}

#[tokio::test]
async fn a_ticket_is_filed_once_whatever_happens_to_the_answer() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.practice.jira().set_search_lag(1_500);
    s.loses_an_answer(Vendor::Jira, "POST issue");
    let links = s.does(&port, What::FileTicket).await;
    let [Link::Ticket { key, url, .. }, ..] = links.as_slice() else {
        panic!("{links:?}")
    };
    assert!(url.ends_with(&format!("/browse/{key}")));
    assert_eq!(labelled(&s, "imp-42").len(), 1);
    let issue = s.practice.jira().issue(key).expect("it is there");
    assert_eq!(issue["fields"]["summary"], "Checkout is down");
    assert_eq!(issue["fields"]["priority"]["name"], "High");
    assert_eq!(issue["properties"]["imp"]["ref"], "IMP-42", "{}", issue["properties"]);
}

#[tokio::test]
async fn what_follows_the_ticket_is_one_call_deep() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    port.warm().await.expect("Jira answers");
    let (_, seq) = s.calls_since(0);
    s.does(&port, What::FileTicket).await;
    let (calls, _) = s.calls_since(seq);
    assert_eq!(calls.first().map(String::as_str), Some("POST issue"), "{calls:?}");
    // The first ticket teaches where tickets begin and what is offered there; the second needs no look.
    assert!(matches!(s.tries(&port, &What::TicketStatus, 0).await, Outcome::Done(l) if l.len() == 1));
    s.begins("Another");
    let again = s.tries(&port, &What::FileTicket, 0).await;
    let Outcome::Done(links) = again else {
        panic!("{again:?}")
    };
    links.into_iter().for_each(|what| s.happens(Event::Linked { what }));
    let (_, seq) = s.calls_since(0);
    assert!(matches!(s.tries(&port, &What::TicketStatus, 0).await, Outcome::Done(l) if l.len() == 1));
    assert_eq!(s.calls_since(seq).0, ["POST issue/{id}/transitions"]);
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_is_looked_for_and_not_asked_for_again() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    s.does(&port, What::TicketStatus).await;
    let op = "POST issue/{id}/transitions";
    for to in ["identified", "monitoring"] {
        let before = s.calls(Vendor::Jira, op);
        s.moves(to);
        s.loses_an_answer(Vendor::Jira, op);
        let moved = s.tries(&port, &What::TicketStatus, 0).await;
        let Outcome::Done(links) = moved else {
            panic!("{moved:?}")
        };
        links.into_iter().for_each(|what| s.happens(Event::Linked { what }));
        assert_eq!(
            s.calls(Vendor::Jira, op) - before,
            1,
            "Jira refuses a move to where a ticket stands"
        );
    }
}

#[tokio::test]
async fn labels_of_ours_are_put_back_however_they_were_taken_away() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    s.does(&port, What::TicketStatus).await;
    s.does(&port, What::TicketFields).await;
    let key = s.incident().links.ticket.as_ref().expect("a ticket").key.clone();
    let ours = "imp imp-42 ";
    let severity = |s: &Stage| s.incident().severity.to_lowercase();
    let before = severity(&s);
    s.happens(Event::SeverityChanged {
        from: s.incident().severity.clone(),
        to: "SEV1".into(),
    });
    s.does(&port, What::TicketFields).await;
    // All of them at once, and once more; then as they were before the severity was changed.
    for left in [
        "theirs".to_owned(),
        "theirs".to_owned(),
        format!("theirs {ours}{before}"),
    ] {
        s.person_edits(&key, &json!({"labels": left.split(' ').collect::<Vec<_>>()}))
            .await;
        for h in port.look(s.incident(), s.process()).await.expect("Jira answers") {
            let (change, seen) = (h.change, h.seen);
            s.wishes(Actor::Jira { who: h.who }, Command::Adopt { change, seen });
        }
        s.does(&port, What::TicketFields).await;
        let labels = s.practice.jira().issue(&key).expect("it is there")["fields"]["labels"].to_string();
        for label in ["imp", "imp-42", "sev1", "theirs"] {
            assert!(
                labels.contains(&format!("\"{label}\"")),
                "{left:?}: {label} in {labels}"
            );
        }
    }
}

#[tokio::test]
async fn status_fields_and_links_follow_the_incident_and_rest_when_nothing_changed() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    s.does(&port, What::TicketStatus).await;
    for to in LinkTo::ALL {
        s.does(&port, What::TicketLink { to }).await;
    }
    let key = s.incident().links.ticket.as_ref().expect("a ticket").key.clone();
    s.happens(Event::SeverityChanged {
        from: "SEV2".into(),
        to: "SEV1".into(),
    });
    s.happens(Event::Retitled {
        title: "Everything is down".into(),
    });
    s.happens(Event::Linked {
        what: Link::Meeting {
            id: "1".into(),
            url: "https://zoom.example/j/1".into(),
        },
    });
    s.does(&port, What::TicketFields).await;
    for to in LinkTo::ALL {
        s.does(&port, What::TicketLink { to }).await;
    }
    let issue = s.practice.jira().issue(&key).expect("it is there");
    assert_eq!(issue["fields"]["summary"], "Everything is down");
    assert_eq!(issue["fields"]["priority"]["name"], "Highest");
    let labels = issue["fields"]["labels"].to_string();
    assert!(labels.contains("sev1") && !labels.contains("sev2"), "{labels}");
    assert_eq!(issue["properties"]["imp"]["severity"], "SEV1");
    assert_eq!(s.practice.jira().remote_links(&key).len(), 2);
    let (_, seq) = s.calls_since(0);
    for what in [
        What::TicketFields,
        What::TicketLink { to: LinkTo::Meeting },
        What::TicketStatus,
    ] {
        assert_eq!(s.tries(&port, &what, 0).await, Outcome::Done(vec![]));
    }
    assert_eq!(
        s.calls_since(seq).0,
        Vec::<String>::new(),
        "what is so already costs no call"
    );
    for to in ["identified", "monitoring", "resolved", "review", "closed"] {
        s.moves(to);
        s.does(&port, What::TicketStatus).await;
    }
    let issue = s.practice.jira().issue(&key).expect("it is there");
    assert_eq!(issue["fields"]["status"]["statusCategory"]["key"], "done");
}

#[tokio::test]
async fn a_move_that_people_made_over_there_is_read_again_and_not_fought_over() {
    let mut s = Stage::new().await;
    s.practice.jira().set_workflow(Workflow::Simple);
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    s.does(&port, What::TicketStatus).await;
    s.happens(Event::Linked {
        what: Link::TicketStatus { name: "To Do".into() },
    });
    s.does(&port, What::TicketStatus).await;
    let ticket = s.incident().links.ticket.clone().expect("a ticket");
    assert_eq!(
        s.practice.jira().issue(&ticket.key).expect("it is there")["fields"]["status"]["name"],
        "In Progress"
    );
}

#[tokio::test]
async fn comments_tasks_and_follow_ups_are_there_once() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    let key = s.incident().links.ticket.as_ref().expect("a ticket").key.clone();
    s.happens(Event::UpdatePosted {
        n: 1,
        text: "Rolling back".into(),
    });
    s.happens(Event::UpdatePosted {
        n: 2,
        text: "Rolling back".into(),
    });
    s.loses_an_answer(Vendor::Jira, "POST issue/{id}/comment");
    s.does(&port, What::Comment { n: 1 }).await;
    s.does(&port, What::Comment { n: 2 }).await;
    let comments = s.practice.jira().issue(&key).expect("it is there")["fields"]["comment"]["comments"].clone();
    assert_eq!(comments.as_array().map(Vec::len), Some(2), "{comments}");

    let who = Some(Who::email(s.practice.org.email(&s.practice.org.people[1].handle)));
    s.happens(Event::TaskAdded {
        n: 1,
        text: "Roll back".into(),
        assignee: who.clone(),
    });
    s.happens(Event::FollowUpAdded {
        n: 1,
        text: "Write a test".into(),
        owner: who,
        due: Some("2026-12-24".into()),
    });
    s.loses_an_answer(Vendor::Jira, "POST issue");
    let links = s.does(&port, What::FileTask { n: 1 }).await;
    assert!(matches!(links.as_slice(), [Link::Task { n: 1, .. }]), "{links:?}");
    s.loses_an_answer(Vendor::Jira, "POST issue");
    let links = s.does(&port, What::FileFollowUp { n: 1 }).await;
    assert!(matches!(links.as_slice(), [Link::FollowUp { n: 1, .. }]), "{links:?}");
    assert_eq!(labelled(&s, "imp42-task-1").len(), 1);
    assert_eq!(labelled(&s, "imp42-follow-up-1").len(), 1);
    assert_eq!(
        labelled(&s, "imp-42").len(),
        1,
        "the label of the incident finds its ticket alone"
    );
    s.happens(Event::TaskDone { n: 1 });
    s.does(&port, What::TaskStatus { n: 1 }).await;
    assert_eq!(
        labelled(&s, "imp42-task-1")[0]["fields"]["status"]["statusCategory"]["key"],
        "done"
    );
}

#[tokio::test]
async fn all_is_well_with_the_practice_jira() {
    let s = Stage::new().await;
    let faults: Vec<_> = jira(&s)
        .check()
        .await
        .into_iter()
        .filter(|f| f.fault.is_some())
        .collect();
    assert_eq!(faults, vec![]);
}

#[tokio::test]
async fn a_field_that_jira_requires_and_nobody_fills_is_named_before_a_ticket_needs_it() {
    let s = Stage::new().await;
    s.practice.jira().require(Some("customfield_10053"));
    let port = jira(&s);
    port.warm().await.expect("Jira answers");
    assert_eq!(
        port.missing(),
        [("Customers affected".to_owned(), "customfield_10053".to_owned())]
    );
    let wrong: Vec<_> = port.check().await.into_iter().filter(|f| f.fault.is_some()).collect();
    let said = format!("{} {}", wrong[0].what, wrong[0].fault.clone().unwrap_or_default());
    assert!(
        wrong.len() == 1 && said.contains("Customers affected") && said.contains("[jira.fields]"),
        "{wrong:?}"
    );
    let refused = s.tries(&port, &What::FileTicket, 0).await;
    assert!(
        matches!(&refused, Outcome::Never { why } if why.contains("customfield_10053")),
        "{refused:?}"
    );
    s.practice.jira().require(None);
    port.warm().await.expect("Jira answers");
    assert_eq!(port.missing(), []);
}

#[tokio::test]
async fn what_people_change_over_there_is_heard_and_our_own_echo_is_not() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    port.warm().await.expect("Jira answers");
    let secret = Secret::new(s.practice.org.keys.jira_webhook_secret.clone());
    let hear = |user: &str, body: Value| {
        let mut body = body;
        body["user"] = json!({"emailAddress": user, "displayName": "Ana"});
        let bytes = body.to_string();
        let signature = format!("sha256={}", secret.hmac(&[bytes.as_bytes()]));
        let headers = [(
            "x-hub-signature".parse().expect("a name"),
            signature.parse().expect("a value"),
        )]
        .into_iter()
        .collect();
        port.hear(&headers, bytes.as_bytes())
    };
    let change = json!({
        "webhookEvent": "jira:issue_updated", "issue": {"id": "1", "key": "INC-1"},
        "changelog": {"id": "77", "items": [{"field": "summary", "toString": "New"}]},
    });
    let hint = Ok(Some(Hint { key: "INC-1".into() }));
    assert_eq!(hear("ana@example.com", change.clone()), hint);
    // Our own account may be shared with people: only what this process wrote is an echo.
    assert_eq!(hear(&s.practice.org.keys.jira_email, change), hint);
    s.does(&port, What::FileTicket).await;
    s.happens(Event::Retitled { title: "New".into() });
    s.does(&port, What::TicketFields).await;
    let ticket = s.incident().links.ticket.clone().expect("a ticket");
    let echo = json!({
        "webhookEvent": "jira:issue_updated", "issue": {"id": ticket.id, "key": ticket.key},
        "changelog": {"id": "78", "items": [{"field": "summary", "toString": "New"}]},
    });
    assert_eq!(hear(&s.practice.org.keys.jira_email, echo), Ok(None));
    assert!(port.hear(&Default::default(), b"{}").is_err());
}

#[tokio::test]
async fn a_picture_larger_than_jira_takes_is_left_out() {
    let mut s = Stage::new().await;
    let port = jira(&s);
    s.does(&port, What::FileTicket).await;
    let key = s.incident().links.ticket.as_ref().expect("a ticket").key.clone();
    let picture = |megabytes: usize| Picture {
        file: format!("F{megabytes}"),
        name: "graph.png".into(),
        kind: "image/png".into(),
        bytes: vec![0; megabytes << 20],
    };
    for megabytes in [4, 11] {
        let what = What::AttachPicture {
            file: picture(megabytes).file,
        };
        let order = s.order(&what, 0);
        assert_eq!(port.attach(&order, picture(megabytes)).await, Outcome::Done(vec![]));
    }
    let issue = s.practice.jira().issue(&key).expect("it is there");
    let files = issue["fields"]["attachment"].as_array().expect("attachments").clone();
    let names: Vec<&Value> = files.iter().map(|f| &f["filename"]).collect();
    assert_eq!(names, ["imp-F4-graph.png"]);
}
