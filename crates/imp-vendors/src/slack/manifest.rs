//! The Slack app's manifest, from the same table that `imp check` reads: whoever sets IMP up pastes it, and nothing is
//! forgotten.

use super::scopes::NEEDED;
use serde_json::{Value, json};

/// How Slack reaches IMP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way<'a> {
    /// Over a socket that IMP opens: no address is needed.
    Socket,
    /// Over HTTP at this address, without a slash at the end.
    Http(&'a str),
}

/// The bot events that IMP listens to.
const EVENTS: [&str; 7] = [
    "app_home_opened",
    "member_joined_channel",
    "member_left_channel",
    "pin_added",
    "reaction_added",
    "message.channels",
    "message.groups",
];

/// The manifest, as Slack's *Create from a manifest* takes it. `command` is the slash command with its slash.
pub fn manifest(command: &str, way: &Way) -> Value {
    let scopes: Vec<&str> = NEEDED.iter().map(|(scope, _)| *scope).collect();
    let mut slash = json!({
        "command": command,
        "description": "Declare an incident, or work on one",
        "usage_hint": "[declare TITLE | list | update TEXT | help]",
        "should_escape": true,
    });
    let mut events = json!({ "bot_events": EVENTS });
    let mut interactivity = json!({ "is_enabled": true });
    if let Way::Http(base) = way {
        slash["url"] = json!(format!("{base}/slack/commands"));
        events["request_url"] = json!(format!("{base}/slack/events"));
        interactivity["request_url"] = json!(format!("{base}/slack/interactions"));
    }
    json!({
        "display_information": {
            "name": "IMP",
            "description": "Leads people through incidents, from the first alert to the closed review",
            "background_color": "#b8400b",
        },
        "features": {
            "app_home": {"home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": true},
            "bot_user": {"display_name": "IMP", "always_online": true},
            "shortcuts": [
                {"name": "Declare an incident", "type": "message", "callback_id": "incident.declare", "description": "Begin an incident from this message"},
                {"name": "Declare an incident", "type": "global", "callback_id": "incident.declare", "description": "Begin an incident"},
            ],
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": scopes}},
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": false,
            "socket_mode_enabled": *way == Way::Socket,
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_for_what_the_check_looks_for_and_names_addresses_only_over_http() {
        let socket = manifest("/imp", &Way::Socket);
        assert_eq!(
            socket["oauth_config"]["scopes"]["bot"].as_array().map(Vec::len),
            Some(NEEDED.len())
        );
        assert_eq!(socket["settings"]["socket_mode_enabled"], true);
        assert!(!socket.to_string().contains("url"));
        let http = manifest("/inc", &Way::Http("https://imp.example.com"));
        assert_eq!(http["features"]["slash_commands"][0]["command"], "/inc");
        assert_eq!(
            http["settings"]["interactivity"]["request_url"],
            "https://imp.example.com/slack/interactions"
        );
        assert_eq!(http["settings"]["socket_mode_enabled"], false);
    }
}
