//! The journal in the ticket: all facts as text in parts that fit into the ticket's properties, and a head that says how
//! many there are. From it a lost disk is brought back.

use super::port::gone;
use super::{Jira, NAME, wire};
use crate::http::Fault;
use imp_core::event::Fact;
use imp_core::port::Ledger;
use imp_core::record::print;
use imp_core::{Order, Outcome, Ref};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The key of the head; parts have it with their number behind.
pub(super) const HEAD: &str = "imp.journal";
/// The version of the form.
const VERSION: u32 = 1;
/// Bytes of a part's text as JSON: Jira takes 32768 characters for a whole property, and the rest is a frame.
const PART_MAX: usize = 31_000;
/// Bytes of the list of deeds that are done; of a longer one the newest are kept, and the others are looked for before
/// they are done again.
const DONE_MAX: usize = 24_000;
/// Parts that are read: two megabytes of facts, which is more than anybody's incident.
const PARTS_MAX: usize = 64;

/// What stands in the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The version of the form.
    pub v: u32,
    /// Whose it is.
    #[serde(rename = "ref")]
    pub reference: Ref,
    /// How many facts there are.
    pub facts: usize,
    /// A fingerprint of each part's text.
    pub parts: Vec<String>,
    /// Deeds that are done.
    pub done: Vec<String>,
}

/// A part.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    v: u32,
    #[serde(rename = "ref")]
    reference: Ref,
    part: usize,
    text: String,
}

/// The key of a part.
fn part_key(n: usize) -> String {
    format!("{HEAD}.{n}")
}

/// How many bytes a text takes inside JSON.
fn weight(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |t| t.len())
}

/// The facts as lines, in parts. Facts are only ever added, so that all parts but the last stay as they are.
fn parts(facts: &[Fact]) -> Vec<String> {
    let mut out: Vec<String> = vec![String::new()];
    let mut used = 0;
    for fact in facts {
        let line = format!("{}\n", serde_json::to_string(fact).unwrap_or_default());
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let whole = weight(rest);
            if used + whole <= PART_MAX {
                push(&mut out, rest);
                used += whole;
                break;
            }
            if used > 0 {
                out.push(String::new());
                used = 0;
                continue;
            }
            // A single fact that is too long for a part is cut; the lines tell where it ends.
            let mut end = fitting(rest, PART_MAX / 2);
            while weight(&rest[..end]) > PART_MAX {
                end = fitting(rest, end / 2);
            }
            push(&mut out, &rest[..end]);
            rest = &rest[end..];
            out.push(String::new());
        }
    }
    out.retain(|p| !p.is_empty());
    out
}

/// The last place at or before this one where a text can be cut.
fn fitting(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|n| text.is_char_boundary(*n))
        .unwrap_or(0)
}

fn push(parts: &mut [String], text: &str) {
    if let Some(last) = parts.last_mut() {
        last.push_str(text);
    }
}

fn head(reference: Ref, ledger: &Ledger, parts: &[String]) -> Head {
    let mut left = DONE_MAX;
    let newest = ledger.done.iter().rev().take_while(|k| {
        let fits = k.len() + 3 <= left;
        left = left.saturating_sub(k.len() + 3);
        fits
    });
    let mut done: Vec<String> = newest.cloned().collect();
    done.reverse();
    Head {
        v: VERSION,
        reference,
        facts: ledger.facts.len(),
        parts: parts.iter().map(|p| format!("{:016x}", print(p))).collect(),
        done,
    }
}

/// What could be read of a journal.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ReadBack {
    /// Facts in a row from the first.
    pub facts: Vec<Fact>,
    /// Deeds that are done.
    pub done: Vec<String>,
    /// What is wrong with it; none where it is whole.
    pub fault: Option<String>,
}

/// Reads a journal from a ticket's properties, as far as it can be read.
pub(super) fn read_back(reference: Ref, properties: &Map<String, Value>) -> ReadBack {
    let fault = |why: String| ReadBack {
        fault: Some(why),
        ..ReadBack::default()
    };
    let Some(value) = properties.get(HEAD) else {
        return fault(format!("its ticket has no property {HEAD}"));
    };
    let head = match serde_json::from_value::<Head>(value.clone()) {
        Ok(head) if head.v == VERSION => head,
        Ok(head) => {
            return fault(format!(
                "its property {HEAD} is of version {}, which this version cannot read",
                head.v
            ));
        }
        Err(e) => return fault(format!("its property {HEAD} makes no sense: {e}")),
    };
    if head.reference != reference {
        return fault(format!("its property {HEAD} is that of {}", head.reference));
    }
    let mut out = ReadBack {
        done: head.done,
        ..ReadBack::default()
    };
    let mut text = String::new();
    for (n, wanted) in head.parts.iter().take(PARTS_MAX).enumerate() {
        let part = properties.get(&part_key(n)).cloned().unwrap_or_default();
        match serde_json::from_value::<Part>(part) {
            Ok(p) if p.reference == reference && p.part == n && format!("{:016x}", print(&p.text)) == *wanted => {
                text.push_str(&p.text);
            }
            // It was being written when the lights went out, or somebody edited it; its lines are tried all the same.
            Ok(p) if p.reference == reference && p.part == n => {
                out.fault = Some(format!("its property {} is not as it was written", part_key(n)));
                text.push_str(&p.text);
            }
            Ok(_) | Err(_) => {
                out.fault = Some(format!("its property {} is missing or makes no sense", part_key(n)));
                break;
            }
        }
    }
    for line in text.split_inclusive('\n') {
        let next = out.facts.len() as u64 + 1;
        match serde_json::from_str::<Fact>(line.trim_end()) {
            Ok(fact) if fact.n == next => out.facts.push(fact),
            Ok(_) | Err(_) => {
                let why = || format!("fact {next} of its journal cannot be read");
                out.fault.get_or_insert_with(why);
                break;
            }
        }
    }
    if out.fault.is_none() && out.facts.len() < head.facts {
        out.fault = Some(format!(
            "its journal ends after {} of {} facts",
            out.facts.len(),
            head.facts
        ));
    }
    out
}

