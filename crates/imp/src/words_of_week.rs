//! A digest in words: three sentences that say what changed, and say so where nothing can be told apart from chance. Pure.

use imp_console::chart::{Poster, PosterGroup, length};
use imp_core::At;
use imp_core::compare::{self, Change, LEAST, Verdict};
use imp_core::effect::Stretch;
use imp_core::metric::{METRICS, Metric};
use imp_engine::insights::view::View;
use imp_engine::insights::{DAY_MS, Group, Report};
use imp_vendors::slack::mrkdwn;

/// A digest, ready to be sent.
pub struct Told {
    /// Its sentences, in Slack's markup.
    pub text: String,
    /// The picture's title.
    pub title: String,
    /// What the picture shows.
    pub alt: String,
    /// The picture, as SVG.
    pub picture: String,
}

/// What there is to say something about.
pub struct Facts<'a> {
    /// Whose numbers; none: everybody's.
    pub name: Option<String>,
    /// The team's alias.
    pub alias: Option<String>,
    /// A week or a month.
    pub stretch: Stretch,
    /// From here on.
    pub from: At,
    /// Until before here.
    pub until: At,
    /// The period's numbers.
    pub seen: &'a View,
    /// Those of the period before, with its sorted lengths; none where nothing is known of it.
    pub before: Option<(&'a Group, &'a [Vec<i64>])>,
    /// Where that begins.
    pub before_from: At,
    /// The last periods, for the picture.
    pub steps: &'a Report,
    /// Where the first of them begins.
    pub first_step: At,
    /// How many were open at the end.
    pub open: usize,
    /// Where the console is.
    pub url: &'a str,
}

/// The words, the picture's title, what it shows in words, and what it is drawn from.
pub fn say(f: &Facts<'_>) -> (String, String, String, Poster) {
    let name = f.name.as_deref().unwrap_or("All teams");
    let days = format!("{} to {}", day(f.from), day(f.until.plus(-1)));
    let team = f
        .alias
        .as_ref()
        .map_or(String::new(), |a| format!("&team={}", crate::script::client::part(a)));
    let page = format!(
        "{}/insights?from={}&to={}{team}",
        f.url,
        day(f.from),
        day(f.until.plus(-1))
    );
    let sentences = [how_many(f), how_long(f), what_stands_out(f)];
    let list: Vec<String> = sentences.iter().map(|s| format!("• {}", mrkdwn::escape(s))).collect();
    let text = format!(
        "*{}: the {} from {days}*\n{}\n{}",
        mrkdwn::quote(name, 80),
        f.stretch.word(),
        list.join("\n"),
        mrkdwn::link(&page, "The incidents behind these numbers")
    );
    let drawing = drawing(f, name);
    let counts: Vec<String> = drawing
        .groups
        .iter()
        .map(|g| format!("{}: {}", g.label, g.incidents))
        .collect();
    let alt = imp_core::words::cut(
        &format!("Incidents by {}, {}. {}", f.stretch.word(), name, counts.join("; ")),
        900,
    );
    (text, drawing.title.clone(), alt, drawing)
}

fn day(at: At) -> String {
    at.rfc3339().chars().take(10).collect()
}

fn plural(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    }
}

/// What can be said of a change; never more than is so.
fn verdict(change: Option<Change>, even: f64, (more, less): (&str, &str)) -> String {
    match change.map(|c| c.verdict(even)) {
        None => format!("too few to say whether that is a change (it takes {LEAST})"),
        Some(Verdict::Same) => "no distinguishable change".to_owned(),
        Some(Verdict::More) => more.to_owned(),
        Some(Verdict::Less) => less.to_owned(),
    }
}

