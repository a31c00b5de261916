//! The restore drill: a registry that is backed up while clients push, move tags, mount and delete is
//! started elsewhere on the copy.
//!
//! Each client keeps account of what was acknowledged to it. What was acknowledged before a backup began,
//! and that nobody began to delete before it ended, must be in the copy; what was deleted before it
//! began must not. `ROADSTEAD_LONG=1` loads it for longer.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use harness::{Anonymous, Client, Digest, Format, Image, Noise, Registry, Truth, eventually};

const CLIENTS: u64 = 4;
const KIB: u64 = 1024;
/// Each client keeps this many of its images.
const KEPT: u64 = 5;

/// Something that a client was told is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Blob(String, Digest),
    Manifest(String, Digest),
    Tag(String, String, Digest),
}

impl Fact {
    fn holds_in(&self, truth: &Truth) -> bool {
        let holding = |repository| truth.repositories.get(repository);
        match self {
            Self::Blob(repository, digest) => {
                holding(repository).is_some_and(|it| it.blobs.contains(digest))
            }
            Self::Manifest(repository, digest) => {
                holding(repository).is_some_and(|it| it.manifests.contains_key(digest))
            }
            Self::Tag(repository, tag, digest) => {
                holding(repository).is_some_and(|it| it.tags.get(tag) == Some(digest))
            }
        }
    }
}

/// What all clients were told. No fact comes back once it is gone.
#[derive(Clone, Debug, Default)]
struct Account {
    /// Acknowledged, and nobody has begun to change it.
    there: BTreeSet<Fact>,
    /// Acknowledged as deleted, or replaced.
    gone: BTreeSet<Fact>,
}

/// The account, while clients go on.
#[derive(Debug, Default)]
struct Ledger {
    account: Mutex<Account>,
    /// Rounds that all clients together have done.
    rounds: AtomicU64,
    is_closed: AtomicBool,
}

/// Lets clients come to an end, also when the test fails.
struct Closing<'a>(&'a Ledger);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Relaxed);
    }
}

impl Ledger {
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("no client panicked")
    }

    fn add(&self, facts: impl IntoIterator<Item = Fact>) {
        self.account().there.extend(facts);
    }

    /// Makes a change that ends these facts.
    fn end(&self, facts: &[Fact], change: impl FnOnce()) {
        for fact in facts {
            self.account().there.remove(fact);
        }
        change();
        self.account().gone.extend(facts.iter().cloned());
    }

    fn wait_for(&self, rounds: u64) {
        let end = self.rounds.load(Ordering::Relaxed) + rounds;
        eventually("clients go on", || {
            self.rounds.load(Ordering::Relaxed) >= end
        });
    }
}

/// One client: its repository, and what it pushes in each round.
struct Team<'a> {
    ledger: &'a Ledger,
    client: Client,
    number: u64,
}

impl Team<'_> {
    fn repository(&self) -> String {
        format!("team/t{}", self.number)
    }

    fn image(&self, round: u64, text: &str) -> Image {
        Image::new(Format::Oci, &format!("{} {round} {text}", self.number))
    }

    fn push(&self, image: &Image, reference: &str) {
        let name = self.repository();
        image.push(&self.client, &name, reference).expect(201);
        let blobs = image.layers.iter().chain([&image.config]);
        let blobs = blobs.map(|bytes| Fact::Blob(name.clone(), Digest::of(bytes)));
        let manifest = Fact::Manifest(name.clone(), image.digest());
        self.ledger.add(blobs.chain([manifest]));
    }

    fn delete(&self, reference: &str, facts: &[Fact]) {
        let path = format!("/v2/{}/manifests/{reference}", self.repository());
        self.ledger.end(facts, || {
            self.client.delete(path).expect(202);
        });
    }

    fn work(&self) {
        let mut round = 0;
        while !self.ledger.is_closed.load(Ordering::Relaxed) {
            self.round(round);
            self.ledger.rounds.fetch_add(1, Ordering::Relaxed);
            round += 1;
        }
    }

    /// Pushes by tag and by digest, a large blob, and a mount; moves a tag; deletes what is old.
    fn round(&self, round: u64) {
        let name = self.repository();
        let tag =
            |round, image: &Image| Fact::Tag(name.clone(), format!("v{round}"), image.digest());
        let tagged = self.image(round, "tagged");
        self.push(&tagged, &format!("v{round}"));
        self.ledger.add([tag(round, &tagged)]);
        let untagged = self.image(round, "untagged");
        self.push(&untagged, untagged.digest().as_str());
        let noise = Noise::new(self.number << 32 | round, 96 * KIB);
        let layer = self.client.push_noise(&name, &noise);
        let mount = format!("/v2/shelf/blobs/uploads/?mount={layer}&from={name}");
        self.client.post(mount, "").expect(201);
        let mounted = Fact::Blob("shelf".to_owned(), layer.clone());
        self.ledger.add([mounted, Fact::Blob(name.clone(), layer)]);

        let latest = |image: &Image| Fact::Tag(name.clone(), "latest".to_owned(), image.digest());
        let earlier = round
            .checked_sub(1)
            .map(|round| self.image(round, "tagged"));
        let moved: Vec<_> = earlier.iter().map(latest).collect();
        self.ledger.end(&moved, || {
            let put = tagged.manifest.put(&self.client, &name, "latest");
            put.expect(201);
        });
        self.ledger.add([latest(&tagged)]);

        if let Some(old) = round.checked_sub(KEPT) {
            let (tagged, untagged) = (self.image(old, "tagged"), self.image(old, "untagged"));
            let manifest = |image: &Image| Fact::Manifest(name.clone(), image.digest());
            if old % 2 == 0 {
                self.delete(&format!("v{old}"), &[tag(old, &tagged)]);
            } else {
                let facts = [tag(old, &tagged), manifest(&tagged)];
                self.delete(tagged.digest().as_str(), &facts);
            }
            self.delete(untagged.digest().as_str(), &[manifest(&untagged)]);
        }
    }
}

