//! What an upstream answers when nothing goes wrong: the reading half of the distribution API.

use http::Method;
use serde_json::{Value, json};

use super::asked::{Asked, Subject};
use super::content::{Blob, Content};
use super::reply::Reply;
use crate::image::media_type;

/// How an upstream says what refers to a manifest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Referrers {
    /// By the API of version 1.1.
    #[default]
    Api,
    /// Not at all.
    None,
    /// By a tag that lists them, and 404 from the API.
    Tag,
}

/// How an upstream answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) referrers: Referrers,
    /// The most entries of a page.
    pub(super) page: usize,
}

/// The answer to what is asked, logins aside.
pub(super) fn to(asked: &Asked, content: &Content, manner: Manner, with_range: bool) -> Reply {
    if !matches!(asked.method, Method::GET | Method::HEAD) {
        return Reply::refusal(405, "UNSUPPORTED");
    }
    let answer = match asked.subject() {
        Subject::Ping => Some(Reply::json(200, &json!({}))),
        Subject::Catalog => Some(page(asked, "repositories", content.names(), manner.page)),
        Subject::Tags(name) => {
            let repository = content.repository(name);
            repository.map(|repository| page(asked, "tags", repository.tags(), manner.page))
        }
        Subject::Manifest(name, reference) => manifest(content, name, reference, manner.referrers),
        Subject::Blob(name, digest) => {
            let range = asked.header("range").filter(|_| with_range);
            let repository = content.repository(name);
            let blob = repository.and_then(|repository| repository.blobs.get(digest));
            blob.map(|held| blob_answer(held, digest, range))
        }
        Subject::Referrers(name, digest) if manner.referrers == Referrers::Api => {
            let empty =
                json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] });
            let repository = content.repository(name);
            let index = repository.map_or(empty, |repository| repository.referrers(digest));
            Some(Reply::json(200, &index).header("content-type", media_type::OCI_INDEX))
        }
        Subject::Other | Subject::Referrers(..) | Subject::Token => None,
    };
    answer.unwrap_or_else(|| Reply::refusal(404, "NOT_FOUND"))
}

fn manifest(content: &Content, name: &str, reference: &str, referrers: Referrers) -> Option<Reply> {
    let repository = content.repository(name)?;
    if let Some((digest, manifest)) = repository.manifest(reference) {
        let answer = Reply::new(200)
            .header("content-type", &manifest.media_type)
            .header("docker-content-digest", digest)
            .body(&manifest.bytes);
        return Some(answer);
    }
    let subject = reference.replacen('-', ":", 1);
    let index = repository.referrers(&subject);
    let is_listed = referrers == Referrers::Tag && index["manifests"] != json!([]);
    is_listed.then(|| Reply::json(200, &index).header("content-type", media_type::OCI_INDEX))
}

fn blob_answer(blob: &Blob, digest: &str, range: Option<&str>) -> Reply {
    let answer = Reply::new(200)
        .header("content-type", "application/octet-stream")
        .header("docker-content-digest", digest)
        .header("accept-ranges", "bytes")
        .body(blob.clone());
    let Some((from, to)) = range.and_then(|range| bounds(range, blob.len())) else {
        return answer;
    };
    if from >= to {
        let range = format!("bytes */{}", blob.len());
        return Reply::refusal(416, "RANGE_INVALID").header("content-range", range);
    }
    answer.partial(from, to)
}

/// Where a range begins and ends within so many bytes.
fn bounds(range: &str, length: u64) -> Option<(u64, u64)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let to = match to {
        "" => length,
        to => to.parse::<u64>().ok()?.saturating_add(1).min(length),
    };
    Some((from.parse().ok()?, to))
}

/// One page of a list.
fn page<'a>(
    asked: &Asked,
    member: &str,
    entries: impl Iterator<Item = &'a str>,
    most: usize,
) -> Reply {
    let wanted = asked.query("n").and_then(|text| text.parse().ok());
    let count = wanted.unwrap_or(most).min(most);
    let last = asked.query("last").unwrap_or_default();
    let mut entries: Vec<_> = entries.filter(|entry| *entry > &*last).collect();
    entries.sort_unstable();
    let is_last = entries.len() <= count;
    entries.truncate(count);
    let answer = Reply::json(200, &Value::from_iter([(member, entries.clone())]));
    match entries.last() {
        Some(last) if !is_last => {
            let path = asked.path();
            answer.header(
                "link",
                format!("<{path}?n={count}&last={last}>; rel=\"next\""),
            )
        }
        _ => answer,
    }
}
