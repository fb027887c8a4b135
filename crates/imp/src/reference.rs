//! References made from the code itself: the manual page and the guide to all commands from the command line's own
//! definition, the guide to all settings from the file that is compiled in.

use crate::Failure;
use clap::Command;
use std::path::Path;

/// Writes the manual pages: that of `imp` to standard output, or one for each command into a folder.
///
/// # Errors
/// Where a page cannot be written.
pub fn man(imp: Command, folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        crate::say(page(&imp, "imp")?.trim_end());
        return Ok(());
    };
    let failed = |e: std::io::Error| Failure::Failed(format!("{}: cannot be written: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, command) in all(&imp, "imp") {
        let name = name.replace(' ', "-");
        std::fs::write(folder.join(format!("{name}.1")), page(&command, &name)?).map_err(failed)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> Result<String, Failure> {
    let mut out = Vec::new();
    let named = command
        .clone()
        .version(env!("CARGO_PKG_VERSION"))
        .display_name(name)
        .bin_name(name.replace('-', " "));
    clap_mangen::Man::new(named)
        .title(name)
        .render(&mut out)
        .map_err(|e| Failure::Failed(format!("the page cannot be written: {e}")))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// A command and all below it, each with its whole name.
fn all(command: &Command, name: &str) -> Vec<(String, Command)> {
    let mut out = vec![(name.to_owned(), command.clone())];
    for below in command
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help")
    {
        out.extend(all(below, &format!("{name} {}", below.get_name())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use crate::config::{Config, DEFAULTS};
    use clap::{Arg, CommandFactory, Parser as _};
    use expect_test::expect_file;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fmt::Write as _;
    use std::path::PathBuf;

    fn cell(text: &str) -> String {
        text.replace('|', "\\|").replace('\n', " ")
    }

    /// An argument as people write it, and what it is.
    fn row(arg: &Arg) -> Option<String> {
        if arg.is_hide_set() || matches!(arg.get_id().as_str(), "help" | "version") {
            return None;
        }
        let value = arg
            .get_value_names()
            .and_then(|names| names.first())
            .map_or_else(|| arg.get_id().to_string().to_uppercase(), ToString::to_string);
        let takes = arg.get_action().takes_values();
        let words = match arg.get_long() {
            Some(long) if takes => format!("--{long} {value}"),
            Some(long) => format!("--{long}"),
            None if arg.is_required_set() => value,
            None => format!("[{value}]"),
        };
        let mut about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let values: Vec<String> = arg
            .get_possible_values()
            .iter()
            .map(|v| v.get_name().to_owned())
            .filter(|v| takes && v != "true" && v != "false")
            .collect();
        if !values.is_empty() {
            write!(about, " ({})", values.join(", ")).expect("text");
        }
        let default: Vec<String> = arg
            .get_default_values()
            .iter()
            .map(|v| v.to_string_lossy().into_owned())
            .collect();
        if takes && !default.is_empty() {
            write!(about, "; default `{}`", default.join(" ")).expect("text");
        }
        if let Some(variable) = arg.get_env() {
            write!(about, "; or `{}`", variable.to_string_lossy()).expect("text");
        }
        Some(format!("| `{}` | {} |", cell(&words), cell(&about)))
    }

    fn commands() -> String {
        let mut out = String::from(
            "# All commands\n\nEvery command and everything that can be said with it. This page is made from the program's own definition of its command line; `imp help COMMAND` says the same. [The command line](command-line.md) shows them at work.\n",
        );
        for (name, command) in all(&Cli::command(), "imp").into_iter().skip(1) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            write!(out, "\n## `{name}`\n\n{about}.\n").expect("text");
            let rows: Vec<String> = command.get_arguments().filter_map(row).collect();
            if !rows.is_empty() {
                write!(out, "\n| words | meaning |\n| --- | --- |\n{}\n", rows.join("\n")).expect("text");
            }
        }
        out
    }

    fn settings() -> String {
        let mut out = String::from(
            "# All settings\n\nEvery key of `imp.toml`, its default and its meaning. This page is made from `imp.default.toml`, which is compiled into the program and by which it finds unknown keys. A key without a default is written as an example. Each key can come from the environment, `IMP_<SECTION>__<KEY>`; each from a file, `<key>_file`.\n",
        );
        let (mut about, mut begun) = (Vec::new(), false);
        for line in DEFAULTS.lines().map(str::trim) {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            if let Some(section) = bare.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
                write!(
                    out,
                    "\n## `[{section}]`\n\n| key | default | meaning |\n| --- | --- | --- |\n"
                )
                .expect("text");
                (about, begun) = (Vec::new(), true);
                continue;
            }
            match bare
                .split_once(" = ")
                .filter(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            {
                Some((key, value)) if begun => {
                    let value = match line.starts_with('#') {
                        true => format!("none; such as `{}`", cell(value)),
                        false => format!("`{}`", cell(value)),
                    };
                    writeln!(out, "| `{key}` | {value} | {} |", cell(&about.join(" "))).expect("text");
                    about.clear();
                }
                Some(_) | None if line.starts_with("# ") && begun => about.push(bare.to_owned()),
                Some(_) | None => about.clear(),
            }
        }
        out
    }

    #[test]
    fn the_guides_to_commands_and_settings_are_what_the_code_says() {
        expect_file!["../../../docs/commands.md"].assert_eq(&commands());
        expect_file!["../../../docs/settings.md"].assert_eq(&settings());
    }

    #[test]
    fn every_command_has_a_manual_page_that_names_its_words() {
        let folder = tempfile::tempdir().expect("a folder");
        man(Cli::command(), Some(folder.path())).expect("written");
        let pages: BTreeSet<String> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .filter_map(|f| f.ok()?.file_name().into_string().ok())
            .collect();
        for page in ["imp.1", "imp-serve.1", "imp-incident-declare.1", "imp-shape-new.1"] {
            assert!(pages.contains(page), "{page} in {pages:?}");
        }
        let serve = std::fs::read_to_string(folder.path().join("imp-serve.1")).expect("a page");
        assert!(
            serve.contains(".TH imp-serve 1") && serve.contains("The configuration"),
            "{serve}"
        );
    }

    /// The files that people read commands in.
    fn guides() -> Vec<(String, String)> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = vec![root.join("README.md")];
        for folder in ["docs", "packaging"] {
            let all = std::fs::read_dir(root.join(folder)).expect("a folder");
            files.extend(
                all.filter_map(|f| Some(f.ok()?.path()))
                    .filter(|p| p.extension().is_some_and(|e| e == "md")),
            );
        }
        let read = |p: PathBuf| {
            let text = std::fs::read_to_string(&p).expect("a guide");
            (p.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
        };
        files.into_iter().map(read).collect()
    }

    /// A line of a shell in words: quotes hold words together; what follows `#`, `|`, `>`, `&&` or `;` is not ours.
    fn words(line: &str) -> Vec<String> {
        let (mut out, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(q), c) if c == q => quote = None,
                (Some(_), c) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, c) if c.is_whitespace() => out.extend(word.take()),
                (None, '#') if word.is_none() => break,
                (None, '|' | '>' | ';' | '&') => break,
                (None, c) => word.get_or_insert_default().push(c),
            }
        }
        out.extend(word);
        out
    }

    #[test]
    fn every_imp_command_in_the_guides_is_one_that_imp_understands() {
        let (mut seen, mut wrong) = (0, Vec::new());
        for (file, text) in guides() {
            let mut shell = false;
            for (n, line) in text.lines().enumerate() {
                if let Some(fence) = line.trim().strip_prefix("```") {
                    shell = matches!(fence, "sh" | "bash" | "console");
                    continue;
                }
                let line = line.trim().trim_start_matches("$ ").trim_start_matches("sudo ");
                if !shell || !line.starts_with("imp ") || line.contains('…') {
                    continue;
                }
                seen += 1;
                if let Err(e) = Cli::try_parse_from(words(line))
                    && e.use_stderr()
                {
                    wrong.push(format!(
                        "{file}:{}: {line}\n  {}",
                        n + 1,
                        e.to_string().lines().next().unwrap_or_default()
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(seen > 30, "only {seen} commands were found");
    }

    #[test]
    fn the_configurations_to_begin_with_are_accepted() {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "a-long-random-word").expect("a file");
        let store = folder.path().join("store");
        std::fs::write(&store, "postgres://imp@db.example.com/imp").expect("a file");
        for (name, text) in [
            ("imp.example.toml", include_str!("../../../packaging/imp.example.toml")),
            (
                "kubernetes/imp.toml",
                include_str!("../../../packaging/kubernetes/imp.toml"),
            ),
        ] {
            let path = |line: &str| match line.contains("store_url") {
                true => store.display().to_string(),
                false => secret.display().to_string(),
            };
            let here: Vec<String> = text
                .lines()
                .map(
                    |line| match line.split_once("_file = ").filter(|_| !line.starts_with('#')) {
                        Some((key, _)) => format!("{key}_file = {:?}", path(line)),
                        None => line.to_owned(),
                    },
                )
                .collect();
            let read = Config::parse(&here.join("\n"), name, &BTreeMap::new());
            assert!(
                read.is_ok(),
                "{name}: {}",
                read.err().map(|f| f.to_string()).unwrap_or_default()
            );
            // What stands there in a comment is right, too.
            let keys =
                here.iter().map(
                    |l| match l.strip_prefix("# ").filter(|l| l.contains(" = ") || l.starts_with('[')) {
                        Some(bare)
                            if !bare.starts_with("process")
                                && !bare.starts_with("postgres")
                                && !bare.contains("One process") =>
                        {
                            bare.to_owned()
                        }
                        _ => l.clone(),
                    },
                );
            let read = Config::parse(&keys.collect::<Vec<_>>().join("\n"), name, &BTreeMap::new());
            assert!(
                read.is_ok(),
                "{name}: {}",
                read.err().map(|f| f.to_string()).unwrap_or_default()
            );
        }
    }

    #[test]
    fn the_units_and_manifests_use_words_that_imp_understands() {
        let unit = include_str!("../../../packaging/systemd/imp.service");
        let start = unit
            .lines()
            .find_map(|l| l.strip_prefix("ExecStart=/usr/local/bin/"))
            .expect("a start");
        assert!(Cli::try_parse_from(words(start)).is_ok(), "{start}");
        let container = include_str!("../../../packaging/container/Containerfile");
        let check = container
            .lines()
            .find_map(|l| l.split_once("CMD [\"/usr/local/bin/imp\", "))
            .expect("a check")
            .1;
        let check: Vec<String> = serde_json::from_str(&format!("[\"imp\", {check}")).expect("a list");
        assert!(Cli::try_parse_from(check).is_ok());
        assert!(container.contains("USER 65532") && !container.contains("USER root"));
        let pod = include_str!("../../../packaging/kubernetes/deployment.yaml");
        let args = pod
            .lines()
            .find_map(|l| l.trim().strip_prefix("args: ["))
            .expect("words");
        let args = args.trim_end_matches(']').split(", ");
        assert!(Cli::try_parse_from(std::iter::once("imp").chain(args)).is_ok());
        for needed in [
            "replicas: 2",
            "readOnlyRootFilesystem: true",
            "runAsNonRoot: true",
            "path: /readyz",
            "path: /healthz",
        ] {
            assert!(pod.contains(needed), "{needed}");
        }
    }

    #[test]
    fn every_alert_about_imp_has_a_runbook() {
        let rules = include_str!("../../../docs/examples/prometheus-rules.yml");
        let runbooks = include_str!("../../../docs/runbooks.md");
        let alerts: Vec<&str> = rules
            .lines()
            .filter_map(|l| l.trim().strip_prefix("- alert: "))
            .collect();
        assert!(alerts.len() >= 6);
        for alert in alerts {
            assert!(runbooks.contains(&format!("\n## {alert}\n")), "{alert}");
            let anchor = format!("docs/runbooks#{}", alert.to_lowercase());
            assert!(rules.contains(&anchor), "{anchor}");
        }
    }
}
