//! A place to run the program in: a directory of its own, the binary, and a server to be stopped.
//!
//! Owns processes and their ends; knows no command. A server that is dropped is stopped.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Write, stderr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A temporary directory with a data directory, and maybe a configuration, in it.
pub(crate) struct Place {
    dir: TempDir,
    data: PathBuf,
    binary: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::in_folder("")
    }

    /// The data directory lies in this folder of the temporary one.
    pub(crate) fn in_folder(folder: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let parent = dir.path().join(folder);
        fs::create_dir_all(&parent).unwrap();
        Self {
            data: parent.join("data"),
            dir,
            binary: env!("CARGO_BIN_EXE_roadstead").into(),
        }
    }

    /// The data directory is there, empty, and another user's; all users can reach it and the
    /// program.
    pub(crate) fn of(user: u32) -> Self {
        let mut place = Self::new();
        fs::set_permissions(place.dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(&place.data).unwrap();
        fs::set_permissions(&place.data, Permissions::from_mode(0o700)).unwrap();
        chown(&place.data, Some(user), Some(user)).unwrap();
        let copy = place.path("roadstead");
        fs::copy(&place.binary, &copy).unwrap();
        place.binary = copy;
        place
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file beside the data directory and returns its path as a word of a command line.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// Every file and directory of the data directory, itself included.
    pub(crate) fn everything(&self) -> Vec<PathBuf> {
        let mut found = vec![self.data.clone()];
        let mut next = 0;
        while next < found.len() {
            if found[next].is_dir() {
                let entries = fs::read_dir(&found[next]).unwrap();
                found.extend(entries.map(|entry| entry.unwrap().path()));
            }
            next += 1;
        }
        found
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        Outcome::of(self.command(words).output().unwrap())
    }

    /// As another user.
    pub(crate) fn run_as(&self, user: u32, words: &[&str]) -> Outcome {
        Outcome::of(self.command(words).uid(user).gid(user).output().unwrap())
    }

    /// With something on its standard input.
    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Outcome {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        Outcome::of(child.wait_with_output().unwrap())
    }

    /// Starts the server and waits until it says that it is ready.
    pub(crate) fn serve(&self, words: &[&str]) -> Server {
        self.start(&mut self.command(&[&["serve", "--listen", "127.0.0.1:0"], words].concat()))
    }

    /// As another user.
    pub(crate) fn serve_as(&self, user: u32) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        self.start(command.uid(user).gid(user))
    }

    /// Under a service manager that listens at this socket.
    pub(crate) fn serve_under(&self, manager: &Path) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        self.start(command.env("NOTIFY_SOCKET", manager))
    }

    fn start(&self, command: &mut Command) -> Server {
        let log = self.path("log");
        let appended = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(appended)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.ends_with("ready\n") {
            let read = output.read_line(&mut said).unwrap();
            assert!(
                read > 0,
                "it ended: {said}{}",
                fs::read_to_string(&log).unwrap()
            );
        }
        Server {
            child,
            output,
            said,
            log,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(words)
            .arg("--data")
            .arg(&self.data)
            .stdin(Stdio::null());
        // What the machine that runs the tests has set is not what is tested.
        for variable in ["STATE_DIRECTORY", "NOTIFY_SOCKET", "ROADSTEAD_LOG"] {
            command.env_remove(variable);
        }
        command
    }
}

/// Says that a test proves nothing here, where the test runner does not keep it to itself.
pub(crate) fn skipped(reason: &str) {
    writeln!(stderr(), "skipped: {reason}").unwrap();
}

/// What a command said, and how it ended.
pub(crate) struct Outcome {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It did what it should: what it said.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(
            (self.code, self.err.as_str()),
            (Some(0), ""),
            "{}",
            self.out
        );
        self.out
    }

    /// The same as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// It failed in this way: what it said.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(
            (self.code, self.out.as_str()),
            (Some(code), ""),
            "{}",
            self.err
        );
        self.err
    }
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
    log: PathBuf,
}

impl Server {
    /// Stops it in order. What it said, logs included.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        let mut said = std::mem::take(&mut self.said);
        self.output.read_to_string(&mut said).unwrap();
        said.push_str(&fs::read_to_string(&self.log).unwrap());
        assert!(self.child.wait().unwrap().success(), "{said}");
        said
    }

    fn terminate(&self) {
        let pid = Pid::from_child(&self.child);
        // It may have ended by itself; then its status tells.
        let _ = kill_process(pid, Signal::TERM);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.child.wait();
    }
}
