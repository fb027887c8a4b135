//! What people read in a terminal: tables as wide as they need to be, and one incident in a few lines.

use serde_json::Value;

/// A column: its heading and where its value stands.
pub type Column = (&'static str, &'static str);

/// Of a list of incidents.
pub const INCIDENTS: &[Column] = &[
    ("REF", "ref"),
    ("STATUS", "status"),
    ("SEVERITY", "severity"),
    ("SERVICE", "service"),
    ("OPENED", "timestamps.opened_at"),
    ("TITLE", "title"),
];
/// Of a timeline.
pub const MOMENTS: &[Column] = &[("WHEN", "at"), ("WHO", "by"), ("WHAT", "text")];
/// Of deliveries.
pub const DELIVERIES: &[Column] = &[
    ("ID", "id"),
    ("INCIDENT", "ref"),
    ("VENDOR", "vendor"),
    ("SINCE", "since"),
    ("TRIED", "tried"),
    ("WHAT", "what"),
    ("WHY NOT YET", "fault"),
];

fn value(of: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(of, |v, name| v.get(name));
    let text = match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    };
    // A terminal obeys control characters, and a line is a line.
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A table; the last column is as long as it likes.
pub fn table(rows: &[Value], columns: &[Column]) -> String {
    let heads: Vec<String> = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let mut lines = vec![heads];
    lines.extend(
        rows.iter()
            .map(|r| columns.iter().map(|(_, path)| value(r, path)).collect()),
    );
    let widths: Vec<usize> = (0..columns.len())
        .map(|n| lines.iter().map(|l| l[n].chars().count()).max().unwrap_or(0))
        .collect();
    let draw = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(draw).collect::<Vec<_>>().join("\n")
}

/// One incident in a line.
pub fn line(i: &Value) -> String {
    let at = |path| value(i, path);
    format!("{} {} {}: {}", at("ref"), at("severity"), at("status"), at("title"))
}

/// One incident in a few lines.
pub fn incident(i: &Value) -> String {
    let mut out = vec![line(i)];
    let facts = [
        ("Summary", "summary"),
        ("Service", "service"),
        ("Team", "team"),
        ("Opened", "timestamps.opened_at"),
        ("Jira", "links.jira.url"),
        ("Slack", "links.slack.url"),
        ("Zoom", "links.zoom.url"),
        ("Status page", "links.statuspage.url"),
    ];
    for (name, path) in facts {
        let v = value(i, path);
        if !v.is_empty() {
            out.push(format!("  {name}: {v}"));
        }
    }
    for (role, who) in i["roles"].as_object().into_iter().flatten() {
        out.push(format!("  {role}: {}", value(who, "name")));
    }
    for n in i["next"].as_array().into_iter().flatten() {
        let needs: Vec<&str> = n["requires"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let needs = match needs.is_empty() {
            true => String::new(),
            false => format!(" (needs {})", needs.join(", ")),
        };
        out.push(format!("  Next: {} – {}{needs}", value(n, "status"), value(n, "label")));
    }
    for f in i["failed"].as_array().into_iter().flatten() {
        out.push(format!("  Failed: {} – {}", value(f, "what"), value(f, "why")));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{INCIDENTS, table};
    use serde_json::json;

    #[test]
    fn a_table_lines_up_and_no_title_commands_the_terminal() {
        let rows = [
            json!({"ref": "IMP-7", "status": "identified", "severity": "SEV1", "service": null, "title": "Öl \u{1b}[31mfire\nnow"}),
            json!({"ref": "IMP-1042", "status": "closed", "severity": "SEV3", "service": "search", "title": "Slow"}),
        ];
        expect_test::expect![[r#"
            REF       STATUS      SEVERITY  SERVICE  OPENED  TITLE
            IMP-7     identified  SEV1                       Öl  [31mfire now
            IMP-1042  closed      SEV3      search           Slow"#]]
        .assert_eq(&table(&rows, INCIDENTS));
    }
}
