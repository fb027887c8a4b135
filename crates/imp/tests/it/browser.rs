//! The demo in a real browser: `tests/browser/demo.mjs` walks through its pages as its users do.

use crate::console::{node, pictures};
use crate::imp::Demo;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_clicked_through_from_the_alert_to_the_closed_incident() {
    let demo = Demo::start().await;
    node("demo.mjs", &[&demo.imp, &demo.practice, &pictures()]).await;
}
