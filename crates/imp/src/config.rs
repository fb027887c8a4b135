//! The configuration: `imp.toml`, the environment over it, secrets from files; every fault is one line.

use crate::period::Schedule;
use crate::sign_in::GroupRole;
use imp_core::{Role, Who};
use imp_vendors::git::outfit;
use imp_vendors::secret::Secret;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Every setting, its default and its meaning.
pub(crate) const DEFAULTS: &str = include_str!("../../../imp.default.toml");

/// A configuration that can be served.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    #[serde(default)]
    pub server: Server,
    /// Where to remember.
    #[serde(default)]
    pub store: Store,
    /// Whose process.
    #[serde(default)]
    pub organisation: Organisation,
    /// Slack.
    pub slack: Option<imp_vendors::slack::Config>,
    /// Jira.
    pub jira: Option<imp_vendors::jira::Config>,
    /// Statuspage.
    pub statuspage: Option<imp_vendors::statuspage::Config>,
    /// OpsLevel.
    pub opslevel: Option<imp_vendors::opslevel::Config>,
    /// Zoom.
    pub zoom: Option<imp_vendors::zoom::Config>,
    /// Alert sources.
    pub alerts: Option<imp_vendors::alerts::Config>,
    /// Who may come in.
    pub auth: Option<Auth>,
    /// Service Shaper.
    pub shaper: Option<Shaper>,
    /// The numbers of a week and a month, told in Slack.
    pub digest: Option<Digest>,
    /// Where traces are sent.
    pub traces: Option<Traces>,
    /// Trials against the practice workspace.
    #[serde(default)]
    pub practice: Practice,
}

/// The section `[traces]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// Where an OpenTelemetry collector listens.
    pub endpoint: String,
    /// What it wants in the header `Authorization`.
    pub authorization: Option<Secret>,
}

/// The section `[practice]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Practice {
    /// How many times as fast as the machine's IMP's clock runs.
    pub speed: u32,
}

impl Default for Practice {
    fn default() -> Practice {
        Practice { speed: 1 }
    }
}

/// The section `[digest]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Digest {
    /// Where everybody's numbers are told: a channel's name or identifier.
    pub channel: Option<String>,
    /// Whether each team hears its own in its own channel, as the catalogue knows it.
    pub teams: bool,
    /// Whether there is one of each week.
    pub weekly: bool,
    /// Whether there is one of each month.
    pub monthly: bool,
    /// The day on which a week is told.
    pub weekday: String,
    /// The hour.
    pub hour: i8,
}

impl Default for Digest {
    fn default() -> Digest {
        Digest {
            channel: None,
            teams: false,
            weekly: true,
            monthly: true,
            weekday: "monday".into(),
            hour: 9,
        }
    }
}

/// The days of a week, as they are written.
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl Digest {
    /// When it is told, by the clock of a time zone.
    ///
    /// # Errors
    /// What is wrong with it, a sentence each.
    pub fn schedule(&self, zone: &str) -> Result<Schedule, Vec<String>> {
        let mut faults = Vec::new();
        let day = WEEKDAYS
            .iter()
            .find(|(name, _)| *name == self.weekday.trim().to_lowercase());
        if day.is_none() {
            let names = WEEKDAYS.map(|(name, _)| name).join(", ");
            faults.push(format!("weekday = {:?} is none of {names}", self.weekday));
        }
        if !(0..24).contains(&self.hour) {
            faults.push(format!("hour = {} is not from 0 to 23", self.hour));
        }
        if self.channel.as_deref().is_none_or(|c| c.trim().is_empty()) && !self.teams {
            faults.push("nobody would hear it: give channel, or teams = true".to_owned());
        }
        match (TimeZone::get(zone), faults.is_empty()) {
            (Ok(zone), true) => Ok(Schedule {
                zone,
                weekly: day.map(|(_, d)| *d).filter(|_| self.weekly),
                monthly: self.monthly,
                hour: self.hour,
            }),
            // The zone is told where it stands.
            _ => Err(faults),
        }
    }
}