fn how_many(f: &Facts<'_>) -> String {
    let is = f.seen.group.incidents;
    let worst = f.seen.severities.first();
    let of_worst: usize = f.seen.buckets.iter().filter_map(|b| b.counts.first()).sum();
    let worst = match worst.filter(|_| is > 0 && of_worst > 0) {
        Some(severity) => format!(", {of_worst} of them {severity}"),
        None => String::new(),
    };
    let said = format!("{}{worst}", plural(is, "incident"));
    let Some((before, _)) = f.before else {
        return format!("{said}; nothing is known of the {} before.", f.stretch.word());
    };
    let change = compare::counts(before.incidents, f.from.since(f.before_from), is, f.until.since(f.from));
    format!(
        "{said}; {} the {} before: {}.",
        before.incidents,
        f.stretch.word(),
        verdict(
            change,
            1.0,
            ("more, and hardly by chance", "fewer, and hardly by chance")
        )
    )
}

fn how_long(f: &Facts<'_>) -> String {
    let Some((n, _)) = Metric::named("mttr_s") else {
        return String::new();
    };
    let Some(is) = f.seen.group.numbers[n].summary else {
        return match f.seen.group.incidents {
            0 => "There was nothing to resolve.".to_owned(),
            _ => "Of none it is known yet how long it took to resolve.".to_owned(),
        };
    };
    let said = format!("Half were resolved within {} (n = {})", length(is.p50), is.n);
    let was = f
        .before
        .and_then(|(g, lengths)| Some((g.numbers[n].summary?, &lengths[n])));
    match was {
        None => format!(
            "{said}; there is nothing from the {} before to compare with.",
            f.stretch.word()
        ),
        Some((was, lengths)) => format!(
            "{said}; {} the {} before: {}.",
            length(was.p50),
            f.stretch.word(),
            verdict(
                compare::medians(lengths, &f.seen.lengths[n]),
                0.0,
                ("longer, and hardly by chance", "shorter, and hardly by chance")
            )
        ),
    }
}

/// What somebody may want to look at first: what is open, where most came from, what was noise.
fn what_stands_out(f: &Facts<'_>) -> String {
    let mut parts = Vec::new();
    parts.push(match f.open {
        0 => "Nothing was open at the end".to_owned(),
        1 => "1 was open at the end".to_owned(),
        n => format!("{n} were open at the end"),
    });
    if let Some(most) = f.seen.services.first().filter(|c| c.n > 1)
        && let Some(name) = &most.name
    {
        parts.push(format!("most came from {name} ({})", most.n));
    }
    if f.seen.group.declined > 0 {
        parts.push(plural(f.seen.group.declined, "false alarm"));
    }
    if f.seen.group.updates_late > 0 {
        parts.push(format!(
            "{} of {} stretches without an update were too long",
            f.seen.group.updates_late, f.seen.group.updates_due
        ));
    }
    format!("{}.", parts.join("; "))
}

/// The last periods beside each other, the empty ones among them.
fn drawing(f: &Facts<'_>, name: &str) -> Poster {
    let resolve = &METRICS[3];
    let mut groups = Vec::new();
    let mut begin = f.first_step;
    while begin < f.until {
        let (label, next) = match f.stretch {
            Stretch::Week => (day(begin), begin.plus(7 * DAY_MS)),
            Stretch::Month => {
                let (y, m, _) = begin.date();
                (day(begin).chars().take(7).collect(), At::of_date(y, m + 1, 1))
            }
        };
        let found = f
            .steps
            .groups
            .iter()
            .find(|g| g.key.first().is_some_and(|k| k.as_deref() == Some(&label)));
        let number = found.map(|g| &g.numbers[3]).and_then(|n| n.summary);
        groups.push(PosterGroup {
            label,
            incidents: found.map_or(0, |g| g.incidents),
            spread: number.map(|s| [s.p25, s.p50, s.p75, s.p90]),
            n: number.map_or(0, |s| s.n),
        });
        begin = next;
    }
    Poster {
        title: format!("{}: incidents by {}", imp_core::words::cut(name, 40), f.stretch.word()),
        note: format!(
            "{} to {}, by the day of detection in UTC.",
            day(f.first_step),
            day(f.until.plus(-1))
        ),
        lengths: format!("{} ({})", resolve.label, resolve.formula().replace('−', "–")),
        is_time: true,
        groups,
    }
}
