//! What the check of a process file says, in the words that people read.

use super::*;
use expect_test::{Expect, expect};

const START_UP: &str = include_str!("../../../../process/examples/start-up.toml");
const BANK: &str = include_str!("../../../../process/examples/bank.toml");

#[test]
fn a_status_is_known_by_its_name_and_by_its_label() {
    let text = include_str!("../../../../process/built-in.toml")
        .replace("label = \"Declined\"", "label = \"Not an incident\"");
    let process = Process::parse(&text).expect("it is well");
    let called = ["Monitoring", "not an INCIDENT", "declined", "nowhere"].map(|w| process.called(w));
    assert_eq!(called, ["monitoring", "declined", "declined", "nowhere"]);
}

#[test]
fn the_built_in_process_is_right() {
    let p = Process::built_in();
    let to: Vec<_> = p.moves_from("identified").map(|m| m.to.as_str()).collect();
    assert_eq!(to, ["monitoring", "investigating", "merged"]);
    assert_eq!(p.severity("1").map(|s| s.id.as_str()), Some("SEV1"));
    assert_eq!(p.severity_of_alert(Some("Critical")), "SEV2");
    assert_eq!(
        p.channel_name(At(0), "Zażółć gęślą!", "IMP-1", None),
        "inc-19700101-zazolc-gesla"
    );
}

#[test]
fn the_examples_are_right() {
    for text in [START_UP, BANK] {
        let p = Process::parse(text).unwrap_or_else(|f| panic!("{f}"));
        assert!(
            p.role("commander").is_some(),
            "{}: Jira's assignee is the commander",
            p.name
        );
    }
}

/// The built-in process, changed, and what the check says to it.
fn says(changes: &[(&str, &str)], words: Expect) {
    let mut text = BUILT_IN.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "{old:?} is in the built-in process");
        text = text.replacen(old, new, 1);
    }
    let said = Process::parse(&text).map(|p| p.name).unwrap_or_else(|f| f.to_string());
    words.assert_eq(&said);
}