impl Jira {
    /// Writes the parts that are new or changed, and then the head.
    pub(super) async fn journal_mirror(&self, order: &Order) -> Result<Outcome, Fault> {
        let i = &order.incident;
        let (Some(ticket), Some(ledger)) = (&i.links.ticket, &order.ledger) else {
            return Ok(Outcome::Done(vec![]));
        };
        let parts = parts(&ledger.facts);
        let wanted = head(i.reference, ledger, &parts);
        let known = match self.remembered(i.reference).journal {
            Some(known) => Some(known),
            None => self.read_head(&ticket.key).await.map_err(|f| gone(f, ticket))?,
        };
        if known.as_ref() == Some(&wanted) {
            self.remember(i.reference, |w| w.journal = Some(wanted));
            return Ok(Outcome::Done(vec![]));
        }
        let before = known.map(|k| k.parts).unwrap_or_default();
        let changed = parts
            .into_iter()
            .enumerate()
            .filter(|(n, _)| before.get(*n) != wanted.parts.get(*n));
        for (n, text) in changed {
            let part = json!(Part {
                v: VERSION,
                reference: i.reference,
                part: n,
                text
            });
            self.set_property(&ticket.key, &part_key(n), &part)
                .await
                .map_err(|f| gone(f, ticket))?;
        }
        self.set_property(&ticket.key, HEAD, &json!(wanted))
            .await
            .map_err(|f| gone(f, ticket))?;
        self.remember(i.reference, |w| w.journal = Some(wanted));
        Ok(Outcome::Done(vec![]))
    }

    async fn set_property(&self, issue: &str, key: &str, value: &Value) -> Result<(), Fault> {
        let path = format!("/properties/{key}");
        self.write(Method::PUT, issue, &path, value).await.map(|_| ())
    }

    /// The head that the ticket has; none where it has none, or one that makes no sense.
    async fn read_head(&self, issue: &str) -> Result<Option<Head>, Fault> {
        match self.get(&format!("issue/{issue}/properties/{HEAD}")).await {
            Ok(answer) => Ok(serde_json::from_value(answer.json::<wire::Property>(NAME)?.value).ok()),
            Err(Fault::Refused { status: 404, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imp_core::{Actor, At, Event};

    fn fact(n: u64, text: String) -> Fact {
        let event = Event::Noted {
            text,
            ts: None,
            who: None,
        };
        Fact {
            n,
            at: At(1),
            by: Actor::Imp,
            event,
        }
    }

    fn properties(facts: &[Fact]) -> Map<String, Value> {
        let reference = Ref(42);
        let ledger = Ledger {
            facts: facts.to_vec(),
            done: vec!["chat.channel".into()],
        };
        let texts = parts(facts);
        let mut out = Map::from_iter([(HEAD.to_owned(), json!(head(reference, &ledger, &texts)))]);
        for (part, text) in texts.into_iter().enumerate() {
            out.insert(
                part_key(part),
                json!(Part {
                    v: VERSION,
                    reference,
                    part,
                    text
                }),
            );
        }
        out
    }

    #[test]
    fn a_long_journal_comes_back_whole_and_each_part_fits() {
        let words = ["é\"\\\n".repeat(9_000), "x".repeat(100_000), "short".to_owned()];
        let facts: Vec<Fact> = (1..=60).map(|n| fact(n, words[n as usize % 3].clone())).collect();
        let all = properties(&facts);
        assert!(all.values().all(|v| v.to_string().len() < 32_768));
        let few = &facts[..12];
        let back = read_back(Ref(42), &properties(few));
        assert_eq!((back.fault, back.done), (None, vec!["chat.channel".to_owned()]));
        assert_eq!(back.facts, few);
    }

    #[test]
    fn what_is_added_changes_the_last_part_alone() {
        let facts: Vec<Fact> = (1..=400)
            .map(|n| fact(n, format!("note {n} {}", "x".repeat(200))))
            .collect();
        let (before, after) = (parts(&facts[..390]), parts(&facts));
        let same = before.iter().zip(&after).filter(|(a, b)| a == b).count();
        assert!(
            before.len() > 2 && same >= before.len() - 1,
            "{same} of {}",
            before.len()
        );
    }

    #[test]
    fn nonsense_is_told_and_what_stands_before_it_is_kept() {
        let facts: Vec<Fact> = (1..=400)
            .map(|n| fact(n, format!("note {n} {}", "x".repeat(200))))
            .collect();
        let whole = properties(&facts);
        let with = |key: &str, value: Value| {
            let mut all = whole.clone();
            all.insert(key.to_owned(), value);
            read_back(Ref(42), &all)
        };
        for nonsense in [
            json!(null),
            json!("<html>"),
            json!([1]),
            json!({"v": 1}),
            json!({"v": 9, "ref": "IMP-42", "facts": 1, "parts": [], "done": []}),
        ] {
            let back = with(HEAD, nonsense);
            assert!(back.facts.is_empty() && back.fault.is_some(), "{back:?}");
        }
        let back = with("imp.journal.1", json!("by hand"));
        assert!(back.facts.len() > 50 && back.facts.len() < 400, "{}", back.facts.len());
        assert!(back.fault.is_some_and(|f| f.contains("imp.journal.1")));
        assert!(read_back(Ref(7), &whole).fault.is_some_and(|f| f.contains("IMP-42")));
    }
}
