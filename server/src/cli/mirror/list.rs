//! A file that lists images: one `SRC [DST]` on each line, and what follows a `#` is for people.
//!
//! Owns that grammar. A range of versions has blanks in it, so the last word of a line is a destination
//! only when it cannot be a part of one.

use std::fs;
use std::path::Path;

use roadstead_mirror::job::SourceRef;

use crate::admin::failure::{Exit, Failure};
use crate::admin::wanted::{Destination, Listed};

/// Reads a list.
///
/// # Errors
/// Names the line that is none.
pub(super) fn read(file: &Path) -> Result<Vec<Listed>, Failure> {
    let text = fs::read_to_string(file);
    let text = text
        .map_err(|error| Failure::because(format!("read the list {}", file.display()), &error))?;
    let mut listed = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = without_comment(line).split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let line = parse(&words).map_err(|error| {
            let place = format!("read line {} of {}", number + 1, file.display());
            Failure::because(place, &error).exit(Exit::Usage)
        })?;
        listed.push(line);
    }
    Ok(listed)
}

/// A `#` begins a comment where no word goes on.
fn without_comment(line: &str) -> &str {
    let mut hashes = line.match_indices('#').map(|(place, _)| place);
    let begins = |place: &usize| !line[..*place].ends_with(|before: char| !before.is_whitespace());
    hashes.find(begins).map_or(line, |place| &line[..place])
}

fn parse(words: &[&str]) -> Result<Listed, <SourceRef as std::str::FromStr>::Err> {
    if let [sources @ .., last] = words
        && !sources.is_empty()
        && let Ok(to) = last.parse::<Destination>()
    {
        let (source, to) = (sources.join(" ").parse()?, Some(to));
        return Ok(Listed { source, to });
    }
    let source = words.join(" ").parse()?;
    Ok(Listed { source, to: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(&str, Option<&str>)>) {
        let words: Vec<&str> = without_comment(line).split_whitespace().collect();
        let parsed = parse(&words).ok();
        let parsed = parsed.map(|it| (it.source.to_string(), it.to.map(|to| to.to_string())));
        let expected = expected.map(|(source, to)| (source.to_owned(), to.map(str::to_owned)));
        assert_eq!(parsed, expected, "{line}");
    }

    #[test]
    fn a_line_is_a_source_with_or_without_a_destination() {
        check("quay.io/a:1", Some(("quay.io/a:1", None)));
        check(
            "  quay.io/a:1  team/a # ours",
            Some(("quay.io/a:1", Some("team/a"))),
        );
        check(
            "quay.io/a:1 reg:1/a:2",
            Some(("quay.io/a:1", Some("reg:1/a:2"))),
        );
        check("quay.io/a:>=1 <2", Some(("quay.io/a:>=1 <2", None)));
        check(
            "quay.io/a:>=1 <2 team/a",
            Some(("quay.io/a:>=1 <2", Some("team/a"))),
        );
        check("nginx", None);
        check("nginx team/a", None);
    }

    #[test]
    fn the_line_that_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("list");
        fs::write(&file, "# images\n\nquay.io/a\n").unwrap();
        assert_eq!(read(&file).unwrap().len(), 1);
        fs::write(&file, "# images\n\nnginx\n").unwrap();
        let failure = read(&file).unwrap_err();
        assert!(
            failure.attempt.starts_with("read line 3 of "),
            "{failure:?}"
        );
    }
}
