//! A plan being carried out: written down before each call, looked for after each doubt, resumed or taken back wherever
//! it was killed.

use super::plan::Plan;
use super::{Call, Learnt, Step, Weight};
use crate::fault::{Fault, Result, one_line};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;

/// How often a step is tried before the run stops and waits for a person.
const TRIES_MAX: u32 = 8;
/// The pause after the first failure; it doubles.
const REST_MS: u64 = 250;
/// The longest pause: somebody is watching.
const REST_MAX_MS: u64 = 15_000;
/// The longest pause that a vendor may ask for; beyond it the run stops and says so.
const PATIENCE_MAX_MS: u64 = 60_000;

/// What a call is waited for with.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// What this run made, or what is the same as that.
    Ours(Learnt),
    /// Something of somebody else's: who or what, for people.
    Others(String),
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It may work later, or may have worked: look, then try again.
    Later {
        /// Milliseconds that the vendor asked for.
        after_ms: Option<u64>,
        /// Why, for people.
        why: String,
    },
    /// The vendor refused; a person has to mend something.
    Never(String),
}

/// Whoever speaks to the vendors.
pub trait Hands: Send + Sync {
    /// Whether what a step makes is there.
    fn look<'a>(&'a self, step: &'a Step, run: &'a Run) -> Doing<'a, std::result::Result<Found, Trouble>>;
    /// Makes a call, everything filled in.
    fn act<'a>(&'a self, call: &'a Call, run: &'a Run) -> Doing<'a, std::result::Result<Learnt, Trouble>>;
    /// Waits.
    fn rest(&self, ms: u64) -> Doing<'_, ()>;
    /// The time, in milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// Where a run is written down.
pub trait Journal: Send + Sync {
    /// Keeps it, durably, before the answer.
    fn keep<'a>(&'a self, run: &'a Run) -> Doing<'a, Result<()>>;
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its steps are being carried out.
    Going,
    /// All of them are.
    Done,
    /// It stopped: it can be resumed, or undone.
    Failed,
    /// It is being taken back.
    Undoing,
    /// It was taken back.
    Undone,
}

impl Phase {
    /// Its word, as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Going => "going",
            Phase::Done => "done",
            Phase::Failed => "failed",
            Phase::Undoing => "undoing",
            Phase::Undone => "undone",
        }
    }

    /// Whether somebody is to work on it.
    pub fn is_open(self) -> bool {
        matches!(self, Phase::Going | Phase::Undoing)
    }
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was called.
    Waiting,
    /// A call may be under way, or may have worked.
    Trying,
    /// It is there.
    Done,
    /// The vendor refused; a person may do it.
    Left,
    /// It was taken back.
    Undone,
}

impl State {
    /// Its word, as it is written.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Trying => "trying",
            State::Done => "done",
            State::Left => "left",
            State::Undone => "undone",
        }
    }
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it stands.
    pub state: State,
    /// How often it was tried since it last went well.
    pub tries: u32,
    /// What went wrong last; for people.
    pub why: Option<String>,
    /// When its last call was begun that was not heard to be done, in milliseconds since 1970. Until a vendor's search has
    /// caught up with that moment, what it does not find may be there.
    #[serde(default)]
    pub called_ms: Option<i64>,
}

impl Progress {
    fn new(state: State) -> Progress {
        Progress {
            state,
            tries: 0,
            why: None,
            called_ms: None,
        }
    }

    /// How much longer what a search does not find may be there, in milliseconds, where the search lags so far behind.
    pub fn in_doubt_for(&self, lag_ms: u64, now_ms: i64) -> Option<u64> {
        let until = self.called_ms?.saturating_add_unsigned(lag_ms);
        u64::try_from(until.saturating_sub(now_ms))
            .ok()
            .filter(|ms| *ms > 0)
            .map(|ms| ms.min(lag_ms))
    }
}

/// A run: the plan and how far it is. Everything that a resumption needs, and no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What is done.
    pub plan: Plan,
    /// By whom.
    pub by: String,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: i64,
    /// The first commit, which is what is pushed.
    pub commit: String,
    /// Where it stands.
    pub phase: Phase,
    /// Whether it is taken back, or was on the way back when it stopped.
    #[serde(default)]
    pub back: bool,
    /// Why it stopped.
    pub why: Option<String>,
    /// Its steps, in the plan's order.
    pub progress: Vec<Progress>,
    /// What answers have told.
    pub learnt: Learnt,
}

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Carry out this step.
    Do(usize),
    /// Take this step back.
    Undo(usize),
    /// There is nothing left.
    Nothing,
}

impl Run {
    /// A run that has not begun.
    pub fn new(plan: Plan, by: &str, begun_ms: i64, commit: &str) -> Run {
        let progress = plan.steps.iter().map(|_| Progress::new(State::Waiting));
        let begun = jiff::Timestamp::from_millisecond(begun_ms)
            .unwrap_or_default()
            .to_string();
        Run {
            progress: progress.collect(),
            plan,
            by: by.to_owned(),
            begun_ms,
            commit: commit.to_owned(),
            phase: Phase::Going,
            back: false,
            why: None,
            learnt: Learnt::from([("begun".to_owned(), begun)]),
        }
    }

