//! One request: understand, authenticate, grant, call, answer.
//!
//! Owns the order of these steps and what every answer carries. There is always an answer: a failure
//! becomes one, and so does a panic, which ends its request and nothing else. It knows no
//! connections. Invariant: no handler that touches a repository runs before its grant is there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::header::EXPECT;
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use ipnet::IpNet;
use roadstead_certs::{Clock, ServerTls};
use roadstead_storage::oci::RepoName;
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, Span, debug, error, field, info, info_span};

use crate::auth::Authenticator;
use crate::auth::grant::{Caller, Grant, Pull, Push};
use crate::http::answer;
use crate::http::blobs;
use crate::http::body::Body;
use crate::http::budget::Budget;
use crate::http::challenge::{Challenge, Scope};
use crate::http::error::{Error, ErrorCode};
use crate::http::header::OCI_NAMESPACE;
use crate::http::id::{Id, Ids};
use crate::http::listing;
use crate::http::manifests;
use crate::http::observe::{Observed, Record};
use crate::http::origin::{Origin, Peer};
use crate::http::payload::Payload;
use crate::http::prompt;
use crate::http::route::{Read, Refusal, Remove, Route, Start, Write, namespace};
use crate::http::status;
use crate::http::token;
use crate::http::uploads;
use crate::registry::Registry;
use crate::shutdown::{Tasks, caught};
use crate::telemetry::{Endpoint, METRICS_TYPE, Metrics};
use crate::upkeep::Upkeep;

/// What a service works with.
pub(crate) struct Parts {
    /// How clients reach us when they do not say it themselves: `host[:port]`.
    pub(crate) address: String,
    /// Who is who, and may what.
    pub(crate) auth: Authenticator,
    /// Tells the time to the CA.
    pub(crate) clock: Clock,
    /// Counts.
    pub(crate) metrics: Metrics,
    /// What is served.
    pub(crate) registry: Registry,
    /// Runs what outlives a request.
    pub(crate) tasks: Tasks,
    /// Knows what clients must trust.
    pub(crate) tls: Arc<ServerTls>,
    /// Whose `X-Forwarded-*` counts.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Knows what room the store has.
    pub(crate) upkeep: Upkeep,
}

/// Answers requests; clones share everything.
#[derive(Clone)]
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    parts: Parts,
    budget: Budget,
    ids: Ids,
    manifests_at_once: Semaphore,
}

/// What is asked, and what it is called where it is talked about.
struct Asked {
    head: Head,
    id: Id,
    endpoint: Endpoint,
}

impl Asked {
    /// Makes the answer what every answer is.
    fn answered(self, mut response: Response<Body>, record: Record) -> Response<Observed> {
        answer::decorate(response.headers_mut(), self.endpoint, self.id);
        let (answer, mut body) = response.into_parts();
        if self.head.method == Method::HEAD {
            // Its length is said already, and stays.
            body = Body::Empty;
        }
        let body = record.answer(answer.status, body);
        Response::from_parts(answer, body)
    }
}

impl Service {
    /// A service of these parts.
    pub(crate) fn new(parts: Parts) -> Self {
        let manifests_at_once = Semaphore::new(manifests::MAX_AT_ONCE);
        Self(Arc::new(Inner {
            parts,
            budget: Budget::new(),
            ids: Ids::default(),
            manifests_at_once,
        }))
    }

