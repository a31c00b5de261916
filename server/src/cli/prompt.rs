//! A password from the person at the terminal, or from standard input.
//!
//! Owns the terminal's modes while it asks: nothing is echoed, and Ctrl-C is read as a key, so that
//! the terminal is never left without its echo. What it reads is not judged here.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Write, stdin};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The terminal of the process, wherever its input comes from.
const TERMINAL: &str = "/dev/tty";

/// Longer input is no password.
const MAX: usize = 4096;

/// Reads the first line of standard input.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub(super) fn from_stdin() -> io::Result<String> {
    let mut line = String::new();
    stdin().lock().take(MAX as u64).read_line(&mut line)?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    Ok(line)
}

/// Asks at the terminal, without echo.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] or the like where there is no terminal;
/// [`io::ErrorKind::Interrupted`] after Ctrl-C or Ctrl-D.
pub(super) fn from_terminal(question: &str) -> io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    let quiet = Quiet::new(terminal.try_clone()?)?;
    write!(terminal, "{question}: ")?;
    let answer = read_keys(&mut terminal);
    drop(quiet);
    writeln!(terminal)?;
    answer
}

/// Reads keys up to the end of the line, as the terminal's line editing would.
fn read_keys(terminal: &mut impl Read) -> io::Result<String> {
    const CTRL_C: u8 = 0x03;
    const CTRL_D: u8 = 0x04;
    const CTRL_U: u8 = 0x15;
    let mut line = Vec::new();
    // One byte at a time: what comes after the line is not ours.
    let mut key = [0];
    while line.len() < MAX && terminal.read(&mut key)? == 1 {
        match key[0] {
            b'\n' | b'\r' => break,
            CTRL_C | CTRL_D => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_U => line.clear(),
            // Backspace and delete: the last character, of however many bytes.
            0x08 | 0x7f => while line.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {},
            byte => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// A terminal that shows nothing and sends no signals. Dropping it gives the modes back.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        tcsetattr(&terminal, OptionalActions::Flush, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &[u8], expected: &str) {
        assert_eq!(read_keys(&mut &*keys).unwrap(), expected);
    }

    #[test]
    fn keys_edit_the_line() {
        check(b"secret\r", "secret");
        check(b"secret\nmore", "secret");
        check(b"", "");
        check(b"secrex\x7ft\r", "secret");
        check("sé\x7fecret\r".as_bytes(), "secret");
        check(b"wrong\x15secret\r", "secret");
        check(b"\x7f\x7fx\r", "x");
    }

    #[test]
    fn ctrl_c_is_no_password() {
        for keys in [b"sec\x03".as_slice(), b"\x04"] {
            let error = read_keys(&mut &*keys).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        }
    }
}
