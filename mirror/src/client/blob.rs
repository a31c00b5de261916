//! Blobs of an upstream, from any byte on.

use bytes::{Buf, Bytes};
use http::header::CONTENT_RANGE;
use http::{Method, StatusCode};
use roadstead_storage::oci::{Digest, RepoName};

use super::scope::Scope;
use super::site::{Part, Question, Site};
use super::{Client, Patience};
use crate::error::Error;
use crate::net::{Answer, Failure};
use crate::note::{Note, Notes};

/// A blob on its way. Nothing of it has been checked.
#[derive(Debug)]
pub struct BlobStream {
    answer: Answer,
    /// What is still to be passed over, where the upstream begins at the beginning.
    skip: u64,
    /// All of the blob, if the upstream says so.
    size: Option<u64>,
    /// What is to be said when the next bytes are asked for.
    failed: Option<Error>,
    notes: Notes,
}

impl Client {
    /// Asks for a blob from byte `from` on.
    ///
    /// # Errors
    /// [`Error::NotFound`], and whatever keeps an upstream from answering.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn blob(
        &self,
        repo: &RepoName,
        digest: Digest,
        from: u64,
        patience: Patience,
    ) -> Result<BlobStream, Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(patience, |site| async move {
            let mut question = question(&site, repo, digest, scope, Part::From(from))?;
            let mut asked = self.put(&site, &question).await;
            // Nothing lies behind what came before: it was all, or it is not what it should be. Only
            // reading it again tells.
            if from > 0 && asked.as_ref().is_err_and(Error::is_beyond_the_end) {
                question.part = Part::From(0);
                asked = self.put(&site, &question).await;
            }
            let mut stream = BlobStream::new(asked?, from)?;
            stream.notes = self.notes.clone();
            Ok(stream)
        })
        .await
    }

    /// Makes sure that the upstream has a blob in a repository, without reading it.
    ///
    /// # Errors
    /// As [`Client::blob`].
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub async fn confirm_blob(&self, repo: &RepoName, digest: Digest) -> Result<(), Error> {
        let scope = Scope::Repository(repo.to_string());
        let scope = &scope;
        self.ask(Patience::Request, |site| async move {
            // Not by HEAD: some answer that otherwise than GET.
            let question = question(&site, repo, digest, scope, Part::Taste)?;
            self.put(&site, &question).await.map(drop)
        })
        .await
    }
}

fn question<'a>(
    site: &Site,
    repo: &RepoName,
    digest: Digest,
    scope: &'a Scope,
    part: Part,
) -> Result<Question<'a>, Error> {
    Ok(Question {
        method: Method::GET,
        url: site.url(&format!("{repo}/blobs/{digest}"))?,
        scope,
        accept: "",
        part,
    })
}

impl BlobStream {
    fn new(answer: Answer, from: u64) -> Result<Self, Error> {
        let length = answer.length();
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = answer.text(CONTENT_RANGE).and_then(parse_range);
            return match range {
                Some((begin, size)) if begin == from => Ok(Self {
                    skip: 0,
                    failed: None,
                    notes: Notes::default(),
                    size: size.or_else(|| Some(from + length?)),
                    answer,
                }),
                _ => Err(Error::Malformed {
                    url: answer.url().into(),
                    what: "another range than was asked for",
                }),
            };
        }
        // Many registries do not know ranges.
        Ok(Self {
            skip: from,
            failed: None,
            notes: Notes::default(),
            size: length,
            answer,
        })
    }

    /// How large the whole blob is, if the upstream says so.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Has this said when the next bytes are asked for.
    pub(crate) fn put_back(&mut self, error: Error) {
        self.failed = Some(error);
    }

    /// The failure that this stream is not what it should be.
    pub(crate) fn malformed(&self, what: &'static str) -> Error {
        Error::Malformed {
            url: self.answer.url().into(),
            what,
        }
    }

    /// The failure that this stream ended early.
    pub(crate) fn broken_off(&self) -> Error {
        Error::transfer(self.answer.url(), Failure::Short)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// When nothing comes any more before the end.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        loop {
            let next = self.answer.next().await;
            let next = next.map_err(|failure| Error::transfer(self.answer.url(), failure))?;
            let Some(mut bytes) = next else {
                if self.skip > 0 {
                    return Err(self.malformed("fewer bytes than are here already"));
                }
                return Ok(None);
            };
            self.notes.tell(Note::Received {
                bytes: bytes.len() as u64,
            });
            let passed = self.skip.min(bytes.len() as u64);
            self.skip -= passed;
            bytes.advance(usize::try_from(passed).expect("no more than it has"));
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// Where a part begins, and how large the whole is (RFC 9110, section 14.4).
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (begin, end) = range.split_once('-')?;
    let (begin, end): (u64, u64) = (begin.parse().ok()?, end.parse().ok()?);
    let size = match size {
        "*" => None,
        size => Some(size.parse().ok()?),
    };
    let is_sound = begin <= end && size.is_none_or(|size: u64| end < size);
    is_sound.then_some((begin, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins_and_what_it_is_of() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        for text in [
            "bytes */10",
            "bytes 5-10/10",
            "bytes 9-5/10",
            "5-9/10",
            "bytes 5-/10",
            "",
        ] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
