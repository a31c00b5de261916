//! One question to a signature store on the web.
//!
//! It carries no credentials, and follows few redirects, to encrypted places only. Invariant: no more is read
//! of an answer than a signature may take.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::Full;
use roadstead_storage::oci::Digest;
use rustls::ClientConfig;

use super::message::MAX_MESSAGE;
use super::url::StoreUrl;
use crate::error::{Error, Said};
use crate::net::{
    Answer, Connector, Failure, Guard, Proxies, Timeouts, Transport, is_redirect, resolve,
};

/// How often one question is redirected.
const MAX_REDIRECTS: usize = 3;
/// How many requests may be under way at a store.
const MAX_CONNECTIONS: usize = 2;

const AGENT: &str = concat!("roadstead/", env!("CARGO_PKG_VERSION"));

/// By which way stores on the web are reached.
#[derive(Debug, Clone)]
pub struct Network {
    /// Whose certificates are believed.
    pub tls: Arc<ClientConfig>,
    /// Through which proxy.
    pub proxies: Proxies,
    /// How long each is waited for.
    pub timeouts: Timeouts,
}

/// A store on the web.
#[derive(Clone)]
pub(super) struct Web {
    url: StoreUrl,
    transport: Transport,
}

/// What a store says to a question for a signature.
pub(super) enum Answered {
    Failed(Error),
    Found(Bytes),
    NotThere,
    /// There is no use in asking it anything else.
    Unreachable(Error),
}

impl Web {
    pub(super) fn new(url: StoreUrl, network: &Network) -> Self {
        let Network {
            tls,
            proxies,
            timeouts,
        } = network.clone();
        let guard = Guard::new(vec![url.authority().clone()], Vec::new());
        let connector = Connector::new(tls, proxies, guard, timeouts.connect);
        let transport = Transport::new(connector, MAX_CONNECTIONS, timeouts);
        Self { url, transport }
    }

    pub(super) fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// Asks for the signature of a release with this number.
    pub(super) async fn ask(&self, release: &Digest, number: u8) -> Answered {
        let mut answer = match self.follow(self.url.of(release, number)).await {
            Ok(answer) => answer,
            Err(answered) => return answered,
        };
        let url = answer.url().clone();
        let status = answer.status();
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                answer.aside().await;
                return Answered::NotThere;
            }
            _ => {
                answer.aside().await;
                return Answered::Failed(Error::Answer {
                    url: (&url).into(),
                    status,
                    said: Said::default(),
                    retry_after: None,
                });
            }
        }
        match answer.collect(MAX_MESSAGE).await {
            // Every packet begins so, and no page of some proxy that wants a login.
            Ok(bytes) if bytes.first().is_some_and(|first| first & 0x80 != 0) => {
                Answered::Found(bytes)
            }
            Ok(_) => Answered::Failed(Error::Malformed {
                url: (&url).into(),
                what: "something that is no signature",
            }),
            Err(failure) => failed(&url, failure),
        }
    }

    async fn follow(&self, mut url: Uri) -> Result<Answer, Answered> {
        for _ in 0..=MAX_REDIRECTS {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.uri_mut() = url.clone();
            let headers = request.headers_mut();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            let sent = self.transport.send(request).await;
            let answer = sent.map_err(|failure| failed(&url, failure))?;
            if !is_redirect(answer.status()) {
                return Ok(answer);
            }
            let refuse = |whither| {
                Answered::Failed(Error::Redirect {
                    url: (&url).into(),
                    whither,
                })
            };
            let next = answer.text(LOCATION).and_then(|to| resolve(&url, to));
            let next = next.ok_or_else(|| refuse("to nowhere"))?;
            if next.scheme_str() != Some("https") {
                return Err(refuse("to a host without encryption"));
            }
            answer.aside().await;
            url = next;
        }
        Err(Answered::Failed(Error::Redirect {
            url: (&url).into(),
            whither: "too often",
        }))
    }
}

fn failed(url: &Uri, failure: Failure) -> Answered {
    let is_over = matches!(
        failure,
        Failure::Connect(_) | Failure::Idle { .. } | Failure::Slow { .. }
    );
    let error = Error::transfer(url, failure);
    if is_over {
        Answered::Unreachable(error)
    } else {
        Answered::Failed(error)
    }
}
