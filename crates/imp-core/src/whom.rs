//! Who is meant, where somebody names a person: nothing passes for a person that could never be one. Pure.

use crate::person::Who;
use crate::refusal::Refusal;
use crate::{Facts, words};

/// Longest identifier of Slack's that is taken, in characters; real ones have eleven.
const SLACK_ID_MAX: usize = 32;
/// Longest e-mail address, in characters (RFC 5321: a path of 256 with its brackets).
const ADDRESS_MAX: usize = 254;

/// The person whom a field names, with all that is known of them.
///
/// # Errors
/// A refusal beside the field, where it is neither an identifier of Slack's nor an e-mail address.
pub(crate) fn person(who: &Who, field: &str, facts: &Facts) -> Result<Who, Refusal> {
    let whole = facts.directory.complete(who);
    let given = match (&whole.slack, &whole.email) {
        (Some(id), _) if is_slack_id(id) => return Ok(whole),
        (None, Some(address)) if is_address(address) => return Ok(whole),
        (Some(text), _) | (None, Some(text)) => text.trim(),
        (None, None) => "",
    };
    let message = match given {
        "" => "Say who: a Slack identifier or an e-mail address.".to_owned(),
        given => format!(
            "{:?} is nobody: give a Slack identifier (U0A4M2HB1G1) or an e-mail address.",
            words::cut(given, 80)
        ),
    };
    Err(Refusal::field(field, message))
}

/// Slack's people are `U` or `W` and then capitals and digits; channels, groups and `!channel` are not.
fn is_slack_id(id: &str) -> bool {
    let rest = id.strip_prefix(['U', 'W']).unwrap_or_default();
    !rest.is_empty() && id.len() <= SLACK_ID_MAX && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `somebody@somewhere.example`: one `@`, a name before it and a domain after it, and nothing that could be markup.
fn is_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let of_name = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let of_domain = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.chars().count() <= ADDRESS_MAX
        && !name.is_empty()
        && name.chars().all(of_name)
        && domain.contains('.')
        && domain.split('.').all(of_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_the_form_of_people() {
        for id in ["U1", "U0A4M2HB1G1", "W012A3CDE"] {
            assert!(is_slack_id(id), "{id}");
        }
        for no in [
            "", "U", "!channel", "!here", "C0123", "S0123", "B0123", "u0a4m2", "U1>", "U1|ada", "ada", "@ada",
        ] {
            assert!(!is_slack_id(no), "{no}");
        }
        for address in [
            "a@b.c",
            "ada.lima+imp@meridian.example",
            "o'brien@acme.co.uk",
            "zoë@müller.de",
        ] {
            assert!(is_address(address), "{address}");
        }
        for no in [
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@@b.c",
            "a b@c.d",
            "<a@b.c>",
            "a@b..c",
            "!channel@x",
            "a@b.c,d@e.f",
            "a@b.c\n",
        ] {
            assert!(!is_address(no), "{no}");
        }
    }
}