/// The section `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Where people and vendors reach it; the listening address where it is left out.
    pub public_url: String,
    /// Calls of the API that one caller may make in a minute.
    pub requests_per_minute: u32,
    /// Seconds of a round through all open incidents.
    pub round_every_s: u64,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: String::new(),
            requests_per_minute: imp_console::limits::PER_MINUTE,
            round_every_s: imp_engine::sweep::ROUND.as_secs(),
        }
    }
}

/// The section `[store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite://PATH`, or `postgres://user@host/db`.
    pub url: String,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            url: "sqlite://imp.db".into(),
        }
    }
}

/// The section `[organisation]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    /// The organisation's own process file; the built-in process where it is left out.
    pub process: Option<PathBuf>,
    /// Whom an alert asks when nobody else can be asked; it wins over the process file's.
    pub default_responder: Option<String>,
    /// Who is told when the process's file is broken: e-mail addresses or Slack identifiers.
    pub process_owners: Vec<String>,
    /// An IANA time zone.
    pub timezone: String,
    /// A language.
    pub locale: String,
}

impl Default for Organisation {
    fn default() -> Organisation {
        Organisation {
            process: None,
            default_responder: None,
            process_owners: Vec::new(),
            timezone: "UTC".into(),
            locale: "en".into(),
        }
    }
}

/// The section `[shaper]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shaper {
    /// Folders and Git addresses in which templates are found by name.
    pub templates: Vec<String>,
    /// Where new repositories are made.
    pub git: Option<imp_vendors::git::Config>,
    /// What every new repository deploys to.
    pub environments: Vec<outfit::Environment>,
    /// What every new repository's workflows may read.
    pub variables: Vec<outfit::Variable>,
    /// What they may use and nobody reads.
    pub secrets: Vec<outfit::Held>,
    /// Who is told what happens in every new repository.
    pub webhooks: Vec<outfit::Webhook>,
}

impl Shaper {
    fn faults(&self) -> Vec<String> {
        let git = self.git.as_ref().and_then(|g| g.fault()).map(|f| format!("git: {f}"));
        let outfit = outfit::faults(&self.environments, &self.variables, &self.secrets, &self.webhooks);
        git.into_iter().chain(outfit).collect()
    }
}

/// The section `[auth]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Tokens of the API.
    #[serde(default)]
    pub api_tokens: Vec<ApiToken>,
    /// The identity provider's address, exactly as it calls itself.
    #[serde(default)]
    pub issuer: Option<String>,
    /// IMP's client there.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its secret; a client without one is a public one.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// What IMP asks for there.
    #[serde(default = "scopes")]
    pub scopes: String,
    /// The claim that names the groups.
    #[serde(default = "groups_claim")]
    pub groups_claim: String,
    /// What members of which group may do.
    #[serde(default)]
    pub roles: Vec<GroupRole>,
    /// What everybody may do who signs in.
    #[serde(default = "default_role")]
    pub default_role: Role,
}

fn scopes() -> String {
    "openid email profile".to_owned()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

/// As everybody in the Slack workspace.
fn default_role() -> Role {
    Role::Responder
}

/// A token of the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    /// What people call it.
    pub name: String,
    /// The token.
    pub token: Secret,
    /// What it may do.
    pub role: Role,
    /// When its time is over: a day, or a moment in RFC 3339.
    pub expires: Option<String>,
    /// `read`: it only looks, whatever its role. Left out: all that its role may do.
    pub scope: Option<String>,
}

