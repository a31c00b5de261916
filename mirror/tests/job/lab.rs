//! What the scripts are written with: a store, upstreams of the harness, and jobs from one to the other.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::upstream::Asked;
use harness::{Format, Image, Subject, Upstream};
use http::Method;
use roadstead_mirror::job::{
    Event, Order, Outcome, Plan, Platforms, Report, Selection, State, Watch, Wish,
};
use roadstead_mirror::{Client, Credentials, Proxies, Timeouts};
use roadstead_storage::oci::{Digest, Manifest, RepoName, Tag};
use roadstead_storage::{Config, Origin, Principal, Put, Repo, Store};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// A store that jobs bring content to.
pub(crate) struct Lab {
    _dir: TempDir,
    pub(crate) store: Store,
    pub(crate) client: Client,
    events: Arc<Mutex<Vec<Event>>>,
    stop: Arc<Notify>,
}

impl Lab {
    /// A new store before this upstream.
    pub(crate) async fn new(upstream: &Upstream) -> Self {
        Self::with(upstream, |_| ()).await
    }

    /// A new store that is configured further.
    pub(crate) async fn with(upstream: &Upstream, configure: impl FnOnce(&mut Config)) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut config = Config::new(dir.path().join("data"));
        configure(&mut config);
        Self {
            store: Store::create_or_open(config).await.expect("a store"),
            _dir: dir,
            client: client(upstream, "upstream"),
            events: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// A wish for something of a repository, to lie below `upstream`.
    pub(crate) fn wish(&self, repository: &str, selection: Selection) -> Wish {
        Wish {
            also: Vec::new(),
            set: None,
            is_optional: false,
            client: self.client.clone(),
            remote: repo(repository),
            local: repo(&format!("upstream/{repository}")),
            selection,
            tag: None,
        }
    }

    /// An order for this of the repository `a/b`.
    pub(crate) fn order<const N: usize>(&self, selections: [Selection; N]) -> Order {
        order(selections.map(|selection| self.wish("a/b", selection)))
    }

    pub(crate) async fn plan(&self, order: Order) -> Plan {
        let plan = Plan::make(&self.store, order, &Watch::default()).await;
        plan.expect("the store can be read")
    }

    pub(crate) async fn report(&self, order: Order) -> Report {
        self.plan(order).await.report()
    }

    /// Plans and carries out, as a task of its own.
    pub(crate) async fn run(&self, order: Order) -> Outcome {
        let (store, stop) = (self.store.clone(), Arc::clone(&self.stop));
        let events = Arc::clone(&self.events);
        let watch =
            Watch::new(move |event| events.lock().expect("nobody panics with it").push(event));
        let work = async move {
            let plan = Plan::make(&store, order, &watch).await;
            let plan = plan.expect("the store can be read");
            plan.carry_out(&store, &watch, stop.notified()).await
        };
        Handle::current().spawn(work).await.expect("it ends")
    }

    /// Stops the job that runs, or the next one.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }

    /// How many bytes jobs have told of.
    pub(crate) fn told(&self) -> u64 {
        let events = self.events.lock().expect("nobody panics with it");
        let bytes = events.iter().map(|event| match event {
            Event::Bytes(more) => *more,
            _ => 0,
        });
        bytes.sum()
    }

    /// What jobs have told of, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().expect("nobody panics with it").clone()
    }

    pub(crate) fn repo(&self, name: &str) -> Repo {
        self.store.repo(&repo(name))
    }

