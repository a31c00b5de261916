//! The real binary as a child process.
//!
//! It is found, never built: through `ROADSTEAD_BIN`, else beside the test's own executable. Its
//! stderr goes into a file that is shown when a test fails; dropping it ends it.

use std::env;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to be ready, and to end when asked: far more than it needs.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The binary under test.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("ROADSTEAD_BIN") {
        return PathBuf::from(path);
    }
    let own = env::current_exe().expect("a process knows its executable");
    let beside = own
        .ancestors()
        .nth(2)
        .expect("a test lies in target/PROFILE/deps")
        .join("roadstead");
    assert!(
        beside.exists(),
        "build it first: cargo build --bin roadstead ({})",
        beside.display()
    );
    beside
}

/// Waits until `done` holds and fails after the deadline, saying what was waited for.
#[track_caller]
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !done() {
        assert!(Instant::now() < end, "waited {DEADLINE:?} in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A child process that listens: `roadstead serve`.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

impl Process {
    /// Starts a command whose stdout is read line by line and whose stderr is added to `log`.
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        let stderr = File::options()
            .append(true)
            .create(true)
            .open(log)
            .expect("open the log");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, lines) = mpsc::channel();
        // Reads to the end, also after nobody listens any more: a full pipe would stop the child.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        Self {
            child,
            lines,
            log: log.to_owned(),
        }
    }

    /// The addresses of its `listening` lines, in order, once it has said `ready`.
    #[track_caller]
    pub fn listening(&mut self) -> Vec<(String, SocketAddr)> {
        let end = Instant::now() + DEADLINE;
        let mut bound = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("the server did not get ready:\n{}", self.stderr());
            };
            if line == "ready" {
                return bound;
            }
            let url = line.strip_prefix("listening ");
            let (scheme, address) = url
                .and_then(|url| url.split_once("://"))
                .unwrap_or_else(|| panic!("an unexpected line on stdout: {line}"));
            bound.push((scheme.to_owned(), address.parse().expect("a bound address")));
        }
    }

    /// All it has written to stderr, also before a restart on the same log.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal)
            .expect("signal a child that was not waited for");
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("ask for the state of a child")
            .is_none()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end; kills it and fails at the deadline.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_until(Instant::now() + DEADLINE)
            .unwrap_or_else(|| {
                let log = self.stderr();
                self.kill();
                panic!("the process did not end within {DEADLINE:?}:\n{log}")
            })
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.child.kill().expect("kill a child");
        self.child.wait().expect("wait for a killed child");
    }

    /// The processor time it has used so far, in clock ticks (of 10 ms): no noise of other processes.
    pub fn ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.id());
        let stat = std::fs::read_to_string(&path).expect("read the state of a running child");
        // After the name, which may hold spaces: user time is field 14, system time field 15 (proc(5)).
        let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
        let times = fields.split_whitespace().skip(11).take(2);
        times
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum()
    }

    /// Its resident memory now, in bytes.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory it ever had, in bytes.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, row: &str) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(&path).expect("read the status of a running child");
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(row))
            .expect("a known row");
        let kib: u64 = value
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number of kB");
        kib * 1024
    }

    fn wait_until(&mut self, end: Instant) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.child.try_wait().expect("ask for the state of a child") {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    #[expect(
        clippy::print_stderr,
        reason = "a failed test shows what the process had to say"
    )]
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::TERM);
            if self.wait_until(Instant::now() + DEADLINE).is_none() {
                self.kill();
            }
        }
        if thread::panicking() {
            let log = self.stderr();
            let tail = log.lines().rev().take(60).collect::<Vec<_>>();
            eprintln!("--- the end of {}:", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