/// What is wrong with a configuration: one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Config {
    /// Reads a file, the environment over it.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Config, Faults> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Faults(vec![format!("{name}: cannot be read: {e}; name the file with --config, or write one (imp.default.toml shows every setting)")]))?;
        Config::parse(&text, &name, env)
    }

    /// Reads a text, the environment over it. `name` is what faults call it.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn parse(text: &str, name: &str, env: &BTreeMap<String, String>) -> Result<Config, Faults> {
        let blamed = |Faults(all): Faults| Faults(all.into_iter().map(|f| blamed(f, name, env)).collect());
        Config::read(text, name, env).map_err(blamed)
    }

    fn read(text: &str, name: &str, env: &BTreeMap<String, String>) -> Result<Config, Faults> {
        let mut table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| Faults(vec![format!("{name}: {}", one_line(&e.to_string()))]))?;
        let mut faults = Vec::new();
        overlay(&mut table, env, &mut faults);
        secrets_from_files(&mut table, name, &mut faults);
        unknown_keys(&table, name, &mut faults);
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let config: Config = table
            .try_into()
            .map_err(|e: toml::de::Error| Faults(vec![format!("{name}: {}", one_line(&e.to_string()))]))?;
        let faults = config.faults(name);
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(Faults(faults))
        }
    }

    fn faults(&self, name: &str) -> Vec<String> {
        let mut out = Vec::new();
        let signers = imp_vendors::alerts::sender::SIGNERS;
        let secrets = self.alerts.iter().flat_map(|a| a.secrets.keys());
        for stranger in secrets.filter(|s| !signers.contains(&s.as_str())) {
            out.push(format!(
                "{name}: [alerts] secrets.{stranger}: no source signs under this name; those that do are {}",
                signers.join(" and ")
            ));
        }
        let loopback = self.server.listen.ip().is_loopback();
        let closed = self
            .auth
            .as_ref()
            .is_some_and(|a| !a.api_tokens.is_empty() || a.issuer.is_some());
        if !closed && !loopback {
            out.push(format!(
                "{name}: [server] listen = {:?} is open to others and there is no [auth] with api_tokens or issuer; add it, or listen on 127.0.0.1",
                self.server.listen.to_string()
            ));
        }
        let url = &self.server.public_url;
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            out.push(format!(
                "{name}: [server] public_url = {url:?} is no web address; write https://…"
            ));
        }
        if let Some(s) = &self.slack
            && s.signing_secret.is_none()
            && s.app_token.is_none()
        {
            out.push(format!(
                "{name}: [slack] needs signing_secret (requests over HTTP) or app_token (Socket Mode)"
            ));
        }
        let mut addresses: Vec<(&str, &str, &str)> = Vec::new();
        addresses.extend(self.slack.iter().map(|c| ("slack", "api_url", c.api_url.as_str())));
        addresses.extend(self.jira.iter().map(|c| ("jira", "base_url", c.base_url.as_str())));
        addresses.extend(
            self.statuspage
                .iter()
                .map(|c| ("statuspage", "api_url", c.api_url.as_str())),
        );
        addresses.extend(
            self.opslevel
                .iter()
                .map(|c| ("opslevel", "api_url", c.api_url.as_str())),
        );
        addresses.extend(self.zoom.iter().map(|c| ("zoom", "api_url", c.api_url.as_str())));
        let far = addresses.iter().find(|(_, _, value)| !on_this_machine(value));
        if let (Some((section, key, value)), true) = (far, self.practice.speed != 1) {
            out.push(format!(
                "{name}: [practice] speed = {} is for the practice workspace alone, and [{section}] {key} = {value:?} is not on this machine; leave speed out",
                self.practice.speed
            ));
        }
        addresses.extend(self.traces.iter().map(|t| ("traces", "endpoint", t.endpoint.as_str())));
        for (section, key, value) in addresses {
            if !value.starts_with("http://") && !value.starts_with("https://") {
                out.push(format!(
                    "{name}: [{section}] {key} = {value:?} is no web address; write https://…"
                ));
            }
        }
        let shaper = self.shaper.iter().flat_map(Shaper::faults);
        out.extend(shaper.map(|fault| format!("{name}: [shaper] {fault}")));
        if let Some(a) = &self.auth {
            out.extend(issuer_faults(a).into_iter().map(|f| format!("{name}: [auth] {f}")));
            for (n, t) in a.api_tokens.iter().enumerate() {
                let place = format!("{name}: [auth] api_tokens[{n}] ({})", t.name);
                if t.expires.as_deref().is_some_and(|e| crate::shown::moment(e).is_none()) {
                    out.push(format!(
                        "{place} expires: write a day (2027-01-31) or a moment (2027-01-31T12:00:00Z)"
                    ));
                }
                if !matches!(t.scope.as_deref(), None | Some("read" | "all")) {
                    out.push(format!("{place} scope: read or all"));
                }
            }
            for (n, t) in a
                .api_tokens
                .iter()
                .enumerate()
                .filter(|(_, t)| t.token.expose().len() < 8)
            {
                out.push(format!(
                    "{name}: [auth] api_tokens[{n}] ({}) is shorter than 8 characters; take a long random one",
                    t.name
                ));
            }
        }
        for owner in self.process_owners() {
            let fine = match (&owner.email, &owner.slack) {
                (Some(address), _) => address
                    .split_once('@')
                    .is_some_and(|(n, d)| !n.is_empty() && d.contains('.')),
                (None, Some(id)) => is_slack_id(id),
                (None, None) => false,
            };
            if !fine {
                out.push(format!(
                    "{name}: [organisation] process_owners has {:?}, which is nobody; write e-mail addresses or Slack identifiers (U0A4M2HB1G1)",
                    owner.label()
                ));
            }
        }
        if TimeZone::get(&self.organisation.timezone).is_err() {
            out.push(format!(
                "{name}: [organisation] timezone = {:?} is no time zone; write one as Europe/Lisbon or UTC",
                self.organisation.timezone
            ));
        }
        if let Some(d) = &self.digest {
            if self.slack.is_none() {
                out.push(format!("{name}: [digest] needs [slack]: it is told there"));
            }
            let faults = d.schedule(&self.organisation.timezone).err().unwrap_or_default();
            out.extend(faults.into_iter().map(|f| format!("{name}: [digest] {f}")));
        }
        let store = &self.store.url;
        if let Err(why) = imp_engine::Store::understands(store) {
            out.push(format!("{name}: {why}"));
        }
        out
    }

    /// Whether people reach it on this machine alone.
    pub fn only_here(&self) -> bool {
        self.server.listen.ip().is_loopback() && on_this_machine(&self.public_url())
    }

    /// Where people reach it, without a slash at the end.
    pub fn public_url(&self) -> String {
        match self.server.public_url.trim_end_matches('/') {
            "" => format!("http://{}", self.server.listen),
            url => url.to_owned(),
        }
    }

    /// The process that the organisation follows.
    ///
    /// # Errors
    /// Every fault of its file.
    pub fn process(&self, beside: Option<&Path>) -> Result<imp_core::Process, Faults> {
        let mut process = self.written_process(beside)?;
        let named = self.organisation.default_responder.as_deref().map(str::trim);
        if let Some(name) = named.filter(|n| !n.is_empty()) {
            process.escalation.default_responder = Some(name.to_owned());
        }
        Ok(process)
    }

    /// Who is told what becomes of the process's file.
    pub fn process_owners(&self) -> Vec<Who> {
        let named = self.organisation.process_owners.iter().map(|n| n.trim());
        named
            .map(|n| match n.contains('@') {
                true => Who::email(n),
                false => Who::slack(n),
            })
            .collect()
    }

    fn written_process(&self, beside: Option<&Path>) -> Result<imp_core::Process, Faults> {
        let Some(path) = &self.organisation.process else {
            return Ok(imp_core::Process::built_in());
        };
        let path = beside.map_or_else(|| path.clone(), |dir| dir.join(path));
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|e| Faults(vec![format!("{name}: cannot be read: {e}")]))?;
        imp_core::Process::parse(&text).map_err(|f| Faults(f.faults.iter().map(|l| format!("{name}:{l}")).collect()))
    }
}

