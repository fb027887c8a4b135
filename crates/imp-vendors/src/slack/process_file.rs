//! What whoever is responsible for the process hears of its file: that it is broken, where and how, or whole again.

use super::card::Message;
use super::mrkdwn::{context, escape, link, quote, section, told};
use imp_core::process::FileNews;
use imp_core::words;

/// Faults that are shown; the console has all of them.
const SHOWN: usize = 5;
/// Longest fault that is shown whole, in characters.
const FAULT_MAX: usize = 300;

/// The message. `public_url` is where the console is.
pub fn message(news: &FileNews, public_url: &str) -> Message {
    let page = |words: &str| context(&link(&format!("{public_url}/process"), words));
    match news {
        FileNews::Broken { faults, version } => {
            let head = format!(
                "The process file is broken. Version {} goes on.",
                escape(&words::cut(version, 40))
            );
            let shown = faults.iter().take(SHOWN).map(|f| format!("• {}", quote(f, FAULT_MAX)));
            let mut lines: Vec<String> = shown.collect();
            if faults.len() > SHOWN {
                lines.push(format!("… and {} more", faults.len() - SHOWN));
            }
            Message {
                text: head.clone(),
                blocks: vec![
                    section(&format!(
                        ":warning: *{head}* Mend the file; it is read again by itself."
                    )),
                    told(&lines.join("\n")),
                    page("all faults"),
                ],
            }
        }
        FileNews::Whole { version } => {
            let head = format!(
                "The process file is whole again. Version {} holds.",
                escape(&words::cut(version, 40))
            );
            Message {
                text: head.clone(),
                blocks: vec![section(&format!(":white_check_mark: {head}")), page("the process")],
            }
        }
    }
}
