//! Many clients at once, cheaply: all connections are open before the first of them asks.
//!
//! One process with few threads plays them all, so that a test of a thousand measures the registry
//! and not itself. Content is compared byte by byte with what it should be, which is as good as its
//! digest and costs less.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::body::Body;
use crate::client::{Client, Request};

/// How many connections are being opened at a time: fewer than a listener lets wait.
const OPENING: usize = 64;

/// Clients that are connected and have not asked yet, or have been answered.
pub struct Crowd {
    runtime: Runtime,
    members: Vec<SendRequest<Body>>,
}

impl Crowd {
    /// Opens this many connections.
    #[track_caller]
    pub fn gather(client: &Client, size: usize) -> Self {
        let runtime = Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for a crowd");
        let members = runtime.block_on(async {
            let mut members = Vec::with_capacity(size);
            while members.len() < size {
                let mut opening = JoinSet::new();
                for _ in 0..OPENING.min(size - members.len()) {
                    let client = client.clone();
                    opening.spawn(async move { client.endpoint().http1().await });
                }
                let opened = opening.join_all().await.into_iter();
                members.extend(opened.map(|member| member.expect("connect to the registry")));
            }
            members
        });
        Self { runtime, members }
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Each member sends its request, all at once. Insists on this status and this body for each, and
    /// returns their `Location`s.
    #[track_caller]
    pub fn ask<'a>(
        &mut self,
        status: u16,
        content: &Bytes,
        request: impl Fn(usize) -> Request<'a>,
    ) -> Vec<String> {
        let requests: Vec<_> = (0..self.size())
            .map(|number| {
                let request = request(number);
                (request.story(), request.assemble())
            })
            .collect();
        let members = self.members.drain(..).zip(requests);
        let mut answers = self.runtime.block_on(async {
            let mut asking = JoinSet::new();
            for (number, (member, (story, request))) in members.enumerate() {
                let content = content.clone();
                asking.spawn(async move {
                    let answer = exchange(member, request, status, content).await;
                    let (member, location) =
                        answer.unwrap_or_else(|what| panic!("{story}, client {number}: {what}"));
                    (number, member, location)
                });
            }
            asking.join_all().await
        });
        answers.sort_by_key(|(number, ..)| *number);
        let (members, locations) = answers
            .into_iter()
            .map(|(_, member, at)| (member, at))
            .unzip();
        self.members = members;
        locations
    }
}

/// Asks, and compares the answer with what it should be: the member again, and where it was sent.
async fn exchange(
    mut member: SendRequest<Body>,
    request: http::Request<Body>,
    status: u16,
    content: Bytes,
) -> Result<(SendRequest<Body>, String), String> {
    let answer = member.send_request(request).await;
    let (head, mut body) = answer.map_err(|error| error.to_string())?.into_parts();
    if head.status != StatusCode::from_u16(status).expect("a status") {
        return Err(format!("answered {}", head.status));
    }
    let mut left = content;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| format!("{} bytes short: {error}", left.len()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if !left.starts_with(&data) {
            return Err(format!("wrong bytes, {} from the end", left.len()));
        }
        left = left.slice(data.len()..);
    }
    if !left.is_empty() {
        return Err(format!("ended {} bytes early", left.len()));
    }
    let location = head.headers.get("location");
    let location = location.map_or("", |value| value.to_str().expect("a path"));
    Ok((member, location.to_owned()))
}