/// Whether an address leads to the machine that it is read on.
fn on_this_machine(url: &str) -> bool {
    let host = url
        .split("://")
        .nth(1)
        .and_then(|h| h.split('/').next())
        .unwrap_or_default();
    let name = if host.starts_with('[') {
        host.split(']').next().unwrap_or_default().trim_start_matches('[')
    } else {
        host.split(':').next().unwrap_or_default()
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What is wrong with the identity provider.
fn issuer_faults(a: &Auth) -> Vec<String> {
    let mut out = Vec::new();
    let Some(issuer) = &a.issuer else {
        if a.client_id.is_some() || a.client_secret.is_some() {
            out.push("client_id is given and issuer is not: name the identity provider, or leave both out".to_owned());
        }
        return out;
    };
    let host = issuer
        .split("://")
        .nth(1)
        .and_then(|h| h.split(['/', ':']).next())
        .unwrap_or_default();
    let here = issuer.starts_with("http://") && matches!(host, "127.0.0.1" | "localhost" | "[");
    if !issuer.starts_with("https://") && !here {
        out.push(format!(
            "issuer = {issuer:?} must begin with https:// (http:// only on this machine)"
        ));
    }
    if a.client_id.as_ref().is_none_or(|c| c.trim().is_empty()) {
        out.push("issuer is given and client_id is not: make a client for IMP there".to_owned());
    }
    out
}

/// As Slack's people are written: `U` or `W`, then capitals and digits.
fn is_slack_id(id: &str) -> bool {
    let rest = id.strip_prefix(['U', 'W']).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('|'))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A fault of a value that the environment gave is the variable's, not the file's: whoever reads it looks there.
fn blamed(fault: String, name: &str, env: &BTreeMap<String, String>) -> String {
    let Some(what) = fault.strip_prefix(&format!("{name}: ")) else {
        return fault;
    };
    // `[server] listen = …` is ours; ``… in `server.listen` `` the parser's.
    let ours = what.strip_prefix('[').and_then(|w| w.split_once("] "));
    let parsers = || what.rsplit_once("in `").and_then(|(_, place)| place.split_once('.'));
    let Some((section, rest)) = ours.or_else(parsers) else {
        return fault;
    };
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let key = &rest[..end.unwrap_or(rest.len())];
    let variable = format!("IMP_{section}__{key}").to_uppercase();
    match env.contains_key(&variable) {
        true => format!("{variable}: {what}"),
        false => fault,
    }
}

/// The environment's `IMP_<SECTION>__<KEY>` over the file.
fn overlay(table: &mut toml::Table, env: &BTreeMap<String, String>, faults: &mut Vec<String>) {
    for (variable, value) in env {
        let Some((section, key)) = variable.strip_prefix("IMP_").and_then(|v| v.split_once("__")) else {
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let entry = table
            .entry(section.clone())
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let Some(entry) = entry.as_table_mut() else {
            faults.push(format!("{variable}: {section} is not a section of the file"));
            continue;
        };
        let structured = value
            .starts_with(['[', '{'])
            .then(|| format!("v = {value}").parse::<toml::Table>().ok())
            .flatten();
        let value = structured
            .and_then(|mut t| t.remove("v"))
            .or_else(|| bare(&section, &key, value))
            .unwrap_or_else(|| toml::Value::String(value.clone()));
        // It wins over the file in whichever of the two ways the file gives the same key.
        let other = key.strip_suffix("_file").map_or(format!("{key}_file"), str::to_owned);
        if !env.contains_key(&format!("IMP_{}__{}", section, other).to_uppercase()) {
            entry.remove(&other);
        }
        entry.insert(key, value);
    }
}

/// A number or a yes and no, which the environment can only write as text, where the key's default is one.
fn bare(section: &str, key: &str, value: &str) -> Option<toml::Value> {
    let is_bare = |written: &str| matches!(written, "true" | "false") || written.parse::<i64>().is_ok();
    let default = lines().find(|(s, k, _)| s == section && *k == key).map(|(_, _, v)| v)?;
    if !is_bare(default) {
        return None;
    }
    let parsed = format!("v = {}", value.trim()).parse::<toml::Table>().ok();
    parsed.and_then(|mut t| t.remove("v"))
}

/// `bot_token_file = "/run/secrets/slack"` becomes `bot_token = …`.
fn secrets_from_files(table: &mut toml::Table, name: &str, faults: &mut Vec<String>) {
    let shaper = table.get_mut("shaper").and_then(toml::Value::as_table_mut);
    for (key, value) in shaper.into_iter().flatten() {
        let inner = match value {
            toml::Value::Array(all) => all.iter_mut().filter(|v| v.is_table()).collect(),
            one if one.is_table() => vec![one],
            _ => vec![],
        };
        for one in inner {
            let place = format!("shaper.{key}");
            let mut alone = toml::Table::from_iter([(place.clone(), one.clone())]);
            secrets_from_files(&mut alone, name, faults);
            if let Some(filled) = alone.remove(&place) {
                *one = filled;
            }
        }
    }
    for (section, value) in table.iter_mut() {
        let Some(entries) = value.as_table_mut() else { continue };
        let files: Vec<(String, String)> = entries
            .iter()
            .filter_map(|(k, v)| Some((k.strip_suffix("_file")?.to_owned(), v.as_str()?.to_owned())))
            .collect();
        for (key, path) in files {
            entries.remove(&format!("{key}_file"));
            if entries.contains_key(&key) {
                faults.push(format!("{name}: [{section}] has {key} and {key}_file; leave one out"));
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => drop(entries.insert(key, toml::Value::String(text.trim_end().to_owned()))),
                Err(e) => faults.push(format!("{name}: [{section}] {key}_file = {path:?} cannot be read: {e}")),
            }
        }
    }
}

/// Every key of the file that documents them: its section, its name, and what is written there. Keys that have no default
/// stand there in a comment: `# key = …`.
fn lines() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let mut section = String::new();
    DEFAULTS.lines().filter_map(move |line| {
        let line = line.trim();
        let bare = line.strip_prefix("# ").unwrap_or(line);
        if let Some(s) = bare.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            s.clone_into(&mut section);
            return None;
        }
        let (key, value) = bare.split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        is_key.then(|| (section.clone(), key, value.trim()))
    })
}

/// Every section and its keys.
fn known() -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (section, key, _) in lines() {
        out.entry(section).or_default().push(key.to_owned());
    }
    out
}

