//! An upload in chunks, which goes on after the registry was killed in its midst.

use std::io;

use bytes::Bytes;
use harness::{Chance, Digest, with_query};
use http::Method;

use super::line::Line;

/// The largest chunk in bytes.
const CHUNK: usize = 100_000;

/// An upload that was begun and has not been answered 201.
#[derive(Debug)]
pub(crate) struct Transfer {
    location: String,
    bytes: Bytes,
    /// How many bytes were acknowledged.
    received: usize,
    /// Whether its end was asked for.
    closing: bool,
}

impl Transfer {
    /// Begins the upload of these bytes.
    ///
    /// # Errors
    ///
    /// When the registry has gone.
    pub(crate) fn begin(line: &mut Line, repository: &str, bytes: &Bytes) -> io::Result<Self> {
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let begun = line.ask(Method::POST, uploads, |request| request)?;
        Ok(Self {
            location: begun.expect(202).location(),
            bytes: bytes.clone(),
            received: 0,
            closing: false,
        })
    }

    /// What is transferred.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Sends what is left, in chunks, and ends it.
    ///
    /// # Errors
    ///
    /// When the registry has gone.
    pub(crate) fn go_on(&mut self, line: &mut Line, chance: &mut Chance) -> io::Result<()> {
        while self.received < self.bytes.len() {
            let end = self
                .bytes
                .len()
                .min(self.received + 2 + chance.below(CHUNK));
            let range = format!("{}-{}", self.received, end - 1);
            let chunk = self.bytes.slice(self.received..end);
            let answer = line.ask(Method::PATCH, &self.location, |request| {
                let request = request.octets().header("content-range", range);
                request.body(chunk)
            })?;
            self.location = answer.expect(202).location();
            self.received = end;
        }
        self.closing = true;
        let path = with_query(&self.location, &format!("digest={}", self.digest()));
        line.ask(Method::PUT, path, |request| request)?.expect(201);
        Ok(())
    }

    /// After a kill: nothing that was acknowledged is gone, and it can be gone on with. False when the
    /// end was under way: then the blob is here, or it has to be sent again.
    ///
    /// # Errors
    ///
    /// When the registry has gone.
    pub(crate) fn resume(&mut self, line: &mut Line) -> io::Result<bool> {
        let answer = line.ask(Method::GET, &self.location, |request| request)?;
        if answer.status == 404 {
            assert!(self.closing, "an upload in progress is gone; {answer}");
            return Ok(false);
        }
        let answer = answer.expect(204);
        let received = match answer.must("range").split_once('-') {
            // What is said of nothing, too; a chunk has two bytes at least.
            Some(("0", "0")) => 0,
            Some(("0", last)) => last.parse::<usize>().expect("an offset") + 1,
            _ => panic!("an unexpected Range; {answer}"),
        };
        assert!(
            received >= self.received,
            "acknowledged bytes are gone; {answer}"
        );
        self.received = received;
        Ok(true)
    }
}
