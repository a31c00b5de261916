//! What of a repository came here in one way.
//!
//! Reads records, never manifests, and no more of them than it takes to know.

use super::Repo;
use super::files::Files;
use crate::error::Error;
use crate::record::Origin;

/// Whether something came here in a given way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// A manifest did.
    pub manifests: bool,
    /// A tag did.
    pub tags: bool,
}

impl Repo {
    /// What of it came here in this way; nothing did where there is no such repository.
    ///
    /// # Errors
    /// When a record is damaged, and the file system's.
    ///
    /// # Cancel safety
    /// Reads only.
    pub async fn holding(&self, origin: Origin) -> Result<Holding, Error> {
        self.run(move |files| files.holding(origin)).await
    }
}

impl Files {
    fn holding(&self, origin: Origin) -> Result<Holding, Error> {
        let mut holding = Holding::default();
        for tag in self.sorted_tags()?.unwrap_or_default() {
            if self.tag_record(&tag)?.is_some_and(|it| it.origin == origin) {
                holding.tags = true;
                break;
            }
        }
        for digest in self.manifest_digests()? {
            let record = self.manifest_record(digest)?;
            if record.is_some_and(|it| it.origin == origin) {
                holding.manifests = true;
                break;
            }
        }
        Ok(holding)
    }
}
