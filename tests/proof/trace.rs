//! Reads what strace wrote: which files a process changed and synced, and what it answered.
//!
//! It knows the calls that change files and no more; `-yy` tells the path behind each descriptor.
//! A call that another thread interrupted in the trace is put together again, so each [`Call`] knows
//! the line where it began and the line where it ended.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The calls that have to be traced for this.
pub(crate) const CALLS: &str = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,\
    linkat,symlink,symlinkat,unlink,unlinkat,rmdir,write,writev,pwrite64,pwritev,pwritev2,sendto,\
    sendmsg,sendfile,copy_file_range,ftruncate,fallocate,fsync,fdatasync,syncfs,sync";

/// What a successful call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Began an HTTP answer with this status.
    Answered(u16),
    /// Made an entry in a directory, or found that it was there.
    Made(PathBuf),
    /// Removed an entry from a directory.
    Removed(PathBuf),
    /// Gave an entry another name, perhaps in another directory.
    Renamed(PathBuf, PathBuf),
    /// Waited until a file, or the entries of a directory, were on disk.
    Synced(PathBuf),
    /// Changed the content of a file.
    Written(PathBuf),
}

/// A call and its place in the trace.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The line where it began.
    pub(crate) begin: usize,
    /// The line where it ended.
    pub(crate) end: usize,
    /// What it did.
    pub(crate) event: Event,
}

/// All calls of a trace that matter here, by their end.
pub(crate) fn read(trace: &str) -> Vec<Call> {
    let mut unfinished: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (end, line) in trace.lines().enumerate() {
        let Some((process, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        let (begin, text) = if let Some(head) = text.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, (end, head.to_owned()));
            continue;
        } else if let Some((_, tail)) = text.strip_prefix("<... ").and_then(|t| t.split_once('>')) {
            let tail = tail.strip_prefix(" ").unwrap_or(tail);
            let (begin, head) = unfinished.remove(process).expect("it was begun");
            (begin, head + tail)
        } else {
            (end, text.to_owned())
        };
        calls.extend(event(&text).map(|event| Call { begin, end, event }));
    }
    calls
}

/// What `name(arguments) = result` did, if it succeeded and matters.
fn event(text: &str) -> Option<Event> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with(['-', '?']) {
        return None;
    }
    let arguments = arguments.trim_end().strip_suffix(')')?;
    let paths = || paths(arguments);
    Some(match name {
        "openat" | "open" | "creat" => {
            let creates = name == "creat" || arguments.contains("O_CREAT");
            creates.then(|| Event::Made(paths().remove(0)))?
        }
        "mkdir" | "mkdirat" => Event::Made(paths().remove(0)),
        "link" | "linkat" | "symlink" | "symlinkat" => Event::Made(paths().pop()?),
        "unlink" | "unlinkat" | "rmdir" => Event::Removed(paths().remove(0)),
        "rename" | "renameat" | "renameat2" => {
            let mut both = paths();
            let to = both.pop()?;
            Event::Renamed(both.pop()?, to)
        }
        "fsync" | "fdatasync" => Event::Synced(descriptor(arguments)?.into()),
        _ if is_socket(arguments) => {
            let (_, answer) = arguments.split_once("\"HTTP/1.1 ")?;
            Event::Answered(answer.get(..3)?.parse().ok()?)
        }
        "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" | "ftruncate" | "fallocate" => {
            Event::Written(descriptor(arguments)?.into())
        }
        "copy_file_range" | "sendfile" | "syncfs" | "sync" => {
            panic!("{name} is new here: say what it does to files")
        }
        _ => return None,
    })
}

fn is_socket(arguments: &str) -> bool {
    descriptor(arguments).is_some_and(|target| target.starts_with("TCP"))
}

/// What the first argument stands for: `3</path>`, `9<TCP:[...]>`.
fn descriptor(arguments: &str) -> Option<&str> {
    let first = arguments.split(", ").next()?;
    let (_, target) = first.split_once('<')?;
    target.strip_suffix('>')
}

/// The paths in quotation marks, each joined to the directory named just before it, if one is.
fn paths(arguments: &str) -> Vec<PathBuf> {
    let mut directory = Path::new("/");
    let mut paths = Vec::new();
    for argument in arguments.split(", ") {
        if let Some(path) = argument.strip_prefix('"') {
            paths.push(directory.join(path.trim_end_matches('"')));
        } else if let Some(target) = descriptor(argument) {
            directory = Path::new(target);
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn does(line: &str, expected: &Event) {
        assert_eq!(event(line).as_ref(), Some(expected), "{line}");
    }

    #[track_caller]
    fn does_nothing(line: &str) {
        assert_eq!(event(line), None, "{line}");
    }

    #[test]
    fn what_a_call_did_is_understood() {
        let made = Event::Made("/d/x".into());
        does(
            "openat(AT_FDCWD</w>, \"/d/x\", O_RDWR|O_CREAT|O_EXCL, 0600) = 18</d/x>",
            &made,
        );
        does(
            "openat(5</d>, \"x\", O_WRONLY|O_CREAT, 0600) = 18</d/x>",
            &made,
        );
        does("mkdirat(5</d>, \"x\", 0700) = 0", &made);
        does("linkat(AT_FDCWD</w>, \"/t\", 5</d>, \"x\", 0) = 0", &made);
        let renamed = Event::Renamed("/e/y".into(), "/d/x".into());
        does("rename(\"/e/y\", \"/d/x\") = 0", &renamed);
        does(
            "renameat2(6</e>, \"y\", 5</d>, \"x\", RENAME_NOREPLACE) = 0",
            &renamed,
        );
        does("unlink(\"/d/x\") = 0", &Event::Removed("/d/x".into()));
        does("fsync(18</d/x>)  = 0", &Event::Synced("/d/x".into()));
        let written = Event::Written("/d/x".into());
        does(
            "pwrite64(15</d/x>, \"a, \\\"b\"..., 66, 251) = 66",
            &written,
        );
        does(
            "writev(16<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base=\"HTTP/1.1 201 Cr\"...}], 1) = 9",
            &Event::Answered(201),
        );
    }

    #[test]
    fn what_failed_or_changed_nothing_is_left_out() {
        does_nothing("openat(5</d>, \"x\", O_RDONLY) = 18</d/x>");
        does_nothing("mkdir(\"/d/x\", 0700) = -1 EEXIST (File exists)");
        does_nothing("fsync(18</d/x>) = -1 EIO (Input/output error)");
        does_nothing("write(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"more of a body\"..., 14) = 14");
    }

    #[test]
    fn a_call_that_was_interrupted_is_put_together() {
        let trace = "7 fsync(3</d> <unfinished ...>\n8 mkdir(\"/d/x\", 0700) = 0\n\
            7 <... fsync resumed>) = 0\n";

        let calls = read(trace);

        assert_eq!(calls[0].event, Event::Made("/d/x".into()));
        assert_eq!(calls[1].event, Event::Synced("/d".into()));
        assert_eq!((calls[1].begin, calls[1].end), (0, 2));
    }
}
