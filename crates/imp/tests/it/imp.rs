//! The real program as a child: its configuration in a folder of its own, its log in a file beside.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stage::until;

/// Ports below those that the system gives to outgoing connections, so that nobody takes one in between.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// A port that is free now and that no other test will choose.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let span = PORTS.end - PORTS.start;
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (std::process::id().wrapping_mul(37).wrapping_add(n)) % span;
        let port = u16::try_from(port).expect("a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// `imp` with these words, to its end, without any of the tests' own environment.
pub fn imp(words: &[&str]) -> Output {
    command(words).output().expect("imp starts")
}

/// The call itself.
pub fn command(words: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_imp"));
    c.args(words).stdin(Stdio::null());
    for (key, _) in std::env::vars_os().filter(|(k, _)| k.to_string_lossy().starts_with("IMP_")) {
        c.env_remove(key);
    }
    for proxy in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        c.env_remove(proxy);
    }
    c
}

/// `imp serve`, running.
pub struct Imp {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub base: String,
}

impl Imp {
    /// Starts it, and waits until it is ready.
    pub async fn serve(folder: &Path, base: &str) -> Imp {
        let log = folder.join("imp.log");
        let file = File::options().create(true).append(true).open(&log).expect("a log");
        let config = folder.join("imp.toml");
        let child = command(&["serve", "--config", &config.display().to_string()])
            .env("RUST_LOG", "info")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("imp starts");
        let mut imp = Imp {
            child,
            log,
            base: base.to_owned(),
        };
        let http = reqwest::Client::new();
        until("imp is ready", async || {
            if let Ok(Some(status)) = imp.child.try_wait() {
                panic!("imp ended ({status}):\n{}", imp.log());
            }
            let answer = http.get(format!("{}/readyz", imp.base)).send().await;
            answer.is_ok_and(|a| a.status().is_success()).then_some(())
        })
        .await;
        imp
    }

    /// What it has written into its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// As if the machine had lost power.
    pub fn kill(mut self) {
        self.end();
    }

    /// As a service manager stops it; waits until it has ended.
    pub async fn stop(mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(asked.is_ok_and(|s| s.success()), "it was asked to stop");
        until("it has ended", async || {
            self.child.try_wait().expect("a child").map(drop)
        })
        .await;
    }

    /// Its number among the machine's processes.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(&mut self) {
        // Killing fails where it has ended already, and then all is as it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Imp {
    fn drop(&mut self) {
        self.end();
    }
}

/// A child that ends where it is let go.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // Killing fails where it has ended already, and then all is as it should be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The demo, for as long as it is held.
pub struct Demo {
    _child: Ended,
    /// Where IMP is.
    pub imp: String,
    /// Where the practice workspace is: at the next port.
    pub practice: String,
}

impl Demo {
    /// Starts it, and waits until it knows its catalogue.
    pub async fn start() -> Demo {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let child = command(&["demo", "--listen", &listen])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        let demo = Demo {
            _child: Ended(child.expect("imp starts")),
            imp: format!("http://{listen}"),
            practice: format!("http://127.0.0.1:{}", port + 1),
        };
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        until("the demo knows its catalogue", async || {
            let answer = http.get(format!("{}/api/v1/services", demo.imp)).send().await.ok()?;
            answer.text().await.ok()?.contains("payments-api").then_some(())
        })
        .await;
        demo
    }
}
