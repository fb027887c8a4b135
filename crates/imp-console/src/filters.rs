//! Which incidents somebody asks for, checked: a word that nothing is called is said, not answered with an empty list.

use crate::App;
use imp_core::{Process, words};
use imp_engine::StoreError;
use imp_engine::read::{self, Filter};

/// The longest word of a filter that is looked at.
const WORD_MAX: usize = 200;

/// A filter as it was written, by its names in the address.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// A status.
    pub status: String,
    /// A severity.
    pub severity: String,
    /// A service's alias or name.
    pub service: String,
    /// A team's alias or name.
    pub team: String,
    /// Words of the title.
    pub q: String,
}

/// The filter, and a sentence for each word of it that nothing is called.
///
/// # Errors
/// What the store says.
pub async fn understand(app: &App, asked: &Asked) -> Result<(Filter, Vec<String>), StoreError> {
    let mut faults = Vec::new();
    let (process, catalogue) = (app.desk.house.process.load(), app.desk.house.catalogue.load());
    let some = |s: &str| Some(s.trim().to_owned()).filter(|s| !s.is_empty());
    // Incidents that began with an earlier version of the process still stand in that one's statuses.
    let editions = app.desk.house.editions();
    let of = |what: &str, given: &Option<String>, names: fn(&Process) -> Vec<String>, faults: &mut Vec<String>| {
        let Some(word) = given else { return };
        if !editions.iter().any(|p| names(p).contains(word)) {
            let known = names(&process);
            faults.push(format!(
                "There is no {what} {:?}. There are: {}.",
                words::cut(word, 40),
                known.join(", ")
            ));
        }
    };
    let status = some(&asked.status);
    let statuses = |p: &Process| p.statuses.iter().map(|s| s.id.clone()).collect();
    of("status", &status, statuses, &mut faults);
    let severity = some(&asked.severity);
    let severities = |p: &Process| p.severities.iter().map(|s| s.id.clone()).collect();
    of("severity", &severity, severities, &mut faults);
    let mut service = some(&asked.service);
    let mut team = some(&asked.team);
    let mut strange = Vec::new();
    if let Some(s) = &mut service {
        match catalogue.service(s) {
            Some(known) => s.clone_from(&known.alias),
            None => strange.push(("service", s.clone())),
        }
    }
    if let Some(t) = &mut team {
        match catalogue.team(t) {
            Some(known) => t.clone_from(&known.alias),
            None => strange.push(("team", t.clone())),
        }
    }
    for (what, name) in strange {
        // The catalogue may have forgotten what past incidents still name.
        let wanted = name.clone();
        let filter = match what {
            "service" => Filter {
                service: Some(wanted),
                ..Filter::default()
            },
            _ => Filter {
                team: Some(wanted),
                ..Filter::default()
            },
        };
        let used = app
            .desk
            .store
            .read(move |c| read::incidents(c, &filter, None, 1))
            .await?;
        if used.iter().all(|i| i.private) {
            let near = match what {
                "service" => catalogue.nearest_service(&name).map(|s| s.alias.clone()),
                _ => None,
            };
            let near = near.map(|n| format!(" Perhaps {n}?")).unwrap_or_default();
            faults.push(format!("There is no {what} {:?}.{near}", words::cut(&name, 40)));
        }
    }
    if asked.q.chars().count() > WORD_MAX {
        faults.push(format!("q: search for at most {WORD_MAX} characters."));
    }
    let filter = Filter {
        status,
        categories: Vec::new(),
        severity,
        service,
        team,
        words: some(&asked.q),
    };
    Ok((filter, faults))
}

/// What a menu offers: the names of the process in force, and the one that is chosen where an earlier version has it.
pub fn offered(app: &App, chosen: &str, names: fn(&Process) -> Vec<(String, String)>) -> Vec<(String, String)> {
    let editions = app.desk.house.editions();
    let mut all = editions.iter().map(|p| (p, names(p)));
    let mut out = all.next().map(|(_, names)| names).unwrap_or_default();
    if out.iter().all(|(id, _)| id != chosen) {
        let mut older = all.flat_map(|(p, names)| names.into_iter().map(move |(id, n)| (id, n, p.version.clone())));
        let found = older.find(|(id, _, _)| id == chosen);
        out.extend(found.map(|(id, name, version)| (id, format!("{name} (version {version})"))));
    }
    out
}

/// A word as part of a query.
pub fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    text.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}
