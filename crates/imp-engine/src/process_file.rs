//! What became of the process's file while IMP runs: kept for every page and every replica, and told once.

use crate::desk::{Desk, SubmitError, keep_sheet, sheet};
use crate::store::{Conn, StoreError};
use imp_core::effect::{Capability, What};
use imp_core::process::FileNews;
use imp_core::{At, Who, record};
use serde::{Deserialize, Serialize};

/// The sheet.
const SHEET: &str = "process_file";

/// Faults that are kept: as many as anybody reads before they mend the first.
const FAULTS_MAX: usize = 100;

/// How the file is, as far as it was told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Standing {
    /// How often there was news.
    n: u64,
    broken: Option<Broken>,
}

/// A file that is not in force, because something is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// A print of what it says, so that the same version is told of once.
    print: u64,
    /// Every fault, with file and line.
    pub faults: Vec<String>,
    /// Since when.
    pub since: At,
}

/// What is wrong with the file as it lies there; none where it is in force.
///
/// # Errors
/// What the store says.
pub fn broken(conn: &mut dyn Conn) -> Result<Option<Broken>, StoreError> {
    Ok(sheet::<Standing>(conn, SHEET)?.unwrap_or_default().broken)
}

impl Desk {
    /// The file says `text` and is broken. Whoever is responsible hears of each broken version once.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn process_file_broke(&self, text: &str, faults: &[String], to: &[Who]) -> Result<(), SubmitError> {
        let told = self.store.read(standing).await?;
        let print = record::print(&format!("{text}\n{}", faults.join("\n")));
        if told.broken.as_ref().is_some_and(|b| b.print == print) {
            return Ok(());
        }
        let broken = Broken {
            print,
            faults: faults.iter().take(FAULTS_MAX).cloned().collect(),
            since: self.clock.now(),
        };
        let news = FileNews::Broken {
            faults: broken.faults.clone(),
            version: self.house.process.load().version.clone(),
        };
        self.tell_of_file(told.n + 1, news, Some(broken), to).await
    }

    /// The file is in force. Where it was broken before, whoever heard so hears that it is mended.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn process_file_is_whole(&self, to: &[Who]) -> Result<(), SubmitError> {
        let told = self.store.read(standing).await?;
        if told.broken.is_none() {
            return Ok(());
        }
        let news = FileNews::Whole {
            version: self.house.process.load().version.clone(),
        };
        self.tell_of_file(told.n + 1, news, None, to).await
    }

    /// The order comes first: it is the same order for every replica, since its key is the number of the news.
    async fn tell_of_file(
        &self,
        n: u64,
        news: FileNews,
        broken: Option<Broken>,
        to: &[Who],
    ) -> Result<(), SubmitError> {
        if self.house.can.contains(&Capability::Chat) {
            let to = to.to_vec();
            self.order(vec![What::ProcessFile { n, news, to }.into()]).await?;
        }
        let now = self.clock.now();
        self.write(move |conn| keep_sheet(conn, SHEET, now, &Standing { n, broken }))
            .await
    }
}

fn standing(conn: &mut dyn Conn) -> Result<Standing, StoreError> {
    Ok(sheet(conn, SHEET)?.unwrap_or_default())
}
