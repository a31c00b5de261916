//! Contract tests: what is given from memory is what the files say.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use common::{Fixture, alice, image, push_blob, put, repo, tag};
use roadstead_storage::oci::{Algorithm, Digest, Manifest, Reference, RepoName, Tag};
use roadstead_storage::{Clock, Going, Origin, Put, Repo, ScrubOptions, Store, Stored, Target};
use tokio::task::JoinSet;

fn nth_image(number: u64) -> Manifest {
    image(b"1", &[], &format!(r#","annotations":{{"n":"{number}"}}"#))
}

/// Which image that is.
fn number(stored: &Stored) -> u64 {
    let parsed: serde_json::Value = serde_json::from_slice(&stored.bytes).expect("is JSON");
    let number = parsed["annotations"]["n"].as_str().expect("is numbered");
    number.parse().expect("is a number")
}

fn digest(manifest: &Manifest) -> Digest {
    manifest.digest(Algorithm::Sha256)
}

fn record(root: &Path, name: &RepoName, digest: Digest) -> PathBuf {
    let manifests = root.join("repos").join(name.as_str()).join("_manifests");
    manifests
        .join(digest.algorithm().as_str())
        .join(digest.hex())
}

fn tag_file(root: &Path, name: &RepoName, tag: &Tag) -> PathBuf {
    let tags = root.join("repos").join(name.as_str()).join("_tags");
    tags.join(tag.as_str())
}

/// Reads it, so that it is at hand from then on.
async fn read(there: &Repo, reference: &Reference) -> Stored {
    let stored = there.manifest(reference).await.expect("reads");
    let stored = stored.expect("is there");
    let at_hand = there.at_hand(reference).expect("is at hand");
    assert_eq!(at_hand.stored().bytes, stored.bytes);
    stored
}

#[tokio::test]
async fn a_small_blob_is_given_at_once_where_it_may_be_served() {
    let fixture = Fixture::new().await;
    let there = fixture.store.repo(&repo("a/b"));
    let blob = push_blob(&fixture.store, there.name(), b"small").await;
    let given = there.small_blob(blob, 5);
    assert_eq!(given.expect("it was just written"), "small");
    assert!(there.small_blob(blob, 4).is_none(), "it is larger");
    let elsewhere = fixture.store.repo(&repo("c/d"));
    assert!(elsewhere.small_blob(blob, 5).is_none(), "no link");
    there.unlink_blob(blob).await.expect("deletes");
    assert!(there.small_blob(blob, 5).is_none(), "no link any more");
}

#[tokio::test]
async fn what_was_read_once_needs_no_files() {
    let fixture = Fixture::new().await;
    let (name, latest) = (repo("a/b"), tag("latest"));
    let there = fixture.store.repo(&name);
    let manifest = nth_image(1);
    let by_tag = Reference::Tag(latest.clone());
    let by_digest = Reference::Digest(digest(&manifest));
    put(&fixture.store, &name, &manifest, &["latest"]).await;
    assert!(there.at_hand(&by_tag).is_none(), "nobody has asked for it");
    read(&there, &by_tag).await;
    fs::remove_file(tag_file(&fixture.root(), &name, &latest)).expect("is a file");
    fs::remove_file(record(&fixture.root(), &name, digest(&manifest))).expect("is a file");
    for reference in [&by_tag, &by_digest] {
        let stored = there.manifest(reference).await.expect("no file is read");
        let stored = stored.expect("is at hand");
        assert_eq!(stored.bytes, manifest.bytes());
        let record = there.manifest_record(reference).await.expect("as above");
        let record = record.expect("is at hand");
        assert_eq!(record.digest, digest(&manifest));
        assert_eq!(record.media_type, *manifest.media_type());
        assert_eq!(record.size, manifest.bytes().len() as u64);
        assert_eq!(record.origin, Origin::Pushed);
    }
    let on_disk = there.manifest_on_disk(digest(&manifest)).await;
    assert!(on_disk.expect("the file is looked for").is_none());
    let state = there.tag(&latest).await.expect("no file is read");
    assert_eq!(state.expect("is at hand").digest, digest(&manifest));
}

#[tokio::test]
async fn who_asks_for_the_record_alone_finds_the_manifest_at_hand_next() {
    let fixture = Fixture::new().await;
    let name = repo("a");
    let there = fixture.store.repo(&name);
    put(&fixture.store, &name, &nth_image(1), &["latest"]).await;
    let by_tag = Reference::Tag(tag("latest"));
    let announced = there.announce(&by_tag).await.expect("reads");
    let announced = announced.expect("is there");
    let at_hand = there.at_hand(&by_tag).expect("is at hand");
    assert_eq!(at_hand.stored().digest, announced.digest);
}

#[tokio::test]
async fn a_damaged_manifest_is_announced_and_not_at_hand() {
    let fixture = Fixture::new().await;
    let name = repo("a");
    let there = fixture.store.repo(&name);
    let manifest = nth_image(1);
    put(&fixture.store, &name, &manifest, &[]).await;
    let hex = digest(&manifest).hex();
    let blob = fixture
        .root()
        .join("blobs/sha256")
        .join(&hex[..2])
        .join(&hex);
    fs::write(blob, "nonsense").expect("is a file");
    let by_digest = Reference::Digest(digest(&manifest));
    assert!(
        there
            .announce(&by_digest)
            .await
            .expect("has a record")
            .is_some()
    );
    assert!(there.at_hand(&by_digest).is_none());
    assert!(there.manifest(&by_digest).await.is_err());
}

#[tokio::test]
async fn what_is_not_there_is_looked_for_each_time() {
    let fixture = Fixture::new().await;
    let name = repo("a");
    let there = fixture.store.repo(&name);
    let by_tag = Reference::Tag(tag("latest"));
    assert!(there.manifest(&by_tag).await.expect("reads").is_none());
    assert_eq!(there.tag(&tag("latest")).await.expect("reads"), None);
    put(&fixture.store, &name, &nth_image(1), &["latest"]).await;
    assert_eq!(number(&read(&there, &by_tag).await), 1);
    assert!(there.tag(&tag("latest")).await.expect("reads").is_some());
}

/// Each way in which a manifest and its tag go.
#[derive(Debug, Clone, Copy)]
enum Way {
    Delete,
    DeleteTagOnly,
    Remove,
    RemoveAll,
    RemoveSeveral,
    ScrubAfterLoss,
    ScrubAfterLossOfTag,
}

impl Way {
    const ALL: [Self; 7] = [
        Self::Delete,
        Self::DeleteTagOnly,
        Self::Remove,
        Self::RemoveAll,
        Self::RemoveSeveral,
        Self::ScrubAfterLoss,
        Self::ScrubAfterLossOfTag,
    ];

    fn keeps_manifest(self) -> bool {
        matches!(self, Self::DeleteTagOnly | Self::ScrubAfterLossOfTag)
    }

    /// A lost manifest may be pushed again; then its tag is good again.
    fn keeps_tag(self) -> bool {
        matches!(self, Self::ScrubAfterLoss)
    }

    async fn go(self, fixture: &Fixture, name: &RepoName, digest: Digest, latest: &Tag) {
        let store = &fixture.store;
        let there = store.repo(name);
        let scrub = || store.scrub(ScrubOptions::default(), Arc::default(), |_| {});
        match self {
            Self::Delete => drop(there.delete_manifest(digest).await.expect("deletes")),
            Self::DeleteTagOnly => drop(there.delete_tag(latest).await.expect("deletes")),
            Self::Remove => {
                let removed = there.remove(Target::Manifest(digest), false).await;
                drop(removed.expect("removes"));
            }
            Self::RemoveAll => drop(there.remove(Target::All, false).await.expect("removes")),
            Self::RemoveSeveral => {
                let going = Going {
                    manifests: [digest].into(),
                    ..Going::default()
                };
                let going = [(name.clone(), going)].into();
                store.remove_several(going, false).await.expect("removes");
            }
            Self::ScrubAfterLoss => {
                let hex = digest.hex();
                let blob = fixture.root().join("blobs/sha256");
                let blob = blob.join(&hex[..2]).join(&hex);
                fs::write(blob, "nonsense").expect("is a file");
                assert!(scrub().await.expect("scrubs").has_losses());
            }
            Self::ScrubAfterLossOfTag => {
                let file = tag_file(&fixture.root(), name, latest);
                fs::write(file, "nonsense").expect("is a file");
                assert!(scrub().await.expect("scrubs").has_losses());
            }
        }
    }
}

#[tokio::test]
async fn however_a_manifest_or_its_tag_goes_it_is_gone_at_once() {
    for way in Way::ALL {
        let fixture = Fixture::new().await;
        let (name, latest) = (repo("a"), tag("latest"));
        let there = fixture.store.repo(&name);
        let manifest = nth_image(1);
        put(&fixture.store, &name, &manifest, &["latest"]).await;
        let by_tag = Reference::Tag(latest.clone());
        let by_digest = Reference::Digest(digest(&manifest));
        read(&there, &by_tag).await;
        read(&there, &by_digest).await;
        way.go(&fixture, &name, digest(&manifest), &latest).await;
        assert!(there.at_hand(&by_tag).is_none(), "{way:?}");
        let by_tag = there.manifest(&by_tag).await.expect("reads");
        assert!(by_tag.is_none(), "{way:?}");
        let by_digest = there.manifest(&by_digest).await.expect("reads");
        assert_eq!(by_digest.is_some(), way.keeps_manifest(), "{way:?}");
        let tag = there.tag(&latest).await.expect("reads");
        assert_eq!(tag.is_some(), way.keeps_tag(), "{way:?}");
    }
}

#[tokio::test]
async fn a_tag_that_its_upstream_confirms_is_fresh_at_once() {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let clock = Arc::clone(&now);
    let time = move || SystemTime::UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst));
    let fixture = Fixture::with(|config| config.clock = Clock::from_fn(time)).await;
    let (name, latest) = (repo("a"), tag("latest"));
    let there = fixture.store.repo(&name);
    let manifest = nth_image(1);
    let pulled = pulled_through(&manifest, &latest);
    there.put_manifest(pulled).await.expect("stores");
    let checked_at = async || {
        let state = there.tag(&latest).await.expect("reads").expect("is there");
        SystemTime::from(state.checked_at.expect("came from an upstream"))
    };
    let before = checked_at().await;
    assert_eq!(checked_at().await, before);
    now.fetch_add(600, Ordering::SeqCst);
    let confirmed = there.confirm_tag(&latest, digest(&manifest)).await;
    confirmed.expect("notes it");
    assert_eq!(checked_at().await, before + Duration::from_mins(10));
}