    /// The tags of a repository.
    pub(crate) async fn tags(&self, name: &str) -> Vec<String> {
        let tags = self.repo(name).tags().await.expect("reads");
        tags.unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// What a tag or digest is, which must be here with all its blobs.
    #[track_caller]
    pub(crate) fn whole(
        &self,
        name: &str,
        reference: &str,
    ) -> impl Future<Output = Option<Digest>> + use<> {
        let (repo, reference) = (self.repo(name), reference.parse().expect("a reference"));
        async move {
            let stored = repo.manifest(&reference).await.expect("reads")?;
            let media_type = Some(stored.media_type.as_str());
            let manifest = Manifest::parse(media_type, stored.bytes).expect("a manifest");
            for blob in manifest.blobs() {
                let held = repo.blob(blob.digest).await.expect("reads");
                assert!(held.is_some(), "{reference} lacks {}", blob.digest);
            }
            Some(stored.digest)
        }
    }

    /// Stores a manifest as if it had come in another way.
    pub(crate) async fn put(&self, name: &str, tags: &[&str], image: &Image, origin: Origin) {
        let manifest = Manifest::parse(
            Some(&image.manifest.media_type),
            image.manifest.bytes.clone(),
        );
        let put = Put {
            manifest: manifest.expect("a manifest"),
            digest: known(&image.digest()),
            tags: tags.iter().map(|name| tag(name)).collect(),
            origin,
            by: Principal::new("somebody else"),
        };
        self.repo(name).put_manifest(put).await.expect("writes");
    }
}

/// A client of an upstream that image references call so.
pub(crate) fn client(upstream: &Upstream, name: &str) -> Client {
    Client::new(&roadstead_mirror::Upstream {
        name: name.to_owned(),
        locations: vec![upstream.url().parse().expect("a URL")],
        credentials: Credentials::default(),
        tls: trusting_nobody(),
        proxies: Proxies::none(),
        token_hosts: Vec::new(),
        redirect_hosts: Vec::new(),
        max_connections: 16,
        timeouts: Timeouts {
            idle: Duration::from_secs(5),
            ..Timeouts::default()
        },
    })
}

/// An order for all of this, and no more than that.
pub(crate) fn order(wishes: impl Into<Vec<Wish>>) -> Order {
    Order {
        wishes: wishes.into(),
        registries: Vec::new(),
        lost: Vec::new(),
        platforms: Platforms::All,
        skip_missing: false,
        prune: false,
        by: Principal::new("job test"),
    }
}

pub(crate) fn tagged(name: &str) -> Selection {
    Selection::Tag(tag(name))
}

pub(crate) fn matching(pattern: &str) -> Selection {
    Selection::Matching(pattern.parse().expect("a pattern"))
}

pub(crate) fn only(platforms: &[&str]) -> Platforms {
    let parsed = platforms.iter().map(|text| text.parse());
    Platforms::Only(parsed.map(|it| it.expect("a platform")).collect())
}

pub(crate) fn repo(name: &str) -> RepoName {
    name.parse().expect("a name")
}

pub(crate) fn tag(name: &str) -> Tag {
    name.parse().expect("a tag")
}

/// A digest of the harness as the product knows it.
pub(crate) fn known(digest: &harness::Digest) -> Digest {
    digest.as_str().parse().expect("a digest")
}

/// A small image that is unlike those of other texts.
pub(crate) fn image(text: &str) -> Image {
    Image::new(Format::Oci, text)
}

/// How each image of an outcome stands, by its source.
pub(crate) fn states(outcome: &Outcome) -> Vec<(&str, State)> {
    let images = outcome.images.iter();
    images
        .map(|image| (image.source.as_str(), image.state))
        .collect()
}

/// What was asked since request `since`, in a few words each.
pub(crate) fn asked_since(upstream: &Upstream, since: usize) -> Vec<String> {
    let asked = upstream.asked().into_iter().skip(since);
    let mut asked: Vec<_> = asked.map(|asked| in_words(&asked)).collect();
    asked.sort_unstable();
    asked
}

/// Whether a request is for this blob.
pub(crate) fn is_for_blob(asked: &Asked, blob: &str) -> bool {
    matches!(asked.subject(), Subject::Blob(_, digest) if digest == blob)
}

/// What a repository's referrer to a digest is tagged with, where that is done.
pub(crate) fn made_from(digest: &harness::Digest, suffix: &str) -> String {
    format!("sha256-{}{suffix}", digest.hex())
}

fn in_words(asked: &Asked) -> String {
    let method = if asked.method == Method::HEAD {
        "HEAD"
    } else {
        "GET"
    };
    match asked.subject() {
        Subject::Blob(name, _) => format!("{method} blob of {name}"),
        Subject::Catalog => "GET catalog".to_owned(),
        Subject::Manifest(name, reference) => format!("{method} {name} {reference}"),
        Subject::Referrers(name, _) => format!("GET referrers in {name}"),
        Subject::Tags(name) => format!("GET tags of {name}"),
        other => format!("{method} {other:?}"),
    }
}

fn trusting_nobody() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(config)
}
