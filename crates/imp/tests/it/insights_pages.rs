//! The pages of numbers: what a number says is what its list holds, whatever is chosen, and bad addresses get an answer.

use crate::imp::command;
use crate::stage::Stage;
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Links that are followed: each costs a call.
const FOLLOWED: usize = 160;

async fn page(s: &Stage, path: &str) -> (u16, String) {
    let answer = s.request(Method::GET, path).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// The links to lists in a page, with the number that each shows where it shows one.
fn numbers(page: &str) -> Vec<(String, usize)> {
    let links = page.split("<a href=\"").skip(1).filter_map(|rest| {
        let (href, rest) = rest.split_once('"')?;
        let text = rest.split_once('>')?.1.split_once("</a>")?.0;
        let n = text.trim().parse().ok()?;
        let href = href.replace("&#38;", "&").replace("&amp;", "&");
        href.starts_with("/insights/incidents").then_some((href, n))
    });
    links.collect()
}

/// The number in a list's heading.
fn heading(page: &str) -> Option<usize> {
    page.split_once("<h1>")?.1.split(' ').next()?.parse().ok()
}

fn history() -> String {
    let mut out = String::from(
        "key,title,team,service,severity,status,started_at,detected_at,acknowledged_at,mitigated_at,resolved_at\n",
    );
    for n in 0..240_u32 {
        let (month, day, hour) = (1 + n % 12, 1 + n * 7 % 28, n * 5 % 22);
        let team = ["payments", "search", "no-such-team", ""][n as usize % 4];
        let service = ["payments-api", "search-api", "", "checkout"][n as usize / 3 % 4];
        let severity = ["SEV1", "SEV2", "SEV3", "SEV4"][n as usize / 5 % 4];
        let time = |minutes: u32| {
            format!(
                "2025-{month:02}-{day:02}T{:02}:{:02}:00Z",
                hour + minutes / 60,
                minutes % 60
            )
        };
        let resolved = match n % 9 {
            0 => String::new(),
            1 => "2020-01-01T00:00:00Z".to_owned(),
            _ => time(20 + n % 90),
        };
        let status = if n % 9 == 0 { "investigating" } else { "closed" };
        writeln!(
            out,
            "K{n},Fault {n},{team},{service},{severity},{status},{},{},{},,{resolved}",
            time(0),
            time(3),
            time(5 + n % 7)
        )
        .expect("text");
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_opens_as_many_incidents_as_it_says() {
    let s = Stage::new().await;
    let file = s.config().with_file_name("history.csv");
    std::fs::write(&file, history()).expect("a file");
    let mut import = command(&["import", &file.display().to_string()]);
    import.args(["--config", &s.config().display().to_string()]);
    let done = tokio::task::spawn_blocking(move || import.output())
        .await
        .expect("it ends")
        .expect("it starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let year = "from=2025-01-01&to=2025-12-31";
    let mut followed = 0;
    for more in [
        "",
        "&team=payments",
        "&severity=SEV1&service=search-api",
        "&team=no-such-team&compare=none",
    ] {
        let (status, shown) = page(&s, &format!("/insights?{year}{more}")).await;
        assert_eq!(status, 200, "{more}");
        assert!(
            !shown.contains(" style="),
            "the page's policy forbids styles in attributes"
        );
        let all: BTreeSet<(String, usize)> = numbers(&shown).into_iter().collect();
        assert!(all.len() > 20, "{more}: {} numbers", all.len());
        let each = (all.len() * 4 / FOLLOWED).max(1);
        for (href, n) in all.iter().step_by(each) {
            let (status, list) = page(&s, href).await;
            assert_eq!((status, heading(&list)), (200, Some(*n)), "{href}");
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed}");
    let (_, api) = s
        .get(&format!("/api/v1/insights?{year}&team=payments&by=severity"))
        .await;
    let sum: u64 = api["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|r| r["incidents"].as_u64())
        .sum();
    let (_, list) = page(&s, &format!("/insights/incidents?{year}&team=payments")).await;
    assert_eq!(
        heading(&list).map(|n| n as u64),
        Some(sum),
        "the API counts what the list holds"
    );
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_of_numbers_says_what_is_allowed_and_an_empty_one_is_calm() {
    let s = Stage::new().await;
    for (address, says) in [
        ("from=yesterday", "from is a date"),
        ("from=2026-02-01&to=2026-01-01", "to lies before from"),
        ("days=0", "days is a number"),
        ("days=99999999999999999999", "days is a number"),
        ("origin=mars", "origin is"),
        ("metric=mttx_s", "mttr_s"),
        ("hour=24", "hour is a number"),
        ("from=0001-01-01&to=9999-12-31", "ten years"),
        ("open_at=2026-99-99", "is a date"),
    ] {
        for path in ["/insights", "/insights/incidents"] {
            let (status, said) = page(&s, &format!("{path}?{address}")).await;
            assert!(status == 400 && said.contains(says), "{path}?{address}: {status}");
        }
    }
    let nasty = "%3Cscript%3E%22%27%00&team=%2e%2e%2f&service=%F0%9F%92%A5";
    for path in ["/insights", "/insights/incidents"] {
        let (status, said) = page(&s, &format!("{path}?cause={nasty}&days=3653")).await;
        assert!(status == 200 && !said.contains("<script>\""), "{path}: {status}");
    }
    let (_, empty) = page(&s, "/insights").await;
    assert!(empty.contains("known of no incident") && empty.contains("nothing to compare with"));
    s.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn follow_ups_that_are_not_done_are_shown_by_their_age_with_the_incidents_that_owe_them() {
    let s = Stage::new().await;
    let first = s.declares("Cards are refused").await;
    let second = s.declares_bare("Search is slow").await;
    let owes = async |r: &str, text: &str, due: &str| {
        let body = json!({"text": text, "due": due, "owner": "ioana.dumitru@meridian.example"});
        let (status, said) = s.post(&format!("/api/v1/incidents/{r}/follow-ups"), body).await;
        assert!((200..300).contains(&status), "{said}");
    };
    owes(&first, "Alert on refusals", "2020-01-01").await;
    owes(&first, "A second processor", "2099-01-01").await;
    owes(&second, "Raise the pool", "2099-01-01").await;
    s.settle().await;
    let (status, html) = page(&s, "/insights?days=7").await;
    assert_eq!(status, 200);
    let chart = html.split("<figure id=\"owed\"").nth(1).expect("the chart");
    let chart = chart.split("</figure>").next().unwrap_or_default();
    assert!(
        chart.contains("How old are the follow-ups") && chart.contains("3, 1 late"),
        "{chart}"
    );
    let row: String = chart
        .split("<tr>")
        .skip(1)
        .find(|r| r.contains("less than 7 days"))
        .expect("a row")
        .to_owned();
    assert!(
        row.contains(">3<") && row.contains(">1<") && row.contains(">2<"),
        "{row}"
    );
    let list = "/insights/incidents?days=7&owes=0-7";
    let (status, html) = page(&s, list).await;
    assert_eq!((status, heading(&html)), (200, Some(2)));
    let (_, html) = page(&s, "/insights/incidents?days=7&owes=90-").await;
    assert_eq!(heading(&html), Some(0));
    let (status, html) = page(&s, "/insights/incidents?owes=soon").await;
    assert!(status == 400 && html.contains("owes is an age in days"), "{status}");
    s.finish().await;
}