fn pulled_through(manifest: &Manifest, latest: &Tag) -> Put {
    Put {
        digest: digest(manifest),
        manifest: manifest.clone(),
        tags: vec![latest.clone()],
        origin: Origin::PulledThrough,
        by: alice(),
    }
}

#[tokio::test]
async fn the_use_of_what_is_at_hand_is_noted_once_an_hour() {
    // Not before the files are made, by the system's clock: they would be from the future, and be noted.
    let start = SystemTime::now() + Duration::from_mins(1);
    let later = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&later);
    let time = move || start + Duration::from_secs(clock.load(Ordering::SeqCst));
    let fixture = Fixture::with(|config| config.clock = Clock::from_fn(time)).await;
    let name = repo("a");
    let there = fixture.store.repo(&name);
    let manifest = nth_image(1);
    let put = pulled_through(&manifest, &tag("latest"));
    there.put_manifest(put).await.expect("stores");
    let file = record(&fixture.root(), &name, digest(&manifest));
    let noted = || {
        let file = fs::metadata(&file).expect("is there");
        file.modified().expect("has a time")
    };
    let by_digest = Reference::Digest(digest(&manifest));
    read(&there, &by_digest).await;
    let at_first = noted();
    later.store(59 * 60, Ordering::SeqCst);
    assert!(there.at_hand(&by_digest).is_some());
    later.store(2 * 60 * 60, Ordering::SeqCst);
    assert!(there.at_hand(&by_digest).is_some());
    let due = start + Duration::from_hours(2);
    // It is noted after the answer, by a thread that nobody waits for.
    while noted() == at_first {
        tokio::task::yield_now().await;
    }
    assert_eq!(noted(), due);
}