    /// What is to be done now.
    pub fn next(&self) -> Next {
        let at = |fits: &dyn Fn(State) -> bool| self.progress.iter().position(|p| fits(p.state));
        match self.phase {
            Phase::Going => at(&|s| matches!(s, State::Waiting | State::Trying)).map_or(Next::Nothing, Next::Do),
            Phase::Undoing => {
                let back = |(n, p): (usize, &Progress)| {
                    let made = matches!(p.state, State::Trying | State::Done);
                    (made && self.plan.steps[n].undo.is_some()).then_some(n)
                };
                self.progress
                    .iter()
                    .enumerate()
                    .rev()
                    .find_map(back)
                    .map_or(Next::Nothing, Next::Undo)
            }
            Phase::Done | Phase::Failed | Phase::Undone => Next::Nothing,
        }
    }

    /// Lets a run that stopped go on where it stopped.
    pub fn resume(&mut self) {
        if matches!(self.phase, Phase::Failed) {
            self.phase = if self.back { Phase::Undoing } else { Phase::Going };
            self.why = None;
            self.progress.iter_mut().for_each(|p| p.tries = 0);
        }
    }

    /// Lets it try again what a vendor refused.
    pub fn retry_left(&mut self) {
        for p in self
            .progress
            .iter_mut()
            .filter(|p| p.state == State::Left && !self.back)
        {
            p.state = State::Trying;
            p.tries = 0;
        }
        if self.phase == Phase::Done {
            self.phase = Phase::Going;
        }
        self.resume();
    }

    /// Has what was made taken back.
    pub fn undo(&mut self) {
        if self.phase != Phase::Undone {
            self.phase = Phase::Undoing;
            self.back = true;
            self.why = None;
            self.progress.iter_mut().for_each(|p| p.tries = 0);
            // What a vendor refused is not there.
            let refused = self.progress.iter_mut().filter(|p| p.state == State::Left);
            refused.for_each(|p| *p = Progress::new(State::Undone));
        }
    }

    /// Whether any vendor may have done anything.
    pub fn has_begun(&self) -> bool {
        self.progress.iter().any(|p| p.state != State::Waiting)
    }

    /// What a person still has to do, or to take back.
    pub fn left(&self) -> Vec<String> {
        let all = self.plan.steps.iter().zip(&self.progress);
        all.filter(|(_, p)| p.state == State::Left)
            .map(|(s, p)| format!("{}: {}", s.title, p.why.as_deref().unwrap_or_default()))
            .collect()
    }

    fn stop(&mut self, why: String) {
        self.phase = Phase::Failed;
        self.why = Some(one_line(&why));
    }
}

/// Looks, before anything is made, whether the names that must be ours are free.
///
/// # Errors
/// Which is somebody else's, or which vendor cannot be asked.
pub async fn look_ahead(run: &Run, hands: &dyn Hands) -> Result<()> {
    for step in run
        .plan
        .steps
        .iter()
        .filter(|s| s.undo.is_some() && s.weight == Weight::Must)
    {
        let mut tries = 0;
        loop {
            match hands.look(step, run).await {
                Ok(Found::Absent | Found::Ours(_)) => break,
                Ok(Found::Others(who)) => {
                    return Err(Fault::failed(format!(
                        "{}: the name is taken: {who}; choose another name. Nothing was made",
                        step.title
                    )));
                }
                Err(Trouble::Never(why)) => {
                    return Err(Fault::failed(format!("{}: {why}. Nothing was made", step.title)));
                }
                Err(Trouble::Later { after_ms, why }) => {
                    tries += 1;
                    let rest = rest_ms(tries, after_ms).filter(|_| tries < TRIES_MAX);
                    let Some(rest) = rest else {
                        return Err(Fault::failed(format!("{}: {why}. Nothing was made", step.title)));
                    };
                    hands.rest(rest).await;
                }
            }
        }
    }
    Ok(())
}

/// Does what is next, once. The run is written down before and after each call.
///
/// # Errors
/// Where it cannot be written down.
pub async fn advance(run: &mut Run, hands: &dyn Hands, journal: &dyn Journal) -> Result<Next> {
    let next = run.next();
    match next {
        Next::Do(n) => forward(run, n, hands, journal).await?,
        Next::Undo(n) => back(run, n, hands, journal).await?,
        Next::Nothing => match run.phase {
            Phase::Going => {
                run.phase = Phase::Done;
                journal.keep(run).await?;
            }
            Phase::Undoing => {
                run.phase = Phase::Undone;
                journal.keep(run).await?;
            }
            Phase::Done | Phase::Failed | Phase::Undone => {}
        },
    }
    Ok(next)
}

