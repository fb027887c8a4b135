//! What goes to the public names components that the status page has: asked before anything is published.

use crate::App;
use crate::problem::Problem;
use imp_core::{Incident, words};

/// Components that a fault names at most: a page may have hundreds.
const NAMED: usize = 20;

/// Refuses components that the page does not have. Those that the incident has on the page already are not asked about
/// again. Where the page does not answer now, nobody can tell, and what is to be said is not held up for it.
///
/// # Errors
/// Which are not there, and which are.
pub async fn known(app: &App, i: &Incident, wanted: &[String]) -> Result<(), Problem> {
    let told = |c: &String| i.public.iter().any(|p| p.components.contains(c));
    let new: Vec<&String> = wanted.iter().filter(|c| !told(c)).collect();
    if new.is_empty() {
        return Ok(());
    }
    // What is on the list of before is there; what is not may have come since, so only the list of now refuses.
    if among(&app.setup.components().await, &new).is_ok() {
        return Ok(());
    }
    match app.setup.components_now().await.filter(|all| !all.is_empty()) {
        Some(all) => among(&all, &new),
        None => Ok(()),
    }
}

fn among(all: &[(String, String)], wanted: &[&String]) -> Result<(), Problem> {
    let there = |c: &str| all.iter().any(|(id, _)| id == c);
    let strange: Vec<String> = wanted
        .iter()
        .filter(|c| !there(c))
        .map(|c| format!("{:?}", words::cut(c, 60)))
        .collect();
    if strange.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = all
        .iter()
        .take(NAMED)
        .map(|(id, name)| format!("{id} ({name})"))
        .collect();
    if all.len() > NAMED {
        names.push(format!("{} more", all.len() - NAMED));
    }
    let message = format!(
        "The status page has no component {}. It has {}.",
        words::list(&strange),
        words::list(&names)
    );
    Err(Problem::unusable("components", message))
}

#[cfg(test)]
mod tests {
    use super::among;

    #[test]
    fn a_component_that_the_page_does_not_have_is_named_with_those_that_it_has() {
        let all = [
            ("a1".to_owned(), "Checkout".to_owned()),
            ("b2".to_owned(), "Search".to_owned()),
        ];
        let ask = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|w| (*w).to_owned()).collect();
            among(&all, &wanted.iter().collect::<Vec<_>>()).map_err(|p| (p.status, p.detail))
        };
        assert_eq!(ask(&["b2", "a1"]), Ok(()));
        let (status, detail) = ask(&["a1", "Checkout"]).expect_err("a name is no identifier");
        assert_eq!(
            (status, detail.as_str()),
            (
                422,
                "The status page has no component \"Checkout\". It has a1 (Checkout) and b2 (Search)."
            )
        );
    }
}
