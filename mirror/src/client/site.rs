//! One location of an upstream: a request there, with the login it wants and the redirects it makes.
//!
//! Invariant: what authorises a request goes to no other host, port or scheme than the one it is for.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderName, LOCATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;

use super::challenge::Challenge;
use super::login::Logins;
use super::pace::Pace;
use super::quota::Quota;
use super::scope::Scope;
use super::status;
use crate::error::Error;
use crate::net::{Answer, Authority, Connector, Guard, Transport, is_redirect, resolve};
use crate::upstream::{Location, Upstream};

/// How often one request is redirected.
const MAX_REDIRECTS: usize = 5;

const AGENT: &str = concat!("roadstead/", env!("CARGO_PKG_VERSION"));

/// One location of an upstream.
pub(super) struct Site {
    pub(super) location: Location,
    transport: Transport,
    logins: Logins,
    pub(super) pace: Pace,
    quota: Quota,
}

/// A request, as it is made anew for each redirect.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) url: Uri,
    pub(super) scope: &'a Scope,
    pub(super) accept: &'static str,
    /// Which part of it.
    pub(super) part: Part,
}

/// Which part of what lies at a URL is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// From this byte on; from zero on is all.
    From(u64),
    /// One byte: whether it can be had at all is what matters.
    Taste,
}

impl Site {
    /// All locations of an upstream, with one transport.
    pub(super) fn all(upstream: &Upstream) -> Vec<Arc<Self>> {
        let own = upstream.locations.iter().map(Location::authority).cloned();
        let listed = upstream.redirect_hosts.iter().chain(&upstream.token_hosts);
        let guard = Guard::new(own.collect(), listed.cloned().collect());
        let connector = Connector::new(
            Arc::clone(&upstream.tls),
            upstream.proxies.clone(),
            guard,
            upstream.timeouts.connect,
        );
        let transport = Transport::new(connector, upstream.max_connections, upstream.timeouts);
        let site = |location: &Location| {
            Arc::new(Self {
                location: location.clone(),
                transport: transport.clone(),
                logins: Logins::new(
                    transport.clone(),
                    location.clone(),
                    upstream.credentials.clone(),
                    upstream.token_hosts.clone(),
                ),
                pace: Pace::default(),
                quota: Quota::default(),
            })
        };
        upstream.locations.iter().map(site).collect()
    }

    /// The URL of something below a repository.
    pub(super) fn url(&self, path_and_query: &str) -> Result<Uri, Error> {
        let url = self.location.at(path_and_query);
        url.map_err(|_| Error::Malformed {
            url: self.location.url().into(),
            what: "a path that is no path",
        })
    }

    /// Asks, logs in if that is wanted, and follows where it leads. Only what asks for a body is
    /// redirected; otherwise the redirect is the answer.
    ///
    /// # Errors
    /// Whatever is not a success; a request for a pause is remembered.
    ///
    /// # Cancel safety
    /// Dropped, the request is given up.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Error> {
        if let Some(left) = self.pace.left() {
            let host = self.location.authority().to_string();
            return Err(Error::Paused { host, left });
        }
        let mut answered = self.ask_now(question).await;
        // Whoever of it said so, its token service included.
        if let Err(Error::Answer {
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after,
            ..
        }) = &mut answered
        {
            *retry_after = Some(self.pace.pause(*retry_after));
        }
        answered
    }

    /// How many more manifests this location gives, if an answer says so.
    pub(super) fn allowance(&self, answer: &Answer) -> Option<u64> {
        self.quota.take_in(answer.headers())
    }

    /// Keeps a job from taking the last manifests that this location gives.
    ///
    /// # Errors
    /// [`Error::Paused`] says how long it has to wait.
    pub(super) fn spare(&self) -> Result<(), Error> {
        match self.quota.wait() {
            None => Ok(()),
            Some(left) => Err(Error::Paused {
                host: self.location.authority().to_string(),
                left,
            }),
        }
    }

    async fn ask_now(&self, question: &Question<'_>) -> Result<Answer, Error> {
        let mut authorization = self.logins.held(question.scope).await;
        let mut answer = self.follow(question, authorization.clone()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.is_own(answer.url()) {
            let challenge = self.challenge(answer).await?;
            let rejected = authorization.as_ref();
            let new = self.logins.log_in(question.scope, challenge, rejected);
            authorization = Some(new.await?);
            answer = self.follow(question, authorization).await?;
        }
        if is_redirect(answer.status()) && question.method != Method::GET {
            return Ok(answer);
        }
        status::check(answer).await
    }

    fn is_own(&self, url: &Uri) -> bool {
        Authority::of(url).as_ref() == Some(self.location.authority())
    }

    /// What login is wanted. Some say so only when they are asked for nothing in particular.
    async fn challenge(&self, answer: Answer) -> Result<Challenge, Error> {
        if let Some(challenge) = Challenge::of(answer.headers()) {
            answer.aside().await;
            return Ok(challenge);
        }
        let refused = status::failure(answer).await;
        let Ok(url) = self.location.ping() else {
            return Err(refused);
        };
        let ping = self.send(Method::GET, &url, HeaderMap::new()).await?;
        Challenge::of(ping.headers()).ok_or(refused)
    }

    async fn follow(
        &self,
        question: &Question<'_>,
        mut authorization: Option<HeaderValue>,
    ) -> Result<Answer, Error> {
        let mut url = question.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let headers = question.headers(authorization.as_ref());
            let answer = self.send(question.method.clone(), &url, headers).await?;
            // A signed URL is signed for reading, not for asking whether it could be read.
            if !is_redirect(answer.status()) || question.method != Method::GET {
                return Ok(answer);
            }
            let next = answer.text(LOCATION).and_then(|to| resolve(&url, to));
            let refuse = |whither| Error::Redirect {
                url: (&url).into(),
                whither,
            };
            let next = next.ok_or_else(|| refuse("to nowhere"))?;
            let is_secure = url.scheme_str() == Some("https");
            if is_secure && next.scheme_str() != Some("https") {
                return Err(refuse("to a host without encryption"));
            }
            answer.aside().await;
            let stays =
                next.scheme() == url.scheme() && Authority::of(&next) == Authority::of(&url);
            if !stays {
                authorization = None;
            }
            url = next;
        }
        Err(Error::Redirect {
            url: (&question.url).into(),
            whither: "too often",
        })
    }

    async fn send(&self, method: Method, url: &Uri, headers: HeaderMap) -> Result<Answer, Error> {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method;
        *request.uri_mut() = url.clone();
        *request.headers_mut() = headers;
        let sent = self.transport.send(request).await;
        sent.map_err(|failure| Error::transfer(url, failure))
    }
}

impl Question<'_> {
    fn headers(&self, authorization: Option<&HeaderValue>) -> HeaderMap {
        let fixed = [
            (ACCEPT, self.accept),
            // Content is hashed as it is stored, so nobody may wrap it on the way.
            (ACCEPT_ENCODING, "identity"),
            (USER_AGENT, AGENT),
        ];
        let mut headers: HeaderMap = fixed
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value): (HeaderName, _)| (name, HeaderValue::from_static(value)))
            .collect();
        let range = match self.part {
            Part::From(0) => None,
            Part::From(from) => Some(format!("bytes={from}-")),
            Part::Taste => Some("bytes=0-0".to_owned()),
        };
        if let Some(range) = range {
            let range = HeaderValue::try_from(range).expect("a number fits into a header");
            headers.insert(RANGE, range);
        }
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers
    }
}