    /// Answers one request that came from `peer`.
    ///
    /// # Cancel safety
    /// Dropped when the client goes; what has been acknowledged stays, and the store's changes run
    /// to their end.
    pub(crate) async fn answer(
        &self,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Response<Observed> {
        let Parts {
            auth,
            metrics,
            registry,
            ..
        } = &self.0.parts;
        let (head, body) = request.into_parts();
        let route = Route::parse(&head.method, head.uri.path(), head.uri.query());
        let payload = Payload::new(body, awaits_word(&head.headers));
        let asked = Asked {
            id: self.0.ids.next(),
            endpoint: route.as_ref().map_or(Endpoint::Unknown, Route::endpoint),
            head,
        };
        let record = Record::begin(metrics, &asked.head.method, asked.endpoint);
        if let Ok(route) = &route
            && !payload.wants_discarding()
            && !prompt::is_watched()
        {
            let prompt = AssertUnwindSafe(|| prompt::answer(auth, registry, &asked.head, route));
            // A panic in there is met again on the long way, and becomes an answer.
            if let Ok(Some(response)) = catch_unwind(prompt) {
                return asked.answered(response, record);
            }
        }
        // The long way needs room for all that may be on it, which the short one shall not carry along.
        Box::pin(self.see_to(peer, asked, route, payload, record)).await
    }

    /// Answers a request that takes its time, within a span that says whose it is.
    async fn see_to(
        &self,
        peer: Peer,
        asked: Asked,
        route: Result<Route, Refusal>,
        mut payload: Payload,
        mut record: Record,
    ) -> Response<Observed> {
        let Parts {
            address,
            auth,
            metrics,
            trusted_proxies,
            ..
        } = &self.0.parts;
        let head = &asked.head;
        let origin = Origin::of(peer, &head.uri, &head.headers, trusted_proxies);
        let repo = route
            .as_ref()
            .ok()
            .and_then(Route::repo)
            .map(RepoName::as_str);
        let span = info_span!(
            "request",
            id = asked.id.to_string(),
            client.address = %origin.client,
            method = %head.method,
            route = asked.endpoint.template(),
            repo,
            user = field::Empty,
        );
        record.tell(&span, head);

        let call = self.call(peer, head, route, &mut payload);
        let outcome = caught(call.instrument(span.clone()))
            .await
            .unwrap_or_else(|panic| {
                metrics.panic();
                Err(Error::new(ErrorCode::Unknown).because(panic))
            });
        let _within = span.entered();
        let response = outcome.unwrap_or_else(|failure| {
            if failure.is_ours() {
                // As text and not as what displays itself: a field that is text is written escaped,
                // and the words of a client may be in it.
                error!(error = failure.to_string(), "A request failed");
            } else if failure.is_bad_login() {
                metrics.login_failed();
                info!(target: "audit", "Refused credentials");
            } else {
                debug!(error = failure.to_string(), "Refused a request");
            }
            let realm = origin.url(address, "/token");
            failure.into_response(&realm, auth.service())
        });
        record.received = payload.received();
        self.discard(payload, head.version);
        asked.answered(response, record)
    }

    async fn call(
        &self,
        peer: Peer,
        head: &Head,
        route: Result<Route, Refusal>,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Error> {
        let Parts {
            auth,
            clock,
            registry,
            tasks,
            tls,
            ..
        } = &self.0.parts;
        match route? {
            Route::CaCertificate => Ok(status::ca_certificate(tls.trust_pem(clock()))),
            Route::Health => Ok(status::health()),
            Route::Metrics => self.metrics(peer, head).await,
            Route::Preflight => Ok(status::preflight()),
            Route::Ready => {
                let draining = tasks.stopping().is_cancelled().then_some("shutting down");
                Ok(status::ready(draining.or_else(|| registry.impairment())))
            }
            Route::TokenGet => token::get(auth, &head.headers, head.uri.query()).await,
            Route::TokenPost => token::post(auth, &head.headers, payload).await,
            Route::Base => {
                let caller = self.authenticate(head, &[]).await?;
                auth.ping(&caller)
                    .map_err(|denied| Error::denied(denied, Vec::new()))?;
                Ok(answer::json(StatusCode::OK, &json!({})))
            }
            Route::Catalog(page) => {
                let scopes = [Scope::Catalog];
                let caller = self.authenticate(head, &scopes).await?;
                let listing = auth.listing(&caller);
                let listing = listing.map_err(|denied| Error::denied(denied, scopes.into()))?;
                listing::catalog(registry, &listing, &page).await
            }
            Route::Read(repo, what) => {
                let namespace = namespace(head.uri.query());
                let (repo, counts) = registry.meant(repo, namespace.as_deref()).await?;
                let scopes = [Scope::pull(&repo)];
                let caller = self.authenticate(head, &scopes).await?;
                let grant = auth.grant(&caller, &repo);
                let grant = grant.map_err(|denied| Error::denied(denied, scopes.into()))?;
                let mut read = self.read(head, &grant, what).await?;
                // Clients and proxies shall know that it counted.
                if let Some(namespace) = namespace.filter(|_| counts)
                    && let Ok(namespace) = HeaderValue::from_str(&namespace)
                {
                    read.headers_mut().insert(OCI_NAMESPACE, namespace);
                }
                Ok(read)
            }
            Route::Remove(repo, what) => {
                let (repo, _) = registry.meant(repo, None).await?;
                let scopes = [Scope::delete(&repo)];
                let caller = self.authenticate(head, &scopes).await?;
                let grant = auth.grant(&caller, &repo);
                let grant = grant.map_err(|denied| Error::denied(denied, scopes.into()))?;
                match what {
                    Remove::Blob(digest) => blobs::delete(registry, &grant, digest).await,
                    Remove::Manifest(reference) => {
                        manifests::delete(registry, &grant, &reference).await
                    }
                }
            }
            Route::Write(repo, what) => {
                let (repo, _) = registry.meant(repo, None).await?;
                let scopes = needed_to_write(&repo, &what);
                let caller = self.authenticate(head, &scopes).await?;
                let grant = auth.grant(&caller, &repo);
                let grant = grant.map_err(|denied| Error::denied(denied, scopes))?;
                registry.writable(grant.repo())?;
                self.write(head, &caller, &grant, what, payload).await
            }
        }
    }

    async fn read(
        &self,
        head: &Head,
        grant: &Grant<Pull>,
        what: Read,
    ) -> Result<Response<Body>, Error> {
        let Inner {
            parts: Parts { registry, .. },
            budget,
            ..
        } = &*self.0;
        let Head {
            headers, method, ..
        } = head;
        match what {
            Read::Blob(digest) => {
                blobs::read(registry, grant, digest, method, headers, budget).await
            }
            Read::Manifest(reference) => {
                manifests::read(registry, grant, &reference, method, headers).await
            }
            Read::Referrers(subject, filter) => {
                listing::referrers(registry, grant, subject, &filter).await
            }
            Read::Tags(page) => listing::tags(registry, grant, &page).await,
        }
    }

    async fn write(
        &self,
        head: &Head,
        caller: &Caller,
        grant: &Grant<Push>,
        what: Write,
        payload: &mut Payload,
    ) -> Result<Response<Body>, Error> {
        let Inner {
            parts,
            budget,
            manifests_at_once,
            ..
        } = &*self.0;
        let Parts {
            auth,
            metrics,
            registry,
            ..
        } = parts;
        let headers = &head.headers;
        match what {
            Write::Manifest(target) => {
                manifests::put(registry, grant, target, headers, payload, manifests_at_once).await
            }
            Write::UploadAppend(id) => {
                let _writing = metrics.upload();
                uploads::append(registry, grant, id, headers, payload, budget).await
            }
            Write::UploadCancel(id) => uploads::cancel(registry, grant, id).await,
            Write::UploadFinish(id, digest) => {
                let _writing = metrics.upload();
                uploads::finish(registry, grant, id, digest, headers, payload, budget).await
            }
            Write::UploadStart(start) => {
                let _writing = metrics.upload();
                let may_pull = |source: &RepoName| auth.grant(caller, source).ok();
                uploads::start(registry, grant, start, payload, budget, may_pull).await
            }
            Write::UploadStatus(id) => uploads::status(registry, grant, id).await,
        }
    }

    /// Metrics go to administrators, and to whoever is on this machine already. Credentials that
    /// came and are wrong are refused even there: a collector that has some wants to know.
    async fn metrics(&self, peer: Peer, head: &Head) -> Result<Response<Body>, Error> {
        let Parts {
            auth,
            metrics,
            upkeep,
            ..
        } = &self.0.parts;
        let caller = auth.authenticate(&head.headers).await;
        let caller = caller.map_err(|error| Error::login_failed(error, Challenge::Basic))?;
        if caller.is_admin() || status::is_local(peer, &head.headers) {
            upkeep.measure().await;
            Ok(status::metrics(METRICS_TYPE, metrics.encode()))
        } else if caller.is_anonymous() {
            Err(Error::challenge(Challenge::Basic))
        } else {
            Err(Error::new(ErrorCode::Denied))
        }
    }

    /// Finds out who it is. Wrong credentials are refused whatever anybody may do without any.
    async fn authenticate(&self, head: &Head, scopes: &[Scope]) -> Result<Caller, Error> {
        let caller = self.0.parts.auth.authenticate(&head.headers).await;
        let caller = caller.map_err(|error| Error::unauthenticated(error, scopes.to_vec()))?;
        Span::current().record("user", caller.principal().as_str());
        Ok(caller)
    }

    /// Sees to what the handler left unread, or the client might never read the answer.
    fn discard(&self, payload: Payload, version: Version) {
        // HTTP/2 can refuse the rest of one body without breaking anything.
        if !payload.wants_discarding() || version == Version::HTTP_2 {
            return;
        }
        let tasks = &self.0.parts.tasks;
        let stop = tasks.stopping();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = payload.discard() => {}
            }
        });
    }
}

/// What a push asks a token for. A mount reads its source, too, and a client that asks for both at
/// once needs one token less.
fn needed_to_write(repo: &RepoName, what: &Write) -> Vec<Scope> {
    let mut scopes = vec![Scope::push(repo)];
    if let Write::UploadStart(Start::Mount {
        from: Some(from), ..
    }) = what
    {
        scopes.push(Scope::pull(from));
    }
    scopes
}

/// Whether the client sends its body only after `100 Continue`.
fn awaits_word(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
