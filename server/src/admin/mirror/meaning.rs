//! What a command line of images means where it does not say all.
//!
//! Owns which word is a destination, and that only this registry is one. Invariant: what cannot be
//! meant is refused before anything is asked of a registry.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use roadstead_certs::SubjectName;
use roadstead_mirror::InvalidCredentials;
use roadstead_mirror::job::{Order, Selection, SourceRef};
use roadstead_storage::Principal;
use roadstead_storage::oci::{RepoName, Tag};

use crate::admin::mirror::error::Error;
use crate::admin::wanted::{AuthFile, Destination, Wanted};
use crate::config::Config;
use crate::config::address::Address;
use crate::jobs::order::Draft;
use crate::upstreams::{Login, Upstreams};

/// Who copies by command, as records and the log have it.
const BY: &str = "mirror image";

/// What this registry is called.
pub(in crate::admin) struct Names {
    /// What is configured.
    pub(in crate::admin) config: Arc<Config>,
    /// How it is reached, where that is known.
    pub(in crate::admin) address: Option<Address>,
}

/// What is known to whoever finds out what is meant.
pub(super) struct Meaning<'a> {
    upstreams: &'a Upstreams,
    address: Option<&'a Address>,
    /// What this machine is called.
    hosts: BTreeSet<SubjectName>,
    /// Where the registry listens on it.
    ports: BTreeSet<u16>,
}

impl<'a> Meaning<'a> {
    /// What words mean to a registry of these names that listens there.
    pub(super) fn new(upstreams: &'a Upstreams, names: &'a Names, bound: &[SocketAddr]) -> Self {
        Self {
            upstreams,
            address: names.address.as_ref(),
            hosts: names.config.certificate_names(),
            ports: bound.iter().map(SocketAddr::port).collect(),
        }
    }

    /// Puts the order together. Blocks.
    pub(super) fn order(&self, wanted: Wanted) -> Result<Order, Error> {
        let Wanted {
            mut named,
            mut to,
            listed,
            platforms,
            skip_missing,
            dry_run: _,
            auth,
        } = wanted;
        if to.is_none()
            && let [_, .., last] = named.as_slice()
            && self.is_ours(last.registry())
        {
            to = Some(Destination::of_source(last).ok_or(Error::Destination)?);
            named.pop();
        }
        self.check_destination(&named, to.as_ref())?;
        let login = login(auth.as_ref())?;
        let mut draft = Draft::new(self.upstreams, login, Principal::new(BY))
            .for_platforms(&platforms)
            .skipping_missing(skip_missing);
        let on_the_line = named.iter().map(|source| (source, to.as_ref()));
        let in_the_list = listed.iter().map(|line| (&line.source, line.to.as_ref()));
        for (source, to) in on_the_line.chain(in_the_list) {
            if self.is_ours(source.registry()) {
                let source = source.to_string();
                return Err(Error::OwnSource { source_ref: source });
            }
            self.check_destination(std::slice::from_ref(source), to)?;
            draft.want(source, to.map(place))?;
        }
        Ok(draft.finish())
    }

    /// The repository here that a destination is, which names no tag.
    pub(super) fn repository(&self, to: &Destination) -> Result<RepoName, Error> {
        if let Some(registry) = &to.registry
            && !self.is_ours(registry)
        {
            let registry = registry.clone();
            return Err(Error::OtherRegistry { registry });
        }
        match to.tag {
            None => Ok(to.repository.clone()),
            Some(_) => Err(Error::TagOfRelease),
        }
    }

    /// Whether sources can go where they shall.
    fn check_destination(
        &self,
        sources: &[SourceRef],
        to: Option<&Destination>,
    ) -> Result<(), Error> {
        let Some(to) = to else {
            return Ok(());
        };
        if let Some(registry) = &to.registry
            && !self.is_ours(registry)
        {
            let registry = registry.clone();
            return Err(Error::OtherRegistry { registry });
        }
        let mut repositories = sources.iter().map(|it| (it.registry(), it.repository()));
        let first = repositories.next();
        if repositories.any(|other| Some(other) != first) {
            return Err(Error::SeveralRepositories);
        }
        let is_one = |source: &SourceRef| !matches!(source.selection(), Selection::Matching(_));
        if to.tag.is_some() && !(sources.len() == 1 && sources.iter().all(is_one)) {
            return Err(Error::SeveralTags);
        }
        Ok(())
    }

    /// Whether this registry is meant: by its address, or by a name of this machine and a port that it
    /// listens on.
    fn is_ours(&self, registry: &str) -> bool {
        let Ok(meant) = registry.parse::<Address>() else {
            return false;
        };
        let is_known = self.ports.contains(&meant.port()) && self.hosts.contains(meant.host());
        is_known || self.address == Some(&meant)
    }
}

fn place(to: &Destination) -> (RepoName, Option<Tag>) {
    (to.repository.clone(), to.tag.clone())
}

/// What a command brings along to log in with.
pub(super) fn login(auth: Option<&AuthFile>) -> Result<Login, InvalidCredentials> {
    let Some(auth) = auth else {
        return Ok(Login::Configured);
    };
    let credentials = auth.credentials()?;
    Ok(if auth.is_given {
        Login::Given(credentials)
    } else {
        Login::Found(credentials)
    })
}