/// A backup, and what must and must not be in it.
struct Backup {
    copy: PathBuf,
    due: Account,
}

impl Backup {
    /// Backs the registry up while clients go on.
    #[expect(clippy::print_stdout, reason = "a proof says what it saw")]
    fn take(registry: &Registry, ledger: &Ledger, what: &str) -> Self {
        let copy = registry.scratch().join("copy");
        let mut due = ledger.account().clone();
        let (begun, rounds) = (Instant::now(), ledger.rounds.load(Ordering::Relaxed));
        let words = ["store", "backup", copy.to_str().expect("UTF-8"), "--json"];
        let told = registry.command(&words, "").ok();
        let took = begun.elapsed();
        due.there = &due.there & &ledger.account().there;
        let told: serde_json::Value = serde_json::from_str(&told).expect("one JSON document");
        println!(
            "{what} backup under load: {} of {} blobs copied in {took:.1?}, {} rounds of clients \
             meanwhile; {} objects must be in it",
            told["copiedBlobs"],
            told["blobs"],
            ledger.rounds.load(Ordering::Relaxed) - rounds,
            due.there.len()
        );
        Self { copy, due }
    }

    /// Takes the copy as it is now to another place.
    fn moved_to(mut self, place: PathBuf) -> Self {
        let copied = Command::new("cp")
            .arg("-a")
            .arg(&self.copy)
            .arg(&place)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "cp -a");
        self.copy = place;
        self
    }

    /// Starts a registry on the copy, and finds everything there.
    #[track_caller]
    fn restore(&self, original: &Original) {
        let truth = Truth::of(&self.copy).no_uploads();
        for fact in &self.due.there {
            assert!(fact.holds_in(&truth), "{fact:?} is not in the copy");
        }
        for fact in &self.due.gone {
            assert!(!fact.holds_in(&truth), "{fact:?} came back");
        }
        let mut registry = Registry::with().data(&self.copy).start();
        assert_eq!(registry.ca(), original.ca, "the CA is another");
        // Who trusted the original and could log in there can do so here.
        let client = Client::tls(registry.tls_address(), &original.ca);
        for (user, password) in [("admin", original.password.as_str()), ("ci", "a password")] {
            client.clone().basic(user, password).get("/v2/").expect(200);
        }
        client
            .clone()
            .basic("ci", "another")
            .get("/v2/")
            .expect(401);
        let token = client
            .basic("ci", "a password")
            .token(&["repository:team/t0:pull,push"]);
        let client = Client::tls(registry.tls_address(), &original.ca).bearer(&token);
        Image::new(Format::Oci, "after the restore")
            .push(&client, "team/t0", "restored")
            .expect(201);
        registry.command(&["store", "scrub"], "").ok();
        // Without TLS, for these are thousands of requests.
        let admin = registry.plain().basic("admin", &original.password);
        Truth::of(&self.copy).agrees_with(&admin);
        registry.stop();
    }
}

/// What outlives the machine.
struct Original {
    ca: Vec<u8>,
    password: String,
}

#[test]
fn a_registry_is_restored_from_a_backup_that_was_taken_under_load() {
    let long = env::var_os("ROADSTEAD_LONG").is_some_and(|value| value == "1");
    let rounds = if long { 400 } else { 40 };
    let mut registry = Registry::with().anonymous(Anonymous::Push).start();
    registry.user("ci", "a password");
    let original = Original {
        ca: registry.ca(),
        password: registry.admin_password(),
    };
    let client = registry.client();
    let ledger = Ledger::default();
    // Pushed by digest long before, as release payloads are.
    let release = Image::new(Format::Docker, "release");
    release
        .push(&client, "openshift/release", release.digest().as_str())
        .expect(201);
    let release = Fact::Manifest("openshift/release".to_owned(), release.digest());
    ledger.add([release.clone()]);

    let backups = thread::scope(|scope| {
        let _closing = Closing(&ledger);
        for number in 0..CLIENTS {
            let team = Team {
                ledger: &ledger,
                client: client.clone(),
                number,
            };
            scope.spawn(move || team.work());
        }
        ledger.wait_for(rounds);
        let first = Backup::take(&registry, &ledger, "first");
        let first = first.moved_to(registry.scratch().join("first"));
        ledger.wait_for(rounds);
        let next = Backup::take(&registry, &ledger, "next");
        [first, next]
    });

    registry.kill();
    for backup in backups {
        assert!(backup.due.there.contains(&release));
        assert!(backup.due.there.len() > 100 && backup.due.gone.len() > 10);
        backup.restore(&original);
    }
}
