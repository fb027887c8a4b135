//! How every vendor is called: one client, one size of body, one reading of what went wrong.

use bytes::{Bytes, BytesMut};
use imp_core::port::{Pause, SPANS};
use imp_core::{At, Outcome, words};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::time::{Duration, Instant};
use tracing::Instrument as _;

/// A connection that is not there after this will not come soon; the runner tries again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole call: longer than the slowest vendor needs on a bad day, shorter than a lease of the runner.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// An idle connection is let go before the vendors' load balancers (60 s and more) do it under a call's feet.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// The largest answer that is read: a page of a hundred services with everything is below 1 MiB.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// How much of a vendor's own words people are shown.
const WORDS_MAX: usize = 300;
/// After a refusal of the credentials, which only a person can mend; but then nobody should have to press Retry.
const CREDENTIALS_AGAIN_MS: i64 = 60_000;
/// The shortest patience that is taken from a vendor, so that `Retry-After: 0` is no busy loop.
const PATIENCE_MIN_MS: i64 = 250;
/// The longest patience that is taken from a vendor: Zoom's daily limit lasts until midnight.
pub(crate) const PATIENCE_MAX_MS: i64 = 24 * 3_600_000;
/// Where a vendor asks for patience and does not say for how long.
const PATIENCE_DEFAULT_MS: i64 = 5_000;
/// A question that failed sooner than this is asked again at once. What failed later was a vendor in trouble, and two of
/// them would add up to more than the runner waits.
const READ_AGAIN_WITHIN: Duration = Duration::from_secs(2);

/// The client that all vendor folders share; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
}

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A limit of our own: the call was not made.
    Wait {
        /// Milliseconds.
        after_ms: i64,
    },
    /// It may work later: no connection, no answer, an answer that cannot be read, 429, 5xx, credentials.
    Later {
        /// HTTP's status; none where there was no whole answer.
        status: Option<u16>,
        /// Milliseconds that the vendor asked for.
        after_ms: Option<i64>,
        /// Why, for people.
        why: String,
        /// Whether it is certain that the vendor did nothing: there was no connection, or it asked for patience.
        undone: bool,
    },
    /// The vendor understood and refused.
    Refused {
        /// HTTP's status.
        status: u16,
        /// Why, for people, with the vendor's own words.
        why: String,
        /// The answer, for whoever can read more out of it.
        body: Bytes,
    },
}

impl From<Fault> for Outcome {
    fn from(fault: Fault) -> Outcome {
        match fault {
            Fault::Wait { after_ms } => Outcome::Wait { after_ms },
            Fault::Later {
                status, after_ms, why, ..
            } => {
                let pause = match (after_ms, status) {
                    (None, _) => Pause::BackOff,
                    // An address, a token or a permission that a person has to mend.
                    (Some(ms), Some(300..=401 | 403)) => Pause::Mend(ms),
                    (Some(ms), _) => Pause::Asked(ms),
                };
                Outcome::Later { pause, why }
            }
            Fault::Refused { why, .. } => Outcome::Never { why },
        }
    }
}

impl Fault {
    /// The status that the vendor answered with, if it did.
    pub fn status(&self) -> Option<u16> {
        match self {
            Fault::Wait { .. } => None,
            Fault::Later { status, .. } => *status,
            Fault::Refused { status, .. } => Some(*status),
        }
    }

    /// Whether the vendor, or the way to it, stumbled and asked for no patience: the next call may well work.
    fn is_passing(&self) -> bool {
        match self {
            Fault::Later { status, after_ms, .. } => after_ms.is_none() && matches!(status, None | Some(500..=599)),
            Fault::Wait { .. } | Fault::Refused { .. } => false,
        }
    }

    /// Whether it is certain that the vendor did nothing.
    pub fn is_undone(&self) -> bool {
        match self {
            Fault::Wait { .. } | Fault::Refused { .. } => true,
            Fault::Later { undone, .. } => *undone,
        }
    }

    /// Why, for people.
    pub fn why(&self) -> String {
        match self {
            Fault::Wait { after_ms } => format!("our own limit of calls asks to wait {after_ms} ms"),
            Fault::Later { why, .. } | Fault::Refused { why, .. } => why.clone(),
        }
    }
}

