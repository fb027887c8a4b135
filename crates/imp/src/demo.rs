//! `imp demo` and `imp practice`: the stand-ins for the vendors, and IMP connected to them as in production.

use crate::config::Config;
use crate::{Failure, log_to_stderr, past, say, serve};
use imp_practice::org::Org;
use imp_practice::{Options, Practice};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The whole product on this machine.
///
/// # Errors
/// Where a port or the folder cannot be had.
pub async fn run(listen: SocketAddr, data: Option<PathBuf>) -> Result<(), Failure> {
    // What a stand-in is told to refuse is no news for whoever told it so: the pages say it. RUST_LOG=warn tells it here too.
    log_to_stderr("error");
    let failed = |what: &str, e: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {e}"));
    // The temporary folder goes when the demo ends.
    let (folder, _temporary) = match data {
        Some(d) => {
            std::fs::create_dir_all(&d).map_err(|e| failed(&format!("the folder {}", d.display()), &e))?;
            (d, None)
        }
        None => {
            let t = tempfile::tempdir().map_err(|e| failed("no temporary folder", &e))?;
            (t.path().to_owned(), Some(t))
        }
    };
    let beside = SocketAddr::new(listen.ip(), listen.port().checked_add(1).unwrap_or(0));
    let options = Options {
        app_url: Some(format!("http://{listen}")),
        latency: true,
        limits: true,
    };
    let practice = Practice::start(beside, Org::built_in(), options).await.map_err(|e| {
        failed(
            &format!("the practice workspace cannot listen on {beside} (choose another with --listen)"),
            &e,
        )
    })?;
    let text = practice.config_toml(&listen.to_string());
    let text = format!(
        "{text}\n[store]\nurl = \"sqlite://{}\"\n",
        folder.join("imp.db").display()
    );
    let config = Config::parse(&text, "the demo's configuration", &BTreeMap::new())?;
    let process = config.process(None)?;
    past::tell(&config.store.url, &Org::built_in(), &process)?;
    std::fs::write(folder.join("imp.toml"), &text)
        .map_err(|e| failed("the demo's configuration cannot be written", &e))?;
    let base = &practice.base;
    say(&format!(
        "IMP and a practice workspace are running. Open these side by side:\n\
         \n\
         \x20 Raise an alert         {base}/\n\
         \x20 Slack                  {base}/slack/\n\
         \x20 Jira                   {base}/jira/\n\
         \x20 The public status page {base}/statuspage/\n\
         \x20 The catalogue          {base}/opslevel/\n\
         \x20 Repositories           {base}/github/\n\
         \x20 IMP's own console      http://{listen}/\n\
         \n\
         First: raise an alert; open Slack as whoever is on call, and say whether it is real.\n\
         Or make a new service: http://{listen}/shaper\n\
         Its configuration is {}. Ctrl-C ends it.",
        folder.join("imp.toml").display()
    ));
    let served = serve::run(config, process, None, serve::signal()).await;
    practice.stop().await;
    served
}

/// Only the stand-ins.
///
/// # Errors
/// Where the port cannot be had, the organisation's file is wrong or the application's address is none.
pub async fn practice(listen: SocketAddr, org: Option<PathBuf>, app: String) -> Result<(), Failure> {
    log_to_stderr("warn");
    let Some(("http" | "https", host)) = app.trim_end_matches('/').split_once("://") else {
        return Err(Failure::Wrong(format!("--app {app}: write http://ADDRESS:PORT")));
    };
    let org = match org {
        None => Org::built_in(),
        Some(path) => {
            let name = path.display().to_string();
            let text =
                std::fs::read_to_string(&path).map_err(|e| Failure::Wrong(format!("{name}: cannot be read: {e}")))?;
            toml::from_str(&text)
                .map_err(|e| Failure::Wrong(format!("{name}: {}", e.to_string().replace('\n', " "))))?
        }
    };
    let options = Options {
        app_url: Some(app.clone()),
        latency: true,
        limits: true,
    };
    let practice = Practice::start(listen, org, options)
        .await
        .map_err(|e| Failure::Failed(format!("cannot listen on {listen}: {e}")))?;
    say(&format!("# The practice workspace is open at {}/", practice.base));
    say(&format!("# It calls {app}; --app names another address."));
    say("# This is an imp.toml that works with it:\n");
    say(&practice.config_toml(host));
    serve::signal().await;
    practice.stop().await;
    Ok(())
}
