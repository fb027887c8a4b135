//! What IMP must be allowed to do in Slack: one table, with what breaks without each scope. `imp check` compares it with
//! what the token has.

use crate::check::Finding;

/// Each scope that is needed, and what does not work without it.
pub const NEEDED: [(&str, &str); 21] = [
    ("commands", "`/imp` and the message shortcut are not there"),
    (
        "chat:write",
        "IMP cannot say anything: no question, no card, no announcement",
    ),
    (
        "chat:write.public",
        "questions and announcements do not reach channels that the app is not in",
    ),
    (
        "channels:manage",
        "no incident's channel can be opened, named or archived",
    ),
    ("channels:read", "channels cannot be found by their name"),
    (
        "channels:history",
        "a message whose answer was lost cannot be found again and may stand twice",
    ),
    ("channels:join", "a channel that the app is not in cannot be read"),
    ("groups:write", "private incidents get no channel"),
    ("groups:read", "private channels cannot be found by their name"),
    (
        "groups:history",
        "in private channels a message whose answer was lost may stand twice",
    ),
    ("im:write", "whoever is on call cannot be asked directly"),
    ("im:history", "a question whose answer was lost may be asked twice"),
    ("pins:write", "the card is not pinned"),
    ("pins:read", "messages that people pin do not come onto the timeline"),
    (
        "reactions:read",
        "messages that people mark with an emoji do not come onto the timeline",
    ),
    ("bookmarks:write", "there are no links at the top of the channel"),
    ("bookmarks:read", "links at the top of the channel may stand twice"),
    (
        "files:read",
        "pictures of messages on the timeline are kept by their address alone, and gone when Slack drops them",
    ),
    ("files:write", "digests of the numbers have no picture and do not come"),
    ("users:read", "people have no names, and nobody is found"),
    (
        "users:read.email",
        "on-calls cannot be asked: the catalogue knows them by e-mail address",
    ),
];

/// What is to be said of the scopes that a token has.
pub fn findings(granted: &[String]) -> Vec<Finding> {
    let missing: Vec<Finding> = NEEDED
        .iter()
        .filter(|(scope, _)| !granted.iter().any(|g| g == scope))
        .map(|(scope, without)| {
            let advice = format!("it is missing, and without it {without}; add it and install the app again");
            Finding::wrong("Slack", format!("the scope {scope}"), advice)
        })
        .collect();
    match missing.is_empty() {
        true => vec![Finding::well("Slack", "all scopes that IMP needs")],
        false => missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_but(left_out: &[&str]) -> Vec<String> {
        let kept = NEEDED.iter().map(|(s, _)| *s).filter(|s| !left_out.contains(s));
        kept.map(str::to_owned).collect()
    }

    #[test]
    fn a_scope_that_is_missing_is_named_with_what_breaks_without_it() {
        assert!(findings(&all_but(&[])).iter().all(|f| f.fault.is_none()));
        let said = findings(&all_but(&["pins:write", "im:write"]));
        let whats: Vec<&str> = said.iter().map(|f| f.what.as_str()).collect();
        assert_eq!(whats, ["the scope im:write", "the scope pins:write"]);
        assert!(
            said[1]
                .fault
                .as_deref()
                .is_some_and(|f| f.contains("the card is not pinned"))
        );
    }

    #[test]
    fn the_readme_names_every_scope() {
        let readme = include_str!("../../../../README.md");
        for (scope, _) in NEEDED {
            assert!(readme.contains(&format!("`{scope}`")), "{scope}");
        }
    }
}
