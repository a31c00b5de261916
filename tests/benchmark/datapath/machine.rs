//! What this machine is, for whoever reads the figures, and who runs on which half of it.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use harness::Scratch;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How often the latency of a sync is measured.
const SYNCS: usize = 200;

/// The machine, as far as figures depend on it.
pub(crate) struct Machine {
    processors: Vec<usize>,
    pub(crate) model: String,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    /// How long fdatasync(2) of a kilobyte takes, in milliseconds (median).
    pub(crate) sync: f64,
}

impl Machine {
    /// Looks at the machine, and measures how long a sync takes where the contents will lie.
    pub(crate) fn look() -> Self {
        let allowed = sched_getaffinity(None).expect("the processors of this process");
        let processors = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let scratch = Scratch::new();
        Self {
            processors: processors.collect(),
            model: model.to_owned(),
            kernel: kernel.trim_end().to_owned(),
            filesystem: filesystem(&scratch),
            sync: sync_latency(&scratch),
        }
    }

    /// How many processors there are, for servers and client together.
    pub(crate) fn processors(&self) -> usize {
        self.processors.len()
    }

    /// Whoever is started from now on has the first half of the processors.
    pub(crate) fn pin_servers(&self, pin: bool) {
        if pin {
            let half = self.processors.len().div_ceil(2);
            run_on(&self.processors[..half]);
        }
    }

    /// This process, and whoever it starts from now on, has the other half.
    pub(crate) fn pin_client(&self, pin: bool) {
        if pin && self.processors.len() > 1 {
            let half = self.processors.len().div_ceil(2);
            run_on(&self.processors[half..]);
        }
    }
}

/// How many processors the calling thread may use.
pub(crate) fn own_processors() -> usize {
    let allowed = sched_getaffinity(None).expect("the processors of this process");
    usize::try_from(allowed.count()).expect("few processors")
}

fn run_on(processors: &[usize]) {
    let mut set = CpuSet::new();
    for cpu in processors {
        set.set(*cpu);
    }
    sched_setaffinity(None, &set).expect("choose processors");
}

fn filesystem(scratch: &Scratch) -> String {
    let path = scratch.path();
    let found = Command::new("findmnt")
        .args(["--noheadings", "--output", "FSTYPE,SOURCE", "--target"])
        .arg(path)
        .output();
    let found = found.map(|found| String::from_utf8_lossy(&found.stdout).into_owned());
    let words = found.unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" on ")
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
        write!(
            f,
            "{} processors ({}), Linux {}, {}, fdatasync {:.2} ms",
            self.processors(),
            self.model,
            self.kernel,
            self.filesystem,
            self.sync
        )
    }
}