#[test]
fn unknown_names_are_named_with_the_nearest_known() {
    says(
        &[
            ("from = [\"review\"]", "from = [\"reviw\"]"),
            ("requires = [\"reason\"]", "requires = [\"raison\"]"),
            ("forget_on = [\"investigating\"]", "forget_on = [\"investigate\"]"),
            ("declared = \"SEV3\"", "declared = \"SEV33\""),
            ("answer_within = \"5m\"", "answer_with = \"5m\""),
            ("style = \"primary\"", "style = \"primery\""),
            ("\"chat.members\"", "\"chat.member\""),
        ],
        expect![[r#"
            7:1: timing.answer_within: is missing. After this without an answer the next on the path is asked.
            9:1: timing.answer_with: there is no such key; the nearest known is "answer_within"
            104:9: move[1].style: "primery" is not known; the nearest known is "primary"
            110:13: move[2].requires[1]: the move "False alarm" needs the field "raison", which nothing asks: there is no [[field]] of that id; the nearest known is "reason"
            150:9: move[9].from[1]: there is no status "reviw"; the nearest known is "review"
            175:14: field[2].forget_on[1]: there is no status "investigate"; the nearest known is "investigating"
            255:12: severity_default.declared: there is no severity "SEV33"; the nearest known is "SEV3"
            295:20: step[3].do[2]: "chat.member" is not known; the nearest known is "chat.members""#]],
    );
}

#[test]
fn every_kind_of_wrong_value_is_said_at_its_place() {
    says(
        &[
            ("group_window = \"10m\"", "group_window = \"ten minutes\""),
            ("archive_after = \"7d\"", "archive_after = 7"),
            ("guidance = [\"Thank", "guidance = [3, \"Thank"),
            ("instructions = \"You note", "instructions = \"\" # \"You note"),
            ("priority = \"Low\"", "priority = \" \""),
            ("from = [\"resolved\"]", "from = \"resolved\""),
            ("kind = \"text\"", "sort = \"text\""),
        ],
        expect![[r#"
            8:16: timing.group_window: "ten minutes" is not a length of time; write 90s, 10m, 4h or 7d
            11:17: timing.archive_after: is an integer; a text in quotes belongs here
            63:13: status[5].guidance[1]: is an integer; a text in quotes belongs here
            130:1: move[6]: the move "Re-open" starts nowhere; name statuses in from
            131:8: move[6].from: is a string; a list [ … ] belongs here
            165:1: field[1].kind: is missing. text: a line; long_text: several; incident: a menu of the open ones; choices: any of a list.
            169:1: field[1].sort: there is no such key; known are id, label, hint, kind, choices, forget_on
            250:12: severity[4].priority: says nothing; write it or remove the key
            273:16: role[3].instructions: says nothing; write it or remove the key"#]],
    );
}

#[test]
fn a_list_to_choose_from_has_choices_that_an_answer_can_name() {
    says(
        &[
            ("  \"Capacity\",", "  \"Capacity, ours\", \"SUPPLIER\","),
            ("kind = \"incident\"", "kind = \"incident\"\nchoices = [\"One\"]"),
            ("kind = \"text\"", "kind = \"choices\""),
        ],
        expect![[r#"
            169:8: field[1].kind: there is nothing to choose from; add choices = ["…", "…"]
            197:3: field[5].choices[2]: an answer has commas between the choices, so none can have one itself; write it without
            206:3: field[5].choices[12]: "Supplier" is in this list already; remove one
            213:12: field[6].choices[1]: a field of the kind "incident" has no choices; write kind = "choices", or remove them"#]],
    );
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    says(
        &[
            ("category = \"triage\"", "category = triage"),
            ("to = \"closed\"", "to = "),
        ],
        expect![[r#"
            22:12: this is no TOML: invalid boolean, expected `true`
            151:6: this is no TOML: string values must be quoted, expected literal string"#]],
    );
}

#[test]
fn ids_and_words_that_are_there_twice_are_named_with_both_places() {
    says(
        &[
            ("id = \"monitoring\"", "id = \"identified\""),
            ("id = \"scribe\"", "id = \"Commander\""),
            ("label = \"Minor\"", "label = \"major\""),
            ("\"warning\", \"warn\"", "\"warning\", \"Critical\", \"critical\""),
            (
                "\"on_call\", \"team_channel\", \"manager\"",
                "\"on_call\", \"manager\", \"on_call\"",
            ),
            (
                "to = \"review\"\nlabel = \"Start the review\"",
                "to = \"investigating\"\nlabel = \"Start the review\"",
            ),
        ],
        expect![[r#"
            27:6: status[2].id: who is in "investigating" gets stuck: it leads to identified and merged, and so to no status of the category done with answers that a person can always give
            38:6: status[3].id: who is in "identified" gets stuck: it leads to investigating, merged and monitoring, and so to no status of the category done with answers that a person can always give
            50:6: status[4].id: "identified" is already the name of status[3] in line 38; rename or remove one
            50:6: status[4].id: who is in "identified" gets stuck: it leads to investigating, merged and monitoring, and so to no status of the category done with answers that a person can always give
            58:6: status[5].id: who is in "resolved" gets stuck: it leads to investigating, and so to no status of the category done with answers that a person can always give
            66:6: status[6].id: the status "review" cannot be reached; add a move to it, or remove it
            78:6: status[7].id: the status "closed" cannot be reached; the statuses that lead to it cannot be reached themselves; add a move to one of them
            121:6: move[4].to: there is no status "monitoring"; known are triage, investigating, identified, identified, resolved, review, closed, declined, merged
            126:23: move[5].from[2]: there is no status "monitoring"; known are triage, investigating, identified, identified, resolved, review, closed, declined, merged
            137:9: move[7].from[1]: there is no status "monitoring"; known are triage, investigating, identified, identified, resolved, review, closed, declined, merged
            144:9: move[8].from[1]: "Re-open" in line 131 leads from "resolved" to "investigating" already, so "Start the review" would never be made; remove one
            158:50: move[10].from[4]: there is no status "monitoring"; known are triage, investigating, identified, identified, resolved, review, closed, declined, merged
            238:9: severity[3].label: "major" is already the name of severity[2] in line 228; rename or remove one
            243:22: severity[3].alerts[2]: alerts are compared in lower case, so this never fits; write "critical"
            243:34: severity[3].alerts[3]: the word "critical" means SEV2 since line 234, so it can never mean SEV3; remove one
            271:6: role[3].id: "Commander" is already the name of role[1] in line 261; rename or remove one
            271:6: role[3].id: "Commander" is no id: it may have small letters, digits, _ and -; what people read is its label
            278:31: escalation.path[3]: "on_call" was asked before; nobody is asked twice, so remove it"#]],
    );
}

#[test]
fn nobody_gets_stuck() {
    // Review leads nowhere, and so does what leads only to it.
    says(
        &[(
            "from = [\"review\"]\nto = \"closed\"",
            "from = [\"resolved\"]\nto = \"closed\"",
        )],
        expect![[r#"66:6: status[6].id: the status "review" cannot be left; add a move from it"#]],
    );
    // Two statuses that lead to each other for ever.
    says(
        &[
            (
                "from = [\"monitoring\"]\nto = \"resolved\"",
                "from = [\"resolved\"]\nto = \"monitoring\"",
            ),
            (
                "\"monitoring\"]\nto = \"merged\"",
                "\"monitoring\"]\nto = \"merged\" # ",
            ),
        ],
        expect![[r#"
            27:6: status[2].id: who is in "investigating" gets stuck: it leads to identified and merged, and so to no status of the category done with answers that a person can always give
            38:6: status[3].id: who is in "identified" gets stuck: it leads to investigating, merged and monitoring, and so to no status of the category done with answers that a person can always give
            50:6: status[4].id: who is in "monitoring" gets stuck: it leads to investigating and merged, and so to no status of the category done with answers that a person can always give
            58:6: status[5].id: the status "resolved" cannot be reached; add a move to it, or remove it
            66:6: status[6].id: the status "review" cannot be reached; the statuses that lead to it cannot be reached themselves; add a move to one of them
            78:6: status[7].id: the status "closed" cannot be reached; the statuses that lead to it cannot be reached themselves; add a move to one of them"#]],
    );
    // Another incident need not be there.
    says(
        &[(
            "from = [\"review\"]\nto = \"closed\"\nlabel = \"Close\"\nstyle = \"primary\"\nrequires = [\"learned\"]",
            "from = [\"review\"]\nto = \"closed\"\nlabel = \"Close\"\nrequires = [\"into\"]",
        )],
        expect![[
            r#"66:6: status[6].id: the status "review" can only be left by merging, and there need not be another incident; add another move from it; nobody in investigating, identified, monitoring and resolved ever finishes either"#
        ]],
    );
}

#[test]
fn a_question_can_be_answered_and_ends() {
    says(
        &[
            (
                "from = [\"triage\"]\nto = \"declined\"",
                "from = [\"investigating\"]\nto = \"declined\"",
            ),
            ("from = [\"triage\", \"investigating\"", "from = [\"investigating\""),
        ],
        expect![[r#"
            19:6: status[1].id: a question that nobody answers would stay for ever; add a move from "triage" to a status of the category done that needs the field reason
            19:6: status[1].id: the button "False alarm" of a question would lead nowhere; add a move to a status of the category done, from "triage"
            19:6: status[1].id: the button "Same as …" of a question would lead nowhere; add a move that needs the field into, to a status of the category done, from "triage""#]],
    );
    says(
        &[
            ("path = [\"on_call\", \"team_channel\", \"manager\"]", "path = []"),
            ("do = [\"ask\"]", "do = []"),
        ],
        expect![[r#"
            277:1: escalation: an alert would ask nobody: there is no [[step]] with on = "raised" and do = ["ask"]
            277:1: escalation: the path is empty, so the escalation ends before it begins; name at least "on_call""#]],
    );
}

#[test]
fn the_name_of_the_channel_renders_or_the_check_says_why() {
    for (name, words) in [
        (
            "inc-{dat}-{slug}",
            expect![[
                r#"14:8: channel.name: the template does not render: there is nothing to put in place of {dat}; the nearest known is "date""#
            ]],
        ),
        (
            "inc-{date-{slug}",
            expect![
                "14:8: channel.name: the template does not render: there is a { without its counterpart; write {date}, {slug}, {ref} or {service}"
            ],
        ),
        (
            "inc-slug}",
            expect![
                "14:8: channel.name: the template does not render: there is a } without its counterpart; write {date}, {slug}, {ref} or {service}"
            ],
        ),
        (
            "incident",
            expect![
                "14:8: channel.name: every incident's channel would have the same name; use {ref}, or {date} and {slug}"
            ],
        ),
        (
            "a-name-so-long-that-it-leaves-no-room-for-anything-that-tells-incidents-apart-{ref}",
            expect![
                "14:8: channel.name: its fixed part has 78 characters, and a name ends after 74; nothing of the incident would be left in it"
            ],
        ),
    ] {
        says(&[("inc-{date}-{slug}", name)], words);
    }
}

#[test]
fn a_merge_ends_in_a_finished_status_and_asks_for_an_incident() {
    says(
        &[
            ("to = \"merged\"\nlabel", "to = \"resolved\"\nlabel"),
            ("kind = \"incident\"", "kind = \"text\""),
        ],
        expect![[r#"
            92:6: status[9].id: the status "merged" cannot be reached; add a move to it, or remove it
            158:50: move[10].from[4]: "Resolve" in line 137 leads from "monitoring" to "resolved" already, so "Same as …" would never be made; remove one
            159:6: move[10].to: the move "Same as …" merges (it needs the field into), so it must lead to a status of the category done
            212:8: field[6].kind: the field into names the incident that this one is merged into; its kind is "incident""#]],
    );
}

#[test]
fn five_hundred_lines_are_checked_at_once() {
    let mut text = BUILT_IN.to_owned();
    for n in 0..60 {
        text.push_str(&format!(
            "\n[[field]]\nid = \"more_{n}\"\nlabel = \"More {n}\"\nkind = \"text\"\nforget_on = [\"investigatin\"]\n"
        ));
    }
    assert!(text.lines().count() > 500);
    let faults = Process::parse(&text).map(|p| p.name).unwrap_err().faults;
    assert_eq!(faults.len(), 60, "every fault in one run");
    let mut lines: Vec<usize> = faults.iter().map(|f| f.line).collect();
    lines.dedup();
    assert_eq!(lines.len(), 60, "each at its own line");
}

#[test]
fn the_picture_is_well_formed_and_what_people_wrote_stays_text() {
    let hostile = "</title><script>alert(1)</script> & \"]; end %% \\ `x` --> #lt;";
    let text = BUILT_IN.replacen("label = \"Triage\"", &format!("label = {hostile:?}"), 1);
    let p = Process::parse(&text).unwrap_or_else(|f| panic!("{f}"));
    let svg = graph::svg(&p);
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (name, rest) = tag.split_once('>').expect("every tag is closed");
        let _ = rest;
        if let Some(end) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(end), "{svg}");
        } else if !name.ends_with('/') {
            open.push(name.split(' ').next().unwrap_or_default());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    let mermaid = graph::mermaid(&p);
    for line in mermaid.lines() {
        let quotes = line.matches('"').count();
        assert!(
            (quotes == 0 || quotes == 2) && !line.contains(['<', '`', '\\', '%']),
            "{line}"
        );
    }
    let dot = graph::dot(&p);
    for line in dot.lines() {
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        assert!(bare.matches('"').count().is_multiple_of(2), "{line}");
    }
}

#[test]
fn the_picture_has_every_status_and_every_move_with_what_it_needs() {
    for text in [BUILT_IN, START_UP, BANK] {
        let p = Process::parse(text).unwrap_or_else(|f| panic!("{f}"));
        let svg = graph::svg(&p);
        let moves: usize = p.moves.iter().map(|m| m.from.len()).sum();
        assert_eq!(svg.matches("class=\"arrow ").count(), moves, "{}", p.name);
        assert_eq!(graph::mermaid(&p).matches("|\"").count(), moves, "{}", p.name);
        assert_eq!(graph::dot(&p).matches(" -> ").count(), moves, "{}", p.name);
        for s in &p.statuses {
            assert!(
                svg.contains(&format!(">{}</text>", s.label.replace('\'', "&#39;"))),
                "{} in {}",
                s.label,
                p.name
            );
        }
    }
    let p = Process::built_in();
    let live = graph::svg_with(&p, &|id| {
        (id == "identified").then(|| (3, "/incidents?status=identified&x=".to_owned()))
    });
    assert!(live.contains("href=\"/incidents?status=identified&amp;x=\"") && !live.contains("<style"));
    assert!(
        graph::words(&p)
            .iter()
            .any(|w| w.contains("“False alarm” to Declined (needs: Why is it a false alarm?)"))
    );
}

/// What the schema says against a value; it knows those words of JSON Schema that our schema uses, and no others.
fn against(schema: &serde_json::Value, value: &serde_json::Value, at: &str, out: &mut Vec<String>) {
    for (word, rule) in schema.as_object().expect("a schema") {
        let right = match (word.as_str(), value) {
            ("$schema" | "title" | "description", _) => true,
            ("type", v) => {
                let kind = if v.is_object() {
                    "object"
                } else if v.is_array() {
                    "array"
                } else if v.is_string() {
                    "string"
                } else if v.is_u64() {
                    "integer"
                } else {
                    ""
                };
                rule == kind
            }
            ("required", v) => rule
                .as_array()
                .expect("names")
                .iter()
                .all(|k| v.get(k.as_str().expect("a name")).is_some()),
            // Keys of anybody's choice, each of this shape.
            ("additionalProperties", v) if rule.is_object() => {
                for (k, inner) in v.as_object().into_iter().flatten() {
                    against(rule, inner, &format!("{at}/{k}"), out);
                }
                true
            }
            ("additionalProperties", v) => {
                let known = schema["properties"].as_object().expect("properties");
                v.as_object().is_some_and(|o| o.keys().all(|k| known.contains_key(k)))
            }
            ("properties", v) => {
                for (k, of) in rule.as_object().expect("properties") {
                    if let Some(inner) = v.get(k) {
                        against(of, inner, &format!("{at}/{k}"), out);
                    }
                }
                true
            }
            ("items", v) => {
                for (n, inner) in v.as_array().into_iter().flatten().enumerate() {
                    against(rule, inner, &format!("{at}/{n}"), out);
                }
                true
            }
            ("minimum", v) => v.as_u64() >= rule.as_u64(),
            ("enum", v) => rule.as_array().expect("words").contains(v),
            ("pattern", v) if rule == "\\S" => v.as_str().is_some_and(|s| !s.trim().is_empty()),
            ("pattern", v) => v.as_str().is_some_and(|s| Span::try_from(s.to_owned()).is_ok()),
            (other, _) => panic!("the schema says {other:?}, which this test does not know"),
        };
        if !right {
            out.push(format!("{at}: {word}"));
        }
    }
}

#[test]
fn the_schema_for_editors_takes_what_is_right_and_nothing_else() {
    let schema = schema::schema();
    let said = |text: &str| {
        let value: toml::Value = toml::from_str(text).unwrap_or_else(|e| panic!("{e}"));
        let mut out = Vec::new();
        against(&schema, &serde_json::to_value(value).expect("JSON"), "", &mut out);
        out
    };
    for text in [BUILT_IN, START_UP, BANK] {
        assert_eq!(said(text), Vec::<String>::new());
    }
    let wrong = BUILT_IN
        .replacen("answer_within", "answer_with", 1)
        .replacen("style = \"primary\"", "style = \"primery\"", 1)
        .replacen("archive_after = \"7d\"", "archive_after = \"a week\"", 1);
    assert_eq!(
        said(&wrong),
        [
            "/timing/archive_after: pattern",
            "/timing: required",
            "/timing: additionalProperties",
            "/move/0/style: enum"
        ]
    );
}

/// The table of keys is written beside the types; this holds them together.
#[test]
fn the_table_of_keys_and_the_types_say_the_same() {
    use shape::{FILE, Key, Shape};
    fn walk(keys: &[Key], value: &serde_json::Value, at: &str) {
        let have: Vec<&str> = value.as_object().expect("a table").keys().map(String::as_str).collect();
        let said: Vec<&str> = keys.iter().map(|k| k.name).collect();
        assert_eq!(
            {
                let mut h = have.clone();
                h.sort_unstable();
                h
            },
            {
                let mut s = said.clone();
                s.sort_unstable();
                s
            },
            "{at}"
        );
        for k in keys {
            let inner = &value[k.name];
            match k.shape {
                Shape::Table(keys) => walk(keys, inner, k.name),
                Shape::List(Shape::Table(keys)) => walk(keys, &inner[0], k.name),
                Shape::List(_) | Shape::Text | Shape::Said | Shape::Span | Shape::Word(_) | Shape::Count => {}
                Shape::Labels => {}
            }
        }
    }
    // The first status of the bank has no reference; give it one, so that every table is there.
    let text = BANK.replacen(
        "meaning = ",
        "references = [{ label = \"Look\", url = \"https://look\" }]\nmeaning = ",
        1,
    );
    let process = Process::parse(&text).unwrap_or_else(|f| panic!("{f}"));
    walk(FILE, &serde_json::to_value(&process).expect("JSON"), "the file");

    // Every word is taken, and serde names no other.
    let words = |table: &str, key: &str| {
        let of = |keys: &'static [Key], name: &str| keys.iter().find(|k| k.name == name).expect("a key").shape;
        let Shape::List(Shape::Table(keys)) = of(FILE, table) else {
            panic!("{table} is a list of tables")
        };
        match of(keys, key) {
            Shape::Word(w) => w.to_vec(),
            Shape::List(Shape::Word(w)) => w.to_vec(),
            other => panic!("{other:?}"),
        }
    };
    fn known<T: serde::de::DeserializeOwned>() -> Vec<String> {
        let said = serde_json::from_str::<T>("\"?\"")
            .err()
            .expect("no such word")
            .to_string();
        let list = said.split_once("expected one of").expect("the known words").1;
        list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }
    assert_eq!(words("status", "category"), known::<Category>());
    assert_eq!(words("move", "style"), known::<Style>());
    assert_eq!(words("field", "kind"), known::<FieldKind>());
    assert_eq!(words("severity", "invite"), known::<Invitee>());
    assert_eq!(words("step", "on"), known::<Trigger>());
    assert_eq!(words("step", "do"), known::<Step>());
}

#[test]
fn a_way_of_two_steps_leads_to_an_end_and_opens_nothing_again() {
    let process = Process::built_in();
    let way = |from, to| -> Vec<&str> { process.way(from, to).iter().map(|m| m.to.as_str()).collect() };
    assert_eq!(way("resolved", "closed"), ["review", "closed"]);
    assert_eq!(way("resolved", "investigating"), ["investigating"]);
    assert_eq!(way("monitoring", "resolved"), ["resolved"]);
    for to in ["identified", "monitoring", "merged", "resolved"] {
        assert!(
            way("resolved", to).is_empty(),
            "{to}: a button of an old card re-opens nothing"
        );
    }
}

#[test]
fn what_is_wrong_with_hours_routes_windows_schedules_and_questions_is_said_at_its_line() {
    let begin = BUILT_IN.lines().count();
    let more = r#"
[[hours]]
zone = "Europe/Lisbonne"
days = []
from = "9:00"
to = "18:00"
holidays = ["25-12"]

[[route]]
id = "all"
severity = "SEV9"

[[route]]
id = "nothing"
match = { job = "x" }

[[window]]
id = "never"
reason = "?"
zone = "Europe/Lisbon"
begins = "2026-12-01T02:00"
ends = "2026-12-01T01:00"

[[schedule]]
id = "empty"
zone = "Europe/Lisbon"
people = []
begins = "soon"
turn_days = 7

[[impact]]
id = "users"
label = "How many?"
answer = [{ id = "a", label = "A", severity = "SEV0" }]
"#;
    // The built-in one has [timeline] already; a second file's worth of tables is added below it.
    let faults = Process::parse(&format!("{BUILT_IN}{more}"))
        .expect_err("it is wrong")
        .faults;
    let said: Vec<(usize, &str)> = faults.iter().map(|f| (f.line - begin, f.message.as_str())).collect();
    for (line, words) in [
        (2, "nobody ever works"),
        (3, "the nearest known is \"Europe/Lisbon\""),
        (5, "\"9:00\" is no time of day"),
        (7, "\"25-12\" is no day"),
        (9, "it takes every alert"),
        (11, "there is no severity \"SEV9\""),
        (13, "it changes nothing"),
        (17, "no alert ever falls into it"),
        (22, "it ends before it begins"),
        (24, "nobody is on call"),
        (28, "\"soon\" is no day with a time"),
        (34, "there is no severity \"SEV0\""),
    ] {
        assert!(
            said.iter().any(|(l, m)| *l == line && m.contains(words)),
            "{line} {words}: {said:#?}"
        );
    }
    assert_eq!(said.len(), 12, "{said:#?}");
}

/// What is added below the built-in process, and what the check says to it, with lines counted in what was added.
fn says_of(more: &str) -> Vec<(usize, String)> {
    let begin = BUILT_IN.lines().count();
    match Process::parse(&format!("{BUILT_IN}{more}")) {
        Ok(_) => Vec::new(),
        Err(f) => f.faults.into_iter().map(|f| (f.line - begin, f.message)).collect(),
    }
}

#[test]
fn an_overlay_that_loosens_is_named_with_its_line() {
    let said = says_of(
        r#"
[[overlay]]
id = "lax"
team = "payments"
[overlay.timing]
answer_within = "1h"
[overlay.severity_default]
declared = "SEV4"
[overlay.escalation]
path = ["team_channel", "on_call"]
[[overlay.move]]
from = ["investigating"]
to = "closed"
[[overlay.move]]
to = "resolved"
asks = ["resolution"]
[[overlay.severity]]
id = "SEV1"
update_every = "2h"
[[overlay.nudge]]
id = "update"
outside_hours = "wait"
again = "1h"
ladder = ["channel", "manager"]
[[overlay.role]]
id = "commander"
label = "Nobody"
"#,
    );
    for (line, words) in [
        (6, "it loosens the process, where it is 5m"),
        (8, "where that is SEV3 and so worse"),
        (10, "\"team_channel\" is missing or out of its turn"),
        (
            12,
            "there is no move from \"investigating\" to \"closed\", and an overlay opens no new way",
        ),
        (
            16,
            "the move needs \"resolution\", and an overlay cannot make that an offer",
        ),
        (19, "it loosens SEV1, where it is 30m"),
        (22, "the reminder \"update\" does not wait"),
        (23, "it loosens update, where it is 20m"),
        (24, "\"commander\" is missing or out of its turn"),
        (27, "an overlay cannot change its label"),
    ] {
        assert!(
            said.iter().any(|(l, m)| *l == line && m.contains(words)),
            "{line} {words}: {said:#?}"
        );
    }
    assert_eq!(said.len(), 10, "{said:#?}");
}

#[test]
fn what_an_overlay_names_is_there_and_it_leaves_a_way_out() {
    let said = says_of(
        r#"
[[overlay]]
id = "nobody"
[[overlay]]
id = "wild"
country = "PT"
colour = "red"
[[overlay.status]]
id = "investigatin"
[[overlay.field]]
id = "reason"
label = "Why?"
kind = "text"
[[overlay.move]]
to = "resolved"
requires = ["cards"]
[[overlay.move]]
from = ["monitring"]
to = "resolved"
[[overlay.severity]]
id = "SEV9"
[[overlay.role]]
id = "dpo"
label = "Data protection"
[[overlay.nudge]]
id = "own"
text = "?"
[[overlay.impact]]
id = "data"
label = "Data?"
answer = [{ id = "a", label = "A", severity = "SEV7" }]
[[overlay]]
id = "trap"
tier = "tier_1"
[[overlay.field]]
id = "twin"
label = "Which is its twin?"
kind = "incident"
[[overlay.move]]
to = "closed"
requires = ["twin"]
"#,
    );
    for (line, words) in [
        (2, "it holds for nobody"),
        (7, "there is no such key"),
        (
            9,
            "and an overlay opens no new one; the nearest known is \"investigating\"",
        ),
        (11, "the process has \"reason\" already"),
        (16, "there is no [[field]] or [[overlay.field]] \"cards\""),
        (18, "there is no status \"monitring\""),
        (21, "there is no severity \"SEV9\""),
        (23, "one of the overlay's own needs instructions"),
        (26, "one of the overlay's own needs when"),
        (31, "there is no severity \"SEV7\""),
        (32, "with it nobody in"),
    ] {
        assert!(
            said.iter().any(|(l, m)| *l == line && m.contains(words)),
            "{line} {words}: {said:#?}"
        );
    }
}

#[test]
fn what_does_not_fit_into_slack_is_named_with_its_line() {
    let long = "x".repeat(76);
    let form = "A title that no form of Slack holds";
    let text = BUILT_IN
        .replacen("label = \"Repaired, monitor it\"", &format!("label = \"{long}\""), 1)
        .replacen("label = \"False alarm\"", &format!("label = \"{form}\""), 1)
        .replacen("label = \"Scribe\"", "label = \"Whoever writes it all down\"", 1)
        .replacen("label = \"Critical\"", &format!("label = \"{long}\""), 1);
    let faults = Process::parse(&text).expect_err("it does not fit").faults;
    let said: Vec<String> = faults
        .iter()
        .map(|f| format!("{}:{}: {}", f.line, f.key, f.message))
        .collect();
    for words in [
        "move[2].label: it heads a form in Slack, whose title holds 24 characters, and this has 35; shorten it",
        "move[4].label: a button in Slack holds 75 characters, and this has 76; shorten it",
        "severity[1].label: a line of a menu in Slack holds 75 characters",
        "role[3].label: it heads a form in Slack, whose title holds 24",
    ] {
        assert!(said.iter().any(|s| s.contains(words)), "{words}: {said:#?}");
    }
    assert_eq!(said.len(), 4, "{said:#?}");
}
