//! History in, numbers out: what `imp import` takes and what the numbers say of it, worked out here in another way.

use crate::imp::command;
use crate::stage::{Mode, Stage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of the generated history.
const ROWS: u64 = 3_000;
/// The beginning of it: 2025-01-01T00:00:00Z, in seconds.
const BEGIN: i64 = 1_735_689_600;
const DAY: i64 = 86_400;

struct Said {
    code: i32,
    out: String,
    err: String,
}

async fn imp(s: &Stage, words: &[&str]) -> Said {
    let mut c = command(words);
    c.args(["--config", &s.config().display().to_string()]);
    let out = tokio::task::spawn_blocking(move || c.output()).await.expect("it ends");
    let out = out.expect("imp starts");
    Said {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// Chance that comes out the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A row of the history: seconds since 1970 for the five times.
struct Past {
    team: &'static str,
    severity: &'static str,
    times: [Option<i64>; 5],
}

fn history() -> Vec<Past> {
    let mut dice = Dice(7);
    let mut one = || {
        let start = BEGIN + i64::try_from(dice.below(60 * 86_400)).expect("small");
        let mut at = start;
        let times = std::array::from_fn(|n| {
            at += i64::try_from(dice.below(4_000)).expect("small");
            // Some are not known, and some run backwards.
            match dice.below(20) {
                0 | 1 => None,
                2 if n > 1 => Some(start - 100_000),
                _ => Some(at),
            }
        });
        Past {
            team: ["payments", "search", "storefront", "platform"][usize::try_from(dice.below(4)).expect("small")],
            severity: ["SEV1", "SEV2", "SEV3", "SEV4"][usize::try_from(dice.below(4)).expect("small")],
            times,
        }
    };
    (0..ROWS).map(|_| one()).collect()
}

/// A date and time by counting days from month to month.
fn rfc3339(seconds: i64) -> String {
    let (mut days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (mut year, mut month) = (1970, 0);
    let leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (h, m, s) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{:02}-{:02}T{h:02}:{m:02}:{s:02}Z", month + 1, days + 1)
}

const TIMES: [&str; 5] = [
    "started_at",
    "detected_at",
    "acknowledged_at",
    "mitigated_at",
    "resolved_at",
];

fn table(history: &[Past]) -> String {
    let mut out = format!("key,title,team,severity,status,{}\n", TIMES.join(","));
    for (n, past) in history.iter().enumerate() {
        let times: Vec<String> = past.times.iter().map(|t| t.map(rfc3339).unwrap_or_default()).collect();
        writeln!(
            out,
            "T-{n},\"Fault, {n}\",{},{},closed,{}",
            past.team,
            past.severity,
            times.join(",")
        )
        .expect("text");
    }
    out
}

/// Count, mean, p50 and p90 of lengths in seconds, in whole numbers up to the last division.
fn sums(lengths: &[i64]) -> [Value; 4] {
    let mut sorted = lengths.to_vec();
    sorted.sort();
    let Some(last) = sorted.len().checked_sub(1) else {
        return [json!(0), Value::Null, Value::Null, Value::Null];
    };
    let tenths = |share: usize| {
        let (place, rest) = (share * last / 10, i64::try_from(share * last % 10).expect("small"));
        let next = sorted[(place + 1).min(last)];
        (sorted[place] * (10 - rest) + next * rest) as f64 / 10.0
    };
    let mean = sorted.iter().sum::<i64>() as f64 / sorted.len() as f64;
    [json!(sorted.len()), json!(mean), json!(tenths(5)), json!(tenths(9))]
}

fn expect_row(row: &Value, of: &[&Past], what: &str) {
    assert_eq!(row["incidents"], json!(of.len()), "{what}");
    for (name, from, to) in [("mttd_s", 0, 1), ("mtta_s", 1, 2), ("mttm_s", 1, 3), ("mttr_s", 1, 4)] {
        let both = of.iter().filter_map(|p| Some(p.times[to]? - p.times[from]?));
        let (good, bad): (Vec<i64>, Vec<i64>) = both.partition(|length| *length >= 0);
        let wanted = sums(&good);
        let found = [&row["n"][name], &row[name], &row["p50"][name], &row["p90"][name]];
        for (found, wanted) in found.into_iter().zip(&wanted) {
            let close = match (found.as_f64(), wanted.as_f64()) {
                // The last digit of a binary fraction is all that may differ.
                (Some(f), Some(w)) => (f - w).abs() <= w.abs() * 1e-14,
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(close, "{what} {name}: {found}, worked out here: {wanted}");
        }
        assert_eq!(row["invalid"][name], json!(bad.len()), "{what} {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_of_an_imported_history_are_those_that_one_works_out_by_hand() {
    let s = Stage::new().await;
    let history = history();
    let file = s.config().with_file_name("history.csv");
    std::fs::write(&file, table(&history)).expect("a file");
    let file = file.display().to_string();

    let said = imp(&s, &["import", &file, "--dry-run", "--json"]).await;
    let dry: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, &dry["new"]), (0, &json!(ROWS)), "{}", said.err);
    let (_, before) = s.get("/api/v1/insights").await;
    assert_eq!(before["total"]["incidents"], 0, "a dry run brings nothing in");

    let said = imp(&s, &["import", &file, "--json"]).await;
    let done: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((said.code, &done["new"]), (0, &json!(ROWS)), "{}", said.err);
    let (_, once) = s.get("/api/v1/insights?by=team,severity").await;
    let again = imp(&s, &["import", &file, "--json"]).await;
    let again: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!((&again["new"], &again["there"]), (&json!(0), &json!(ROWS)));
    let (_, twice) = s.get("/api/v1/insights?by=team,severity").await;
    assert_eq!(once, twice, "a second import changes nothing");

    let mut groups: BTreeMap<(&str, &str), Vec<&Past>> = BTreeMap::new();
    for past in &history {
        groups.entry((past.team, past.severity)).or_default().push(past);
    }
    let rows = once["items"].as_array().expect("rows");
    assert_eq!(rows.len(), groups.len());
    for (row, ((team, severity), of)) in rows.iter().zip(&groups) {
        assert_eq!(
            (row["team"].as_str(), row["severity"].as_str()),
            (Some(*team), Some(*severity))
        );
        expect_row(row, of, team);
    }
    expect_row(&once["total"], &history.iter().collect::<Vec<_>>(), "all");

    let (first, last) = (BEGIN + 10 * DAY, BEGIN + 19 * DAY);
    let within = |p: &&Past| {
        p.times[1]
            .or(p.times[0])
            .is_some_and(|at| (first..last + DAY).contains(&at))
    };
    let range = format!("from={}&to={}", &rfc3339(first)[..10], &rfc3339(last)[..10]);
    let (_, part) = s.get(&format!("/api/v1/insights?{range}&by=month")).await;
    expect_row(
        &part["total"],
        &history.iter().filter(within).collect::<Vec<_>>(),
        "ten days, both included",
    );

    let (from, to) = (rfc3339(first), rfc3339(last));
    let line = [
        "insights",
        "--from",
        &from[..10],
        "--to",
        &to[..10],
        "--by",
        "month",
        "--format",
        "json",
    ];
    let said = imp(&s, &line).await;
    let said: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(said, part, "the command line says what the API says");

    for state in ["pending", "failed", "done"] {
        assert_eq!(s.deliveries(state).await.len(), 0, "no vendor hears of history");
    }
    let (status, problem) = s.get("/api/v1/insights?by=colour").await;
    assert!(
        status == 400 && problem["detail"].as_str().is_some_and(|d| d.contains("severity")),
        "{problem}"
    );
    let (status, problem) = s.get("/api/v1/insights?from=2025-02-30").await;
    assert!(
        status == 400 && problem["detail"].as_str().is_some_and(|d| d.contains("from")),
        "{problem}"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rows_of_a_history_are_named_and_the_others_come_in() {
    let mut s = Stage::dark(Mode::Http, |config| config).await;
    let file = s.config().with_file_name("history.jsonl");
    let rows = [
        json!({"title": "Kept", "ref": "IMP-42", "key": "A-1", "severity": "SEV1", "detected_at": "2025-03-01T10:00:00Z",
            "resolved_at": "2025-03-01T11:00:00+01:00"}),
        json!({"title": "", "key": "A-2"}),
        json!({"title": "When?", "detected_at": "yesterday"}),
        json!({"title": "How bad?", "severity": "terrible"}),
        json!({"title": "Taken", "ref": "IMP-42", "key": "A-3"}),
    ];
    let mut text: String = rows.iter().map(|r| format!("{r}\n")).collect();
    text.push_str("{\"title\": \"Cut o");
    std::fs::write(&file, text).expect("a file");
    let said = imp(&s, &["import", &file.display().to_string()]).await;
    assert_eq!(said.code, 1, "{}", said.err);
    for part in [
        "jsonl:2: title",
        "jsonl:3: detected_at",
        "jsonl:4: severity",
        "SEV1",
        "jsonl:6: ",
    ] {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    assert!(
        said.out.contains("2 brought in, 0 there already, 4 wrong"),
        "{}",
        said.out
    );

    s.rise().await;
    let kept = s.incident("IMP-42").await;
    assert_eq!(
        (&kept["title"], &kept["status"], &kept["severity"]),
        (&json!("Kept"), &json!("resolved"), &json!("SEV1"))
    );
    assert_eq!(kept["timestamps"]["resolved_at"], "2025-03-01T10:00:00.000Z");
    assert_eq!(s.incident("IMP-43").await["title"], "Taken");
    let next = s.declares_bare("A new one").await;
    assert_eq!(next, "IMP-44", "numbers go on after the highest");
    s.settle().await;
    let drawn = imp(&s, &["insights", "--format", "svg", "--by", "severity"]).await;
    assert!(
        drawn.code == 0 && drawn.out.starts_with("<svg") && drawn.out.contains("SEV1"),
        "{}",
        drawn.err
    );
    let png = s.config().with_file_name("numbers.png").display().to_string();
    let drawn = imp(&s, &["insights", "--format", "png", "--by", "month", "--output", &png]).await;
    let pixels = std::fs::read(&png).expect("a picture");
    assert!(drawn.code == 0 && pixels.starts_with(b"\x89PNG"), "{}", drawn.err);
    let only = imp(&s, &["insights", "--only", "severity=SEV1", "--json"]).await;
    let only: Value = serde_json::from_str(&only.out).expect("JSON");
    assert_eq!(only["total"]["incidents"], 1, "{only}");
    let wrong = imp(&s, &["insights", "--only", "colour=red"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("country"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_exported_and_brought_into_another_installation_is_exported_as_the_same_bytes() {
    let s = Stage::new().await;
    let file = s.config().with_file_name("history.csv").display().to_string();
    std::fs::write(&file, table(&history()[..400])).expect("a file");
    assert_eq!(imp(&s, &["import", &file]).await.code, 0);
    s.declares("Lived, \"here\"; and\nnow").await;
    s.declares_bare("=1+1").await;
    let secret = json!({"title": "Nobody shall read this", "private": true});
    s.post("/api/v1/incidents", secret).await;
    s.settle().await;
    for ending in ["jsonl", "csv"] {
        let first = s
            .config()
            .with_file_name(format!("first.{ending}"))
            .display()
            .to_string();
        let said = imp(&s, &["export", &first]).await;
        assert!(said.code == 0 && said.err.contains("402 incidents"), "{}", said.err);
        let wrote = std::fs::read_to_string(&first).expect("a file");
        assert!(!wrote.contains("Nobody shall read this"), "private ones stay");
        let said = imp(&s, &["import", &first, "--json"]).await;
        let back: Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!(
            (&back["new"], &back["there"]),
            (&json!(0), &json!(402)),
            "its own export is no news"
        );

        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("imp.toml");
        let store = folder.path().join("imp.db").display().to_string();
        std::fs::write(&config, format!("[store]\nurl = \"sqlite://{store}\"\n")).expect("a file");
        let config = config.display().to_string();
        let second = folder.path().join(format!("second.{ending}")).display().to_string();
        for words in [vec!["import", &first], vec!["export", &second]] {
            let mut c = command(&words);
            c.args(["--config", &config]);
            let out = tokio::task::spawn_blocking(move || c.output())
                .await
                .expect("it ends")
                .expect("it starts");
            assert!(
                out.status.success(),
                "{words:?}: {}",
                String::from_utf8_lossy(&out.stderr)
            );
        }
        let again = std::fs::read_to_string(&second).expect("a file");
        let differ = wrote.lines().zip(again.lines()).find(|(a, b)| a != b);
        assert!(wrote == again, "{differ:?}");
        let said = imp(&s, &["export", &first]).await;
        assert!(said.code == 1 && said.err.contains("is there already"), "{}", said.err);
    }
    s.finish().await;
}

/// Somebody files a ticket in Jira, without IMP.
async fn files(s: &Stage, title: &str, priority: &str) {
    let url = format!("{}/jira/rest/api/2/issue", s.practice.base);
    let fields = json!({"project": {"key": "INC"}, "issuetype": {"name": "Incident"}, "summary": title,
        "priority": {"name": priority}});
    let k = &s.practice.org.keys;
    let call = s.http.post(url).basic_auth(&k.jira_email, Some(&k.jira_api_token));
    let answer = call.json(&json!({"fields": fields})).send().await.expect("an answer");
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap_or_default()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_a_search_in_jira_finds_become_history_once() {
    let s = Stage::new().await;
    let own = s.declares("Filed by IMP").await;
    s.settle().await;
    for n in 0..130 {
        files(&s, &format!("Old fault {n}"), if n % 2 == 0 { "High" } else { "Low" }).await;
    }
    let search = "project = INC ORDER BY created ASC";
    let dry = imp(&s, &["import", "--jira", search, "--dry-run", "--json"]).await;
    let dry: Value = serde_json::from_str(&dry.out).expect("JSON");
    assert_eq!((&dry["new"], &dry["bad"]), (&json!(130), &json!(0)), "{dry}");
    let done = imp(&s, &["import", "--jira", search]).await;
    assert!(
        done.code == 0 && done.out.contains("130 brought in"),
        "{} {}",
        done.out,
        done.err
    );
    assert!(done.err.contains("of IMP's own"), "{}", done.err);
    let again = imp(&s, &["import", "--jira", search]).await;
    assert!(again.out.contains("0 brought in, 130 there already"), "{}", again.out);
    let (_, numbers) = s.get("/api/v1/insights?by=severity&origin=imported").await;
    let by: Vec<(&str, u64)> = numbers["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| Some((r["severity"].as_str()?, r["incidents"].as_u64()?)))
        .collect();
    assert_eq!(by, [("SEV2", 65), ("SEV4", 65)]);
    assert_eq!(s.incident(&own).await["title"], "Filed by IMP");
    let wrong = imp(&s, &["import", "--jira", "this is (no search"]).await;
    assert!(wrong.code == 2 && !wrong.err.is_empty(), "{} {}", wrong.code, wrong.err);
    let neither = imp(&s, &["import"]).await;
    assert_eq!(neither.code, 2, "{}", neither.err);
    s.finish().await;
}

/// A history with what is hard about times: offsets, both sides of a clock change, leap days, milliseconds, a whole year
/// without anything, one incident of forty days, times that run backwards or are half known, and no team.
fn hard_history() -> String {
    let mut out = String::from(
        "key,title,team,severity,status,started_at,detected_at,acknowledged_at,mitigated_at,resolved_at,closed_at\n",
    );
    let odd = [
        // Lisbon's clock goes back while it lasts: an hour and a half, not half an hour.
        "D-1,Autumn,payments,SEV1,closed,,2024-10-27T01:45:00+01:00,2024-10-27T01:50:00+01:00,,2024-10-27T02:15:00Z,",
        "D-2,Spring,payments,SEV1,closed,,2025-03-30T00:59:00+00:00,,2025-03-30T02:01:00+01:00,2025-03-30T02:30:00+01:00,",
        "D-3,Leap day,search,SEV2,closed,2024-02-28T23:59:59.500Z,2024-02-29T00:00:00.001Z,,,2024-03-01T00:00:00Z,2024-03-02T12:00:00Z",
        "D-4,Forty days,search,SEV3,closed,2025-05-01T00:00:00Z,2025-05-01T00:10:00Z,,,2025-06-10T00:10:00Z,",
        "D-5,Backwards,platform,SEV3,closed,2025-05-01T00:00:00Z,2025-04-30T23:00:00Z,2025-04-30T22:00:00Z,,2025-05-02T00:00:00Z,2025-05-01T00:00:00Z",
        "D-6,Half known,platform,SEV4,closed,,,2025-05-01T00:00:00Z,,2025-05-02T00:00:00Z,",
        "D-7,Nobody's,,SEV4,closed,2025-07-01T00:00:00-09:30,2025-07-01T09:31:00Z,,,2025-07-01T09:31:00Z,",
    ];
    for line in odd {
        writeln!(out, "{line}").expect("text");
    }
    let mut dice = Dice(11);
    for n in 0..1_500 {
        let year_later = if dice.below(2) == 0 { 0 } else { 2 * 366 * DAY };
        let mut at = 1_000 * (BEGIN - 400 * DAY + year_later + i64::try_from(dice.below(200 * 86_400)).expect("small"));
        let mut times = Vec::new();
        for _ in 0..6 {
            at += i64::try_from(dice.below(3_000_000)).expect("small");
            let known = dice.below(9) > 0;
            times.push(if known {
                imp_core::At(at).rfc3339()
            } else {
                String::new()
            });
        }
        let team = ["payments", "search", "storefront", "platform"][usize::try_from(dice.below(4)).expect("small")];
        writeln!(
            out,
            "H-{n},Fault {n},{team},SEV{},closed,{}",
            1 + dice.below(4),
            times.join(",")
        )
        .expect("text");
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_hard_history_is_exactly_what_python_works_out() {
    let python = std::env::var("IMP_TEST_PYTHON")
        .expect("IMP_TEST_PYTHON does not name a program: run `cargo xtask test`, which finds or fetches it");
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/calculation.py");
    let s = Stage::dark(Mode::Http, |config| config).await;
    let file = s.config().with_file_name("hard.csv");
    std::fs::write(&file, hard_history()).expect("a file");
    let file = file.display().to_string();
    let said = imp(&s, &["import", &file]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    for by in ["team", "team,severity", "month"] {
        let worked_out = std::process::Command::new(&python)
            .arg(&script)
            .args([&file, by])
            .output()
            .expect("python");
        assert!(
            worked_out.status.success(),
            "{}",
            String::from_utf8_lossy(&worked_out.stderr)
        );
        let wanted: Value = serde_json::from_slice(&worked_out.stdout).expect("JSON");
        let said = imp(&s, &["insights", "--by", by, "--format", "json"]).await;
        let found: Value = serde_json::from_str(&said.out).expect("JSON");
        let (rows, wanted_rows) = (
            found["items"].as_array().expect("rows"),
            wanted["items"].as_array().expect("rows"),
        );
        assert_eq!(rows.len(), wanted_rows.len(), "by {by}");
        let pairs = rows
            .iter()
            .zip(wanted_rows)
            .chain([(&found["total"], &wanted["total"])]);
        let mut numbers = 0;
        for (row, wanted) in pairs {
            for (name, wanted) in wanted.as_object().expect("a row") {
                let same = match (wanted.as_object(), &row[name]) {
                    (Some(parts), found) => parts
                        .iter()
                        .find(|(m, w)| found[m.as_str()] != **w)
                        .map(|(m, _)| m.clone()),
                    (None, found) if found.as_f64() == wanted.as_f64() && found.is_null() == wanted.is_null() => {
                        (found.as_str() != wanted.as_str()).then(|| name.clone())
                    }
                    (None, _) => Some(name.clone()),
                };
                assert!(same.is_none(), "by {by}, {name} {same:?}: {row} is not {wanted}");
                numbers += 1;
            }
        }
        assert!(numbers > 50, "{numbers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_in_latin_1_with_semicolons_comes_in_as_it_was_written() {
    let mut s = Stage::dark(Mode::Http, |config| config).await;
    let file = s.config().with_file_name("old.csv");
    let text = "key;title;team;severity;detected_at;resolved_at\r\nL-1;\"Ação não é possível; já\";payments;SEV2;2025-03-01T10:00:00Z;2025-03-01T11:00:00Z\r\n";
    let latin: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin-1"))
        .collect();
    std::fs::write(&file, latin).expect("a file");
    let said = imp(&s, &["import", &file.display().to_string()]).await;
    assert!(
        said.code == 0 && said.out.contains("1 brought in"),
        "{} {}",
        said.out,
        said.err
    );
    // A line that was cut off in the middle of its quotes is named, and nothing of it comes in.
    let cut = s.config().with_file_name("cut.csv");
    std::fs::write(
        &cut,
        "key,title,detected_at\nC-1,Whole,2025-03-01T10:00:00Z\nC-2,\"Cut off in the mid",
    )
    .expect("a file");
    let said = imp(&s, &["import", &cut.display().to_string()]).await;
    assert!(
        said.code == 1 && said.err.contains("cut.csv:3"),
        "{} {}",
        said.out,
        said.err
    );
    s.rise().await;
    let all = s.incidents().await;
    let titles: Vec<&str> = all.iter().filter_map(|i| i["title"].as_str()).collect();
    assert!(titles.contains(&"Ação não é possível; já"), "{titles:?}");
    assert!(!titles.iter().any(|t| t.starts_with("Cut off")), "{titles:?}");
    s.finish().await;
}
