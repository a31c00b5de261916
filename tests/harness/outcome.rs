//! A command that runs to its end, and what a test says about how it ended.

use std::fmt;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

/// What a command left behind: its exit code and its words.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command line, for messages.
    pub command: String,
    /// The exit code, or none when a signal ended it.
    pub code: Option<i32>,
    /// What it said on stdout.
    pub stdout: String,
    /// What it said on stderr.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end, with this text as its input.
    #[track_caller]
    pub fn of(command: &mut Command, input: &str) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that does not read its input closes the pipe: no fault of the test.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("wait for a command");
        Self {
            command: line(command),
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Insists on exit code 0 and returns stdout without its last line break.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout.trim_end().to_owned()
    }

    /// Insists on this exit code and returns stderr.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self}");
        self.stderr
    }

    /// Insists that it failed, in whatever way, and returns stderr and stdout.
    #[track_caller]
    pub fn failed(self) -> String {
        assert_ne!(self.code, Some(0), "this should have failed: {self}");
        self.stderr + &self.stdout
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "{command} ended with {code:?}\n--- stdout:\n{stdout}\n--- stderr:\n{stderr}"
        )
    }
}

/// The command line without its environment.
fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .get_args()
        .fold(program, |line, word| line + " " + &word.to_string_lossy())
}
