//! Reads every blob, and sets those aside whose bytes are not what their names say.
//!
//! One that looks damaged is read again with its lock taken, so that nobody is told meanwhile that it is
//! here, and nobody is just putting a whole one in its place. Then it goes to quarantine, and after it
//! every link to it: whoever pushes it again mends the store.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use super::cursor::shards;
use super::report::{Affected, Problem};
use super::{Loss, Scrub};
use crate::error::Error;
use crate::layout::parse_flat_name;
use crate::oci::{Digest, Hasher};
use crate::progress::{Phase, Progress, check_stop};
use crate::rehash::{forget_cached, is_loss, rehash};
use crate::repo::Shared;
use crate::walk;

/// What reading a blob came to.
enum Reading {
    Bad(Problem),
    /// It was deleted meanwhile.
    Gone,
    /// So many bytes.
    Whole(u64),
}

/// How far reading has come, in bytes.
#[derive(Default)]
struct Meter {
    done: u64,
    total: u64,
}

impl Scrub<'_> {
    /// Reads all blobs there are, or, of a scrub that goes on where one was left, the rest of them.
    pub(super) fn read_blobs(&mut self) -> Result<(), Error> {
        let shards = self.cursor.left(shards(&self.shared.layout.blobs())?);
        let mut meter = Meter::default();
        for shard in &shards {
            for digest in shard.blobs()? {
                meter.total += self.shared.blobs.size(digest)?.unwrap_or_default();
            }
        }
        for shard in shards {
            for digest in shard.blobs()? {
                self.read_blob(digest, &mut meter)?;
            }
            self.cursor.passed(&shard)?;
        }
        self.cursor.finish()?;
        self.sort_quarantine()
    }

    fn read_blob(&mut self, digest: Digest, meter: &mut Meter) -> Result<(), Error> {
        let step = |bytes| {
            meter.done += bytes;
            (self.progress)(Progress {
                phase: Phase::Hash,
                done: meter.done,
                // What was pushed since it was added up counts too.
                total: Some(meter.total.max(meter.done)),
            });
            self.pace.spend(bytes)
        };
        match read(&self.shared.layout.blob(&digest), digest, step)? {
            Reading::Bad(_) => self.suspect(digest)?,
            Reading::Gone => {}
            Reading::Whole(bytes) => {
                self.report.blobs += 1;
                self.report.bytes += bytes;
            }
        }
        Ok(())
    }

    /// Looks again at a blob that seems damaged, and sets it aside if it is.
    pub(super) fn suspect(&mut self, digest: Digest) -> Result<(), Error> {
        let Shared {
            layout,
            blobs,
            links,
            ..
        } = &**self.shared;
        let path = layout.blob(&digest);
        let _alone = blobs.leases().take(digest);
        let Reading::Bad(problem) = read(&path, digest, |_| check_stop(self.stop))? else {
            return Ok(());
        };
        blobs.move_away(digest, &layout.quarantined(&digest))?;
        let mut loss = Loss::new(problem);
        // At once, and not when the repository's turn comes: a slow scrub may take days until then.
        for repository in self.repositories()? {
            if links.unlink(&repository, digest)? {
                loss.affects.insert(Affected::digest(&repository, digest));
            }
        }
        self.lost.insert(digest, loss);
        Ok(())
    }

    /// Remembers what earlier scrubs set aside and is not back. What is back is of no use there.
    fn sort_quarantine(&mut self) -> Result<(), Error> {
        let Shared {
            layout,
            blobs,
            disk,
            ..
        } = &**self.shared;
        for digest in walk::names(&layout.quarantine(), parse_flat_name)? {
            if blobs.size(digest)?.is_some() {
                disk.remove(&layout.quarantined(&digest))?;
                self.report.tidied += 1;
            } else {
                let before = || Loss::new(Problem::SetAsideBefore);
                self.lost.entry(digest).or_insert_with(before);
            }
        }
        Ok(())
    }
}

/// Reads one blob from the disk.
fn read(
    path: &Path,
    digest: Digest,
    step: impl FnMut(u64) -> Result<(), Error>,
) -> Result<Reading, Error> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Reading::Gone),
        opened => opened.map_err(|source| Error::io("open", path, source))?,
    };
    let length = file
        .metadata()
        .map_err(|source| Error::io("look at", path, source))?
        .len();
    forget_cached(&file);
    let hashed = rehash(&file, path, digest.algorithm(), length, step);
    forget_cached(&file);
    match hashed.map(Hasher::finish) {
        Ok(found) if found == digest => Ok(Reading::Whole(length)),
        Ok(_) => Ok(Reading::Bad(Problem::Damaged)),
        Err(error) if is_loss(&error) => Ok(Reading::Bad(Problem::Unreadable)),
        Err(error) => Err(error),
    }
}
