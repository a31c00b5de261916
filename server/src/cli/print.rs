//! Standard output: reports for people, one JSON document for scripts.
//!
//! Owns how text is laid out. It prints what it is given and knows no report. A reader that goes away
//! early is no error.

use std::io::{self, Write, stdout};

use serde::Serialize;

use crate::admin::failure::Failure;

/// Prints a text that ends with a line end.
///
/// # Errors
/// When standard output cannot be written, unless its reader is gone.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::because("write to standard output", &error))
        }
        _ => Ok(()),
    }
}

/// Prints one JSON document.
///
/// # Errors
/// As [`text`].
pub(super) fn json(document: &impl Serialize) -> Result<(), Failure> {
    let written = serde_json::to_string_pretty(document);
    let written = written.map_err(|error| Failure::because("write a report", &error))?;
    text(&format!("{written}\n"))
}

/// Rows of cells, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A number of bytes for people.
pub(super) fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).to_string()
}

/// So many of a thing whose plural ends in s.
pub(super) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let rows = [
            ["a".to_owned(), "1".to_owned()],
            ["long".to_owned(), String::new()],
        ];
        assert_eq!(table(&rows), "a     1\nlong\n");
        assert_eq!(table::<2>(&[]), "");
    }
}