/// What has been done to the tag, by number: an even one sets it, an odd one takes it away. Those up to
/// `answered` were acknowledged, those beyond `begun` have not begun.
#[derive(Debug, Default)]
struct History {
    begun: AtomicU64,
    answered: AtomicU64,
    /// How often what was asked for was at hand.
    at_hand: AtomicU64,
    is_over: AtomicBool,
}

/// How much is done to the tag.
const CHANGES: u64 = 600;

async fn change(store: Store, name: RepoName, history: Arc<History>) {
    let there = store.repo(&name);
    for change in 2..CHANGES {
        history.begun.store(change, Ordering::SeqCst);
        let image = nth_image(change - change % 2);
        match change % 4 {
            0 | 2 => drop(put(&store, &name, &image, &["latest"]).await),
            1 => assert!(there.delete_tag(&tag("latest")).await.expect("deletes")),
            _ => {
                let deleted = there.delete_manifest(digest(&image)).await;
                assert_eq!(deleted.expect("deletes"), Some(vec![tag("latest")]));
            }
        }
        history.answered.store(change, Ordering::SeqCst);
        // Now and then it stays so until somebody has found it at hand.
        let before = history.at_hand.load(Ordering::SeqCst);
        while change % 8 == 2 && history.at_hand.load(Ordering::SeqCst) == before {
            tokio::task::yield_now().await;
        }
    }
    history.is_over.store(true, Ordering::SeqCst);
}

