//! The registry is killed again and again under the load of several clients and a collection. Each
//! time it is ready in a moment, and nothing is lost that was acknowledged, and nothing comes back.

mod ledger;
mod line;
mod ready;
mod transfer;
mod writer;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use harness::{
    Anonymous, Chance, Digest, Format, Image, Noise, Outcome, Registry, Truth, binary, eventually,
};

use self::ready::Starts;
use self::writer::Writer;
use crate::{complete, is_long};

/// Clients that write at the same time.
const WRITERS: u64 = 4;
/// After so many kills the whole store is looked at.
const LOOK: usize = 25;
/// At most so many answers between a start and the kill.
const ANSWERS: usize = 150;
/// Short, so that collection has something to take.
const SHORT_GRACE: &str = "[storage]\ngc_grace = \"20s\"\n";
/// Long, so that nothing is collected while the store is looked at.
const LONG_GRACE: &str = "[storage]\ngc_grace = \"1h\"\n";

/// The name and one layer of an image that stays.
const BASE: &str = "base/image";

/// A registry with an image that is mounted from, and clients that work beside each other.
struct Killing {
    registry: Registry,
    writers: Vec<Writer>,
    chance: Chance,
    starts: Starts,
}

impl Killing {
    fn begin(seed: u64) -> Self {
        let registry = Registry::with()
            .config(SHORT_GRACE)
            .anonymous(Anonymous::Push)
            .start();
        let client = registry.client();
        let layer = Noise::new(seed, 50_000).bytes();
        let base = Image::assemble(Format::Oci, Bytes::from_static(b"{}"), vec![layer.clone()]);
        base.push(&client, BASE, "latest").expect(201);
        let writer = |number| {
            let base = (BASE.to_owned(), layer.clone());
            Writer::new(&client, format!("work/w{number}"), base, seed + number)
        };
        let writers = (1..=WRITERS).map(writer).collect();
        Self {
            registry,
            writers,
            chance: Chance::new(seed),
            starts: Starts::default(),
        }
    }

    /// All work until the registry is killed; then it is started again, and each insists on what it
    /// was promised since the last kill.
    fn round(&mut self) {
        let collects = self.chance.once_in(3);
        let answers = 1 + self.chance.below(ANSWERS);
        // The kill falls anywhere between two answers.
        let delay = Duration::from_micros(self.chance.word() % 3000);
        let data = self.registry.data().to_owned();
        let killing = AtomicBool::new(false);
        let was_killed = || killing.load(Ordering::SeqCst);
        thread::scope(|scope| {
            let (sender, answered) = mpsc::channel();
            for writer in &mut self.writers {
                let sender = sender.clone();
                scope.spawn(move || {
                    let gone = writer.work(sender);
                    assert!(was_killed(), "a client was failed before the kill: {gone}");
                });
            }
            drop(sender);
            if collects {
                scope.spawn(|| collect_until(&data, &was_killed));
            }
            for _ in 0..answers {
                answered.recv().expect("the clients work");
            }
            thread::sleep(delay);
            killing.store(true, Ordering::SeqCst);
            self.registry.kill();
        });
        self.starts.again(&mut self.registry);
        self.check_promises(false);
    }

    /// Each client insists on its promises, all at once.
    fn check_promises(&mut self, all: bool) {
        thread::scope(|scope| {
            for writer in &mut self.writers {
                scope.spawn(move || writer.check(all));
            }
        });
    }

    /// Looks at everything: every promise, every byte, every file, and what the API says of it. A kill
    /// may leave the mark of a referrer that never came, which nobody sees; the scrub takes it away.
    fn look(&mut self) {
        self.restart_with(LONG_GRACE);
        self.check_promises(true);
        self.registry.command(&["store", "scrub"], "").ok();
        let client = self.registry.plain();
        eventually("the index is back", || {
            client.get("/v2/_catalog").status == 200
        });
        let truth = Truth::of(self.registry.data());
        truth.agrees_with(&client);
        complete::check(&truth, self.registry.data());
        self.restart_with(SHORT_GRACE);
    }

    fn restart_with(&mut self, config: &str) {
        self.registry.reconfigure(config);
        self.registry.restart();
        self.writers.iter_mut().for_each(Writer::hang_up);
    }
}

/// Collects again and again until the registry is killed.
fn collect_until(data: &Path, was_killed: &(dyn Fn() -> bool + Sync)) {
    while !was_killed() {
        let mut command = Command::new(binary());
        command.args(["store", "gc", "--data"]).arg(data);
        let outcome = Outcome::of(&mut command, "");
        // On a busy machine a round may take so long that the server collects by itself.
        let goes_on = outcome.code == Some(0) || outcome.stderr.contains("under way already");
        assert!(was_killed() || goes_on, "{outcome}");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn nothing_acknowledged_is_lost_however_often_the_registry_is_killed() {
    let kills = if is_long() { 1000 } else { 200 };
    let seed = 3;
    let mut killing = Killing::begin(seed);

    for _ in 0..kills / LOOK {
        for _ in 0..LOOK {
            killing.round();
        }
        killing.look();
    }

    let Killing {
        mut registry,
        starts,
        ..
    } = killing;
    registry.stop();
    println!("{}, seed {seed}: nothing lost", starts.figures());
}

/// Repositories of a large store, and the tags of each.
const REPOSITORIES: usize = 100;
const TAGS: usize = 1000;

fn tag(number: usize) -> String {
    format!("v{number:04}")
}

/// Fills the stopped store: an image pushed into each repository, and its tag under many names. The
/// record of a tag does not say its name, so a copy of it is what the server would have written, and
/// a hundred thousand pushes would take a quarter of an hour.
fn fill(registry: &mut Registry) -> Vec<String> {
    let client = registry.plain();
    let names: Vec<_> = (0..REPOSITORIES)
        .map(|number| format!("large/r{number:02}"))
        .collect();
    for name in &names {
        Image::new(Format::Oci, name)
            .push(&client, name, &tag(0))
            .expect(201);
    }
    registry.stop();
    for name in &names {
        let tags = registry.data().join("repos").join(name).join("_tags");
        for number in 1..TAGS {
            fs::copy(tags.join(tag(0)), tags.join(tag(number))).expect("copy a record");
        }
    }
    registry.start_again();
    names
}

#[test]
#[expect(clippy::print_stdout, reason = "a proof says what it measured")]
fn a_store_of_a_hundred_thousand_tags_is_ready_in_a_moment_after_a_kill() {
    let mut killing = Killing::begin(5);
    let names = fill(&mut killing.registry);

    for _ in 0..5 {
        killing.round();
    }

    let Killing {
        mut registry,
        starts,
        ..
    } = killing;
    let client = registry.plain();
    eventually("the index is back", || {
        client.get("/v2/_catalog").status == 200
    });
    let listed = client.catalog();
    let all: Vec<_> = (0..TAGS).map(tag).collect();
    for name in &names {
        assert!(listed.contains(name), "{name} is not listed");
        assert_eq!(client.tags(name), all, "the tags of {name}");
    }
    let digest: Digest = client.manifest(&names[7], tag(777)).expect(200).digest();
    client.manifest(&names[7], digest.as_str()).expect(200);
    registry.command(&["store", "scrub"], "").ok();
    registry.stop();
    println!(
        "on a store of {} tags: {}",
        REPOSITORIES * TAGS,
        starts.figures()
    );
}
