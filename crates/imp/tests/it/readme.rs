//! The README alone is enough: what it shows of `imp.toml` is a configuration, and the smallest one runs.

use std::collections::BTreeSet;
use std::net::TcpListener;

use crate::imp::command;
use crate::lifecycle::{alert, raise};
use crate::stage::{Mode, Stage, until};

const README: &str = include_str!("../../../../README.md");
const PROCESS: &str = include_str!("../../../../process/built-in.toml");

/// The `toml` blocks of the README, in their order: the smallest and the whole one.
fn blocks() -> [String; 2] {
    let parts = README.split("```toml\n").skip(1);
    let all = parts.map(|p| p.split("```").next().unwrap_or_default().to_owned());
    let all: Vec<String> = all.collect();
    all.try_into().expect("two of them")
}

#[test]
fn both_configurations_of_the_readme_are_understood() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it listens").to_string();
    for block in blocks() {
        // What it names has to be there, as it is on the reader's machine.
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("slack_bot_token");
        std::fs::write(&secret, "xoxb-1").expect("it is written");
        std::fs::write(folder.path().join("process.toml"), PROCESS).expect("it is written");
        std::fs::create_dir(folder.path().join("templates")).expect("a folder");
        let mut text = block
            .replace("/run/secrets/slack_bot_token", &secret.display().to_string())
            .replace(
                "/var/lib/imp/imp.db",
                &folder.path().join("imp.db").display().to_string(),
            )
            .replace("0.0.0.0:8080", &address);
        if !text.contains("[server]") {
            text = format!("[server]\nlisten = \"{address}\"\n{text}");
        }
        std::fs::write(folder.path().join("imp.toml"), &text).expect("it is written");
        // Its words are right, so that it gets as far as the port, which somebody else has.
        let out = command(&["serve"])
            .current_dir(folder.path())
            .output()
            .expect("imp starts");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            out.status.code() == Some(1) && said.contains(&address),
            "{said}\nof\n{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smallest_configuration_of_the_readme_runs() {
    let s = Stage::with(Mode::Socket, |practice| {
        let theirs: toml::Table = practice.parse().expect("TOML");
        let [smallest, _] = blocks();
        let mut mine: toml::Table = smallest.parse().expect("TOML");
        for (section, values) in &mut mine {
            for (key, value) in values.as_table_mut().expect("a section") {
                // The reader's own secrets and addresses instead of those of the page.
                *value = theirs[section][key.as_str()].clone();
            }
        }
        // What real vendors do not need: they are where they always are.
        let slack = mine["slack"].as_table_mut().expect("a section");
        slack.insert("api_url".to_owned(), theirs["slack"]["api_url"].clone());
        mine.insert("server".to_owned(), theirs["server"].clone());
        mine.insert("store".to_owned(), theirs["store"].clone());
        toml::to_string(&mine).expect("TOML")
    })
    .await;
    let incident = raise(&s, &alert("firing")).await;
    let ada = s.slack("ada.lima");
    let question = ada.sees("incidents", "Is this real?").await;
    ada.clicks("It's real", &question).await;
    let i = until("channel and ticket are there", async || {
        let i = s.incident(&incident).await;
        (i["links"]["slack"]["channel_id"].is_string() && i["links"]["jira"]["key"].is_string()).then_some(i)
    })
    .await;
    assert_eq!(i["status"], "investigating");
    s.settle().await;
    let card = ada
        .card(i["links"]["slack"]["channel_id"].as_str().unwrap_or_default())
        .await;
    assert!(
        card.buttons()
            .iter()
            .all(|(_, action)| action != "incident.statuspage" && action != "incident.zoom"),
        "no button that needs what is not connected: {:?}",
        card.buttons()
    );
    s.finish().await;
}

/// The words between backticks in the first column of the tables under a heading, each without what it is followed by.
fn words_of_the_tables(heading: &str) -> BTreeSet<String> {
    let (_, rest) = README.split_once(heading).expect("the heading");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `"));
    let columns = rows.map(|l| format!("`{}", l.split(" | ").next().unwrap_or_default()));
    let mut out = BTreeSet::new();
    for column in columns {
        for code in column.split('`').skip(1).step_by(2) {
            let said = code.strip_prefix("/imp").unwrap_or(code).trim();
            out.extend(said.split(' ').next().filter(|w| !w.is_empty()).map(str::to_owned));
        }
    }
    out
}

#[test]
fn the_words_of_the_readme_are_those_of_the_help_and_are_understood() {
    use imp_vendors::slack::converse::{Intent, help, understand};
    use imp_vendors::slack::inlet::Inbound;
    let told = words_of_the_tables("\n## `/imp`\n");
    assert!(told.len() > 20, "{told:?}");
    let help = help("/imp", None);
    let mut helped: BTreeSet<String> = help
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.strip_prefix("/imp ").unwrap_or(code).split(' ').next())
        .filter(|w| !w.starts_with("/imp"))
        .map(str::to_owned)
        .collect();
    helped.remove("IMP-42");
    assert_eq!(told, helped, "the README's words, and those of /imp help");
    for word in told
        .iter()
        .filter(|w| !["new-service", "me", "help"].contains(&w.as_str()))
    {
        let said = Inbound::Command {
            word: "/imp".into(),
            user: "U1".into(),
            channel: "C1".into(),
            text: word.clone(),
            trigger: "1".into(),
            response_url: String::new(),
        };
        assert!(
            !matches!(understand(&said), Intent::Help { .. }),
            "{word} is not understood"
        );
    }
}