/// Asks by the tag until all is over.
async fn watch(store: Store, name: RepoName, history: Arc<History>) {
    let there = store.repo(&name);
    let by_tag = Reference::Tag(tag("latest"));
    while !history.is_over.load(Ordering::SeqCst) {
        let answered = history.answered.load(Ordering::SeqCst);
        let found = match there.at_hand(&by_tag) {
            Some(found) => {
                history.at_hand.fetch_add(1, Ordering::SeqCst);
                Some(number(found.stored()))
            }
            None => there
                .manifest(&by_tag)
                .await
                .expect("reads")
                .as_ref()
                .map(number),
        };
        let begun = history.begun.load(Ordering::SeqCst);
        match found {
            // What took it away was not answered before this was asked for.
            Some(set) => assert!(
                (answered..=begun).contains(&set),
                "change {answered} was answered, and then the tag named what {set} had set"
            ),
            None => assert!(
                (answered..=begun).any(|change| change % 2 == 1),
                "the tag was there from {answered} to {begun}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answered_change_is_never_followed_by_an_older_answer() {
    let fixture = Fixture::new().await;
    let name = repo("a");
    let history = Arc::new(History::default());
    put(&fixture.store, &name, &nth_image(0), &["latest"]).await;
    let mut watching = JoinSet::new();
    for _ in 0..3 {
        let history = Arc::clone(&history);
        watching.spawn(watch(fixture.store.clone(), name.clone(), history));
    }
    tokio::select! {
        () = change(fixture.store.clone(), name, history) => drop(watching.join_all().await),
        // As long as there are changes, only who saw something wrong ends.
        Some(ended) = watching.join_next() => ended.expect("nothing wrong was seen"),
    }
}
