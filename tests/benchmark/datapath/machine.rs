//! What this machine is, for whoever reads the figures, and who runs on which half of it.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use harness::Scratch;
use rustix::fs::syncfs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How often the latency of a sync is measured.
const SYNCS: usize = 200;

/// The machine, as far as figures depend on it.
pub(crate) struct Machine {
    processors: Vec<usize>,
    /// Whether servers and client have a half each.
    pub(crate) is_halved: bool,
    pub(crate) model: String,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    /// How long fdatasync(2) of a kilobyte takes, in milliseconds (median).
    pub(crate) sync: f64,
    scratch: Scratch,
}

impl Machine {
    /// Looks at the machine, and measures how long a sync takes where the contents will lie.
    pub(crate) fn look(pin: bool) -> Self {
        let allowed = sched_getaffinity(None).expect("the processors of this process");
        let processors = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let processors: Vec<_> = processors.collect();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let scratch = Scratch::new();
        Self {
            is_halved: pin && processors.len() > 1,
            processors,
            model: model.to_owned(),
            kernel: kernel.trim_end().to_owned(),
            filesystem: filesystem(&scratch),
            sync: sync_latency(&scratch),
            scratch,
        }
    }

    /// How many processors there are, for servers and client together.
    pub(crate) fn processors(&self) -> usize {
        self.processors.len()
    }

    /// Whoever is started from now on has the first half of the processors.
    pub(crate) fn pin_servers(&self) {
        if self.is_halved {
            run_on(&self.processors[..self.processors.len() / 2]);
        }
    }

    /// This thread, and whoever it starts from now on, has the other half.
    pub(crate) fn pin_client(&self) {
        if self.is_halved {
            run_on(&self.processors[self.processors.len() / 2..]);
        }
    }

    /// Waits until nothing is left to be written: no contestant pays for the one before it.
    pub(crate) fn settle(&self) {
        let place = File::open(self.scratch.path()).expect("a directory of ours");
        syncfs(place).expect("a sync of a whole file system");
    }
}

/// How many processors the calling thread may use.
pub(crate) fn own_processors() -> usize {
    let allowed = sched_getaffinity(None).expect("the processors of this process");
    usize::try_from(allowed.count()).expect("few processors")
}

/// Lets this process, and whoever it starts, have as many connections as the system allows.
pub(crate) fn allow_many_connections() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a limit that is allowed");
}

fn run_on(processors: &[usize]) {
    let mut set = CpuSet::new();
    for cpu in processors {
        set.set(*cpu);
    }
    sched_setaffinity(None, &set).expect("choose processors");
}

fn filesystem(scratch: &Scratch) -> String {
    let found = Command::new("findmnt")
        .args(["--noheadings", "--output", "FSTYPE,SOURCE", "--target"])
        .arg(scratch.path())
        .output();
    let found = found.map(|found| String::from_utf8_lossy(&found.stdout).into_owned());
    let words = found.unwrap_or_default();
    let words: Vec<_> = words.split_whitespace().collect();
    if words.is_empty() {
        "an unknown file system (no findmnt)".to_owned()
    } else {
        words.join(" on ")
    }
}

fn sync_latency(scratch: &Scratch) -> f64 {
    let mut file = File::create(scratch.join("sync")).expect("a file");
    let mut took: Vec<f64> = (0..SYNCS)
        .map(|_| {
            file.write_all(&[7; 1024]).expect("room for a kilobyte");
            let begun = Instant::now();
            file.sync_data().expect("a sync");
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[SYNCS / 2]
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shares = if self.is_halved {
            "servers on one half of them, the client on the other"
        } else {
            "servers and client share them"
        };
        write!(
            f,
            "{} processors ({}), {shares}\nLinux {}, {} ({}), fdatasync {:.2} ms",
            self.processors(),
            self.model,
            self.kernel,
            self.filesystem,
            self.scratch.path().display(),
            self.sync
        )
    }
}
