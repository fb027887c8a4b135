//! Lists are searched the same way on both stores, in every script.

use super::*;
use crate::place::On;
use imp_engine::read::Filter;

both! {
    capital_and_small_letters_find_each_other_in_every_script,
}

/// References of what a search finds.
async fn finds(s: &Stage, words: &str) -> Vec<u64> {
    let filter = Filter {
        words: Some(words.to_owned()),
        ..Filter::default()
    };
    let found = s.desk.store.read(move |c| read::incidents(c, &filter, None, 50)).await;
    found.expect("a list").iter().map(|i| i.reference.0).collect()
}

async fn capital_and_small_letters_find_each_other_in_every_script(on: On) {
    let s = Stage::new(on);
    for (n, title) in [
        "ÜBERWEISUNG schlägt fehl",
        "Die überweisung hängt",
        "Straßenkarten laden nicht",
        "ПЛАТЕЖИ не проходят",
        "Plain 100% ASCII_title",
    ]
    .into_iter()
    .enumerate()
    {
        s.declares(&format!("key-{n}"), title).await;
    }
    for (words, there) in [
        ("überweisung", vec![2, 1]),
        ("Überweisung", vec![2, 1]),
        ("ÜBERWEISUNG", vec![2, 1]),
        ("SCHLÄGT", vec![1]),
        ("STRASSE", vec![3]),
        ("платежи НЕ", vec![4]),
        ("plain 100% ascii_", vec![5]),
        ("100%x", vec![]),
        ("asciixtitle", vec![]),
        ("uberweisung", vec![]),
    ] {
        assert_eq!(finds(&s, words).await, there, "{words}");
    }
    // A title that changes is found by what it is now.
    let edit = Command::Edit {
        title: Some("Größe falsch".into()),
        summary: None,
        severity: None,
        service: None,
    };
    s.wish("edit", Some(1), edit).await.expect("granted");
    assert_eq!(finds(&s, "GRÖSSE").await, [1]);
    assert_eq!(finds(&s, "überweisung").await, [2]);
    // Nor is it lost on the way through a backup, which does not hold what is searched by.
    let copy = keeping::copy_of(&s.place);
    let other = Arc::new(Place::new(on));
    keeping::restore(&other, &copy).expect("restored");
    let s = Stage::over(other, Arc::new(HandClock::default()));
    assert_eq!(finds(&s, "GRÖSSE").await, [1]);
}
