//! `imp import`: history from a file or from Jira, into the store itself or through the `imp serve` that has it; and
//! `imp export`, which writes what an import reads.

pub mod export;
mod file;

use crate::config::Config;
use crate::script::{self, Common, client::Client};
use crate::{Failure, rebuild, say};
use arc_swap::ArcSwap;
use file::{Row, Rows};
use imp_core::{Actor, Catalogue, Directory, Process, Role};
use imp_engine::audit::Deed;
use imp_engine::desk::sheet;
use imp_engine::import::{self, Kept, Past, Told};
use imp_engine::store::apart;
use imp_engine::{Clock, Conn, House, OpenError, Store, StoreError, SystemClock};
use imp_vendors::http::Http;
use imp_vendors::jira::Jira;
use imp_vendors::jira::history::{Found, Search};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

/// Rows in a transaction: each writes anew whatever page of an index it touches …
const AT_A_TIME: usize = 20_000;
/// … and so many bytes of them are held meanwhile.
const BYTES_AT_A_TIME: usize = 16 * 1024 * 1024;
/// Rows that are read ahead together, and how many of such lots wait to be written.
const IN_A_LOT: usize = 100;
const LOTS_AHEAD: usize = 20;
/// Rows in a call to `imp serve`, whose people wait meanwhile.
const IN_A_CALL: usize = 100;
/// Bytes of rows in a call: the API reads no longer bodies than some more than this.
const BYTES_IN_A_CALL: usize = 100 * 1024;
/// After so many rows it is said how far it has come.
const REPORT_EVERY: u64 = 10_000;

/// What has happened so far.
#[derive(Default)]
struct Count {
    rows: u64,
    new: u64,
    there: u64,
    bad: u64,
    renamed: u64,
}

/// What is known of the file before anything is written.
#[derive(Default)]
struct Survey {
    rows: u64,
    /// The highest reference that a row wants to keep.
    highest: u64,
    unknown: Vec<String>,
}

/// Where history comes from.
#[derive(Debug, Clone)]
pub enum From {
    /// A file.
    File(PathBuf),
    /// What a search in Jira finds.
    Jira(String),
}

/// The same, while it is read.
enum Source {
    File {
        name: String,
        lots: Receiver<io::Result<Vec<Row>>>,
        waiting: std::vec::IntoIter<Row>,
    },
    Jira(Box<Tickets>),
}

/// Reads a file on a thread of its own, while what was read is written; it waits where that takes longer.
fn read_ahead(mut rows: Rows) -> Receiver<io::Result<Vec<Row>>> {
    let (send, lots) = sync_channel(LOTS_AHEAD);
    std::thread::spawn(move || {
        loop {
            let next = || rows.row().transpose();
            let lot: io::Result<Vec<Row>> = std::iter::from_fn(next).take(IN_A_LOT).collect();
            let is_last = lot.as_ref().map_or(true, Vec::is_empty);
            // Nobody takes it any more, or there is no more.
            if send.send(lot).is_err() || is_last {
                return;
            }
        }
    });
    lots
}

/// A search that is gone through.
struct Tickets {
    jira: Jira,
    search: Search,
    process: Process,
    waiting: Vec<Found>,
    /// Tickets of IMP's own, which the journal knows already.
    own: u64,
}

/// A row: where it stands, and what it says or what is wrong with it.
type Line = (String, Result<Told, String>);

impl Source {
    /// Opens it; what is known of it before anything is written.
    fn open(
        from: &From,
        common: &Common,
        load: &impl Fn(&Path) -> Result<Config, Failure>,
    ) -> Result<(Source, Survey), Failure> {
        match from {
            From::File(path) => {
                let survey = survey(path)?;
                let rows = Rows::open(path).map_err(Failure::Wrong)?;
                let name = path.display().to_string();
                let source = Source::File {
                    name,
                    lots: read_ahead(rows),
                    waiting: Vec::new().into_iter(),
                };
                Ok((source, survey))
            }
            From::Jira(jql) => {
                let config = load(&common.config)?;
                let process = config.process(common.config.parent())?;
                let Some(jira) = config.jira.clone() else {
                    return Err(Failure::Wrong(
                        "there is no [jira] in the configuration to search in".to_owned(),
                    ));
                };
                let http = Http::new().map_err(|e| Failure::Failed(e.to_string()))?;
                let tickets = Tickets {
                    jira: Jira::new(jira, http, &config.public_url()),
                    search: Search::new(jql),
                    process,
                    waiting: Vec::new(),
                    own: 0,
                };
                Ok((Source::Jira(Box::new(tickets)), Survey::default()))
            }
        }
    }

