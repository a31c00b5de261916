//! One connection for many exchanges, any of which may fail: for clients that see the registry die,
//! and for those who measure how fast it answers.
//!
//! Everywhere else a request has a connection of its own, and a failure ends the test.

use std::io;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::body::Body;
use crate::client::{Client, Request};
use crate::response::Response;
use crate::transport::PATIENCE;

/// An HTTP/1.1 connection that is kept, or will be made when the next request needs it.
pub struct Session {
    client: Client,
    runtime: Runtime,
    connection: Option<SendRequest<Body>>,
}

impl Session {
    /// A session of this client; it connects when there is something to send.
    pub fn of(client: &Client) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        Self {
            client: client.clone(),
            runtime: runtime.expect("a runtime for one connection"),
            connection: None,
        }
    }
}

impl Request<'_> {
    /// Sends it over this session and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// When the connection is refused or cut; the next request makes another one.
    pub fn over(self, session: &mut Session) -> io::Result<Response> {
        let story = self.story();
        let request = self.assemble();
        let Session {
            client,
            runtime,
            connection,
        } = session;
        let exchange = async {
            let mut sender = match connection.take() {
                Some(sender) => sender,
                None => client.endpoint().http1().await?,
            };
            sender.ready().await.map_err(io::Error::other)?;
            let answer = sender.send_request(request).await;
            let (head, body) = answer.map_err(io::Error::other)?.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            *connection = Some(sender);
            io::Result::Ok((head, body))
        };
        let answered = runtime.block_on(async { timeout(PATIENCE, exchange).await });
        let (head, body): (_, Bytes) =
            answered.unwrap_or_else(|_| panic!("{story}: no end after {PATIENCE:?}"))?;
        let mut response = Response::new(story, head.status, head.headers);
        response.body = body;
        Ok(response)
    }
}
