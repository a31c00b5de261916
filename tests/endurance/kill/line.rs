//! The line of one client to the registry: it says what was answered and notices when it is cut.

use std::io;
use std::sync::mpsc::Sender;

use harness::{Client, Digest, Request, Response, Session};
use http::Method;

use super::ledger::{Found, Name};

/// A client's kept connection.
pub(crate) struct Line {
    client: Client,
    session: Session,
    answered: Option<Sender<()>>,
}

impl Line {
    /// A line that is opened with the first request.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            session: Session::of(client),
            answered: None,
        }
    }

    /// Tells each answer from now on, or to nobody.
    pub(crate) fn tell(&mut self, answered: Option<Sender<()>>) {
        self.answered = answered;
    }

    /// The next request opens another line.
    pub(crate) fn hang_up(&mut self) {
        self.session = Session::of(&self.client);
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the registry has gone.
    pub(crate) fn ask(
        &mut self,
        method: Method,
        path: impl Into<String>,
        fill_in: impl FnOnce(Request<'_>) -> Request<'_>,
    ) -> io::Result<Response> {
        let request = fill_in(self.client.request(method, path));
        let response = request.over(&mut self.session)?;
        if let Some(answered) = &self.answered {
            // Nobody listens any more once the registry is about to be killed.
            let _ = answered.send(());
        }
        Ok(response)
    }

    /// What is found under a name in a repository, its bytes compared with its digest.
    ///
    /// # Errors
    ///
    /// When the registry has gone.
    pub(crate) fn look_up(&mut self, repository: &str, name: &Name) -> io::Result<Found> {
        let answer = self.ask(Method::GET, name.path(repository), |request| request)?;
        if answer.status == 404 {
            return Ok(None);
        }
        let answer = answer.expect(200);
        let digest = Digest::of(&answer.body);
        assert_eq!(answer.digest(), digest, "{repository}: {name:?}");
        Ok(Some(digest))
    }
}