    /// The next rows; none at the end.
    async fn next(&mut self, most: usize, most_bytes: usize) -> Result<Vec<Line>, Failure> {
        let mut out: Vec<Line> = Vec::new();
        let mut bytes = 0;
        while out.len() < most && bytes < most_bytes {
            let row = match self {
                Source::File { name, lots, waiting } => {
                    if waiting.len() == 0 {
                        let lot = lots.recv().unwrap_or_else(|_| Ok(Vec::new()));
                        *waiting = lot.map_err(|e| unreadable(name, &e))?.into_iter();
                    }
                    waiting.next().map(|(line, told)| (format!("{name}:{line}"), told))
                }
                Source::Jira(tickets) => tickets.next().await?,
            };
            let Some(row) = row else { break };
            if let Ok(told) = &row.1 {
                bytes += told.summary.as_ref().map_or(0, String::len) + 500;
            }
            out.push(row);
        }
        Ok(out)
    }

    fn name(&self) -> String {
        match self {
            Source::File { name, .. } => name.clone(),
            Source::Jira(_) => "Jira".to_owned(),
        }
    }
}

impl Tickets {
    async fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            if let Some(found) = self.waiting.pop() {
                let Some(columns) = found.columns else {
                    self.own += 1;
                    continue;
                };
                let mut told = Told::default();
                columns.into_iter().for_each(|(column, value)| told.set(column, value));
                return Ok(Some((found.key, Ok(told))));
            }
            let mut page = rebuild::patiently(|| {
                let (jira, process) = (&self.jira, &self.process);
                let mut search = self.search.clone();
                async move { jira.more(&mut search, process).await.map(|page| (page, search)) }
            })
            .await
            .map(|(page, search)| {
                self.search = search;
                page
            })?;
            if page.is_empty() && self.search.is_over() {
                return Ok(None);
            }
            page.reverse();
            self.waiting = page;
        }
    }
}

/// What became of a row.
type Fate = Result<Option<Kept>, String>;

/// Where the rows go.
enum Home {
    Store {
        /// Keeps others out for as long as it lives.
        _store: Option<Store>,
        conn: Option<Box<dyn Conn>>,
        house: Box<House>,
    },
    Serve(Box<Client>),
}

/// Brings history in.
///
/// # Errors
/// Where the file, Jira or the store cannot be had, or a row is wrong.
pub async fn bring_in(
    from: From,
    dry_run: bool,
    common: Common,
    load: impl Fn(&Path) -> Result<Config, Failure>,
) -> Result<(), Failure> {
    let (mut source, survey) = Source::open(&from, &common, &load)?;
    if !survey.unknown.is_empty() {
        tell(&format!("imp: not known and left out: {}", survey.unknown.join(", ")));
    }
    let mut home = home(dry_run, &common, load)?;
    let mut count = Count::default();
    let mut seen = HashSet::new();
    let mut progress = Progress::new(survey.rows);
    loop {
        let (most, most_bytes) = home.at_a_time();
        let batch = source.next(most, most_bytes).await?;
        if batch.is_empty() {
            break;
        }
        let told: Vec<&Told> = batch.iter().filter_map(|(_, row)| row.as_ref().ok()).collect();
        let mut fates = home.take(&told, dry_run, survey.highest, &mut seen).await?.into_iter();
        for (place, row) in &batch {
            let wants = row.as_ref().ok().and_then(|t| t.reference.clone());
            let fate = match row {
                Ok(_) => fates.next().unwrap_or(Err("nothing was said about it".to_owned())),
                Err(why) => Err(why.clone()),
            };
            count.rows += 1;
            match fate {
                Ok(Some(Kept::There(_))) => count.there += 1,
                Ok(Some(Kept::New(r))) => {
                    count.new += 1;
                    count.renamed += u64::from(wants.is_some_and(|w| !w.trim().eq_ignore_ascii_case(&r.to_string())));
                }
                Ok(None) => count.new += 1,
                Err(why) => {
                    count.bad += 1;
                    progress.away();
                    tell(&format!("imp: {place}: {why}"));
                }
            }
        }
        progress.at(count.rows);
    }
    progress.away();
    if !dry_run {
        home.finish()?;
    }
    if let Source::Jira(tickets) = &source
        && tickets.own > 0
    {
        tell(&format!(
            "imp: {} tickets are of IMP's own incidents, and stay as they are",
            tickets.own
        ));
    }
    report(&count, dry_run, common.json);
    match count.bad {
        0 => Ok(()),
        bad => Err(Failure::Failed(format!(
            "{}: {bad} of {} rows are wrong and were left out; mend them and import them again",
            source.name(),
            count.rows
        ))),
    }
}

fn report(count: &Count, dry_run: bool, as_json: bool) {
    if as_json {
        let out = json!({"rows": count.rows, "new": count.new, "there": count.there, "bad": count.bad,
            "renamed": count.renamed, "dry_run": dry_run});
        return say(&out.to_string());
    }
    let verb = if dry_run { "would be brought in" } else { "brought in" };
    say(&format!(
        "{} {verb}, {} there already, {} wrong",
        count.new, count.there, count.bad
    ));
    if count.renamed > 0 {
        say(&format!(
            "{} could not keep their reference and have a new one",
            count.renamed
        ));
    }
}

