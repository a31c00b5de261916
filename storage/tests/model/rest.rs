//! What has to hold when all clients rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use roadstead_storage::oci::{Digest, Reference, Tag};
use roadstead_storage::{ScrubOptions, Store};

use crate::client::{Client, Image};
use crate::common::{files_below, repo};
use crate::register::{Event, check};
use crate::world::{REPOSITORIES, Register, World};

/// What each tag names.
pub(crate) type Tags = BTreeMap<Register, Option<Digest>>;

/// Scrub finds nothing.
pub(crate) async fn is_clean(store: &Store) {
    let scrub = store.scrub(ScrubOptions::default(), Arc::default(), |_| {});
    assert_eq!(scrub.await.expect("scrubs").defects, []);
}

/// Reads every tag, as a client does.
pub(crate) async fn look_at_tags(world: &World, inspector: &mut Client) -> Tags {
    let mut tags = Tags::new();
    for register in Register::all() {
        tags.insert(register, inspector.look_at(world, register).await);
    }
    tags
}

/// What was seen of each tag, which named `first` at first, can have happened to one tag.
pub(crate) fn judge(first: &Tags, events: Vec<(Register, Event<Digest>)>) {
    let mut histories: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (register, event) in events {
        histories.entry(register).or_default().push(event);
    }
    for (register, mut history) in histories {
        if let Err(unexplained) = check(first[&register], &history) {
            let answered = unexplained.event.answered;
            history.sort_by_key(|event| event.called);
            let around: Vec<_> = history
                .iter()
                .filter(|event| event.answered + 60 > answered && event.called < answered + 10)
                .collect();
            panic!("{register:?} is no register: {unexplained:#?}, among {around:#?}");
        }
    }
}

/// The store holds exactly what the clients and their tags say.
pub(crate) async fn compare(world: &World, clients: &[Client], tags: &Tags) {
    let store = &world.store;
    let images: Vec<_> = clients.iter().flat_map(|client| &client.images).collect();
    for (place, name) in REPOSITORIES.iter().enumerate() {
        let named = tags
            .iter()
            .filter(|(register, digest)| register.repository == place && digest.is_some());
        let named: BTreeSet<Tag> = named.map(|(register, _)| register.tag()).collect();
        let listed = store.repo(&repo(name)).tags().await.expect("lists");
        assert_eq!(
            listed
                .unwrap_or_default()
                .into_iter()
                .collect::<BTreeSet<_>>(),
            named,
            "{name}"
        );
        let images: Vec<_> = images
            .iter()
            .filter(|image| image.repository == place)
            .collect();
        let records = files_below(&world.root.join("repos").join(name));
        let records = records
            .iter()
            .filter(|path| path.starts_with("_manifests/"));
        assert_eq!(records.count(), images.len(), "{name}");
        for image in images {
            is_there(store, name, image).await;
            let referrers = store.repo(&repo(name)).referrers(image.digest).await;
            let referrers: BTreeSet<_> = referrers
                .expect("lists")
                .iter()
                .map(|it| it.digest)
                .collect();
            let expected = clients.iter().flat_map(|client| &client.images);
            let expected = expected
                .filter(|other| other.repository == place && other.subject == Some(image.digest));
            assert_eq!(
                referrers,
                expected.map(|other| other.digest).collect(),
                "{name}"
            );
        }
    }
    is_clean(store).await;
    store.rebuild_index().await.expect("rebuilds");
    let mut existing = Vec::new();
    for name in REPOSITORIES {
        if store.repo(&repo(name)).exists().await.expect("answers") {
            existing.push(repo(name));
        }
    }
    assert_eq!(
        store.repositories(None, 100).await.expect("lists"),
        existing
    );
    assert_eq!(store.stat().await.expect("counts").uploads, 0);
}

async fn is_there(store: &Store, name: &str, image: &Image) {
    let there = store.repo(&repo(name));
    let stored = there.manifest(&Reference::Digest(image.digest)).await;
    let stored = stored.expect("reads").expect("nobody deleted it");
    assert_eq!(stored.bytes, image.manifest.bytes());
}
