//! Reads the bytes of uploads in progress, and gives up those that are no longer what came.
//!
//! Otherwise an upload would end with the digest of what the client sent and the bytes of what the disk
//! made of it.

use super::Scrub;
use super::report::{Outcome, Problem};
use crate::error::Error;

impl Scrub<'_> {
    /// Reads every upload that nobody is writing to. One that is given up is begun anew by its client.
    pub(super) fn read_uploads(&mut self) -> Result<(), Error> {
        for id in self.uploads.all()? {
            let is_intact = self.uploads.is_intact(id, |bytes| self.pace.spend(bytes))?;
            self.report.uploads += 1;
            if !is_intact && let Some(data) = self.uploads.give_up_if_damaged(id)? {
                self.tell(&data, Problem::Damaged, Outcome::Repaired, []);
            }
        }
        Ok(())
    }
}