/// Reads the file once: how long it is, and which references it wants.
fn survey(path: &Path) -> Result<Survey, Failure> {
    let mut rows = Rows::open(path).map_err(Failure::Wrong)?;
    let mut out = Survey {
        rows: 0,
        highest: 0,
        unknown: rows.unknown.clone(),
    };
    while let Some((_, row)) = rows.row().map_err(|e| unreadable(&path.display().to_string(), &e))? {
        out.rows += 1;
        let wants = row.ok().and_then(|told| told.wants()).map_or(0, |r| r.0);
        if wants <= import::REF_MAX {
            out.highest = out.highest.max(wants);
        }
    }
    Ok(out)
}

fn unreadable(name: &str, e: &io::Error) -> Failure {
    Failure::Failed(format!("{name}: cannot be read on: {e}"))
}

/// How far it has come, on standard error: a line that is drawn anew where somebody looks, and else a line now and then.
struct Progress {
    all: u64,
    watched: bool,
    drawn: bool,
    said: u64,
}

impl Progress {
    /// Characters of the bar.
    const BAR: u64 = 30;

    fn new(all: u64) -> Progress {
        Progress {
            all,
            watched: io::stderr().is_terminal(),
            drawn: false,
            said: 0,
        }
    }

    fn at(&mut self, rows: u64) {
        let of = match self.all {
            0 => String::new(),
            all => format!(" of {all}"),
        };
        if self.watched {
            let full = (rows * Progress::BAR)
                .checked_div(self.all)
                .unwrap_or(0)
                .min(Progress::BAR);
            let bar = "█".repeat(full as usize) + &"░".repeat((Progress::BAR - full) as usize);
            let bar = if self.all == 0 {
                String::new()
            } else {
                format!("{bar} ")
            };
            let _ = write!(io::stderr(), "\r{bar}{rows}{of} rows ");
            self.drawn = true;
        } else if rows / REPORT_EVERY > self.said {
            self.said = rows / REPORT_EVERY;
            tell(&format!("imp: {rows}{of} rows …"));
        }
    }

    /// Makes room for another line.
    fn away(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = writeln!(io::stderr());
        }
    }
}

fn home(dry_run: bool, common: &Common, load: impl Fn(&Path) -> Result<Config, Failure>) -> Result<Home, Failure> {
    let serve = || script::client(common, |file: &PathBuf| load(file)).map(|c| Home::Serve(Box::new(c)));
    if common.url.is_some() {
        return serve();
    }
    let config = load(&common.config)?;
    let process = config.process(common.config.parent())?;
    if dry_run {
        return Ok(match Store::peek(&config.store.url) {
            Ok(conn) => Home::over(None, Some(conn), process)?,
            Err(e) => {
                tell(&format!("imp: nothing is known to be there already: {e}"));
                Home::over(None, None, process)?
            }
        });
    }
    match Store::open(&config.store.url) {
        Ok((store, conn)) => Home::over(Some(store), Some(conn), process),
        // A running `imp serve` has it: it is the one that may write.
        Err(OpenError::InUse(_)) => serve(),
        Err(e) => Err(Failure::Failed(e.to_string())),
    }
}

fn broken(e: &StoreError) -> Failure {
    Failure::Failed(format!("the store does not work: {e}"))
}

impl Home {
    fn over(store: Option<Store>, mut conn: Option<Box<dyn Conn>>, process: Process) -> Result<Home, Failure> {
        let house = House {
            process: ArcSwap::from_pointee(process),
            versions: Default::default(),
            subscriptions: Default::default(),
            catalogue: ArcSwap::default(),
            directory: ArcSwap::from_pointee(Directory::default()),
            can: BTreeSet::new(),
            reads_catalogue: false,
            memory: Default::default(),
        };
        if let Some(conn) = &mut conn {
            let made = apart(|| {
                if store.is_some() {
                    import::prepare(conn.as_mut(), &house)?;
                }
                sheet::<Catalogue>(conn.as_mut(), "catalogue")
            });
            let catalogue = made.map_err(|e| broken(&e))?;
            house.catalogue.store(catalogue.unwrap_or_default().into());
        }
        Ok(Home::Store {
            _store: store,
            conn,
            house: Box::new(house),
        })
    }

    /// Everything is in.
    fn finish(&mut self) -> Result<(), Failure> {
        match self {
            Home::Store { conn: Some(conn), .. } => apart(|| import::finish(conn.as_mut())).map_err(|e| broken(&e)),
            Home::Store { conn: None, .. } | Home::Serve(_) => Ok(()),
        }
    }