/// Goes on until there is nothing left to do, or a person is needed.
///
/// # Errors
/// Where it cannot be written down.
pub async fn carry_on(
    run: &mut Run,
    hands: &dyn Hands,
    journal: &dyn Journal,
    told: &mut (dyn FnMut(&Run) + Send),
) -> Result<()> {
    while run.phase.is_open() {
        advance(run, hands, journal).await?;
        told(run);
    }
    Ok(())
}

async fn forward(run: &mut Run, n: usize, hands: &dyn Hands, journal: &dyn Journal) -> Result<()> {
    let step = run.plan.steps[n].clone();
    let Some(call) = step.call.filled(&run.learnt) else {
        // What it hangs on was left out by a vendor's refusal.
        run.progress[n].state = State::Left;
        run.progress[n].why = Some("what it needs is not there".into());
        return journal.keep(run).await;
    };
    let trouble = match hands.look(&step, run).await {
        Ok(Found::Ours(learnt)) => return settle(run, n, learnt, journal).await,
        Ok(Found::Others(who)) => Trouble::Never(format!("the name is taken: {who}")),
        Err(trouble) => trouble,
        Ok(Found::Absent) => {
            run.progress[n].state = State::Trying;
            run.progress[n].called_ms = Some(hands.now_ms());
            journal.keep(run).await?;
            match hands.act(&call, run).await {
                Ok(learnt) => return settle(run, n, learnt, journal).await,
                Err(Trouble::Never(why)) => refused(&step, run, why, hands).await,
                Err(later) => later,
            }
        }
    };
    run.progress[n].tries += 1;
    match trouble {
        Trouble::Never(why) => {
            run.progress[n].why = Some(one_line(&why));
            match step.weight {
                Weight::Must => run.stop(format!("{}: {why}", step.title)),
                Weight::Should => run.progress[n].state = State::Left,
            }
            journal.keep(run).await
        }
        Trouble::Later { after_ms, why } => {
            run.progress[n].why = Some(one_line(&why));
            let tries = run.progress[n].tries;
            match rest_ms(tries, after_ms).filter(|_| tries < TRIES_MAX) {
                Some(ms) => {
                    journal.keep(run).await?;
                    hands.rest(ms).await;
                    Ok(())
                }
                None => {
                    run.stop(format!("{}: {why}", step.title));
                    journal.keep(run).await
                }
            }
        }
    }
}

/// A refusal may be the answer to a call that had worked before and whose answer was lost: 422 for a name that is ours.
async fn refused(step: &Step, run: &Run, why: String, hands: &dyn Hands) -> Trouble {
    match hands.look(step, run).await {
        Ok(Found::Ours(_)) => Trouble::Later { after_ms: Some(0), why },
        Ok(Found::Others(who)) => Trouble::Never(format!("the name is taken: {who}")),
        Ok(Found::Absent) | Err(_) => Trouble::Never(why),
    }
}

async fn settle(run: &mut Run, n: usize, learnt: Learnt, journal: &dyn Journal) -> Result<()> {
    run.learnt.extend(learnt);
    run.progress[n] = Progress::new(State::Done);
    journal.keep(run).await
}

async fn back(run: &mut Run, n: usize, hands: &dyn Hands, journal: &dyn Journal) -> Result<()> {
    let step = run.plan.steps[n].clone();
    let done = match hands.look(&step, run).await {
        Ok(Found::Absent | Found::Others(_)) => Ok(()),
        Err(trouble) => Err(trouble),
        Ok(Found::Ours(learnt)) => {
            run.learnt.extend(learnt);
            let call = step.undo.as_ref().and_then(|u| u.filled(&run.learnt));
            match call {
                Some(call) => hands.act(&call, run).await.map(|_| ()),
                None => Ok(()),
            }
        }
    };
    match done {
        Ok(()) => {
            run.progress[n] = Progress::new(State::Undone);
            journal.keep(run).await
        }
        // It holds up nothing else: a person takes it back.
        Err(Trouble::Never(why)) if step.weight == Weight::Should => {
            run.progress[n].state = State::Left;
            run.progress[n].why = Some(one_line(&why));
            journal.keep(run).await
        }
        Err(trouble) => {
            run.progress[n].tries += 1;
            let tries = run.progress[n].tries;
            let (rest, why) = match trouble {
                Trouble::Never(why) => (None, why),
                Trouble::Later { after_ms, why } => (rest_ms(tries, after_ms).filter(|_| tries < TRIES_MAX), why),
            };
            run.progress[n].why = Some(one_line(&why));
            match rest {
                Some(ms) => {
                    journal.keep(run).await?;
                    hands.rest(ms).await;
                    Ok(())
                }
                None => {
                    run.stop(format!("taking back: {}: {why}", step.title));
                    journal.keep(run).await
                }
            }
        }
    }
}

/// How long to wait after so many failures; none where the vendor asks for more than anybody watches.
fn rest_ms(tries: u32, asked: Option<u64>) -> Option<u64> {
    let own = (REST_MS << tries.saturating_sub(1).min(10)).min(REST_MAX_MS);
    match asked {
        Some(ms) if ms > PATIENCE_MAX_MS => None,
        Some(ms) => Some(ms),
        None => Some(own),
    }
}
