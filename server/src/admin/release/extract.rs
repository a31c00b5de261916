//! Hands out a program of a release: its bytes, as they lie there, into the caller's directory.
//!
//! What is to be written into it, and under which name it ends, is said beside; the command does that, for
//! the file is its own. Invariant: a program whose layer is not what its digest says is never reported.

use std::sync::Arc;

use bytes::Bytes;
use roadstead_mirror::openshift::held::{HeldRelease, resolve};
use roadstead_mirror::openshift::tool::{Machine, Marker, Place, System};
use roadstead_mirror::openshift::{Arch, Content, FileInfo, Payload, ReadError, file, image_of};
use roadstead_storage::oci::{Digest, Manifest, Reference};

use super::{Error, Releases, WantedTool};
use crate::admin::files::CallerFiles;
use crate::admin::report::{ExtractedTool, Filling, MarkerName, Report};

/// Where a component has programs for other systems, which every one of its images has.
const FOR_OTHERS: &str = "usr/share/";
/// Who may read what is not finished.
const UNFINISHED: u32 = 0o600;

impl Releases<'_> {
    /// Hands out a program.
    pub(in crate::admin) async fn extract(
        &self,
        wanted: &WantedTool,
        files: Option<&CallerFiles>,
    ) -> Result<Report, Error> {
        let files = files.ok_or(Error::NoDirectory)?;
        let release = resolve(self.store, &wanted.release).await?;
        let machine = Machine::of(release.arch).unwrap_or_else(Machine::of_this_host);
        let system = wanted.system.first().copied();
        let system = system.unwrap_or(System::Linux(machine));
        let place = wanted.tool.place(system, release.arch);
        let place = place.ok_or(Error::NoTool {
            tool: wanted.tool,
            system,
            arch: release.arch,
        })?;
        let payload = release.payload(self.store).await?;
        let component = payload.component(place.component);
        let component = component.ok_or(Error::NoComponent {
            component: place.component,
        })?;
        let fillings = self.fillings(wanted, &release, &payload, place.machine)?;
        let content = Content::Held(self.store.repo(&release.components));
        let image = image(&content, component.image().digest(), &place).await?;
        let name = wanted.tool.file_name(system);
        let partial = format!(".{name}.partial");
        let info = copy(&content, &image, &place, files, &partial).await?;
        Ok(Report::Extracted(Box::new(ExtractedTool {
            name: name.to_owned(),
            other_name: wanted.tool.other_name(system).map(str::to_owned),
            partial,
            size: info.size,
            modified: info.modified,
            system: system.to_string(),
            version: payload.version().to_owned(),
            fillings,
        })))
    }

    /// What is to be written into the program.
    fn fillings(
        &self,
        wanted: &WantedTool,
        release: &HeldRelease,
        payload: &Payload,
        machine: Machine,
    ) -> Result<Vec<Filling>, Error> {
        let fill = |marker: &Marker| {
            let (marker, value) = match marker {
                Marker::Architecture => (MarkerName::Architecture, architecture(release, machine)),
                Marker::Image => (MarkerName::Image, self.pullspec(wanted, release)?),
                Marker::Version => (MarkerName::Version, payload.version().to_owned()),
            };
            Ok(Filling { marker, value })
        };
        wanted.tool.markers().iter().map(fill).collect()
    }

    /// The release image, as an installer is to name it.
    fn pullspec(&self, wanted: &WantedTool, release: &HeldRelease) -> Result<String, Error> {
        if wanted.from_source {
            return Ok(format!("{}@{}", release.from, release.digest));
        }
        if self.address.is_none() {
            return Err(Error::NoAddress);
        }
        Ok(format!("{}@{}", self.place(release), release.digest))
    }
}

/// What an installer tells of what it installs on.
fn architecture(release: &HeldRelease, machine: Machine) -> String {
    match release.arch {
        Arch::Multi => format!("multi (linux/{machine})"),
        _ => format!("linux/{machine}"),
    }
}

/// The image that has the program.
async fn image(content: &Content, digest: Digest, place: &Place) -> Result<Arc<Manifest>, Error> {
    let read = |source: ReadError| Error::Read {
        component: place.component,
        path: place.path.clone(),
        source: Box::new(source),
    };
    let manifest = content.manifest(&Reference::Digest(digest)).await;
    let (_, manifest) = manifest.map_err(read)?.ok_or(Error::Missing { digest })?;
    let wanted = Some(place.machine.name());
    let found = image_of(content, digest, Arc::clone(&manifest), wanted).await;
    let found = match found {
        Err(_) if place.path.starts_with(FOR_OTHERS) => {
            image_of(content, digest, manifest, None).await
        }
        found => found,
    };
    found.map(|(_, image)| image).map_err(read)
}

/// Copies the program into the caller's directory, in place of what was left there half-way.
async fn copy(
    content: &Content,
    image: &Manifest,
    place: &Place,
    files: &CallerFiles,
    partial: &str,
) -> Result<FileInfo, Error> {
    if files
        .describe(partial)
        .await
        .map_err(Error::Files)?
        .is_some()
    {
        files.remove(partial).await.map_err(Error::Files)?;
    }
    let created = files.create(partial, UNFINISHED).await;
    created.map_err(Error::Files)?;
    let mut offset = 0;
    let sink = |bytes: Bytes| {
        let (at, files) = (offset, files.clone());
        offset += bytes.len() as u64;
        async move { Ok(files.write(partial, at, bytes).await?) }
    };
    let copied = Box::pin(file(content, image, &place.path, sink)).await;
    copied.map_err(|source| Error::Read {
        component: place.component,
        path: place.path.clone(),
        source: Box::new(source),
    })
}