    /// How many rows, and how many bytes of them, it takes at a time.
    fn at_a_time(&self) -> (usize, usize) {
        match self {
            Home::Store { .. } => (AT_A_TIME, BYTES_AT_A_TIME),
            Home::Serve(_) => (IN_A_CALL, BYTES_IN_A_CALL),
        }
    }

    /// What becomes of each of these rows.
    async fn take(
        &mut self,
        told: &[&Told],
        dry_run: bool,
        above: u64,
        seen: &mut HashSet<String>,
    ) -> Result<Vec<Fate>, Failure> {
        let mut fates = match self {
            Home::Store { conn, house, .. } => {
                apart(|| here(conn.as_deref_mut(), house, told, dry_run, above)).map_err(|e| broken(&e))?
            }
            Home::Serve(api) => there(api, told, dry_run, above).await?,
        };
        if dry_run {
            // Nothing is kept, so what stands twice in the file is found here.
            for (fate, identity) in &mut fates {
                let twice = identity.as_ref().is_some_and(|i| !seen.insert(i.clone()));
                if let (true, Ok(None)) = (twice, &fate) {
                    *fate = Ok(Some(Kept::There(imp_core::Ref(0))));
                }
            }
        }
        Ok(fates.into_iter().map(|(fate, _)| fate).collect())
    }
}

/// A row's fate, and what makes it the same row again.
type Answer = (Fate, Option<String>);

fn here(
    conn: Option<&mut (dyn Conn + 'static)>,
    house: &House,
    told: &[&Told],
    dry_run: bool,
    above: u64,
) -> Result<Vec<Answer>, StoreError> {
    let (process, catalogue) = (house.process.load(), house.catalogue.load());
    let read: Vec<Result<Past, String>> = import::understand_all(told, &process, &catalogue);
    let mut pasts: Vec<Past> = Vec::with_capacity(read.len());
    let mut faults: Vec<Option<String>> = Vec::with_capacity(read.len());
    for row in read {
        match row {
            Ok(past) => {
                pasts.push(past);
                faults.push(None);
            }
            Err(why) => faults.push(Some(why)),
        }
    }
    let mut kept: Vec<Option<Kept>> = vec![None; pasts.len()];
    match conn {
        Some(conn) if dry_run => {
            for (kept, past) in kept.iter_mut().zip(&pasts) {
                *kept = import::find(conn, &past.identity)?.map(Kept::There);
            }
        }
        Some(conn) => {
            let by = Actor::Token {
                name: "imp import".to_owned(),
            };
            let now = SystemClock.now();
            let deed = Deed {
                at: now,
                who: "imp import".to_owned(),
                role: Role::Admin.word().to_owned(),
                door: "cli".to_owned(),
                origin: "this machine".to_owned(),
                what: "import".to_owned(),
                about: None,
                private: false,
                detail: serde_json::Value::Null,
            };
            conn.begin()?;
            let done = import::keep(conn, house, &by, now, &pasts, above);
            let done = done.and_then(|kept| import::witness(conn, deed, &kept).map(|()| kept));
            match done {
                Ok(done) => {
                    conn.commit()?;
                    kept = done.into_iter().map(Some).collect();
                }
                Err(e) => {
                    conn.rollback();
                    return Err(e);
                }
            }
        }
        None => {}
    }
    let mut kept = kept.into_iter().zip(pasts);
    let answer = |fault| match fault {
        Some(why) => (Err(why), None),
        None => kept
            .next()
            .map_or((Ok(None), None), |(kept, past)| (Ok(kept), Some(past.identity))),
    };
    Ok(faults.into_iter().map(answer).collect())
}

async fn there(api: &Client, told: &[&Told], dry_run: bool, above: u64) -> Result<Vec<Answer>, Failure> {
    let rows = serde_json::to_value(told).map_err(|e| Failure::Failed(e.to_string()))?;
    let body = Map::from_iter([
        ("rows".to_owned(), rows),
        ("dry_run".to_owned(), dry_run.into()),
        ("above".to_owned(), above.into()),
    ]);
    let said = api.post("/api/v1/import", body, None).await?;
    let one = |row: &Value| {
        let reference = row["ref"].as_str().and_then(imp_core::Ref::parse);
        let fate = match (row["error"].as_str(), reference, row["new"].as_bool()) {
            (Some(why), _, _) => Err(why.to_owned()),
            (None, Some(r), Some(true)) => Ok(Some(Kept::New(r))),
            (None, Some(r), _) => Ok(Some(Kept::There(r))),
            (None, None, _) => Ok(None),
        };
        (fate, row["identity"].as_str().map(str::to_owned))
    };
    Ok(said["items"].as_array().into_iter().flatten().map(one).collect())
}

fn tell(text: &str) {
    // Whoever looks reads it; nobody has to.
    let _ = writeln!(io::stderr(), "{text}");
}
