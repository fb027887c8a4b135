//! The demo in a real browser: `tests/browser/demo.mjs` walks through its pages as its users do.

use std::path::Path;

use crate::console::{node, pictures};
use crate::imp::Demo;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_can_be_clicked_through_from_the_alert_to_the_closed_incident() {
    let demo = Demo::start().await;
    let taken = Path::new(&pictures()).join("guides");
    // Only what this very walk takes counts.
    let _ = std::fs::remove_dir_all(&taken);
    node("demo.mjs", &[&demo.imp, &demo.practice, &pictures()]).await;
    guides_show_what_is_there(&taken);
}

/// The pictures of the guides are those that the walk takes; with `UPDATE_EXPECT` set they are taken over.
fn guides_show_what_is_there(taken: &Path) {
    let guides = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    let names = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut names: Vec<_> = files.filter_map(|f| Some(f.ok()?.file_name())).collect();
        names.sort();
        names
    };
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(&guides).expect("a folder");
        for name in names(taken) {
            std::fs::copy(taken.join(&name), guides.join(&name)).expect("a picture");
        }
    }
    assert_eq!(
        names(taken),
        names(&guides),
        "the guides' pictures are those of the walk"
    );
    for name in names(taken) {
        let size = |folder: &Path| std::fs::read(folder.join(&name)).expect("a picture")[16..24].to_vec();
        assert_eq!(size(taken), size(&guides), "{name:?} has another size");
    }
}
