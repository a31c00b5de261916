//! Carries an export out: blobs, then the manifests that need them, then tags.
//!
//! One after the other: media are fastest when they are written so.

use roadstead_storage::Store;
use tokio::time::Instant;
use tracing::debug;

use super::plan::ExportPlan;
use super::style::Style;
use super::writer::Writer;
use super::{ExportOutcome, Image};
use crate::job::failure::in_words;
use crate::job::{CutShort, Event, ImageOutcome, Outcome, State, Totals, Watch};
use crate::media::config_map;
use crate::media::failure::{Error, Failure};
use crate::media::name::SIGNATURES;
use crate::media::tree::Tree;

/// An export that is being carried out.
struct Work<'a, T> {
    store: &'a Store,
    watch: &'a Watch,
    writer: Writer<'a, T>,
    /// For each image of the plan so far, how it stands.
    done: Vec<(State, Option<String>)>,
    signatures: u64,
}

impl ExportPlan {
    /// Does what it says, until `stop`. One that was cut short goes on when it is planned and carried out
    /// again.
    ///
    /// # Errors
    /// When there is not enough room, or nothing at all can be written there.
    ///
    /// # Cancel safety
    /// Dropped, it is as if it had been stopped, but nobody is told what was done.
    pub async fn carry_out(
        self,
        store: &Store,
        tree: &impl Tree,
        watch: &Watch,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<ExportOutcome, Error> {
        let began = Instant::now();
        let (needed, room) = (self.totals.bytes_to_fetch, self.room);
        if needed > room {
            return Err(Error::NoRoom { needed, room });
        }
        watch.tell(Event::Planned {
            images: self.totals.copy,
            bytes: needed,
        });
        let style = Style::of(tree).await?;
        let mut work = Work {
            store,
            watch,
            writer: Writer::new(tree, style)?,
            done: Vec::new(),
            signatures: 0,
        };
        let cut_short = tokio::select! {
            biased;
            () = stop => Some(CutShort::Stopped),
            all = work.all(&self) => all.err().map(|error| CutShort::Failed {
                because: in_words(&error),
            }),
        };
        let mut outcome = work.outcome(&self, cut_short);
        let totals = &mut outcome.outcome.totals;
        totals.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(outcome)
    }
}

impl<T: Tree> Work<'_, T> {
    async fn all(&mut self, plan: &ExportPlan) -> Result<(), Error> {
        for image in &plan.images {
            let (mut state, mut because) = (image.state, image.because.clone());
            if state != State::Failed
                && let Err(failure) = self.write(image).await
            {
                (state, because) = (State::Failed, Some(in_words(&failure.or_end()?)));
            }
            debug!(image = %image.name, ?state, because, "Came to the end of an image");
            self.done.push((state, because));
            self.watch.tell(Event::ImageDone {
                source: image.name.clone(),
                state,
            });
        }
        for (digest, signatures) in &plan.signatures {
            let (name, bytes) = config_map::write(*digest, signatures);
            let written = self.writer.file(SIGNATURES, &name, &bytes).await;
            written.map_err(Failure::into_end)?;
            self.signatures += 1;
        }
        self.writer.sync().await.map_err(Failure::into_end)
    }

    async fn write(&mut self, image: &Image) -> Result<(), Failure> {
        let repo = self.store.repo(&image.repository);
        for (digest, size) in &image.blobs {
            let written = self.writer.blob(&repo, *digest, *size).await?;
            self.watch.tell(Event::Bytes(written));
        }
        for node in &image.nodes {
            let written = self.writer.manifest(&image.repository, node).await?;
            self.watch.tell(Event::Bytes(written));
        }
        if let (Some(tag), Some(top)) = (&image.tag, image.nodes.last()) {
            self.writer.tag(&image.repository, tag, top).await?;
        }
        Ok(())
    }

    fn outcome(self, plan: &ExportPlan, cut_short: Option<CutShort>) -> ExportOutcome {
        let mut done = self.done.into_iter();
        let images: Vec<_> = plan
            .images
            .iter()
            .map(|image| {
                let left = || match image.state {
                    State::Failed => (State::Failed, image.because.clone()),
                    _ => (State::Left, None),
                };
                let (state, because) = done.next().unwrap_or_else(left);
                ImageOutcome {
                    source: image.name.clone(),
                    destination: image.name.clone(),
                    digest: Some(image.digest),
                    state,
                    because,
                }
            })
            .collect();
        ExportOutcome {
            signatures: self.signatures,
            warnings: self.writer.style.warnings(),
            outcome: Outcome {
                totals: Totals {
                    bytes_fetched: self.writer.bytes(),
                    bytes_saved: plan.totals.bytes_here,
                    ..Totals::count(images.iter().map(|image| image.state))
                },
                images,
                cut_short,
                ..Outcome::default()
            },
        }
    }
}