impl Http {
    /// The client: rustls, no redirects (a redirected POST would arrive as a GET), named timeouts.
    ///
    /// # Errors
    /// When the machine's trusted certificates cannot be read.
    pub fn new() -> Result<Http, String> {
        Client::builder()
            .user_agent(concat!("IMP/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map(|client| Http { client })
            .map_err(|e| format!("the HTTP client cannot start: {}", cause(&e)))
    }

    /// Begins a POST.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    /// Begins a GET.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url)
    }

    /// Begins a PUT.
    pub fn put(&self, url: &str) -> RequestBuilder {
        self.client.put(url)
    }

    /// Begins a PATCH.
    pub fn patch(&self, url: &str) -> RequestBuilder {
        self.client.patch(url)
    }

    /// Begins a DELETE.
    pub fn delete(&self, url: &str) -> RequestBuilder {
        self.client.delete(url)
    }
}

/// Sends a request and reads the whole answer, whatever its status. `vendor` is the name that people read.
///
/// # Errors
/// [`Fault::Later`] when there was no whole answer.
pub async fn send(vendor: &str, request: RequestBuilder) -> Result<Answer, Fault> {
    let span = tracing::trace_span!(
        target: SPANS,
        "call",
        vendor,
        method = tracing::field::Empty,
        host = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    // Neither path nor query: some addresses are secrets.
    let known = (!span.is_disabled())
        .then(|| request.try_clone()?.build().ok())
        .flatten();
    if let Some(r) = known {
        span.record("method", r.method().as_str());
        span.record("host", r.url().host_str());
    }
    let answer = exchange(vendor, request).instrument(span.clone()).await;
    if let Ok(a) = &answer {
        span.record("status", a.status);
    }
    answer
}

async fn exchange(vendor: &str, request: RequestBuilder) -> Result<Answer, Fault> {
    let lost = |e: reqwest::Error| {
        let undone = e.is_connect();
        let what = match (undone, e.is_timeout()) {
            (true, _) => "cannot be reached",
            (false, true) => "did not answer in time",
            (false, false) => "broke off the connection",
        };
        // The address is left out: some addresses are secrets.
        let why = format!("{vendor} {what} ({})", cause(&e.without_url()));
        tracing::warn!(vendor, "{why}");
        Fault::Later {
            status: None,
            after_ms: None,
            why,
            undone,
        }
    };
    let mut response = request.send().await.map_err(lost)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > BODY_MAX {
            let why = format!("{vendor} answered more than {BODY_MAX} bytes, which is not read");
            return Err(Fault::Later {
                status: Some(status),
                after_ms: None,
                why,
                undone: false,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}

/// Sends a request and takes only success for an answer.
///
/// # Errors
/// What [`send`] and [`Answer::checked`] say.
pub async fn call(vendor: &str, request: RequestBuilder) -> Result<Answer, Fault> {
    send(vendor, request).await?.checked(vendor)
}

/// Asks a question, and asks it once more at once where its answer was lost: to read twice does no harm, and whoever looks
/// before it creates would else wait for its next turn because one of several questions went wrong.
///
/// # Errors
/// What the last asking says; where a limit of ours did not let it leave, what the first said.
pub async fn read<F: Future<Output = Result<Answer, Fault>>>(ask: impl Fn() -> F) -> Result<Answer, Fault> {
    let began = Instant::now();
    match ask().await {
        Err(fault) if fault.is_passing() && began.elapsed() < READ_AGAIN_WITHIN => match ask().await {
            Err(Fault::Wait { .. }) => Err(fault),
            answer => answer,
        },
        answer => answer,
    }
}

impl Answer {
    /// Itself where the status says success.
    ///
    /// # Errors
    /// How the status is to be taken: see the `match`.
    pub fn checked(self, vendor: &str) -> Result<Answer, Fault> {
        let status = self.status;
        let later = |after_ms: Option<i64>, why: String| {
            tracing::warn!(vendor, status, "{why}");
            let undone = matches!(status, 300..=399 | 401 | 403 | 420 | 425 | 429);
            Err(Fault::Later {
                status: Some(status),
                after_ms,
                why,
                undone,
            })
        };
        let said = self.words();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        match status {
            200..=299 => Ok(self),
            300..=399 => later(
                Some(CREDENTIALS_AGAIN_MS),
                format!("{vendor} answered {status}, a redirect; give its real address in the configuration"),
            ),
            401 => later(
                Some(CREDENTIALS_AGAIN_MS),
                format!("{vendor} does not accept the credentials (401){said}; renew the token in the configuration"),
            ),
            403 => later(
                Some(CREDENTIALS_AGAIN_MS),
                format!("{vendor} forbids it (403){said}; give IMP's account or token the permission"),
            ),
            420 | 429 => {
                let patience = self.patience_ms().unwrap_or(PATIENCE_DEFAULT_MS);
                later(Some(patience), format!("{vendor} asks for patience ({status})"))
            }
            408 | 409 | 425 | 500..=599 => later(self.patience_ms(), format!("{vendor} answered {status}{said}")),
            _ => {
                let why = format!("{vendor} refused ({status}){said}");
                match status {
                    // Often that is just what was asked: whether it is there.
                    404 => tracing::debug!(vendor, status, "{why}"),
                    _ => tracing::warn!(vendor, status, "{why}"),
                }
                Err(Fault::Refused {
                    status,
                    why,
                    body: self.body,
                })
            }
        }
    }

    /// The body as JSON of a known shape.
    ///
    /// # Errors
    /// [`Fault::Later`] where it is not that: half an answer, or a page of a proxy in between.
    pub fn json<T: DeserializeOwned>(&self, vendor: &str) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|e| {
            let why = match self.looks_like_html() {
                true => format!("{vendor} answered a web page instead of JSON; is a proxy or a login page in between?"),
                false => format!("{vendor}'s answer cannot be read: {e}"),
            };
            tracing::warn!(vendor, status = self.status, "{why}");
            Fault::Later {
                status: Some(self.status),
                after_ms: None,
                why,
                undone: false,
            }
        })
    }

    /// How long the vendor asks to wait: `Retry-After` in seconds, as a date, or (Zoom) as a timestamp. Dates are
    /// measured against the answer's own `Date`, so that a wrong clock of ours does not matter.
    pub fn patience_ms(&self) -> Option<i64> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let ms = match text.parse::<f64>() {
            Ok(s) if s.is_finite() => (s * 1000.0).ceil() as i64,
            Ok(_) => return None,
            Err(_) => {
                let until = http_date(text).or_else(|| At::parse(text))?;
                let now = self.headers.get(DATE).and_then(|d| d.to_str().ok()).and_then(http_date);
                now.map_or(CREDENTIALS_AGAIN_MS, |now| until.since(now))
            }
        };
        Some(ms.clamp(PATIENCE_MIN_MS, PATIENCE_MAX_MS))
    }

    /// The vendor's own words about what is wrong, in a line; empty where it says nothing that people can read.
    pub fn words(&self) -> String {
        let text = match serde_json::from_slice::<Value>(&self.body) {
            Ok(v) => {
                let mut said = Vec::new();
                gather("", &v, &mut said, 0);
                said.dedup();
                said.join("; ")
            }
            Err(_) if self.looks_like_html() => "it answered a web page".to_owned(),
            Err(_) => String::from_utf8_lossy(&self.body).into_owned(),
        };
        words::cut(
            &words::clean(&text).split_whitespace().collect::<Vec<_>>().join(" "),
            WORDS_MAX,
        )
    }

    fn looks_like_html(&self) -> bool {
        let html = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|t| t.to_str().ok())
            .is_some_and(|t| t.contains("html"));
        html || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// Collects the sentences of an error's JSON as vendors shape it: `errorMessages: []`, `errors: {field: message}`,
/// `errors: [{message}]`, `error`, `message`.
fn gather(name: &str, v: &Value, said: &mut Vec<String>, depth: u32) {
    const DEPTH_MAX: u32 = 4;
    const SAID_MAX: usize = 8;
    if depth > DEPTH_MAX || said.len() >= SAID_MAX {
        return;
    }
    match v {
        Value::String(s) if !s.trim().is_empty() => said.push(match name {
            "" => s.clone(),
            field => format!("{field}: {s}"),
        }),
        Value::Array(items) => items.iter().for_each(|i| gather(name, i, said, depth + 1)),
        Value::Object(map) if depth > 0 && !map.contains_key("message") => {
            map.iter().for_each(|(k, v)| gather(k, v, said, depth + 1));
        }
        Value::Object(map) => {
            for key in [
                "errorMessages",
                "errors",
                "error",
                "message",
                "detail",
                "error_description",
                "reason",
            ] {
                if let Some(v) = map.get(key) {
                    gather("", v, said, depth + 1);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<At> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = text.split(", ").nth(1)?.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    At::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
}

/// The innermost cause of an error, which says more than the outermost.
fn cause(e: &dyn Error) -> String {
    let mut last = e;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(k, v)| {
                (
                    reqwest::header::HeaderName::from_static(k),
                    v.parse().expect("a header"),
                )
            })
            .collect();
        Answer {
            status,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn every_way_to_ask_for_patience_is_understood() {
        let ms = |h: &[(&'static str, &str)]| answer(429, h, "").patience_ms();
        assert_eq!(ms(&[("retry-after", "7")]), Some(7_000));
        assert_eq!(ms(&[("retry-after", "0")]), Some(PATIENCE_MIN_MS));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(
            ms(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), date]),
            Some(30_000)
        );
        assert_eq!(ms(&[("retry-after", "1994-11-06T08:49:47Z"), date]), Some(10_000));
        assert_eq!(ms(&[("retry-after", "soon")]), None);
        assert_eq!(ms(&[]), None);
    }

    #[test]
    fn statuses_are_taken_as_what_they_mean() {
        let outcome = |a: Answer| a.checked("Jira").map(|_| ()).map_err(Outcome::from);
        assert_eq!(outcome(answer(204, &[], "")), Ok(()));
        let busy = answer(503, &[("retry-after", "3")], "<html>");
        assert!(matches!(
            outcome(busy),
            Err(Outcome::Later {
                pause: Pause::Asked(3_000),
                ..
            })
        ));
        assert!(matches!(
            outcome(answer(500, &[], "")),
            Err(Outcome::Later {
                pause: Pause::BackOff,
                ..
            })
        ));
        assert!(matches!(
            outcome(answer(401, &[], "")),
            Err(Outcome::Later {
                pause: Pause::Mend(60_000),
                ..
            })
        ));
        let body = r#"{"errorMessages":["No."],"errors":{"priority":"Priority is not on the screen"}}"#;
        let why = "Jira refused (400): No.; priority: Priority is not on the screen".to_owned();
        assert_eq!(outcome(answer(400, &[], body)), Err(Outcome::Never { why }));
    }

    #[tokio::test]
    async fn a_question_is_asked_again_once_where_its_answer_was_lost_and_only_there() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let asked = |answers: Vec<Answer>| async move {
            let times = AtomicUsize::new(0);
            let done = read(|| {
                let n = times.fetch_add(1, Ordering::SeqCst);
                let given = answers[n.min(answers.len() - 1)].clone();
                async move { given.checked("Jira") }
            })
            .await;
            (times.into_inner(), done.is_ok())
        };
        let first = std::cell::Cell::new(true);
        let full = read(|| {
            let fault = match first.replace(false) {
                true => answer(503, &[], "").checked("Jira").map(|_| ()).expect_err("ill"),
                false => Fault::Wait { after_ms: 900 },
            };
            async move { Err(fault) }
        });
        assert_eq!(
            full.await.map(|_| ()).map_err(|f| f.status()),
            Err(Some(503)),
            "the failure is not forgotten"
        );
        let (well, ill) = (answer(200, &[], "{}"), answer(503, &[], ""));
        assert_eq!(asked(vec![ill.clone(), well.clone()]).await, (2, true));
        assert_eq!(asked(vec![ill.clone(), ill, well.clone()]).await, (2, false));
        for firm in [
            answer(429, &[], ""),
            answer(503, &[("retry-after", "3")], ""),
            answer(404, &[], ""),
        ] {
            assert_eq!(asked(vec![firm, well.clone()]).await, (1, false));
        }
    }

    #[test]
    fn half_an_answer_and_a_web_page_are_for_later() {
        let read = |a: Answer| a.json::<Value>("Zoom").map_err(|f| f.why());
        assert!(read(answer(200, &[], r#"{"id": 1"#)).is_err_and(|w| w.starts_with("Zoom's answer cannot be read")));
        assert!(read(answer(200, &[], "<html></html>")).is_err_and(|w| w.contains("a web page instead of JSON")));
    }
}
