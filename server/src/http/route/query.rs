//! What stands in the query: pages, filters, digests, tags.
//!
//! Decoded by the rules of forms. Parameters we do not know mean nothing, for clients send all sorts
//! (`origin`, `_state`); those we know are bounded or refused.

use std::borrow::Cow;

use form_urlencoded::parse as parse_form;
use roadstead_storage::oci::{Algorithm, Digest, RepoName, Tag};

use crate::http::route::refusal::{MAX_TAGS, Refusal, digest, repo};

/// Entries of a page that does not say how many it wants, and the most one may have.
pub(super) const MAX_PAGE: usize = 1000;

/// How an upload begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// `?mount=<digest>[&from=<name>]`: from another repository, if that can be (end-11).
    Mount {
        digest: Digest,
        from: Option<RepoName>,
    },
    /// `?digest=<digest>`: the body is the whole blob (end-4b).
    Single { digest: Digest },
    /// In steps; `?digest-algorithm=` says what it will be hashed with (end-4a, end-4c).
    Steps { algorithm: Algorithm },
}

/// Under which names a manifest is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// By its digest, and with each `?tag=` besides (end-7b).
    Digest { digest: Digest, tags: Vec<Tag> },
    /// By a tag; `?tag=` means nothing then.
    Tag(Tag),
}

/// A page of a listing: `?n=&last=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Strictly after this, whether it exists or not.
    pub(crate) after: Option<String>,
    /// At most so many; 0 asks for an empty list.
    pub(crate) limit: usize,
}

/// Which referrers are asked for: `?artifactType=`, any number of times, and where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Any of these types; none means all.
    pub(crate) artifact_types: Vec<String>,
    /// Strictly after this one.
    pub(crate) after: Option<Digest>,
}

/// The query of a request.
#[derive(Clone, Copy)]
pub(super) struct Query<'a>(&'a str);

/// Which registry the client takes us for: `?ns=quay.io`, as containerd says to mirrors (distribution
/// specification, "Registry Proxying").
pub(crate) fn namespace(query: Option<&str>) -> Option<Cow<'_, str>> {
    Query::new(query?).first("ns")
}

impl<'a> Query<'a> {
    /// Takes the part after the question mark, still encoded.
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    fn all(self, key: &'static str) -> impl Iterator<Item = Cow<'a, str>> {
        parse_form(self.0.as_bytes())
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value)
    }

    pub(super) fn first(self, key: &'static str) -> Option<Cow<'a, str>> {
        self.all(key).next()
    }

    pub(super) fn page(self) -> Result<Page, Refusal> {
        let limit = match self.first("n") {
            None => MAX_PAGE,
            Some(n) if !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number that does not fit is more than we give, too.
                n.parse().unwrap_or(MAX_PAGE).min(MAX_PAGE)
            }
            Some(_) => return Err(Refusal::PageSize),
        };
        let after = self
            .first("last")
            .filter(|last| !last.is_empty())
            .map(Cow::into_owned);
        Ok(Page { after, limit })
    }

    pub(super) fn filter(self) -> Result<Filter, Refusal> {
        let artifact_types = self.all("artifactType").map(Cow::into_owned).collect();
        let after = self.first("last").map(|last| digest(&last)).transpose()?;
        Ok(Filter {
            artifact_types,
            after,
        })
    }

    pub(super) fn start(self) -> Result<Start, Refusal> {
        if let Some(mount) = self.first("mount") {
            let from = self.first("from").map(|name| repo(&name)).transpose()?;
            return Ok(Start::Mount {
                digest: digest(&mount)?,
                from,
            });
        }
        if let Some(asked) = self.first("digest") {
            return Ok(Start::Single {
                digest: digest(&asked)?,
            });
        }
        let algorithm = match self.first("digest-algorithm") {
            None => Algorithm::Sha256,
            Some(name) => name
                .parse()
                .map_err(|source| Refusal::Algorithm { source })?,
        };
        Ok(Start::Steps { algorithm })
    }

    pub(super) fn tags(self) -> Result<Vec<Tag>, Refusal> {
        let mut tags = Vec::new();
        for text in self.all("tag") {
            let tag: Tag = text.parse().map_err(|source| Refusal::Tag { source })?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() > MAX_TAGS {
                return Err(Refusal::Tags);
            }
        }
        Ok(tags)
    }
}
