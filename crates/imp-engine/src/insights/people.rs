//! Whose time went into incidents, by what people did in them. It is read from the journal when it is asked for.

use super::pick::{Picker, Slice};
use super::table::Table;
use super::{Filter, Question};
use crate::desk::House;
use crate::read;
use crate::store::{Conn, StoreError};
use crate::tx;
use imp_core::effort::{self, Act, Effort};
use imp_core::process::hours::is_working;
use imp_core::{At, Catalogue, Process, Ref, Who};

/// Incidents whose stories are read for one answer, the newest: more would hold up whoever else reads.
const INCIDENTS_MAX: usize = 500;
/// Facts of one incident that are read.
const FACTS_MAX: usize = 2_000;

/// Everybody's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// Each person's, those with the most first.
    pub efforts: Vec<Effort>,
    /// From how many incidents.
    pub incidents: usize,
    /// How many older ones of the range are left out.
    pub left_out: usize,
}

/// Which incidents a question is about, and how many older ones are left out. Drills, tests, what was brought in and what is
/// private are not among them; false alarms are, since they take time too.
pub fn chosen(table: &Table, question: &Question, catalogue: &Catalogue) -> (Vec<Ref>, usize) {
    use imp_core::metric::Class;
    let lived = Question {
        filter: Filter {
            back_filled: Some(false),
            ..question.filter.clone()
        },
        ..question.clone()
    };
    let picker = Picker::new(table, &lived, catalogue);
    let of = |class| {
        picker.slice(&Slice {
            class: Some(class),
            ..Slice::default()
        })
    };
    let classes = [Class::Incident, Class::Declined, Class::Merged, Class::Triage];
    let mut rows: Vec<u32> = classes.into_iter().flat_map(of).collect();
    rows.sort_unstable_by_key(|r| std::cmp::Reverse((table.at[*r as usize], table.refs[*r as usize])));
    let left_out = rows.len().saturating_sub(INCIDENTS_MAX);
    let newest = rows.iter().take(INCIDENTS_MAX);
    (
        newest.map(|r| Ref(table.refs[*r as usize].unsigned_abs())).collect(),
        left_out,
    )
}

/// What people did in these, each judged by the process that its incident follows, and with all that the directory knows of
/// whoever did it.
///
/// # Errors
/// What the store says.
pub fn acts(conn: &mut dyn Conn, refs: &[Ref], house: &House) -> Result<Vec<Act>, StoreError> {
    let directory = house.directory.load();
    let mut out = Vec::new();
    for r in refs {
        let Some(incident) = tx::load(conn, *r)? else { continue };
        let facts = read::journal(conn, *r, 0, FACTS_MAX)?;
        let acts = effort::acts(*r, &facts, &house.process_of(&incident));
        out.extend(acts.into_iter().map(|a| Act {
            who: directory.complete(&a.who),
            ..a
        }));
    }
    Ok(out)
}

/// Whose time it was. People work when their own team's country does.
pub fn efforts(acts: &[Act], before_ms: i64, process: &Process, catalogue: &Catalogue) -> Vec<Effort> {
    let works = |who: &Who, at: At| {
        let own = catalogue.teams.iter().find(|t| t.members.iter().any(|m| m.is(who)));
        is_working(&process.hours, own.and_then(|t| t.tag("country")), at)
    };
    effort::efforts(acts, before_ms, &works)
}
