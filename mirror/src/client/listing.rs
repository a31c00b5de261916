//! What an upstream lists: tags, repositories, referrers.
//!
//! Invariant: a listing ends, however many pages an upstream makes up.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use roadstead_storage::oci::{
    Descriptor, Digest, MAX_MANIFEST, MediaType, Reference, RepoName, Tag,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::page;
use super::scope::Scope;
use super::site::{Part, Question, Site};
use super::{Client, Patience};
use crate::companion::fallback_tag;
use crate::error::Error;

/// What one page may take, in bytes.
const MAX_PAGE: usize = 16 * 1024 * 1024;
/// How many pages a listing may have.
const MAX_PAGES: usize = 10_000;
/// How many pages are read of a list that would only spare other questions.
const FEW_PAGES: usize = 3;
/// How many entries are asked for at once; more is refused by some.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct Tags {
    /// Nexus says `null` where there are none.
    tags: Option<Vec<String>>,
}

impl Tags {
    /// Those that are tags.
    fn valid(self) -> impl Iterator<Item = Tag> {
        let names = self.tags.unwrap_or_default().into_iter();
        names.filter_map(|name| name.parse().ok())
    }
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Descriptor>>,
}

impl Client {
    /// The tags of a repository, sorted. Names that are no tags are left out.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever keeps the upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn tags(&self, repo: &RepoName, patience: Patience) -> Result<Vec<Tag>, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(patience, |site| async move {
            let mut tags = BTreeSet::new();
            self.pages(&site, &tag_list(repo), scope, |page: Tags| {
                tags.extend(page.valid());
            })
            .await?;
            Ok(tags.into_iter().collect())
        })
        .await
    }

    /// As [`tags`](Self::tags), where the list has no more than a few pages; `None` where it has: some
    /// repositories have hundreds of thousands.
    ///
    /// # Errors
    /// As [`tags`](Self::tags).
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub(crate) async fn few_tags(
        &self,
        repo: &RepoName,
        patience: Patience,
    ) -> Result<Option<Vec<Tag>>, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(patience, |site| async move {
            let mut tags = BTreeSet::new();
            let take = |page: Tags| tags.extend(page.valid());
            let list = tag_list(repo);
            let are_all = self.pages_within(FEW_PAGES, &site, &list, scope, take);
            Ok(are_all.await?.then(|| tags.into_iter().collect()))
        })
        .await
    }

    /// The repositories, sorted. Names that none could have are left out.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such list, and whatever keeps an upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn repositories(&self, patience: Patience) -> Result<Vec<RepoName>, Error> {
        self.ask(patience, |site| async move {
            let path = format!("_catalog?n={PAGE}");
            let mut names = BTreeSet::new();
            self.pages(&site, &path, &Scope::Catalog, |page: Catalog| {
                names.extend(page.repositories.unwrap_or_default());
            })
            .await?;
            Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
        })
        .await
    }

    /// The manifests that refer to a manifest: as the API lists them, and where there is none, as the
    /// fallback tag does (distribution specification, "Referrers Tag Schema").
    ///
    /// # Errors
    /// Whatever keeps an upstream from answering; that nothing is listed is no error.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn referrers(
        &self,
        repo: &RepoName,
        subject: Digest,
        patience: Patience,
    ) -> Result<Vec<Descriptor>, Error> {
        match self.listed_referrers(repo, subject, patience).await? {
            Some(listed) => Ok(listed),
            None => self.fallback_referrers(repo, subject, patience).await,
        }
    }

    /// The manifests that refer to a manifest, as the API lists them; `None` where there is no such API.
    ///
    /// # Errors
    /// As [`Client::referrers`].
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub(crate) async fn listed_referrers(
        &self,
        repo: &RepoName,
        subject: Digest,
        patience: Patience,
    ) -> Result<Option<Vec<Descriptor>>, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        let listed = self
            .ask(patience, |site| async move {
                let path = format!("{repo}/referrers/{subject}");
                let mut listed = Vec::new();
                self.pages(&site, &path, scope, |page: Index| {
                    listed.extend(page.manifests.unwrap_or_default());
                })
                .await?;
                Ok(listed)
            })
            .await;
        match listed {
            Err(error) if lacks_referrers(&error) => Ok(None),
            listed => listed.map(Some),
        }
    }

    async fn fallback_referrers(
        &self,
        repo: &RepoName,
        subject: Digest,
        patience: Patience,
    ) -> Result<Vec<Descriptor>, Error> {
        let tag = Reference::Tag(fallback_tag(&subject));
        // Most have none, and to ask costs less than to read.
        match self.manifest_digest(repo, &tag, patience).await {
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            told => told?,
        };
        match self.manifest(repo, &tag, patience).await {
            // Such a tag may be anybody's; only an index of OCI is a list of referrers.
            Ok(fetched) if *fetched.manifest.media_type() == MediaType::OCI_INDEX => {
                Ok(fetched.manifest.children().to_vec())
            }
            Ok(_) | Err(Error::NotFound { .. } | Error::Manifest { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads all pages of a listing.
    async fn pages<T: DeserializeOwned>(
        &self,
        site: &Arc<Site>,
        path: &str,
        scope: &Scope,
        take: impl FnMut(T),
    ) -> Result<(), Error> {
        if self
            .pages_within(MAX_PAGES, site, path, scope, take)
            .await?
        {
            return Ok(());
        }
        Err(Error::Malformed {
            url: (&site.url(path)?).into(),
            what: "pages without an end",
        })
    }

    /// Reads at most so many pages of a listing, and says whether those are all.
    async fn pages_within<T: DeserializeOwned>(
        &self,
        most: usize,
        site: &Arc<Site>,
        path: &str,
        scope: &Scope,
        mut take: impl FnMut(T),
    ) -> Result<bool, Error> {
        let mut url = site.url(path)?;
        let mut seen = BTreeSet::new();
        for _ in 0..most {
            let question = Question {
                method: Method::GET,
                url: url.clone(),
                scope,
                accept: "application/json, application/vnd.oci.image.index.v1+json",
                part: Part::From(0),
            };
            let mut answer = self.put(site, &question).await?;
            let body: Bytes = answer
                .collect(MAX_PAGE.max(MAX_MANIFEST))
                .await
                .map_err(|failure| Error::transfer(&url, failure))?;
            let malformed = |what| Error::Malformed {
                url: (&url).into(),
                what,
            };
            take(serde_json::from_slice(&body).map_err(|_| malformed("a list that is none"))?);
            let Some(next) = page::next(&url, answer.headers()) else {
                return Ok(true);
            };
            if !seen.insert(next.clone()) {
                return Err(malformed("pages that lead in a circle"));
            }
            let next = site.location.with_path(&next);
            url = next.map_err(|_| malformed("a link to no page"))?;
        }
        Ok(false)
    }
}

fn tag_list(repo: &RepoName) -> String {
    format!("{repo}/tags/list?n={PAGE}")
}

/// Whether a registry says in one of the many ways that it has no such API.
fn lacks_referrers(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } | Error::Malformed { .. } => true,
        Error::Answer { status, .. } => matches!(
            *status,
            StatusCode::BAD_REQUEST
                | StatusCode::FORBIDDEN
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::NOT_ACCEPTABLE
                | StatusCode::NOT_IMPLEMENTED
        ),
        _ => false,
    }
}