fn unknown_keys(table: &toml::Table, name: &str, faults: &mut Vec<String>) {
    let known = known();
    let nearest = |word: &str, all: &mut dyn Iterator<Item = &String>| {
        let best = all
            .map(|k| (strsim::jaro_winkler(k, word), k))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, k)| format!("; the nearest known is {k}"))
            .unwrap_or_default()
    };
    for (section, value) in table {
        let Some(keys) = known.get(section) else {
            faults.push(format!(
                "{name}: [{section}] is not a section{}",
                nearest(section, &mut known.keys())
            ));
            continue;
        };
        for key in value
            .as_table()
            .into_iter()
            .flat_map(|t| t.keys())
            .filter(|k| !keys.contains(k))
        {
            faults.push(format!(
                "{name}: [{section}] {key}: unknown key{}",
                nearest(key, &mut keys.iter())
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::parse(text, "imp.toml", &env).map_err(|f| f.to_string())
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_known_one() {
        let faults = parse("[slack]\nbot_tokn = \"x\"\n[slak]\n[server]\nlistn = \"y\"", &[]).unwrap_err();
        expect![[r#"
            imp.toml: [server] listn: unknown key; the nearest known is listen
            imp.toml: [slack] bot_tokn: unknown key; the nearest known is bot_token
            imp.toml: [slak] is not a section; the nearest known is slack"#]]
        .assert_eq(&faults);
        let faults = parse("", &[("IMP_SERVER__LISTN", "y")]).unwrap_err();
        assert_eq!(
            faults,
            "IMP_SERVER__LISTN: [server] listn: unknown key; the nearest known is listen"
        );
    }

    #[test]
    fn a_fault_of_the_environment_is_told_of_its_variable() {
        let told = |env: &[(&str, &str)]| parse("", env).unwrap_err();
        assert_eq!(
            told(&[("IMP_SERVER__PUBLIC_URL", "imp.example.com")]),
            "IMP_SERVER__PUBLIC_URL: [server] public_url = \"imp.example.com\" is no web address; write https://…"
        );
        let open = told(&[("IMP_SERVER__LISTEN", "0.0.0.0:80")]);
        assert!(open.starts_with("IMP_SERVER__LISTEN: [server] listen = "), "{open}");
        let wrong = told(&[("IMP_SERVER__LISTEN", "nowhere")]);
        assert!(wrong.starts_with("IMP_SERVER__LISTEN: "), "{wrong}");
        let gone = told(&[("IMP_ALERTS__TOKEN_FILE", "/nowhere/token")]);
        assert!(
            gone.starts_with("IMP_ALERTS__TOKEN_FILE: [alerts] token_file"),
            "{gone}"
        );
        // What the file says itself stays the file's.
        let file = parse("[server]\npublic_url = \"x\"", &[("IMP_SERVER__LISTEN", "127.0.0.1:9")]).unwrap_err();
        assert!(file.starts_with("imp.toml: [server] public_url"), "{file}");
    }

    #[test]
    fn the_environment_and_files_fill_in_secrets() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from-a-file-secret\n").unwrap();
        let text = format!("[alerts]\ntoken_file = {:?}\n", file.path());
        let tokens = r#"[{ name = "ci", token = "12345678", role = "reader" }]"#;
        let c = parse(
            &text,
            &[
                ("IMP_SERVER__LISTEN", "127.0.0.1:9"),
                ("IMP_AUTH__API_TOKENS", tokens),
                ("IMP_CONFIG", "x"),
            ],
        )
        .unwrap();
        assert_eq!(c.server.listen.port(), 9);
        assert_eq!(c.alerts.unwrap().token.expose(), "from-a-file-secret");
        assert_eq!(c.auth.unwrap().api_tokens[0].role, Role::Reader);

        let over = parse(&text, &[("IMP_ALERTS__TOKEN", "from-the-environment")]).unwrap();
        assert_eq!(over.alerts.unwrap().token.expose(), "from-the-environment");
        let numbers = parse("[opslevel]\napi_token = \"x\"", &[("IMP_OPSLEVEL__NUMBERS", "true")]).unwrap();
        assert!(numbers.opslevel.unwrap().numbers);
        let calls = parse("", &[("IMP_SERVER__REQUESTS_PER_MINUTE", "120")]).unwrap();
        assert_eq!(calls.server.requests_per_minute, 120);
        let both = parse(&format!("{text}token = \"12345678\""), &[]).unwrap_err();
        assert_eq!(both, "imp.toml: [alerts] has token and token_file; leave one out");
    }

    #[test]
    fn what_cannot_be_served_is_refused_in_a_line() {
        let open = parse("[server]\nlisten = \"0.0.0.0:80\"", &[]).unwrap_err();
        assert!(open.contains("open to others and there is no [auth]"), "{open}");
        let slack = parse("[slack]\nbot_token = \"xoxb-1\"", &[]).unwrap_err();
        assert!(
            slack.contains("signing_secret") && slack.lines().count() == 1,
            "{slack}"
        );
        let haste = "[practice]\nspeed = 60\n[zoom]\naccount_id = \"x\"\nclient_id = \"x\"\nclient_secret = \"x\"";
        let hasty = parse(haste, &[]).unwrap_err();
        assert!(
            hasty.contains("speed = 60 is for the practice workspace alone, and [zoom] api_url"),
            "{hasty}"
        );
        let here = format!("{haste}\napi_url = \"http://127.0.0.1:1/v2\"");
        assert_eq!(parse(&here, &[]).unwrap().practice.speed, 60);
        let syntax = parse("[server\n", &[]).unwrap_err();
        assert_eq!(syntax.lines().count(), 1, "{syntax}");
    }
}
